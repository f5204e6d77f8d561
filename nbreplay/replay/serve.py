"""Letting a recorded run stand in for running: find one that holds, check that its effects are there, apply them."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass

from nbreplay.digest import Fingerprint
from nbreplay.errors import StoreError
from nbreplay.files import put_back
from nbreplay.records import BlobRef, CellRun, to_bytes
from nbreplay.replay import strangers
from nbreplay.replay.commit import CELL
from nbreplay.replay.late import NEVER
from nbreplay.replay.lineage import Known
from nbreplay.replay.match import Difference, first_difference
from nbreplay.replay.outputs import decode_messages
from nbreplay.replay.request import CellRequest, Served
from nbreplay.replay.session import Session

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """The run that holds, if any; *blocked* if one would but is not this user's; else *reason* where it is known.

    *foreign*: it is not this user's, and is taken as data.
    """

    run: CellRun | None
    reason: str
    blocked: Difference | None = None
    foreign: bool = False


def find(session: Session, code: Fingerprint, *, undisturbed: bool) -> Found:
    """Return the newest recorded run of *code* whose inputs hold now."""
    reason = ""
    blocked = None
    for known in session.lineage.of_code(code):
        run = known.run
        if run.outcome != "ok" or run.saved_reason:
            continue
        forbidden = next((mark for mark in run.marks if mark.startswith(NEVER)), "")
        if forbidden:
            reason = reason or forbidden.removeprefix(NEVER)
            continue
        if session.settings.verify_tasks and run.tasks.total:
            reason = reason or "some of its tasks are compared with their records"
            continue
        if run.folder and run.folder != str(session.root):
            reason = reason or f"it asked for its folder, which was {run.folder}"
            continue
        if first_difference(run, session.now, in_place=session.boundary == run.parent) is not None:
            continue
        if run.marks and not _stands(session, run, undisturbed):
            reason = reason or f"nondeterministic ({', '.join(run.marks)}) and something before it changed"
            continue
        if not known.own:
            as_read = (None, "") if session.store is None else strangers.as_data(run, session.store)
            if as_read[0] is not None and _missing(session, known) is None:
                return Found(as_read[0], "its inputs hold; somebody else's record, taken as data", foreign=True)
            blocked = blocked or Difference("trust", run.boundary)
            reason = as_read[1]
            continue
        missing = _missing(session, known)
        if missing is not None:
            reason = reason or f"a part of its record is missing ({missing.digest[:12]})"
            continue
        return Found(run, "its inputs hold")
    return Found(None, reason, blocked)


def _stands(session: Session, run: CellRun, undisturbed: bool) -> bool:
    """Whether a nondeterministic run may be served: nothing before it changed, and the user did not ask to run it."""
    return session.settings.nondeterministic == "restore" and (undisturbed or session.boundary == run.parent)


def _missing(session: Session, known: Known) -> BlobRef | None:
    """Return a blob that the effects of a run need and that is not there; nothing is read for this."""
    store = session.store
    if store is None:
        return None
    run = known.run
    refs: list[BlobRef] = [] if run.outputs is None else [run.outputs]
    values = [unit.value for unit in run.writes.units] + list(run.writes.ambient.values())
    for value in values:
        refs.append(value.stream)
        for buffer in value.buffers:
            refs += [buffer.base, *buffer.patches.values()]
    refs += [state.blob for state in run.files_written.values() if state.blob is not None]
    return next((ref for ref in refs if not store.has(ref.digest)), None)


def apply(session: Session, run: CellRun, request: CellRequest, *, foreign: bool = False) -> Served | None:
    """Put the effects of *run* in place, the namespace's lazily; None if one of them turns out damaged."""
    store = session.store
    if store is None:
        return None
    try:
        outputs = decode_messages(store.get(run.outputs)) if run.outputs is not None else []
        problems = put_back(run.files_written, session.root, store.get, digests=session.digests, before=run.files_read)
        if problems:
            logger.warning("cell %s runs, since its files could not be put back: %s", request.position, problems[0])
            return None
    except (StoreError, OSError, ValueError) as e:
        logger.warning("cell %s runs, since its record could not be used: %s", request.position, e)
        return None
    result = run.writes.result
    now = f"Out[{request.execution_count}]"
    session.tracker.apply(run.writes, rename={result: now} if result else {})
    served = Served(run=run, outputs=outputs, result_name=now if result else "")
    return strangers.without_acting(served, store) if foreign else served


def record(session: Session, request: CellRequest, run: CellRun, position: int | None, *, foreign: bool = False) -> str:
    """Note where the session stands after *run* was served; return why that could not be kept, if so.

    Served in the place where it was recorded, it leads to its own boundary. Elsewhere the state after it is another
    one, and gets a record of its own that refers to the same units.
    """
    position = request.position or position
    same_place = position is None or run.position == position
    if session.boundary == run.parent and same_place and not foreign:
        session.boundary = run.boundary
        return ""
    again = dataclasses.replace(
        run,
        boundary=session.next_boundary(),
        parent=session.boundary,
        run=session.run,
        number=session.number + 1,
        cell_id=request.cell_id,
        position=position,
        source=request.source,
        execution_count=request.execution_count,
        restored_from=run.restored_from or run.boundary,
        bytes_written=0,
    )
    store = session.store
    try:
        if store is None or not store.writable:
            return "the store is read-only"
        store.append(CELL, to_bytes(again), [b"C" + bytes.fromhex(run.code)])
    except (StoreError, OSError) as e:
        session.tracker.drop_writes(run.writes)  # the next boundary says what this one would have
        return str(e)
    session.number += 1
    session.took(again)
    return ""
