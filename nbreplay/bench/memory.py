"""The most memory that a run's processes had, from outside."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 0.25
"""Seconds. Peaks are the system's own high-water marks, so a look now and then misses only what ends in between."""

_UNIT = 1024


class Peak:
    """Sums, over all descendants of this process that were seen, each one's peak of resident memory.

    Linux only, where the kernel keeps the marks; elsewhere *size_bytes* stays 0, which means unknown.
    """

    def __init__(self) -> None:
        self._peaks: dict[int, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="nbreplay-bench-memory")

    @property
    def size_bytes(self) -> int:
        """The sum, in bytes."""
        return sum(self._peaks.values())

    def __enter__(self) -> Peak:
        self._before = set(_descendants(os.getpid()))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(EVERY_S):
            for pid in set(_descendants(os.getpid())) - self._before:
                with contextlib.suppress(OSError, ValueError):  # it has ended
                    self._peaks[pid] = _high_water(pid)


def _descendants(pid: int) -> Iterator[int]:
    """Yield the processes below *pid*; threads and processes may end at any moment, and hide no other."""
    threads: list[Path] = []
    with contextlib.suppress(OSError):
        threads = list(Path(f"/proc/{pid}/task").iterdir())
    for thread in threads:
        children: list[int] = []
        with contextlib.suppress(OSError, ValueError):
            children = [int(child) for child in (thread / "children").read_text().split()]
        for child in children:
            yield child
            yield from _descendants(child)


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * _UNIT
    return 0
