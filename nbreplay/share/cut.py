"""What of a store goes into a package: the runs of the notebook's cells, what led to them, and the bytes they need.

Records are copied; what is left out of them is said in them. A name whose value stays behind is a hole with that
reason, so that it is made again by the cells that made it; a task whose result stays behind is computed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nbreplay.digest import Digest
from nbreplay.errors import NoRecord, PackDamaged, UsageError
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.namespace import Manifest
from nbreplay.namespace.manifest import is_definition
from nbreplay.records import (
    BlobRef,
    CellRun,
    CellVisit,
    Hole,
    NameState,
    TaskRun,
    ValueRef,
    blob_refs,
    from_bytes,
    to_bytes,
)
from nbreplay.replay.commit import CELL, VISIT
from nbreplay.replay.lineage import Known, Lineage
from nbreplay.replay.start import FileCell, boundary_after
from nbreplay.store import Store
from nbreplay.store.record import Record

TASK = "task"
LEFT_OUT = "left out of the package"
CREDENTIAL = "looks like a credential"
"""In the reasons of holes whose values were never kept."""


class Row(NamedTuple):
    """A record as it goes: kind, body, keys."""

    kind: str
    body: bytes
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to take.

    Attributes
    ----------
    first : int
        The cells from here on; of the ones before, only the state after them.
    only, exclude : frozenset of str
        Names: only these, and not these.
    max_bytes : int or None
        Results of tasks are left out, those first that are cheapest to compute per byte, until the bytes fit.
    values : bool
        False: no value, result or output at all; what was run can be compared, not read.
    """

    first: int = 1
    only: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    max_bytes: int | None = None
    values: bool = True

    def takes(self, name: str) -> bool:
        """Whether the value of *name* is wanted; definitions go wherever something refers to them."""
        if is_definition(name):
            return self.values
        return self.values and name not in self.exclude and (not self.only or name in self.only)


@dataclass(slots=True, kw_only=True)
class Cut:
    """The records of a package, the blobs that go with them, and what was left out, with the reason."""

    rows: list[Row] = field(default_factory=list)
    blobs: dict[Digest, int] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    runs: list[CellRun] = field(default_factory=list)
    tasks: list[TaskRun] = field(default_factory=list)
    visits: list[CellVisit] = field(default_factory=list)

    def values(self) -> Iterator[ValueRef]:
        """Yield the values that are taken: of names, and of tasks."""
        found = [unit.value for run in self.runs for unit in run.writes.units]
        found += [task.result for task in self.tasks if task.result is not None]
        return (value for value in found if value.stream.digest in self.blobs)

    @property
    def size_bytes(self) -> int:
        """Bytes of all blobs, before compression."""
        return sum(self.blobs.values())


def cut(store: Store, cells: Sequence[FileCell], wanted: Wanted) -> Cut:
    """Return what of *store* the notebook with the code cells *cells* needs, as *wanted*.

    Raises
    ------
    NoRecord
        No cell of the notebook was recorded, or nothing leads to the cell to start from.
    UsageError
        A name is not one of the notebook's.
    PackDamaged
        It does not fit, whatever is left out.
    """
    cells_of, tasks, visits = _records(store)
    lineage = Lineage(Known(run, True) for run, _ in cells_of.values())
    kept = _kept(lineage, cells)
    if not kept:
        raise NoRecord("no cell of the notebook is recorded as it is now; record it with: nbreplay audit NOTEBOOK")
    state = Manifest()
    if wanted.first > 1:
        boundary = boundary_after(wanted.first - 1, lineage, cells)
        for run in lineage.chain(boundary):
            state = state.after(run.writes)
    _check_names(wanted, kept.values())
    whole = _from(lineage, kept, cells, wanted.first)
    gone = _units_without(wanted, kept.values())
    result = Cut()
    for boundary, run in kept.items():
        keys = cells_of[boundary][1]
        run = _without(run, gone, lineage)
        result.runs.append(run)
        result.rows.append(Row(CELL, to_bytes(run), keys))
        if wanted.values:
            for ref in _refs(run, state.units if boundary not in whole else None):
                result.blobs[ref.digest] = ref.size_bytes
    _say_left_out(result, wanted, gone)
    for run in result.runs:
        holes = {name: state.hole for name, state in run.writes.names.items() if state.hole is not None}
        result.left_out += [(name, hole.reason) for name, hole in holes.items() if CREDENTIAL in hole.reason]
    result.left_out = list(dict.fromkeys(result.left_out))
    _take_tasks(result, tasks, wanted)
    for visit, keys in visits:
        if visit.boundary in kept:
            visit = dataclasses.replace(visit, detail=(), task_rows=visit.task_rows if wanted.values else ())
            result.visits.append(visit)
            result.rows.append(Row(VISIT, to_bytes(visit), keys))
    return result


