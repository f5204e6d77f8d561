"""Who uses a store: every process that may write to it holds a shared lock on its description for as long as it lives.

The lock is advisory and asked for by `prune` only. A process that is killed lets go of it; a forked child closes what
it inherited, else it would keep its parent's alive.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from nbreplay.store.identity import NAME

logger = logging.getLogger(__name__)

WAIT_S = 10.0
"""Seconds that who opens a store waits for somebody who prunes it; after that it goes on without its lock."""


class Holder:
    """One process's hold on the store in *path*."""

    def __init__(self, path: Path) -> None:
        self._fd = -1
        with contextlib.suppress(OSError):
            self._fd = os.open(path / NAME, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            end = time.monotonic() + WAIT_S
            while not self._lock(fcntl.LOCK_SH) and time.monotonic() < end:
                time.sleep(0.02)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Yield whether nobody else holds the store; if so, nobody can begin to while the context lasts."""
        is_alone = self._fd >= 0 and self._lock(fcntl.LOCK_EX)
        try:
            yield is_alone
        finally:
            self._lock(fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _lock(self, how: int) -> bool:
        """Take the lock, or turn it into another kind; False if that cannot be now, or nobody can tell here."""
        try:
            fcntl.flock(self._fd, how | fcntl.LOCK_NB)
        except OSError as e:
            logger.debug("no lock: %s", e)
            return False
        return True
