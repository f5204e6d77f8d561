"""Two messages about one result that come in any order: its task is finished; it is written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from nbreplay.tasks.report import Stored

What = TypeVar("What")

MAX_EARLY = 10_000
"""Results announced as written before their task was announced as finished; more than this are stale."""


class Awaited(Generic[What]):
    """Brings the two together, by the token of the task's run. Thread-safe."""

    def __init__(self) -> None:
        self._waiting: dict[str, What] = {}
        self._early: dict[str, Stored] = {}
        self._lock = threading.Lock()

    def finished(self, token: str, what: What) -> Stored | None:
        """A task is finished: return what was said of its result, else remember *what* until that is said."""
        with self._lock:
            stored = self._early.pop(token, None)
            if stored is None:
                self._waiting[token] = what
            return stored

    def written(self, stored: Stored) -> What | None:
        """A result is written, or not: return what waited for it, else remember it until that comes."""
        with self._lock:
            what = self._waiting.pop(stored.token, None)
            if what is None:
                if len(self._early) >= MAX_EARLY:
                    self._early.clear()
                self._early[stored.token] = stored
            return what

    def count(self, chosen: Callable[[What], bool]) -> int:
        """Return how many *chosen* ones wait."""
        return len(self.chosen(chosen))

    def chosen(self, chosen: Callable[[What], bool]) -> list[What]:
        """Return the *chosen* ones that wait."""
        return [what for what in list(self._waiting.values()) if chosen(what)]

    def take(self, chosen: Callable[[What], bool]) -> list[What]:
        """Wait for the *chosen* ones no more; return them."""
        with self._lock:
            tokens = [token for token, what in self._waiting.items() if chosen(what)]
            return [self._waiting.pop(token) for token in tokens]