def _records(
    store: Store,
) -> tuple[
    dict[str, tuple[CellRun, tuple[bytes, ...]]],
    list[tuple[TaskRun, tuple[bytes, ...]]],
    list[tuple[CellVisit, tuple[bytes, ...]]],
]:
    """Return the readable records of *store* in the order of their writing, with their keys."""
    cells: dict[str, tuple[CellRun, tuple[bytes, ...]]] = {}
    tasks: list[tuple[TaskRun, tuple[bytes, ...]]] = []
    visits: list[tuple[CellVisit, tuple[bytes, ...]]] = []
    records: list[Record] = sorted(store.records(), key=lambda record: record.sequence)
    for record in records:
        try:
            if record.kind == CELL:
                run = from_bytes(CellRun, record.body)
                cells[run.boundary] = (run, record.keys)
            elif record.kind == TASK:
                tasks.append((from_bytes(TaskRun, record.body), record.keys))
            elif record.kind == VISIT:
                visits.append((from_bytes(CellVisit, record.body), record.keys))
        except ValueError:
            continue  # of a later version: it stays at home
    return cells, tasks, visits


def _kept(lineage: Lineage, cells: Sequence[FileCell]) -> dict[str, CellRun]:
    """Return the runs of *cells* as they are now, and all that led to them, oldest first."""
    codes = {cell_fingerprint(cell.source) for cell in cells if cell.source.strip()}
    found: set[str] = set()
    for code in codes:
        for known in lineage.of_code(code):
            try:
                found.update(run.boundary for run in lineage.chain(known.run.boundary))
            except LookupError:
                continue
    oldest_first = [known.run for known in lineage.newest_first()][::-1]
    return {run.boundary: run for run in oldest_first if run.boundary in found}


def _from(lineage: Lineage, kept: dict[str, CellRun], cells: Sequence[FileCell], first: int) -> Collection[str]:
    """Return the boundaries whose runs are wanted whole: those of the cells from *first* on."""
    if first <= 1:
        return kept.keys()
    codes = {cell_fingerprint(cell.source) for cell in cells if cell.number >= first and cell.source.strip()}
    return {boundary for boundary, run in kept.items() if run.code in codes}


def _check_names(wanted: Wanted, runs: Iterable[CellRun]) -> None:
    known = {name for run in runs for name in run.writes.names}
    unknown = sorted((wanted.only | wanted.exclude) - known)
    if unknown:
        raise UsageError(f"no recorded cell makes the name {unknown[0]!r}; see: nbreplay show")


def _units_without(wanted: Wanted, runs: Collection[CellRun]) -> dict[str, str]:
    """Return the units that stay behind, each with the name because of which it does.

    Names that share objects are kept in one unit: with one of them go all.
    """
    gone: dict[str, str] = {}
    if not wanted.values:
        return gone  # nothing is loaded then, and nothing needs to be changed in the records
    for run in runs:
        for name, state in run.writes.names.items():
            if state.unit is not None and not wanted.takes(name):
                gone.setdefault(state.unit, name)
    for run in runs if wanted.only else ():  # what is shared with a name that is wanted comes along
        for name, state in run.writes.names.items():
            unit = state.unit or ""
            if not is_definition(name) and wanted.takes(name) and gone.get(unit, "") not in wanted.exclude:
                gone.pop(unit, None)
    return gone


