"""What `%nbreplay` asks: plain data back, for whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nbreplay.errors import CellUnknown, StoreError, Untrusted
from nbreplay.records import CellVisit, Doubt
from nbreplay.replay.late import NEVER
from nbreplay.replay.lineage import Lineage
from nbreplay.replay.start import boundary_after
from nbreplay.replay.strangers import ACCEPT

if TYPE_CHECKING:
    from nbreplay.namespace import VariableRow
    from nbreplay.replay.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Where a session stands."""

    kernel: str
    enabled: bool
    store: str
    store_bytes: int
    recorded_runs: int
    boundary: str
    problem: str
    cells: tuple[CellVisit, ...]
    compared: int = 0
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did: the names that are back (most of them not loaded yet), and those that were removed.

    *left* says which cells did something that no record brings back, each with what it did.
    """

    cell: int
    names: tuple[str, ...]
    removed: tuple[str, ...]
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameChange:
    """A name that differs between two boundaries; None where it is not bound."""

    name: str
    before: str | None
    after: str | None


def _sources(lineage: Lineage, boundary: str | None) -> dict[int, str]:
    """Return the text of the cells up to a boundary by execution count."""
    return {run.execution_count: run.source for run in lineage.chain(boundary) if run.execution_count}


def _left(lineage: Lineage, boundary: str | None) -> Iterator[str]:
    """Yield what the runs up to *boundary* did to the process or outside of it that is not brought back."""
    for number, run in lineage.numbered(boundary).items() if boundary is not None else ():
        for mark in run.marks:
            if mark.startswith(NEVER):
                yield f"cell {number}: {mark.removeprefix(NEVER)}"


class Commands:
    """The commands of a live session."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def status(self) -> Status:
        """Return where the session stands; a write behind the last reply is waited for."""
        self._engine.settle()
        session = self._engine.session
        session.heed()
        return Status(
            kernel=session.policy.value,
            enabled=self._engine.enabled,
            store=str(session.store_path),
            store_bytes=session.store.size_bytes() if session.store is not None else 0,
            recorded_runs=len(session.lineage),
            boundary=session.boundary or "",
            problem=session.problem,
            cells=tuple(self._engine.visits),
            compared=session.idle.compared,
            doubts=tuple(session.doubts.values()),
        )

    def settle(self) -> None:
        """Wait until everything that cells and their tasks left is on disk."""
        self._engine.settle()
        self._engine.session.cache.settle()

    def restore(self, number: int, *, match_notebook: bool = False) -> Restored:
        """Bring back the state after cell *number*; 0 is the empty start.

        Parameters
        ----------
        number : int
            Cell number, code cells from 1.
        match_notebook : bool
            Only a record whose cells up to there are those of the notebook file will do.

        Raises
        ------
        CellUnknown, NoRecord
            Nothing recorded leads there.
        Untrusted
            It was recorded by somebody whose store has not been accepted.
        """
        engine, session = self._engine, self._engine.session
        engine.settle()
        cells = engine.notebook.cells() if match_notebook else ()
        boundary = boundary_after(number, session.lineage, cells)
        if not session.lineage.trusted(boundary):
            raise Untrusted(
                f"the state after cell {number} was recorded by somebody whose store you have not accepted; {ACCEPT}"
            )
        try:
            manifest = session.manifest(boundary)
        except LookupError:
            raise StoreError(
                f"a run before cell {number} is not in the store any more; run `nbreplay verify`"
            ) from None
        removed = session.tracker.restore(manifest)
        session.tracker.recall(_sources(session.lineage, boundary))
        session.boundary = boundary
        engine.started_at_boundary()
        left = tuple(_left(session.lineage, boundary))
        return Restored(cell=number, names=tuple(session.tracker.states), removed=tuple(removed), left=left)

    def why(self, number: int | None = None) -> CellVisit:
        """Return the last request for cell *number* (None: the last request at all), with its reason.

        Raises
        ------
        CellUnknown
            No such cell was asked for in this session.
        """
        for visit in reversed(self._engine.visits):
            if number is None or visit.position == number or (visit.position is None and visit.number == number):
                return visit
        raise CellUnknown(f"cell {number} was not run in this session" if number else "no cell was run in this session")

    def vars(self) -> list[VariableRow]:
        """Return a row per name: type, size, whether it is loaded."""
        return self._engine.session.tracker.describe()

    def diff(self, before: int, after: int) -> list[NameChange]:
        """Return the names that differ between the states after two cells."""
        self._engine.settle()
        session = self._engine.session
        one, two = (session.manifest(boundary_after(n, session.lineage)).states for n in (before, after))
        changes = []
        for name in sorted({*one, *two}):
            a, b = one.get(name), two.get(name)
            if (a and a.digest) != (b and b.digest):
                shown = [None if s is None else f"{s.type_name} {s.summary}".strip() for s in (a, b)]
                changes.append(NameChange(name=name, before=shown[0], after=shown[1]))
        return changes

    def turn(self, on: bool) -> None:
        """Switch recording and serving off or on again for this session."""
        if on and not self._engine.enabled:
            self._engine.touch("cells that ran while it was off")
        self._engine.enabled = on
