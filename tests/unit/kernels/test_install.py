"""Kernelspecs, shipped and written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from nbreplay.errors import UsageError
from nbreplay.kernels.install import POLICIES, install, kernel_json

SHIPPED = Path(__file__).parents[3] / "kernelspecs"


def test_jupyter_lists_what_was_installed_with_an_absolute_interpreter(tmp_path):
    install(prefix=tmp_path)
    specs = KernelSpecManager(kernel_dirs=[str(tmp_path / "share/jupyter/kernels")], ensure_native_kernel=False)
    found = specs.get_all_specs()
    assert sorted(found) == ["nbreplay-audit", "nbreplay-repeat"]
    for policy in POLICIES:
        spec = found[f"nbreplay-{policy}"]
        assert spec["spec"]["argv"][:2] == [sys.executable, "-P"]
        assert spec["spec"]["display_name"] == f"NBReplay {policy.capitalize()}"
        assert (Path(spec["resource_dir"]) / "logo-svg.svg").is_file()
        assert (Path(spec["resource_dir"]) / "logo-64x64.png").is_file()


def test_a_name_and_variables_are_taken_over(tmp_path):
    folders = install(prefix=tmp_path, name="lab", env={"A": "1"})
    assert [folder.name for folder in folders] == ["nbreplay-audit-lab", "nbreplay-repeat-lab"]
    spec = json.loads((folders[0] / "kernel.json").read_text())
    assert spec["env"] == {"A": "1"}
    assert "lab" in spec["display_name"]


def test_installing_again_replaces(tmp_path):
    install(prefix=tmp_path, env={"A": "1"})
    folder = install(prefix=tmp_path)[0]
    assert "env" not in json.loads((folder / "kernel.json").read_text())


def test_the_user_s_folder_is_jupyter_s(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert install(user=True)[0] == tmp_path / "kernels" / "nbreplay-audit"


@pytest.mark.parametrize("name", ["Two Words", "../up", "a/b", "Ä"])
def test_a_name_that_jupyter_would_refuse_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match="letters"):
        install(prefix=tmp_path, name=name)


def test_two_places_at_once_are_refused(tmp_path):
    with pytest.raises(UsageError, match="exclude"):
        install(user=True, prefix=tmp_path)


@pytest.mark.parametrize("policy", POLICIES)
def test_the_shipped_spec_is_the_written_one_but_for_the_interpreter(policy):
    shipped = json.loads((SHIPPED / policy / "kernel.json").read_text())
    assert shipped == kernel_json(policy, interpreter="python", env={})


def test_the_two_logos_differ_in_shape():
    PIL = pytest.importorskip("PIL.Image")  # noqa: N806
    masks = []
    for policy in POLICIES:
        image = PIL.open(SHIPPED / policy / "logo-64x64.png")
        assert image.size == (64, 64)
        masks.append(bytes(255 if alpha > 127 else 0 for alpha in image.getchannel("A").tobytes()))
    differing = sum(a != b for a, b in zip(*masks, strict=True))
    assert differing > 64 * 64 / 4
