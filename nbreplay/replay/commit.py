"""From a cell that ran to its record: blobs first, the record last, and that append is the commit."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from nbreplay.errors import StoreError
from nbreplay.records import CellRun, CellVisit, OutputMessage, Writes, to_bytes
from nbreplay.replay.outputs import encode_messages
from nbreplay.store import Store

logger = logging.getLogger(__name__)

POLL_S = 0.05
"""Seconds between looks at whether the user wants to stop waiting."""

CELL = "cell"
VISIT = "visit"


@dataclass(frozen=True, slots=True)
class Committed:
    """A run that is in the store, or the reason why it is not."""

    run: CellRun | None
    bytes_written: int = 0
    reason: str = ""


class Committer:
    """Writes cell runs to one store: small ones before the reply, large ones behind it.

    A write that is behind the reply is settled before the next cell runs: until then nothing can change the memory
    that it reads.
    """

    def __init__(self, store: Store | None) -> None:
        self._store = store
        self._writer: ThreadPoolExecutor | None = None
        self._behind: Future[Committed] | None = None

    def commit(
        self, *, write: Callable[[], Writes], outputs: list[OutputMessage], build: Callable[..., CellRun], behind: bool
    ) -> Committed | None:
        """Write namespace, outputs, then the record that *build* makes; None: it is written behind the reply."""
        if self._store is None:
            return Committed(None, reason="there is no store to write to")
        store = self._store
        if not behind:
            return _commit(store, write, outputs, build)
        if self._writer is None:
            self._writer = ThreadPoolExecutor(1, thread_name_prefix="nbreplay-writer")
        self._behind = self._writer.submit(_commit, store, write, outputs, build)
        return None

    @property
    def pending(self) -> bool:
        """Whether a write behind the reply is not settled yet."""
        return self._behind is not None

    def settle(self, stop: Callable[[], bool] = lambda: False) -> Committed | None:
        """Wait for the write behind the last reply, if there is one, and return what became of it.

        Raises
        ------
        KeyboardInterrupt
            *stop* said so; the write goes on, and is settled another time.
        """
        if self._behind is None:
            return None
        future = self._behind
        while not wait([future], POLL_S).done:
            if stop():
                raise KeyboardInterrupt
        committed = future.result()
        self._behind = None
        return committed

    def visit(self, visit: CellVisit) -> None:
        """Keep what came of a request; a store that cannot be written keeps none, and the run goes on."""
        if self._store is None or not self._store.writable:
            return
        try:
            self._store.append(VISIT, to_bytes(visit))
        except (StoreError, OSError) as e:
            logger.warning("the visit of cell %s was not kept: %s", visit.position, e)

    def close(self) -> Committed | None:
        """Wait for what is behind and stop the writer."""
        committed = self.settle()
        if self._writer is not None:
            self._writer.shutdown()
            self._writer = None
        return committed


def _commit(
    store: Store, write: Callable[[], Writes], outputs: list[OutputMessage], build: Callable[..., CellRun]
) -> Committed:
    try:
        before = store.written_bytes
        writes = write()
        shown = store.put(encode_messages(outputs), strong=True) if outputs else None  # they may be active
        run: CellRun = build(writes=writes, outputs=shown, bytes_written=store.written_bytes - before)
        store.append(CELL, to_bytes(run), [b"C" + bytes.fromhex(run.code)])
    except (StoreError, OSError) as e:
        return Committed(None, reason=str(e))
    except Exception as e:  # a host boundary: saving must not fail the user's cell
        logger.warning("a boundary was not saved", exc_info=True)
        return Committed(None, reason=f"{type(e).__name__}: {e}")
    return Committed(run, store.written_bytes - before)
