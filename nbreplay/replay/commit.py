"""From a cell that ran to its record: blobs first, the record last, and that append is the commit.

A small boundary is committed before its reply, a large one behind it, by one writer thread and in order: a record never
stands in a journal before the one that it follows. Cells go on meanwhile, and wait only where they could change
memory that is not written yet and is too large to copy.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial

from nbreplay.config import MiB
from nbreplay.digest import Fingerprint
from nbreplay.errors import StoreError
from nbreplay.files import unseen
from nbreplay.namespace import Capture
from nbreplay.records import CellRun, CellVisit, FileState, OutputMessage, Writes, to_bytes
from nbreplay.replay.outputs import encode_messages
from nbreplay.serialize.lease import Lease
from nbreplay.store import Store

logger = logging.getLogger(__name__)

POLL_S = 0.05
"""Seconds between looks at whether the user wants to stop waiting."""
PROGRESS_S = 0.002
"""Seconds between looks at how far the writer is, while a cell waits for it."""
BACKLOG_BYTES = 128 * MiB
"""Copies and streams that may be in memory until they are written; beyond that the next cell waits."""

CELL = "cell"
VISIT = "visit"
AFTER_FAILURE = "the boundary before it was not saved"

Stop = Callable[[], bool]


def never() -> bool:
    """Nobody wants to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Committed:
    """A run that is in the store, or the reason why it is not."""

    run: CellRun | None
    bytes_written: int = 0
    reason: str = ""


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One boundary on its way into the store.

    *files* keeps the content of files that the cell wrote (None: it wrote none), *write* what the namespace gained;
    *build* makes the record of both. All three are called on the writer's thread.
    """

    capture: Capture
    boundary: str
    parent: str | None
    code: Fingerprint
    files: Callable[[], dict[str, FileState]] | None
    write: Callable[[], Writes]
    outputs: list[OutputMessage]
    build: Callable[..., CellRun]
    files_kept: threading.Event = field(default_factory=threading.Event)
    future: Future[Committed] | None = None

    def __post_init__(self) -> None:
        if self.files is None:
            self.files_kept.set()

    def nodes(self) -> set[str]:
        """Return the names whose memory is the user's until it is written."""
        return {node for unit in self.capture.units if unit.dumped.leases() for node in unit.nodes}

    def private_bytes(self) -> int:
        """Return what this holds in memory that is not the user's."""
        return self.capture.stream_bytes + sum(lease.copied_bytes for lease in self.capture.leases())


