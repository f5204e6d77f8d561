"""Interrupts: at a boundary a flag, in an idle ``await`` a tick.

Notes
-----
A KeyboardInterrupt that is raised between a cell's end and its reply loses the reply, and the client waits for ever. So
work at a boundary is synchronous, on the main thread, and under a handler that sets a flag.

asyncio's selector sleeps on through a signal: its handler runs, but what the handler scheduled waits for the next
message. A timer that wakes the loop every tenth of a second makes a cell that is idle in an ``await`` interruptible.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from nbreplay.foreign import GUARD

TICK_S = 0.1


class Flag:
    """SIGINT as a flag: what a boundary asks instead of being thrown out of its work."""

    def __init__(self) -> None:
        self.raised = False

    def __call__(self) -> bool:
        """Return whether the user wants this to stop."""
        return self.raised

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """The signal handler. Raises only out of code of the user's that was called by ours."""
        if not GUARD.on_signal(frame):
            self.raised = True
            GUARD.interrupt(frame)


def until_reply() -> Flag:
    """Put a flag in SIGINT's place for the rest of this request.

    The kernel puts the handler of the time between requests back when the request is done, so nothing is put back here:
    there must be no moment before the reply in which a KeyboardInterrupt could be raised.
    """
    flag = Flag()
    handler = flag.handle
    signal.signal(signal.SIGINT, handler)
    GUARD.arm(handler)
    return flag


@contextmanager
def held() -> Iterator[Flag]:
    """Hold SIGINT back as a flag, and hand it to the handler that was there when the block ends.

    A second SIGINT within the block goes to that handler at once: the block may run user code (a value that is made
    again by its cell), which does not look at flags.
    """
    flag = Flag()
    before = signal.getsignal(signal.SIGINT)

    def handle(signum: int, frame: FrameType | None) -> None:
        if GUARD.on_signal(frame):
            return
        if flag.raised and callable(before):
            before(signum, frame)
        flag.handle(signum, frame)

    signal.signal(signal.SIGINT, handle)
    GUARD.arm(handle)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, before)
    if flag.raised and callable(before):
        before(signal.SIGINT, None)


@contextmanager
def ticking() -> Iterator[None]:
    """Wake the running event loop every :data:`TICK_S`; without a running loop do nothing."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        yield
        return
    handle: list[asyncio.TimerHandle] = []

    def tick() -> None:
        handle[:] = [loop.call_later(TICK_S, tick)]

    tick()
    try:
        yield
    finally:
        handle[0].cancel()
