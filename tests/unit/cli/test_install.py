"""Kernelspecs for a Jupyter in another environment."""

import json
import sys

from click.testing import CliRunner

from nbreplay.cli import group


def test_install_writes_both_specs_with_this_interpreter(tmp_path):
    arguments = ["install", "--prefix", str(tmp_path), "--name", "GPU", "--env", "A=b=c"]
    result = CliRunner().invoke(group, arguments)
    assert result.exit_code == 0, result.output
    for kernel in ("audit", "repeat"):
        folder = tmp_path / "share" / "jupyter" / "kernels" / f"nbreplay-{kernel}-gpu"
        spec = json.loads((folder / "kernel.json").read_text())
        assert spec["argv"][0] == sys.executable
        assert spec["argv"][1] == "-P"
        assert spec["display_name"] == f"NBReplay {kernel.capitalize()} (GPU)"
        assert spec["env"] == {"A": "b=c"}
        assert (folder / "logo-svg.svg").exists()


def test_a_variable_without_a_value_is_refused(tmp_path):
    result = CliRunner().invoke(group, ["install", "--prefix", str(tmp_path), "--env", "A"])
    assert result.exit_code == 2
    assert not list(tmp_path.iterdir())
