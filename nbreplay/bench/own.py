"""A notebook of the user's, measured in its own folder, with a store of its own."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from nbformat import NotebookNode

from nbreplay.bench.model import NO_CHANGE, Change
from nbreplay.bench.runs import Run, copied, own_environment, run
from nbreplay.errors import CellUnknown, UsageError
from nbreplay.share.edits import Edit, edited
from nbreplay.share.launch import AUDIT, PLAIN, REPEAT
from nbreplay.share.notebook import cell_at, source_of


def own_change(notebook: NotebookNode, cell_edits: Sequence[str]) -> Change | None:
    """Return the change that the options ``K=FILE`` mean, None without any.

    Raises
    ------
    UsageError
        One of them is not of that form, or its file cannot be read.
    """
    edits = []
    for text in cell_edits:
        number, equals, name = text.partition("=")
        if not equals or not number.isdecimal():
            raise UsageError(f"--edit {text}: give the number of a cell and a file with its new source, as 3=cell.py")
        try:
            new = Path(name).read_text(encoding="utf-8")
            old = source_of(cell_at(notebook, int(number)))
        except (OSError, UnicodeDecodeError, CellUnknown) as e:
            raise UsageError(f"--edit {text}: {e}") from e
        edits.append(Edit(cell=int(number), old=old, new=new.rstrip("\n")))
    return Change(name="edit", edits=tuple(edits)) if edits else None


class OwnBed:
    """Runs a notebook where it is: its data stay in place, and what it writes there is written again.

    The notebook itself and its store are not touched: each run is of a copy under a hidden name beside it, which is
    removed. Names, outputs and files that differ between two plain runs are not compared.
    """

    def __init__(self, notebook: Path, source: NotebookNode, folder: Path) -> None:
        self.source, self.folder = source, folder
        self.path = notebook.absolute().with_name(f".{notebook.stem}-bench.ipynb")
        self.store, self.recorded = folder / "store", folder / "recorded"
        folder.mkdir(parents=True, exist_ok=True)
        self.environment: Mapping[str, str] = own_environment(folder)
        self._began = time.time()
        self._plain: dict[str, Run] = {}

    def plain(self, change: Change = NO_CHANGE) -> Run:
        """Run it on ipykernel; the first time twice, to know what is never the same."""
        made = self._run("plain", PLAIN, change)
        if change.name not in self._plain:
            self._plain[change.name] = _steady(self._run("plain", PLAIN, change), made)
        return self._only_steady(made)

    def audit(self) -> Run:
        """Record it into an empty store."""
        shutil.rmtree(self.store, ignore_errors=True)
        made = self._run("audit", AUDIT, NO_CHANGE)
        copied(self.store, self.recorded)
        return self._only_steady(made)

    def repeat(self, change: Change = NO_CHANGE) -> Run:
        """Repeat it after *change*, from what the audit recorded."""
        copied(self.recorded, self.store)
        return self._only_steady(self._run("repeat", REPEAT, change))

    def ideal(self) -> Run:
        """Nobody knows what must run in somebody's notebook."""
        raise NotImplementedError

    def peer(self, condition: str, change: Change) -> Run:
        """Peers are measured on the workloads only: they need to know which functions are tasks."""
        raise NotImplementedError

    def _run(self, condition: str, kernel: str, change: Change) -> Run:
        names = tuple(self._plain[change.name].values) if kernel != PLAIN and change.name in self._plain else ()
        try:
            return run(
                condition, self.path, edited(self.source, change.edits), kernel,
                scratch=self.folder, store=None if kernel == PLAIN else self.store, since=self._began,
                names=names, change=change.name, environment=self.environment,
            )  # fmt: skip
        finally:
            self.path.unlink(missing_ok=True)

    def _only_steady(self, made: Run) -> Run:
        """Leave out of *made* what two plain runs did not have in common."""
        steady = self._plain.get(made.change)
        if steady is not None:
            made.values = {name: value for name, value in made.values.items() if name in steady.values}
            made.files = {name: value for name, value in made.files.items() if name in steady.files}
            made.outputs = [[] if want is None else got for got, want in zip(made.outputs, steady.outputs, strict=True)]
        return made


def _steady(one: Run, two: Run) -> Run:
    one.values = {name: value for name, value in one.values.items() if two.values.get(name) == value}
    one.files = {name: value for name, value in one.files.items() if two.files.get(name) == value}
    one.outputs = [a if a == b else None for a, b in zip(one.outputs, two.outputs, strict=True)]
    return one
