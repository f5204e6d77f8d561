"""The recorded cell runs of a store, and how they follow one another.

A boundary is its parent's state with one run's writes applied. Runs therefore form a forest: an edit that is repeated
is a branch, and the newest branch that holds stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nbreplay.digest import Fingerprint
from nbreplay.records import CellRun


@dataclass(frozen=True, slots=True)
class Known:
    """A recorded run, and whether its record carries this user's MAC."""

    run: CellRun
    own: bool


class Lineage:
    """All recorded runs, in the order in which they were appended.

    Parameters
    ----------
    runs : iterable of Known
        Oldest first.
    """

    def __init__(self, runs: Iterable[Known] = ()) -> None:
        self._runs: dict[str, Known] = {}
        self._by_code: dict[Fingerprint, list[Known]] = {}
        for known in runs:
            self.add(known)

    def add(self, known: Known) -> None:
        """Take one more run in; the newest is asked first."""
        self._runs[known.run.boundary] = known
        self._by_code.setdefault(known.run.code, []).append(known)

    def replace(self, change: Callable[[CellRun], CellRun]) -> None:
        """Put what *change* makes of each run in its place."""
        for boundary, known in list(self._runs.items()):
            run = change(known.run)
            if run is not known.run:
                self._runs[boundary] = changed = Known(run, known.own)
                alike = self._by_code[run.code]
                alike[:] = [changed if each is known else each for each in alike]

    def __len__(self) -> int:
        return len(self._runs)

    def __contains__(self, boundary: str) -> bool:
        return boundary in self._runs

    def get(self, boundary: str) -> Known | None:
        """Return the run that led to *boundary*."""
        return self._runs.get(boundary)

    def newest_first(self) -> Iterator[Known]:
        """Yield every run, the last appended first."""
        return reversed(self._runs.values())

    def of_code(self, code: Fingerprint) -> list[Known]:
        """Return the runs of cells with this fingerprint, newest first."""
        return self._by_code.get(code, [])[::-1]

    def at(self, *, cell_id: str | None = None, position: int | None = None) -> Known | None:
        """Return the newest run of the cell with this id or, without one, at this position."""
        if cell_id is not None:
            for known in self.newest_first():
                if known.run.cell_id == cell_id:
                    return known
        if position is not None:
            for known in self.newest_first():
                if known.run.position == position:
                    return known
        return None

    def chain(self, boundary: str | None) -> list[CellRun]:
        """Return the runs from the empty start to *boundary*, oldest first.

        Raises
        ------
        LookupError
            A run on the way is not in the store any more, or they lead round in a circle.
        """
        runs: list[CellRun] = []
        while boundary is not None:
            known = self._runs.get(boundary)
            if known is None or len(runs) == len(self._runs):  # a stranger's record may say that it follows itself
                raise LookupError(boundary)
            runs.append(known.run)
            boundary = known.run.parent
        return runs[::-1]

    def trusted(self, boundary: str | None) -> bool:
        """Whether every run up to *boundary* carries this user's MAC."""
        try:
            return all(self._runs[run.boundary].own for run in self.chain(boundary))
        except LookupError:
            return False

    def numbered(self, boundary: str | None) -> dict[int, CellRun]:
        """Return the runs up to *boundary* by cell number: the latest run of each cell stands.

        The number is the cell's position where the client told it, else the order of first execution.
        """
        numbered: dict[int, CellRun] = {}
        seen: dict[object, int] = {}
        for run in self.chain(boundary):
            if not run.source:
                continue
            if run.position is not None:
                number = run.position
            else:
                identity = run.cell_id or (run.code, run.occurrence)
                number = seen.setdefault(identity, max(numbered, default=0) + 1)
            numbered.pop(number, None)
            numbered[number] = run
        return numbered

    def tips(self) -> list[str]:
        """Return the boundaries that nothing follows, newest first."""
        parents = {known.run.parent for known in self._runs.values()}
        return [known.run.boundary for known in self.newest_first() if known.run.boundary not in parents]
