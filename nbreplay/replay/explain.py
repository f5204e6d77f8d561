"""Why a cell ran: the first input that differs, in words a scientist understands."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from nbreplay.digest import Fingerprint
from nbreplay.records import CellRun, FileState, NameState
from nbreplay.replay.lineage import Known, Lineage
from nbreplay.replay.match import PYTHON, Difference, Present, first_difference

DIFF_LINES = 40
"""Lines of a source difference that are kept; a longer one is cut, and says so."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A short phrase, and the lines that show it."""

    text: str
    detail: tuple[str, ...] = ()


def why_it_runs(
    code: Fingerprint, source: str, *, cell_id: str | None, position: int | None, lineage: Lineage, present: Present
) -> Reason:
    """Return why no recorded run can stand in for a cell with this *code*."""
    same_cell = lineage.at(cell_id=cell_id, position=position)
    candidates = lineage.of_code(code)
    usable = [known for known in candidates if known.run.outcome == "ok" and not known.run.saved_reason]
    if usable:
        return _differs(_nearest(usable, same_cell), lineage, present)
    if candidates:
        run = candidates[0].run
        return Reason("its recorded run failed" if run.outcome != "ok" else f"was not kept: {run.saved_reason}")
    if same_cell is not None and same_cell.run.source == source and same_cell.run.python not in ("", PYTHON):
        # What code means differs between versions, and its fingerprint does.
        return Reason(f"Python is {PYTHON}, recorded with {same_cell.run.python}")
    if same_cell is not None and same_cell.run.source:
        return Reason("its source changed", source_difference(same_cell.run.source, source))
    return Reason("not recorded before" if len(lineage) else "first run")


def _nearest(candidates: list[Known], same_cell: Known | None) -> Known:
    if same_cell is not None and same_cell in candidates:
        return same_cell
    return candidates[0]


def _differs(known: Known, lineage: Lineage, present: Present) -> Reason:
    difference = first_difference(known.run, present)
    if difference is None:
        return Reason("its record could not be used")
    return in_words(difference, known.run, lineage, present)


def in_words(difference: Difference, run: CellRun, lineage: Lineage, present: Present) -> Reason:
    """Return *difference*, between *run*'s inputs and the present, for a person."""
    name = difference.name
    match difference.kind:
        case "name":
            before = written_state(lineage, run.parent, name)
            return _name_reason(name, before, present.states.get(name), difference)
        case "hole":
            return Reason(f"`{name}` could not be kept: {difference.after}")
        case "sharing":
            return Reason(f"{name} share objects in another way than recorded")
        case "definition":
            return Reason(f"`{name}` refers to a class or function that was defined anew")
        case "ambient":
            return Reason(f"the state of {name} differs")
        case "file":
            return _file_reason(name, run, lineage, present)
        case "written file":
            return Reason(f"the file {name}, which it wrote, is missing or changed and was too large to keep")
        case "package":
            return Reason(f"{name} is {difference.after or 'missing'}, recorded with {difference.before or 'none'}")
        case _:
            return Reason(f"{name} is {difference.after}, recorded with {difference.before}")


def _file_reason(name: str, run: CellRun, lineage: Lineage, present: Present) -> Reason:
    """Say that a file changed; if it is not there, also what it was, and from which cell on nothing needs it."""
    state = run.files_read[name]
    gone = present.changed_file({name: FileState(digest=None)}) is None
    if state.digest is None or not gone:
        return Reason(f"the file {name} changed")
    try:
        numbered = lineage.numbered(next(iter(lineage.tips()), None))
    except LookupError:
        numbered = {}
    users = [number for number, other in numbered.items() if name in other.files_read]
    detail: tuple[str, ...] = (f"{name}: {state.size_bytes} bytes, xxh3-128 {state.digest}",)
    if users and max(users) < max(numbered):
        detail += (f"cells from {max(users) + 1} on do not need it: start there, or put the file back",)
    return Reason(f"the file {name} is not here", detail)


def _name_reason(name: str, before: NameState | None, after: NameState | None, difference: Difference) -> Reason:
    if not difference.after:
        return Reason(f"`{name}` is not defined now")
    if not difference.before:
        return Reason(f"`{name}` was not defined when it was recorded")
    lines = tuple(
        f"{sign} {name}: {state.type_name} {state.summary}".rstrip()
        for sign, state in (("-", before), ("+", after))
        if state is not None
    )
    return Reason(f"`{name}` changed", lines)


def written_state(lineage: Lineage, boundary: str | None, name: str) -> NameState | None:
    """Return what *name* was at *boundary*."""
    try:
        runs = lineage.chain(boundary)
    except LookupError:
        return None
    for run in reversed(runs):
        if name in run.writes.names:
            return run.writes.names[name]
        if name in run.writes.deleted:
            return None
    return None


def source_difference(before: str, after: str) -> tuple[str, ...]:
    """Return the lines that differ, as a unified difference without its header."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1))[2:]
    if len(lines) > DIFF_LINES:
        lines = [*lines[:DIFF_LINES], f"... {len(lines) - DIFF_LINES} more lines"]
    return tuple(lines)