def _without(run: CellRun, gone: dict[str, str], lineage: Lineage) -> CellRun:
    """Return *run* without the units *gone*; their names are holes, to be made again by the runs that touched them."""
    if gone.keys().isdisjoint(state.unit for state in run.writes.names.values()):
        return run
    names: dict[str, NameState] = {}
    for name, state in run.writes.names.items():
        if state.unit in gone:
            hole = Hole(type_name=state.type_name, reason=LEFT_OUT, touched_by=_touching(name, run, lineage))
            state = dataclasses.replace(state, unit=None, hole=hole, summary="")
        names[name] = state
    units = tuple(unit for unit in run.writes.units if unit.uid not in gone)
    return dataclasses.replace(run, writes=dataclasses.replace(run.writes, names=names, units=units))


def _touching(name: str, until: CellRun, lineage: Lineage) -> tuple[str, ...]:
    return tuple(run.boundary for run in lineage.chain(until.boundary) if name in run.writes.names)


def _refs(run: CellRun, state_units: Collection[str] | None) -> Iterator[BlobRef]:
    """Yield the blobs of *run*; of its values, with *state_units*, only those: they are the state to start from."""
    if state_units is None and run.outputs is not None:
        yield run.outputs
    for unit in run.writes.units:
        if state_units is None or unit.uid in state_units:
            yield from blob_refs(unit)
    yield from blob_refs(run.writes.ambient)
    yield from blob_refs(run.files_written)


def _take_tasks(result: Cut, tasks: Sequence[tuple[TaskRun, tuple[bytes, ...]]], wanted: Wanted) -> None:
    """Take the results of tasks, as many as fit."""
    left = None if wanted.max_bytes is None else wanted.max_bytes - result.size_bytes
    if left is not None and left < 0 and wanted.values:
        raise PackDamaged(
            f"values and outputs alone take {result.size_bytes} bytes; leave names out (--exclude, --only, --from)"
        )
    dropped = 0
    kept: dict[int, TaskRun] = {}
    for n, (task, _) in sorted(enumerate(tasks), key=lambda item: -_worth(item[1][0])):
        new = {ref.digest: ref.size_bytes for ref in blob_refs(task) if ref.digest not in result.blobs}
        if not wanted.values or (left is not None and sum(new.values()) > left):
            dropped += task.result is not None
            task = dataclasses.replace(task, result=None, not_kept=LEFT_OUT)
            new = {}
            if wanted.values:
                new = {ref.digest: ref.size_bytes for ref in blob_refs(task.components)}
        result.blobs.update(new)
        if left is not None:
            left -= sum(new.values())
        kept[n] = task
    for n, (_, keys) in enumerate(tasks):
        result.tasks.append(kept[n])
        result.rows.append(Row(TASK, to_bytes(kept[n]), keys))
    if dropped:
        why = "--max" if wanted.values else "--no-values"
        result.left_out.append((f"results of {dropped} tasks", why))


def _worth(task: TaskRun) -> float:
    """Seconds of computing that a byte of the result saves."""
    size = sum(ref.size_bytes for ref in blob_refs(task.result)) if task.result is not None else 0
    return task.compute_s / max(size, 1)


def _say_left_out(result: Cut, wanted: Wanted, gone: dict[str, str]) -> None:
    if not wanted.values:
        result.left_out.append(("all values and outputs", "--no-values"))
        return
    because = {name: "--exclude" if name in wanted.exclude else "--only" for name in gone.values()}
    result.left_out += sorted(because.items())
    if wanted.first > 1:
        result.left_out.append((f"values of cells before {wanted.first} that nothing needs from there on", "--from"))
