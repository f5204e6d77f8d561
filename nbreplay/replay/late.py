"""Cells that ended before their tasks did: what those read and wrote is told later, by a second record.

A cell that only submits tasks is over at once. Until the tasks are finished nobody knows which files they read, so its
record carries a mark that forbids serving. When a later cell ends, or the kernel settles, the scheduler is asked again;
once all are finished the same run is appended without the mark, with their files. If that never happens (a kill, a
client that was closed first), the cell runs again: a miss.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING

from nbreplay.errors import StoreError
from nbreplay.files import keep, merge
from nbreplay.records import CellRun, to_bytes
from nbreplay.replay.commit import CELL
from nbreplay.replay.lineage import Known

if TYPE_CHECKING:
    from nbreplay.replay.session import Session
    from nbreplay.tasks import CellTasks

logger = logging.getLogger(__name__)

NEVER = "never: "
"""Marks that begin so forbid serving; the others only say that another run may give another result."""

UNFINISHED = "its tasks were still running when it ended"


class Late:
    """The boundaries of one session whose tasks were not finished; all methods are for the main thread."""

    def __init__(self) -> None:
        self._waiting: list[str] = []

    def note(self, boundary: str) -> None:
        """The cell that leads to *boundary* ends, its tasks do not."""
        self._waiting.append(boundary)

    def look(self, session: Session) -> None:
        """Append anew what is complete by now. Nothing is waited for."""
        cache = session.cache
        for boundary in list(self._waiting):
            known = session.lineage.get(boundary)
            if known is None or session.store is None:
                continue  # it is still being written, or was not
            label = cache.label
            cache.begin(boundary)
            tasks = cache.end()
            cache.begin(label)
            for problem in tasks.problems:
                session.tell(problem)
            if tasks.counts.total < known.run.tasks.total:
                self._waiting.remove(boundary)  # its client is closed: nobody can tell any more
            elif not tasks.unfinished:
                self._waiting.remove(boundary)
                self._complete(session, known.run, tasks)

    def _complete(self, session: Session, run: CellRun, tasks: CellTasks) -> None:
        assert session.store is not None  # asked before
        read, written = merge(((run.files_read, run.files_written), (tasks.files_read, tasks.files_written)))
        new = {path: state for path, state in written.items() if run.files_written.get(path) != state}
        marks = [mark for mark in run.marks if mark != NEVER + UNFINISHED]
        marks += [NEVER + refusal for refusal in tasks.refusals] + tasks.marks
        try:
            complete = dataclasses.replace(
                run,
                files_read=read,
                files_written={**written, **keep(new, session.root, session.store.put)},
                marks=tuple(dict.fromkeys(marks)),
                tasks=tasks.counts,
                task_names=dict(tasks.by_name),
            )
            session.store.append(CELL, to_bytes(complete), [b"C" + bytes.fromhex(run.code)])
        except (StoreError, OSError) as e:
            logger.warning("what the tasks of cell %s read was not kept, it will run again: %s", run.position, e)
            return
        session.lineage.add(Known(complete, True))
