"""Notebooks run from the command line: times, places, and where results go."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook


@pytest.fixture
def run(tmp_path):
    """Run ``nbreplay`` in the test's folder; return the finished process. *until* is a file to press Ctrl-C at."""

    def run(*arguments, until=None):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NBREPLAY", "JPY_", "PYTEST"))}
        environment |= {"NBREPLAY_KEY_FILE": str(tmp_path / "key"), "IPYTHONDIR": str(tmp_path / "ipython")}
        command = [sys.executable, "-m", "nbreplay", *map(str, arguments)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
            if until is not None:
                while not until.exists():
                    time.sleep(0.05)
                process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)

    return run


def notebook(path, *sources):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), path)
    return path


def test_a_cell_that_takes_too_long_ends_the_run_in_one_line(run, tmp_path):
    done = run("audit", notebook(tmp_path / "nb.ipynb", "x = 1", "import time; time.sleep(100)"), "--timeout", 1.5)
    assert done.returncode == 50
    assert done.stderr.splitlines() == ["nbreplay: cell 2 took longer than 1.5 s (--timeout)"]


def test_ctrl_c_ends_the_kernel_in_one_line_and_keeps_what_was_recorded(run, tmp_path):
    path = notebook(tmp_path / "nb.ipynb", "x = 1", "open('here', 'w').close()\nimport time; time.sleep(100)")
    done = run("audit", path, "-o", "out.ipynb", until=tmp_path / "here")
    assert done.returncode == 130
    assert done.stderr.splitlines() == ["nbreplay: interrupted"]
    assert not (tmp_path / "out.ipynb").exists()
    cells = json.loads(run("repeat", path, "--to", 1, "--json", "-").stdout)["cells"]
    assert cells[0]["state"] == "restored"


def test_names_with_brackets_spaces_and_colons_mean_themselves_and_json_has_stdout_for_itself(run, tmp_path):
    path = notebook(tmp_path / "a [red] :smile: ü" / "n [b].ipynb", "x = 1")
    done = run("repeat", path, "--store", "[/b] s t", "--json", "-", "-o", "/dev/stderr")
    assert done.returncode == 0, done.stderr
    assert [cell["state"] for cell in json.loads(done.stdout)["cells"]] == ["executed"]
    assert "[/b] s t holds" in done.stderr
    assert '"nbformat"' in done.stderr
    assert not (tmp_path / "-").exists()
    assert not (path.parent / "n [b].nbreplay").exists()
    shown = run("show", path, "--store", "[/b] s t")
    assert "1 cell runs" in shown.stdout
