"""Results on their way through the scheduler, to workers that do not see the store's folder."""

from __future__ import annotations

import threading
import weakref
from typing import Any

TOGETHER = 4
"""All results that are on their way may hold so many times what one may."""


class Given(dict[str, bytes]):
    """Blobs that travel with a load task; to others it is a plain dict."""

    __slots__ = ("__weakref__",)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class Sending:
    """Counts what is on its way, so that a scheduler's memory is not filled.

    Parameters
    ----------
    limit_bytes : int
        What one result may hold.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._held = 0
        self._lock = threading.Lock()

    def take(self, given: Given, size_bytes: int) -> str:
        """Let *given* travel; return why it may not ("": it may). It is on its way for as long as it lives here."""
        if size_bytes > self.limit_bytes:
            return "too large to be sent through the scheduler"
        with self._lock:
            if self._held + size_bytes > TOGETHER * self.limit_bytes:
                return "too much is being sent through the scheduler"
            self._held += size_bytes
        weakref.finalize(given, self._arrived, size_bytes)
        return ""

    def _arrived(self, size_bytes: int) -> None:
        with self._lock:
            self._held -= size_bytes
