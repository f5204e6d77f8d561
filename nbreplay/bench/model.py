"""What a workload is: a notebook from one source, its sizes, its edits, and for each what must run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from nbreplay.share.edits import Edit, edited

SIZES = ("smoke", "small", "medium", "large")
SEED = 42
CLUSTER = 'Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0"))'
"""What a client's cell holds. A free port for the dashboard: a taken one would be a warning among the outputs."""

Parameters = Mapping[str, int]
_MARK = re.compile(r"@(\w+)@")
_CELL = re.compile(r"^# %%.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tasks:
    """What must become of the tasks of one name in the cells that run."""

    executed: int = 0
    hit: int = 0
    pruned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """In the file *path* of the notebook's folder the one occurrence of *old* becomes *new*."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something that is done to a recorded notebook before it is repeated, and the oracle of what must run then.

    Attributes
    ----------
    name : str
        A word for the command line.
    edits, file_edits : tuple
        Changes of cells, and of files that lie beside the notebook from the start.
    spoil : tuple of FileEdit
        Changes by hand of what the notebook wrote: a run of the whole notebook would write it again.
    remove : tuple of str
        Files and folders that are removed, as glob patterns: likewise.
    move : bool
        The folder is copied to another place, store and all, and the notebook repeated there.
    cells : tuple of int
        The cells that must run, from 1; all others must be restored.
    may : tuple of int
        Cells that may run as well: such as define functions that read what was changed.
    tasks : mapping
        What must become of the tasks, by name. Exact in both directions: a task more is lost reuse, one less a stale
        value.
    exact : bool
        False where Dask makes tasks whose number is not ours to say, or where it is open whether the cell that asks
        for them runs: then only *executed* of the names in *tasks* is compared.
    racing : mapping
        How many tasks of a name may be executed instead of served: such as saw, while they were recorded, what another
        task was just about to make.
    trap : str
        What goes wrong here if something is not seen.
    """

    name: str
    edits: tuple[Edit, ...] = ()
    file_edits: tuple[FileEdit, ...] = ()
    spoil: tuple[FileEdit, ...] = ()
    remove: tuple[str, ...] = ()
    move: bool = False
    cells: tuple[int, ...] = ()
    may: tuple[int, ...] = ()
    tasks: Mapping[str, Tasks] = field(default_factory=dict)
    exact: bool = True
    racing: Mapping[str, int] = field(default_factory=dict)
    trap: str = ""


NO_CHANGE = Change(name="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ideal:
    """A notebook of only what must run after a change; what else it needs is made before the clock starts.

    Attributes
    ----------
    before : tuple of int or str
        Cells of the edited notebook (by number), and further code, that run before.
    timed : tuple of int or str
        Cells, and code in place of cells, that are timed.
    """

    change: str
    before: tuple[int | str, ...]
    timed: tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A notebook that can be made in several sizes.

    Attributes
    ----------
    source : str
        The cells, each behind a line ``# %%``; ``@name@`` stands for a parameter.
    sizes : mapping
        The parameters of each size.
    changes : callable
        The changes, given the parameters; the first is the one that is measured in every round.
    tasks : callable
        How many tasks of each name a run from nothing has, given the parameters; empty where Dask alone decides.
    files : mapping
        Text files beside the notebook.
    functions : tuple of str
        ``cell:name`` of the functions that are tasks: what a memoizing decorator can be put around.
    needs : tuple of str
        Modules without which it cannot run.
    make_input : callable or None
        Writes input that the notebook does not make itself into its folder.
    """

    name: str
    title: str
    source: str
    sizes: Mapping[str, Parameters]
    changes: Callable[[Parameters], tuple[Change, ...]]
    tasks: Callable[[Parameters], Mapping[str, int]]
    ideal: Ideal
    files: Mapping[str, str] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("numpy",)
    make_input: Callable[..., object] | None = None

    def cells(self, size: str, seed: int = SEED) -> list[str]:
        """Return the sources of the cells."""
        return [cell.strip("\n") for cell in _CELL.split(self.filled(self.source, size, seed))[1:]]

    def filled(self, text: str, size: str, seed: int = SEED) -> str:
        """Return *text* with its parameters in place."""
        values = {**self.sizes[size], "seed": seed, "cluster": CLUSTER}
        return _MARK.sub(lambda mark: str(values[mark[1]]), text)

    def notebook(self, size: str, seed: int = SEED, edits: tuple[Edit, ...] = ()) -> NotebookNode:
        """Return the notebook, with *edits* applied."""
        cells = [new_code_cell(source, id=f"c{number}") for number, source in enumerate(self.cells(size, seed), 1)]
        notebook: NotebookNode = new_notebook(
            cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        )
        return edited(
            notebook,
            [
                Edit(cell=edit.cell, old=self.filled(edit.old, size, seed), new=self.filled(edit.new, size, seed))
                for edit in edits
            ],
        )

    def change(self, name: str, size: str) -> Change:
        """Return the change called *name*."""
        for change in self.changes(self.sizes[size]):
            if change.name == name:
                return change
        raise LookupError(f"{self.name} has no edit {name}")


def ideal_notebook(workload: Workload, size: str, seed: int = SEED) -> tuple[NotebookNode, int]:
    """Return the notebook of the ideal run of the first change, and the number of its first timed cell."""
    ideal = workload.ideal
    edits = workload.change(ideal.change, size).edits
    sources = [cell["source"] for cell in workload.notebook(size, seed, edits).cells]

    def source(part: int | str) -> str:
        return str(sources[part - 1]) if isinstance(part, int) else workload.filled(part, size, seed)

    parts = [source(part) for part in (*ideal.before, *ideal.timed)]
    cells = [new_code_cell(part, id=f"i{number}") for number, part in enumerate(parts, 1)]
    return new_notebook(cells=cells), len(ideal.before) + 1
