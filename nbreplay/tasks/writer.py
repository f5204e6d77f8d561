"""Writes task results to the store's folder in the background of a worker; bounded, so it cannot eat its memory."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from nbreplay.digest import Digest
from nbreplay.serialize import codecs
from nbreplay.tasks.load import folder
from nbreplay.tasks.report import Order, Stored
from nbreplay.tasks.traced import as_inline, content_digest

logger = logging.getLogger(__name__)

QUEUE_BYTES = 512 << 20
"""Results that wait may hold this much; what comes then is not kept, and counted."""


class Writer:
    """One background thread per worker.

    Parameters
    ----------
    tell : callable
        Takes each :class:`Stored`, from the writer's thread. An exception in it is logged.
    """

    def __init__(self, tell: Callable[[Stored], None]) -> None:
        self.tell = tell
        self._queue: deque[tuple[str, codecs.Dumped, Digest, Order, object, int]] = deque()
        self._bytes = 0
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def later(self, token: str, dumped: codecs.Dumped, digest: Digest, order: Order, value: object) -> bool:
        """Queue a result; False if the queue is full. Called in the task's thread."""
        size = len(dumped.stream) + sum(buffer.nbytes for buffer in dumped.buffers)
        with self._wake:
            if self._closed or (self._queue and self._bytes + size > QUEUE_BYTES):
                return False
            self._queue.append((token, dumped, digest, order, value, size))
            self._bytes += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nbreplay-writer", daemon=True)
                self._thread.start()
            self._wake.notify()
        return True

    def close(self, timeout_s: float = 30.0) -> None:
        """Write what is queued, and stop."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closed:
                    self._wake.wait()
                if not self._queue:
                    return
                token, dumped, digest, order, value, size = self._queue.popleft()
            try:
                self.tell(self._write(token, dumped, digest, order, value))
            except Exception:
                logger.warning("a task's result was not kept", exc_info=True)
            with self._wake:
                self._bytes -= size
            del dumped, value

    def _write(self, token: str, dumped: codecs.Dumped, digest: Digest, order: Order, value: object) -> Stored:
        try:
            if not Path(order.store).is_dir():
                return self._send(token, dumped, order)
            ref = codecs.write(dumped, folder(order.store).put, content=digest)
            # The value has been with its readers meanwhile; one that changed it in place has spoiled what was written.
            if dumped.buffers and content_digest(value) != digest:
                return Stored(token=token, not_kept="changed in place while it was being written")
            return Stored(token=token, result=ref)
        except Exception as error:
            logger.debug("result not written", exc_info=True)
            return Stored(token=token, not_kept=f"could not be written: {error}")

    @staticmethod
    def _send(token: str, dumped: codecs.Dumped, order: Order) -> Stored:
        size = len(dumped.stream) + sum(buffer.nbytes for buffer in dumped.buffers)
        if size > order.transfer_bytes:
            return Stored(token=token, not_kept="no shared folder, and too large to send")
        return Stored(token=token, inline=as_inline(dumped))
