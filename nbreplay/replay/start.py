"""Where to begin: the boundary that a first request, or a number, stands for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbreplay.digest import Fingerprint
from nbreplay.errors import CellUnknown, NoRecord
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun
from nbreplay.replay.lineage import Lineage


@dataclass(frozen=True, slots=True)
class FileCell:
    """A code cell of the notebook file: its number (from 1), its id, its source."""

    number: int
    cell_id: str | None
    source: str


class NotebookFile:
    """The notebook file as last saved, read again only when it changed.

    It is a help, never a source of truth: unsaved, moved or half written, it simply has no cells.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._cells: list[FileCell] = []

    def cells(self) -> list[FileCell]:
        """Return the code cells, none if the file cannot be read."""
        if self.path is None:
            return []
        try:
            stat = self.path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if stamp != self._stamp:
                self._cells = _code_cells(self.path.read_text(encoding="utf-8"))
                self._stamp = stamp
        except (OSError, ValueError, AttributeError, TypeError):
            return []
        return self._cells

    def number_of(self, cell_id: str | None) -> int | None:
        """Return the number of the cell with this id."""
        if cell_id is None:
            return None
        return next((cell.number for cell in self.cells() if cell.cell_id == cell_id), None)


def _code_cells(text: str) -> list[FileCell]:
    code = [cell for cell in json.loads(text).get("cells", []) if cell.get("cell_type") == "code"]
    return [FileCell(number, cell.get("id"), "".join(cell.get("source", ""))) for number, cell in enumerate(code, 1)]


def boundary_before_first(
    code: Fingerprint, *, cell_id: str | None, position: int | None, cells: Sequence[FileCell], lineage: Lineage
) -> str | None:
    """Return the boundary to restore before a session's first request runs; None is the empty start.

    The request stands for a recorded cell if exactly one recorded cell has its code, or if its id or its place in the
    notebook file names one, even though it was edited. A request for the first cell of the file starts empty.
    """
    first = next((cell for cell in cells if cell.source.strip()), None)
    if first is not None and (position == first.number or (cell_id is not None and cell_id == first.cell_id)):
        return None
    runs = [known.run for known in lineage.of_code(code) if known.run.outcome == "ok"]
    by_id = lineage.at(cell_id=cell_id) if cell_id is not None else None
    if by_id is not None:
        same_id = [run for run in runs if run.cell_id == cell_id]
        return (same_id[0] if same_id else by_id.run).parent
    if len({(run.position, run.occurrence, run.cell_id) for run in runs}) == 1:
        return runs[0].parent
    if not runs and position is not None:
        by_place = lineage.at(position=position)
        if by_place is not None:
            return by_place.run.parent
    return None


def boundary_after(number: int, lineage: Lineage, cells: Sequence[FileCell] = ()) -> str | None:
    """Return the boundary after cell *number*: the newest whose cells up to there are those of *cells*, if given.

    Raises
    ------
    CellUnknown
        No recorded run has a cell of this number.
    NoRecord
        There is one, but the cells before it are not those of the file.
    """
    if number == 0:
        return None
    mismatch = ""
    wanted = {cell.number: cell_fingerprint(cell.source) for cell in cells if cell.source.strip()}
    if cells:
        # A cell without code leaves no run behind: the state after it is the state after the last one with code.
        number = max((n for n in wanted if n <= number), default=0)
        if number == 0:
            return None
    for known in lineage.newest_first():
        if known.run.outcome != "ok" or known.run.saved_reason:
            continue
        try:
            numbered = lineage.numbered(known.run.boundary)
        except LookupError:
            continue
        if numbered.get(number) is not known.run:
            continue
        mismatch = _first_mismatch(numbered, wanted, number)
        if not mismatch:
            return known.run.boundary
    if mismatch:
        raise NoRecord(f"no recorded run leads to cell {number}: {mismatch}; run the notebook from its start")
    recorded = sorted({n for tip in lineage.tips() for n in _numbers(lineage, tip)})
    known_cells = f"recorded are {recorded[0]} to {recorded[-1]}" if recorded else "nothing is recorded yet"
    raise CellUnknown(f"no record of cell {number}; {known_cells}")


def _numbers(lineage: Lineage, boundary: str) -> dict[int, CellRun]:
    try:
        return lineage.numbered(boundary)
    except LookupError:
        return {}


def _first_mismatch(numbered: dict[int, CellRun], wanted: dict[int, Fingerprint], number: int) -> str:
    for n in sorted(wanted):
        if n > number:
            break
        run = numbered.get(n)
        if run is None:
            return f"cell {n} was never recorded before it"
        if run.code != wanted[n]:
            return f"cell {n} is not as it was recorded"
    return ""
