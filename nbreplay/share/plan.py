"""What a repeat would do, told from the records alone: nothing is run, nothing is loaded.

A cell whose code was recorded, and whose files and software are as they were, is restored if all it reads comes from
cells that are restored. Below a cell that must run it *may* run: it does not, if the values come out as recorded. A
cell that reads what could not be kept runs, and the cells that made that run once more for it, out of sight.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nbreplay.files import FileDigests, holds_now
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace import Manifest
from nbreplay.namespace.manifest import is_name
from nbreplay.records import CellRun, Hole
from nbreplay.replay.late import NEVER
from nbreplay.replay.lineage import Known, Lineage
from nbreplay.replay.reader import StoreReader
from nbreplay.replay.start import FileCell

Fate = Literal["restored", "runs", "may run", "blocked", "empty"]
ALWAYS_TAG = "nbreplay-always"


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPlan:
    """What becomes of a cell, why, and what it took when it was recorded (None: it never was)."""

    number: int
    fate: Fate
    reason: str
    recorded_s: float | None
    tasks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What becomes of all cells.

    Attributes
    ----------
    seconds : float
        What the cells that run took when they were recorded, and those that only make again what could not be kept.
    seconds_at_most : float
        The same, with those that may run.
    unknown : int
        Cells that run and were never recorded: what they take is not known.
    memory_bytes : int
        What all values at the end take, if all are loaded.
    store_bytes : int
        What the store takes.
    cluster : {'not needed', 'needed', 'may be needed', 'unknown'}
        Whether tasks will run.
    """

    cells: tuple[CellPlan, ...]
    seconds: float
    seconds_at_most: float
    unknown: int
    memory_bytes: int
    store_bytes: int
    cluster: str


def plan(reader: StoreReader, cells: Sequence[FileCell], root: Path, *, first: int = 1, accepted: bool = False) -> Plan:
    """Return what a repeat of the notebook with the code cells *cells* in *root* would do, from cell *first* on.

    With *accepted*, the records are taken for one's own, as they will be once they are unpacked.
    """
    planner = _Planner(reader.lineage, root, accepted)
    rows = tuple(planner.row(cell, first) for cell in cells)
    running = [row for row in rows if row.fate in ("runs", "blocked")]
    perhaps = [row for row in rows if row.fate == "may run"]
    return Plan(
        cells=rows,
        seconds=sum(row.recorded_s or 0.0 for row in running) + planner.again_s(rows),
        seconds_at_most=sum(row.recorded_s or 0.0 for row in (*running, *perhaps)) + planner.again_s(rows),
        unknown=sum(row.recorded_s is None for row in running),
        memory_bytes=_memory(reader, planner.last),
        store_bytes=reader.size_bytes(),
        cluster=_cluster(running, perhaps),
    )


def _cluster(running: Sequence[CellPlan], perhaps: Sequence[CellPlan]) -> str:
    if any(row.tasks for row in running):
        return "needed"
    if any(row.recorded_s is None for row in running):
        return "unknown"
    return "may be needed" if any(row.tasks for row in perhaps) else "not needed"


def _memory(reader: StoreReader, last: CellRun | None) -> int:
    try:
        state = reader.manifest(last.boundary) if last is not None else Manifest()
    except LookupError:
        return 0
    return sum(state.states[name].size_bytes for name in state.names())


