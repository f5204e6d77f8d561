"""A sample of served tasks run again from the command line: counted, compared, named, and told by the exit code."""

import json

import nbformat
import pytest
from click.testing import CliRunner

from nbreplay.cli import group

pytestmark = [pytest.mark.notebooks, pytest.mark.kernel]

CELLS = (
    "import dask, sys\nfrom pathlib import Path\nsys.setrecursionlimit(3000)",
    "def steady(n):\n    return [n] * 10\n\ndef fickle(n):\n    return [sys.getrecursionlimit(), n]",
    """todo = [dask.delayed(steady)(n) for n in range(3)] + [dask.delayed(fickle)(1)]
parts = dask.compute(todo, scheduler='sync')[0]""",
    "print(parts[-1][0])",
)


def command(path, *options):
    done = CliRunner().invoke(group, ["repeat", str(path), "--json", str(path.with_suffix(".json")), *options])
    facts = json.loads(path.with_suffix(".json").read_text())
    return done, facts


def test_tasks_are_run_again_compared_and_named(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NBREPLAY_STORE", raising=False)
    path = tmp_path / "nb.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    assert CliRunner().invoke(group, ["audit", str(path)]).exit_code == 0

    done, facts = command(path, "--verify-tasks", "100%")
    assert done.exit_code == 0, done.output
    assert facts["verified"] == {"tasks": 4, "differing": []}
    assert facts["cells"][2]["tasks"]["executed"] == 4

    # What no fingerprint of the tasks sees: another limit of recursion.
    source = nbformat.read(path, 4)
    source.cells[0].source = CELLS[0].replace("3000", "3100")
    nbformat.write(source, path)
    done, facts = command(path, "--verify-tasks", "100%")
    assert done.exit_code == 45
    assert facts["verified"] == {"tasks": 4, "differing": ["fickle"]}
    assert "1 of fickle (cell 3)" in done.output
    told = json.loads(CliRunner().invoke(group, ["check", str(path), "--json"]).output)
    assert "fickle" in json.dumps(told)

    done, facts = command(path)
    assert done.exit_code == 0
    assert "verified" not in facts
    assert facts["totals"]["tasks"]["executed"] == 0
