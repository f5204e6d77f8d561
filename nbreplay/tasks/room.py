"""How large a store may grow: results are evicted when it is full, and not kept when that does not help."""

from __future__ import annotations

import logging
import time

from nbreplay.errors import StoreError
from nbreplay.records import ValueRef, blob_refs
from nbreplay.store import Store
from nbreplay.tasks.eviction import bound_bytes, evict

logger = logging.getLogger(__name__)

LEFT = 0.8
"""Share of the bound that eviction leaves, so that it is not needed again at once."""

EVICTION_S = 60.0
"""Seconds between two tries: each looks at every record."""


class Room:
    """The room for results in *store*, as seen by one process. For one thread; it never is an event loop's.

    Parameters
    ----------
    setting : int or None
        The bound in bytes; None: what the disk allows.
    """

    def __init__(self, store: Store, setting: int | None) -> None:
        self.store = store
        self.full = "?"  # somebody who is gone may have said that it is
        self._setting = setting
        self._held = -1
        self._bound = 0
        self._tried = float("-inf")

    def take(self, size_bytes: int) -> str:
        """Count *size_bytes* that were, or are about to be, kept; return why nothing more can be kept ("": it can)."""
        if self._held < 0:
            self._held = self.store.size_bytes()
            self._bound = bound_bytes(self.store.path, self._held, self._setting)
        self._held += size_bytes
        if self._held > self._bound and time.monotonic() - self._tried > EVICTION_S:
            self._make_room()
        self._say()
        return self.full

    def bytes_of(self, result: ValueRef | None) -> int:
        """Return what *result* takes on the disk."""
        held = 0
        for blob in blob_refs(result):
            try:
                held += self.store.blobs().path(blob.digest).stat().st_size
            except OSError:
                held += blob.size_bytes  # in a journal
        return held

    def _make_room(self) -> None:
        self._tried = time.monotonic()
        try:
            self._held = evict(self.store, int(self._bound * LEFT))
        except (StoreError, OSError) as e:
            logger.warning("nothing could be evicted from %s: %s", self.store.path, e)

    def _say(self) -> None:
        full = f"the store is full ({self._bound / 1e9:.3g} GB)" if self._held > self._bound else ""
        if full != self.full:
            self.full = full
            self.store.blobs().say_full(full)
