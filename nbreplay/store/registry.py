"""One store per folder and process: counted, closed at the end of the process, let go of in forked children."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

Key = tuple[Path, bool]
"""The folder, and whether it is open for reading only."""


class Closable(Protocol):
    """What is kept here."""

    def _end(self) -> None: ...

    def _after_fork(self) -> None: ...


class Registry:
    """Open stores, with how often each was opened."""

    def __init__(self) -> None:
        self._stores: dict[Key, Closable] = {}
        self._counts: dict[int, int] = {}
        self._lock = threading.RLock()
        os.register_at_fork(after_in_child=self._forked)
        atexit.register(self._at_exit)

    def open(self, key: Key, make: Callable[[], Closable]) -> Closable:
        """Return the store under *key*, made if there is none; :meth:`close` it as often."""
        with self._lock:
            store = self._stores.get(key)
            if store is None:
                store = self._stores[key] = make()
            self._counts[id(store)] = self._counts.get(id(store), 0) + 1
            return store

    def close(self, store: Closable) -> None:
        """Count one user less; the last one ends it. More calls than that do nothing."""
        with self._lock:
            left = self._counts.get(id(store), 0) - 1
            if left < 0:
                return
            self._counts[id(store)] = left
            if left:
                return
            del self._counts[id(store)]
            self._stores = {key: other for key, other in self._stores.items() if other is not store}
            store._end()  # under the lock: who opens the folder next must find the index closed

    def _at_exit(self) -> None:
        """End what nobody closed, so that the next start finds a clean index."""
        for store in list(self._stores.values()):
            with contextlib.suppress(Exception):  # the interpreter is ending: nobody is there to be told
                store._end()

    def _forked(self) -> None:
        self._lock = threading.RLock()
        stores, self._stores, self._counts = self._stores, {}, {}
        for store in stores.values():
            store._after_fork()