class _Planner:
    """Goes through the cells in their order, and remembers which names are not as recorded."""

    def __init__(self, lineage: Lineage, root: Path, accepted: bool) -> None:
        self._lineage = lineage
        self._accepted = accepted
        self._root = root
        self._digests = FileDigests()
        self._python = ".".join(platform.python_version_tuple()[:2])
        self._doubtful: set[str] = set()
        self._all_doubtful = False
        self._holes: dict[str, Hole] = {}
        self._again: dict[str, CellRun] = {}
        self.last: CellRun | None = None

    def row(self, cell: FileCell, first: int) -> CellPlan:
        """Return the plan for one cell."""
        if not cell.source.strip():
            return CellPlan(number=cell.number, fate="empty", reason="", recorded_s=None, tasks=0)
        found = self._lineage.of_code(cell_fingerprint(cell.source))
        known = next((k for k in found if k.run.outcome == "ok" and not k.run.saved_reason), None)
        if known is None:
            self._all_doubtful = True  # what it binds is not known
            reason = "it failed, or was not kept, when recorded" if found else self._unknown(cell)
            recorded = found[0].run.run_s if found else None
            return CellPlan(number=cell.number, fate="runs", reason=reason, recorded_s=recorded, tasks=0)
        self.last = known.run
        fate: Fate = "restored"
        reason = f"--from {first}"
        if cell.number >= first:
            fate, reason = self._fate(known)
        if fate != "restored":
            self._doubtful.update(known.run.writes.names, known.run.writes.deleted, known.run.files_written)
        self._note_holes(known.run)
        return CellPlan(
            number=cell.number, fate=fate, reason=reason, recorded_s=known.run.run_s, tasks=known.run.tasks.total
        )

    def _unknown(self, cell: FileCell) -> str:
        """Return why no run has the fingerprint of *cell*: under another Python, equal code has another one."""
        same = self._lineage.at(cell_id=cell.cell_id, position=cell.number)
        if same is not None and same.run.source == cell.source and same.run.python not in ("", self._python):
            return f"recorded with Python {same.run.python}, here is {self._python}"
        return "it was not recorded as it is now"

    def _fate(self, known: Known) -> tuple[Fate, str]:
        run = known.run
        never = next((mark for mark in run.marks if mark.startswith(NEVER)), "")
        if never:
            return "runs", never.removeprefix(NEVER)
        if not known.own and not self._accepted:
            return "blocked", "somebody else's record; accept it with: nbreplay unpack FILE --trust"
        if run.python and run.python != self._python:
            return "runs", f"recorded with Python {run.python}, here is {self._python}"
        if different := self._different_package(run):
            return "runs", different
        for path, state in run.files_read.items():
            if path not in self._doubtful and holds_now({path: state}, self._root, self._digests) is not None:
                there = (self._root / path).exists()
                return "runs", f"{path} {'changed' if there else 'is not here'}"
        if name := next((name for name in run.reads.names if name in self._holes), ""):
            self._make_again(self._holes[name])
            return "runs", f"it reads {name}, which is not kept: {self._holes[name].reason}"
        doubtful = self._doubtful_of(run)
        if doubtful:
            return "may run", f"it reads {doubtful}, which is made anew"
        return "restored", ", ".join(run.marks)

    def _note_holes(self, run: CellRun) -> None:
        """Remember what is not kept after *run*: not even a cell that has just made it is compared by it."""
        for name in (*run.writes.names, *run.writes.deleted):
            self._holes.pop(name, None)
        self._holes.update({n: s.hole for n, s in run.writes.names.items() if s.hole is not None})

    def _make_again(self, hole: Hole) -> None:
        for boundary in hole.touched_by:
            if (known := self._lineage.get(boundary)) is not None:
                self._again[boundary] = known.run

    def again_s(self, rows: Sequence[CellPlan]) -> float:
        """Return what the cells took that are restored by *rows*, but run out of sight for the sake of a hole."""
        served = {row.number for row in rows if row.fate == "restored"}
        return sum(run.run_s for run in self._again.values() if run.position in served)

    def _different_package(self, run: CellRun) -> str:
        units = (module for unit in run.writes.units for module in unit.modules)
        for module, version in (*run.writes.modules, *units):
            here = version_of(module)
            if version and here != version:
                top = module.partition(".")[0]
                return f"{top} {version} recorded, {f'{top} {here}' if here else 'not installed'} here"
        return ""

    def _doubtful_of(self, run: CellRun) -> str:
        reads = [name for name in run.reads.names if is_name(name)]
        if self._all_doubtful and (reads or run.reads.everything):
            return "values"
        if run.reads.everything and self._doubtful:
            return "all values"
        return next((name for name in (*reads, *run.files_read) if name in self._doubtful), "")
