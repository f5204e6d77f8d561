"""The bed that a workload is measured in: its folders, and its runs in each condition."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from nbreplay.bench import peers
from nbreplay.bench.model import NO_CHANGE, SEED, Change, FileEdit, Workload, ideal_notebook
from nbreplay.bench.runs import Run, copied, own_environment, run
from nbreplay.share.headless import Told
from nbreplay.share.launch import AUDIT, PLAIN, REPEAT

NOTEBOOK = "notebook.ipynb"


class Bed:
    """One workload in one size, below *folder*.

    Every run has the same folder, ``work``: what a notebook recorded may hold for that place only. A plain run starts
    from nothing in it, a repeat from a fresh copy of what the audit left. Where only the values of plain runs are asked
    for, not their times, *light* has them use workers that are threads of the kernel: no process has to start.
    """

    def __init__(
        self,
        workload: Workload,
        size: str,
        folder: Path,
        *,
        seed: int = SEED,
        told: Told | None = None,
        light: bool = False,
    ) -> None:
        self.light = light
        self.workload, self.size, self.folder, self.seed, self.told = workload, size, folder, seed, told
        self.work, self.recorded = folder / "work", folder / "recorded"
        folder.mkdir(parents=True, exist_ok=True)
        self.environment: Mapping[str, str] = own_environment(folder)
        self._names: dict[str, tuple[str, ...]] = {}

    def plain(self, change: Change = NO_CHANGE) -> Run:
        """Run the notebook, *change* applied, on ipykernel: what is right, and how long it takes without nbreplay."""
        self._empty(change)
        place = self.work
        if change.move:
            place = self.folder / "moved"
            copied(self.work, place)
        made = self._run("plain", PLAIN, change, place)
        self._names[change.name] = tuple(made.values)
        return made

    def audit(self) -> Run:
        """Record the notebook from an empty store, and keep what that left."""
        self._empty(NO_CHANGE)
        made = self._run("audit", AUDIT, NO_CHANGE)
        copied(self.work, self.recorded)
        return made

    def repeat(self, change: Change = NO_CHANGE) -> Run:
        """Repeat the recorded notebook after *change*."""
        copied(self.recorded, self.work)
        place = self.work
        if change.move:
            place = self.folder / "moved"
            copied(self.work, place)
            shutil.rmtree(self.work)  # an absolute path must not help
        for path in (found for pattern in change.remove for found in sorted(place.glob(pattern))):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        for edit in (*change.file_edits, *change.spoil):
            _edit(place, edit)
        return self._run("repeat", REPEAT, change, place)

    def ideal(self) -> Run:
        """Run only what must run after the first change, on ipykernel, everything else being there."""
        self._empty(self.workload.change(self.workload.ideal.change, self.size))
        notebook, first = ideal_notebook(self.workload, self.size, self.seed)
        return run(
            "ideal", self.work / NOTEBOOK, notebook, PLAIN, scratch=self.folder,
            change=self.workload.ideal.change, first_timed=first, environment=self.environment, told=self.told,
        )  # fmt: skip

    def peer(self, condition: str, change: Change) -> Run:
        """Run the notebook with a peer, ``<peer>-record`` from nothing or ``<peer>-repeat`` from what that left."""
        peer, _, action = condition.rpartition("-")
        saved = self.folder / f"{peer}-recorded"
        state = self.work / f".{peer}"
        if action == "record":
            self._empty(NO_CHANGE)
            state.mkdir()
        else:
            copied(saved, self.work)
            for edit in change.file_edits:
                _edit(self.work, edit)
        notebook, note = self.workload.notebook(self.size, self.seed, change.edits), ""
        if peer == "joblib":
            notebook = peers.remembering(notebook, self.workload, state, self.folder.parent / "packages")
            note = "" if self.workload.functions else "nothing to put it around: no task is a function of a cell's"
        elif action == "record":
            notebook = peers.dumping(notebook, state)
        else:
            notebook, note = peers.loading(notebook, state, change)
        made = run(
            condition, self.work / NOTEBOOK, notebook, PLAIN,
            scratch=self.folder, change=change.name, environment=self.environment, told=self.told,
        )  # fmt: skip
        made.note = note
        if action == "record":
            copied(self.work, saved)
        return made

    def _run(self, condition: str, kernel: str, change: Change, place: Path | None = None) -> Run:
        notebook = self.workload.notebook(self.size, self.seed, change.edits)
        if self.light and kernel == PLAIN:
            for cell in notebook.cells:
                cell["source"] = cell["source"].replace("LocalCluster(n_w", "LocalCluster(processes=False, n_w")
        names = () if kernel == PLAIN else self._names.get(change.name, self._names.get("", ()))
        return run(
            condition, (place or self.work) / NOTEBOOK, notebook, kernel, scratch=self.folder,
            names=names, change=change.name, environment=self.environment, told=self.told,
        )  # fmt: skip

    def _empty(self, change: Change) -> None:
        """Make the folder as a notebook finds it that was never run."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        for name, text in self.workload.files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for edit in change.file_edits:
            _edit(self.work, edit)
        if self.workload.make_input is not None:
            self.workload.make_input(self.work, self.workload.sizes[self.size])


def _edit(folder: Path, edit: FileEdit) -> None:
    path = folder / edit.path
    text = path.read_text(encoding="utf-8")
    if (found := text.count(edit.old)) != 1:
        raise ValueError(f"{edit.old!r} is {found} times in {edit.path}, an edit needs it once")
    path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