class Committer:
    """Writes cell runs to one store. All methods are for the main thread.

    Parameters
    ----------
    store : Store or None
        Where to.
    backlog_bytes : int
        How much may be in memory, on top of the user's own, until it is written.
    """

    def __init__(self, store: Store | None, backlog_bytes: int = BACKLOG_BYTES) -> None:
        self._store = store
        self._backlog_bytes = backlog_bytes
        self._writer: ThreadPoolExecutor | None = None
        self._jobs: deque[Job] = deque()
        self._failed = False
        """A job failed: those behind it fail, too, until the main thread took notice. Set by the writer."""

    # ------------------------------------------------------------ one boundary

    def commit(self, job: Job, *, behind: bool) -> Committed | None:
        """Write *job*; None: it is written behind the reply. What waits behind another one never overtakes it."""
        if self._store is None:
            return Committed(None, reason="there is no store to write to")
        if not behind and not self._jobs:
            return self._run(job)
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="nbreplay-writer")
        self._jobs.append(job)
        job.future = self._writer.submit(self._in_turn, job)
        return None

    def pending(self, code: Fingerprint | None = None) -> int:
        """Return how many boundaries (of cells with this *code*) are not settled yet."""
        return sum(1 for job in self._jobs if code is None or job.code == code)

    def make_room(self, names: Collection[str] | None, stop: Stop = never) -> None:
        """Let a cell run that could change *names* (None: all): what is not written of them is copied, or waited for.

        Raises
        ------
        KeyboardInterrupt
            *stop* said so.
        """
        for job in list(self._jobs):
            self._wait(job, job.files_kept.is_set, stop)  # the cell could change files, too
        touched = [job for job in self._jobs if names is None or not job.nodes().isdisjoint(names)]
        for job in list(self._jobs):
            self._wait(job, lambda: self._private_bytes() <= self._backlog_bytes, stop)
        for job in touched:
            for unit in job.capture.units:
                if names is not None and not names_of(unit.nodes, names):
                    continue
                for lease in unit.dumped.leases():
                    self._wait(job, partial(self._fits, lease), stop)
                    lease.detach()

    def collect(self) -> list[tuple[Job, Committed]]:
        """Return what became of the boundaries that are written by now, in order.

        If one was not saved, those behind it were not either, and nothing is pending after this.
        """
        settled: list[tuple[Job, Committed]] = []
        while self._jobs:
            future = self._jobs[0].future
            assert future is not None  # it was submitted
            if not future.done() and not self._failed:
                break
            settled.append((self._jobs[0], future.result()))  # after a failure they come at once
            self._jobs.popleft()
        if self._failed and not self._jobs:
            self._failed = False
        return settled

    def settle(self, stop: Stop = never) -> list[tuple[Job, Committed]]:
        """Wait for everything that is pending, and return what became of it.

        Raises
        ------
        KeyboardInterrupt
            *stop* said so; the writes go on, and are settled another time.
        """
        for job in list(self._jobs):
            self._wait(job, never, stop, POLL_S)
        return self.collect()

    def visit(self, visit: CellVisit) -> None:
        """Keep what came of a request; a store that cannot be written keeps none, and the run goes on."""
        if self._store is None or not self._store.writable:
            return
        try:
            self._store.append(VISIT, to_bytes(visit))
        except (StoreError, OSError) as e:
            logger.warning("the visit of cell %s was not kept: %s", visit.position, e)

    def close(self) -> None:
        """Wait for what is behind and stop the writer."""
        self.settle()
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None

    # ------------------------------------------------------------ within

    def _fits(self, lease: Lease) -> bool:
        return lease.live_bytes + self._private_bytes() <= self._backlog_bytes

    def _private_bytes(self) -> int:
        return sum(job.private_bytes() for job in self._jobs)

    def _wait(self, job: Job, ready: Callable[[], bool], stop: Stop, poll_s: float = PROGRESS_S) -> None:
        """Wait until *ready*, or *job* is done."""
        assert job.future is not None  # it was submitted
        while not ready() and not wait([job.future], poll_s).done:
            if stop():
                raise KeyboardInterrupt

    def _in_turn(self, job: Job) -> Committed:
        """Write *job* on the writer's thread, unless one before it failed."""
        with unseen():
            if self._failed:
                committed = Committed(None, reason=AFTER_FAILURE)
                _let_go(job)
            else:
                committed = self._run(job)
        if committed.run is None:
            self._failed = True
        return committed

    def _run(self, job: Job) -> Committed:
        store = self._store
        assert store is not None  # asked before
        try:
            before = store.written_bytes
            files = job.files() if job.files is not None else {}
            job.files_kept.set()
            writes = job.write()
            shown = store.put(encode_messages(job.outputs), strong=True) if job.outputs else None  # may be active
            run = job.build(writes=writes, outputs=shown, files=files, bytes_written=store.written_bytes - before)
            store.append(CELL, to_bytes(run), [b"C" + bytes.fromhex(run.code)])
        except (StoreError, OSError) as e:
            return Committed(None, reason=str(e))
        except Exception as e:  # a host boundary: saving must not fail the user's cell
            logger.warning("a boundary was not saved", exc_info=True)
            return Committed(None, reason=f"{type(e).__name__}: {e}")
        finally:
            _let_go(job)
        return Committed(run, store.written_bytes - before)


def names_of(nodes: Collection[str], names: Collection[str]) -> bool:
    """Whether a unit of *nodes* holds any of *names*."""
    return any(node in names for node in nodes)


def _let_go(job: Job) -> None:
    job.files_kept.set()
    for unit in job.capture.units:
        unit.dumped.stream = b""
        for lease in unit.dumped.leases():
            lease.close()
