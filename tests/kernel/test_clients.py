"""Other people's clients run notebooks on both kernels."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

CELLS = ("x = 1", "print('x is', x)", "import asyncio\nawait asyncio.sleep(0)\nx + 1")


@pytest.fixture
def jupyter_path(specs, tmp_path, monkeypatch):
    """The kernels where clients in this process look for them, and a folder of this test's own."""
    monkeypatch.setenv("JUPYTER_PATH", str(specs.kernel_dirs[0].rpartition("/")[0]))
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def notebook(*cells):
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


def shown(executed):
    return [[{k: v for k, v in o.items() if k != "execution_count"} for o in cell.outputs] for cell in executed.cells]


def test_nbclient_runs_a_notebook_on_both(jupyter_path):
    from nbclient import NotebookClient

    runs = {}
    for kind in ("python3", "nbreplay-audit", "nbreplay-repeat"):
        client = NotebookClient(
            notebook(*CELLS), kernel_name=kind, timeout=60, resources={"metadata": {"path": str(jupyter_path)}}
        )
        states = []
        client.on_cell_executed = lambda states=states, **say: states.append(
            say["execute_reply"]["metadata"].get("nbreplay", {}).get("state")
        )
        runs[kind] = (shown(client.execute()), states)
    assert runs["nbreplay-audit"] == (runs["python3"][0], ["executed"] * 3)
    assert runs["nbreplay-repeat"] == (runs["python3"][0], ["restored"] * 3)


def test_papermill_repeats_with_a_parameter(jupyter_path):
    papermill = pytest.importorskip("papermill")
    made = notebook("p = 1", "q = 'constant'", "print(p, q)")
    made.cells[0].metadata["tags"] = ["parameters"]
    made.metadata["kernelspec"] = {"name": "nbreplay-audit", "display_name": "x", "language": "python"}
    nbformat.write(made, "in.ipynb")
    options = {"progress_bar": False, "log_output": False}
    papermill.execute_notebook("in.ipynb", "audit.ipynb", kernel_name="nbreplay-audit", **options)
    same = papermill.execute_notebook("in.ipynb", "same.ipynb", kernel_name="nbreplay-repeat", **options)
    assert same.cells[-1].outputs[0].text == "1 constant\n"
    changed = papermill.execute_notebook(
        "in.ipynb", "changed.ipynb", {"p": 5}, kernel_name="nbreplay-repeat", **options
    )
    assert changed.cells[-1].outputs[0].text == "5 constant\n"
