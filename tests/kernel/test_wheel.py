"""The built wheel in an environment of its own: both kernels are there, with logos, and start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]

RUN = """
import sys
from jupyter_client.manager import start_new_kernel
for name in ("nbreplay-audit", "nbreplay-repeat"):
    manager, client = start_new_kernel(kernel_name=name)
    reply = client.execute_interactive("import nbreplay; 1 + 1", timeout=60, output_hook=lambda message: None)
    print(name, reply["content"]["status"], reply["metadata"]["nbreplay"]["state"])
    client.stop_channels(); manager.shutdown_kernel()
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment with the wheel; what it depends on is borrowed from this one."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    run = {"check": True, "capture_output": True, "text": True}
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), str(CHECKOUT)], **run
    )
    wheel = next(folder.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], **run)
    python = folder / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)], **run)
    site = Path(
        subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], **run).stdout.strip()
    )
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def in_environment(python, *arguments, cwd):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "NBREPLAY", "PYTHON", "PYTEST"))}
    environ |= {"HOME": str(cwd), "JUPYTER_PREFER_ENV_PATH": "1"}
    done = subprocess.run([python, *arguments], capture_output=True, text=True, env=environ, cwd=cwd, timeout=150)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_jupyter_lists_both_kernels_with_their_logos(environment, tmp_path):
    listed = in_environment(environment, "-m", "jupyter_client.kernelspecapp", "list", "--json", cwd=tmp_path)
    specs = json.loads(listed)["kernelspecs"]
    for policy in ("audit", "repeat"):
        spec = specs[f"nbreplay-{policy}"]
        folder = Path(spec["resource_dir"])
        assert folder.is_relative_to(environment.parents[1])
        assert {file.name for file in folder.iterdir()} >= {"kernel.json", "logo-svg.svg", "logo-64x64.png"}


@pytest.mark.slow
def test_both_kernels_start_and_record(environment, tmp_path):
    said = in_environment(environment, "-c", RUN, cwd=tmp_path).splitlines()
    assert said == ["nbreplay-audit ok executed", "nbreplay-repeat ok restored"]


@pytest.mark.slow
def test_install_finds_the_logos_of_the_wheel(environment, tmp_path):
    code = f"import pathlib, nbreplay.kernels.install as i; i.install(prefix=pathlib.Path({str(tmp_path)!r}))"
    in_environment(environment, "-c", code, cwd=tmp_path)
    folder = tmp_path / "share" / "jupyter" / "kernels" / "nbreplay-repeat"
    assert (folder / "logo-svg.svg").is_file()
    assert json.loads((folder / "kernel.json").read_text())["argv"][0] == str(environment)
