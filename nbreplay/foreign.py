"""Code of the user's that runs within ours, to pickle, load or look at a value: bounded in time, open to interrupts.

A ``__reduce__`` may sleep or never end. While :data:`GUARD` is entered, on the main thread, a signal handler that is
called in the midst of such code raises out of it: :class:`Interrupted` if the user asked for that, :class:`Overdue` if
one step takes longer than :data:`LIMIT_S`. In the midst of nbreplay's own code it never raises: that asks flags, and is
not to be thrown out of what it is changing.

Notes
-----
A step that takes too long is noticed by a thread, which sends the process its own SIGINT: nothing else ends a sleep.
The handler that is installed then has to ask :meth:`Guard.on_signal` first; so this is armed by whoever installs it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

LIMIT_S = 2.0
"""Seconds that a single object may take to be pickled or looked at by code of its own."""
LOAD_LIMIT_S = 60.0
"""Seconds that all objects of one unit may take to be loaded: there are no steps in that."""
LOOK_S = 0.25
"""Seconds between two looks at whether one takes too long, while that is being looked for."""

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_MAIN = threading.main_thread().ident


class Interrupted(BaseException):
    """The user wants it to end. No Exception: the user's code must not swallow it."""


class Overdue(BaseException):
    """One object's own code takes too long."""


class Guard:
    """What is known of foreign code on the main thread.

    Attributes
    ----------
    depth : int
        How many calls that may run foreign code are under way; they can all be abandoned.
    steps : int
        Counts objects; as long as it stays, one and the same object's code is running.
    last : type or None
        Type of the object whose code is running, where that is known.
    slow : set of type
        Types whose code took too long once: it is not called again.
    """

    __slots__ = ("_fired", "_handler", "_lock", "_watching", "depth", "last", "limit_s", "slow", "steps")

    def __init__(self) -> None:
        self.depth = 0
        self.steps = 0
        self.last: type | None = None
        self.limit_s = LIMIT_S
        self.slow: set[type] = set()
        self._handler: Callable[..., None] | None = None
        self._fired = -1
        self._lock = threading.Lock()
        self._watching = False

    def __enter__(self) -> None:
        if threading.get_ident() == _MAIN:
            self.depth += 1
            self.steps += 1
            self.last = None

    def __exit__(self, *_: object) -> None:
        if threading.get_ident() == _MAIN:
            with self._lock:  # no signal of ours is sent after this
                self.depth -= 1
            self.steps += 1

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Enter it for a load."""
        with self:
            before, self.limit_s = self.limit_s, LOAD_LIMIT_S
            try:
                yield
            finally:
                self.limit_s = before

    def arm(self, handler: Callable[..., None]) -> None:
        """Say which handler of SIGINT asks this: only while it is installed a step is ended in time."""
        self._handler = handler
        if not self._watching:
            self._watching = True
            threading.Thread(target=self._watch, name="nbreplay-guard", daemon=True).start()

    def on_signal(self, frame: FrameType | None) -> bool:
        """Called by the handler of SIGINT first; return whether the signal was not the user's.

        Raises
        ------
        Overdue
            The step that is going on takes too long.
        """
        fired, self._fired = self._fired, -1
        if fired < 0:
            return False
        if fired == self.steps and self.depth and _is_foreign(frame):
            if self.last is not None:
                self.slow.add(self.last)
            raise Overdue
        return True

    def interrupt(self, frame: FrameType | None) -> None:
        """Called by the handler when the user wants to stop.

        Raises
        ------
        Interrupted
            Foreign code is running, which asks no flags.
        """
        if self.depth and _is_foreign(frame):
            raise Interrupted

    def _is_armed(self) -> bool:
        return self._handler is not None and signal.getsignal(signal.SIGINT) is self._handler

    def _watch(self) -> None:
        seen, since = -1, 0.0
        while True:
            time.sleep(LOOK_S)
            if not self.depth or self.steps != seen or not self._is_armed():
                seen, since = self.steps, time.monotonic()
                continue
            if time.monotonic() - since < self.limit_s or not _is_foreign(sys._current_frames().get(_MAIN or 0)):
                continue
            with self._lock:
                if self.depth and self.steps == seen and self._is_armed():
                    self._fired = seen
                    signal.pthread_kill(_MAIN or 0, signal.SIGINT)
            since = time.monotonic()


def _is_foreign(frame: FrameType | None) -> bool:
    return frame is not None and not frame.f_code.co_filename.startswith((_OURS, "<frozen"))


def forget_in_child() -> None:
    """In a forked child: there is no thread that watches."""
    GUARD._watching = False
    GUARD._lock = threading.Lock()


GUARD = Guard()
os.register_at_fork(after_in_child=forget_in_child)


class TooSlow(TypeError):
    """An object of a type whose own code took too long before."""

    def __init__(self, obj: Any) -> None:
        super().__init__(f"pickling a {type(obj).__qualname__} takes longer than {LIMIT_S:g} s")
