"""Other ways to save work, measured beside: what a scientist would do without NBReplay.

=========  ===========================================================================================================
peer       is
=========  ===========================================================================================================
`dill`     the whole namespace dumped after each cell; a repeat loads the last dump before the first edited cell that
           could be written, and runs the rest
`joblib`   ``joblib.Memory`` around each function that is a task; a repeat runs every cell
=========  ===========================================================================================================

Neither sees files that a task reads, and a dump ends where a client begins.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from nbreplay.bench.model import Change, Workload

PEERS = ("dill", "joblib")

_DUMP = """
import dill as _dill, os as _os
try:
    _dill.dump_module({path!r} + ".new")
    _os.replace({path!r} + ".new", {path!r})
except Exception as _e:
    open({path!r} + ".failed", "w").write(type(_e).__name__ + ": " + str(_e)[:120])
"""
_LOAD = "import dill as _dill\n_dill.load_module({path!r})"
_MEMORY = """

import sys as _sys
if {packages!r} not in _sys.path:
    _sys.path.append({packages!r})
from joblib import Memory as _Memory
{name} = _Memory({path!r}, verbose=0).cache({name})"""


def prepared(folder: Path) -> list[str]:
    """Install what is missing into *folder*, apart from this environment; return what could not be, in words."""
    if importlib.util.find_spec("joblib") is not None:
        return []
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(folder / "packages"),
        "joblib",
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as e:
        return [f"joblib could not be installed and is not measured: {e}"]
    return []


def dumping(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Return *notebook* with a dump of everything behind each cell."""
    cells = []
    for number, cell in enumerate(notebook.cells, 1):
        cells += [cell, new_code_cell(_DUMP.format(path=str(folder / f"{number}.dill")))]
    notebook.cells = cells
    return notebook


def loading(notebook: NotebookNode, folder: Path, change: Change) -> tuple[NotebookNode, str]:
    """Return *notebook* from the last dump before the first edited cell on, and what is to be said of that."""
    count = len(notebook.cells)
    first = min((edit.cell for edit in change.edits), default=count + 1)
    dumped = [number for number in range(1, first) if (folder / f"{number}.dill").exists()]
    failed = sorted(int(path.name.split(".")[0]) for path in folder.glob("*.failed"))
    note = ""
    if failed:
        reason = (folder / f"{failed[0]}.dill.failed").read_text(encoding="utf-8")
        note = f"no dump after cell {failed[0]} on ({reason.partition(':')[0]})"
    if dumped:
        load = new_code_cell(_LOAD.format(path=str(folder / f"{dumped[-1]}.dill")))
        notebook.cells = [load, *notebook.cells[dumped[-1] :]]
    return notebook, note


def remembering(notebook: NotebookNode, workload: Workload, folder: Path, packages: Path) -> NotebookNode:
    """Return *notebook* with ``joblib.Memory`` around each function that is a task."""
    for place in workload.functions:
        number, _, name = place.partition(":")
        cell = notebook.cells[int(number) - 1]
        cell["source"] += _MEMORY.format(name=name, path=str(folder), packages=str(packages))
    return notebook
