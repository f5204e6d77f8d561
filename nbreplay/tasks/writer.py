"""Writes task results to the store's folder in the background of a worker; bounded, so it cannot eat its memory."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from nbreplay.digest import Buffer, Digest, digest_bytes, flat, strong_digest
from nbreplay.errors import StoreUnwritable
from nbreplay.records import BlobRef
from nbreplay.serialize import codecs
from nbreplay.tasks.load import folder, sees
from nbreplay.tasks.report import Order, Stored
from nbreplay.tasks.traced import as_inline, content_digest

logger = logging.getLogger(__name__)

QUEUE_BYTES = 64 << 20
"""Results that wait may hold this much. What comes then is written by its own task if it was asked for by name, else it
is not kept, and the reason said: a worker's memory is the user's.
"""
ELSEWHERE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
"""Errors that say that it cannot be written from here, and nothing of other places."""
FULL_S = 1.0
"""Seconds for which it is believed whether the store is full."""


class Parts:
    """Puts the parts of one result: large ones in files, *small* ones aside, for the scheduler's journal."""

    def __init__(self, order: Order) -> None:
        self.folder = folder(order.store)
        self.largest_bytes = order.inline_bytes
        self.small: dict[str, bytes] = {}

    def put(self, data: Buffer, *, digest: Digest | None = None, strong: bool = False) -> BlobRef:
        """As :meth:`~nbreplay.store.blobs.BlobFolder.put`."""
        view = flat(data)
        if len(view) > self.largest_bytes:
            return self.folder.put(data, digest=digest, strong=strong)
        digest = digest or digest_bytes(view)
        self.small[digest] = bytes(view)
        return BlobRef(digest=digest, size_bytes=len(view), strong=strong_digest(view) if strong else b"")


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
        self._full: dict[str, tuple[float, str]] = {}

    def later(self, token: str, dumped: codecs.Dumped, digest: Digest, order: Order, value: object) -> bool:
        """Queue a result; False if the queue is full. Called in the task's thread."""
        size = dumped.size_bytes
        with self._wake:
            if self._closed:
                return False
            is_full = bool(self._queue) and self._bytes + size > QUEUE_BYTES
        if is_full and not order.keep:
            return False
        if is_full:
            self.tell(self._write(token, dumped, digest, order, value))
            return True
        with self._wake:
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
            full = self._is_full(order.store)
            if full:
                return Stored(token=token, not_kept=full)
            if not sees(order.store):
                return self._send(token, dumped, order, "its worker does not see the store")
            parts = Parts(order)
            try:
                ref = codecs.write(dumped, parts.put, content=digest)
            except StoreUnwritable as error:
                if getattr(error.__cause__, "errno", 0) in ELSEWHERE:
                    return self._send(token, dumped, order, str(error))
                raise
            # The value has been with its readers meanwhile; one that changed it in place has spoiled what was written.
            if dumped.buffers and content_digest(value) != digest:
                return Stored(token=token, not_kept="changed in place while it was being written")
            return Stored(token=token, result=ref, small=parts.small)
        except Exception as error:
            logger.debug("result not written", exc_info=True)
            return Stored(token=token, not_kept=f"could not be written: {error}")

    @staticmethod
    def _send(token: str, dumped: codecs.Dumped, order: Order, reason: str) -> Stored:
        """Let the scheduler keep it, if it is small enough to travel."""
        if dumped.size_bytes > order.transfer_bytes:
            return Stored(token=token, not_kept=f"{reason}, and it is too large to be sent ({dumped.size_bytes} bytes)")
        return Stored(token=token, inline=as_inline(dumped))

    def _is_full(self, store: str) -> str:
        now = time.monotonic()
        looked, full = self._full.get(store, (-FULL_S, ""))
        if now - looked >= FULL_S:
            full = folder(store).full()
            self._full[store] = now, full
        return full
