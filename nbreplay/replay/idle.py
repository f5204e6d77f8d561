"""What is done while no cell runs: values that were kept are loaded again by another process, and compared."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from pathlib import Path

from nbreplay.namespace import Manifest
from nbreplay.namespace.reload import Part
from nbreplay.records import CellRun, Doubt
from nbreplay.replay.checker import Checker
from nbreplay.replay.lineage import Lineage
from nbreplay.replay.verify import doubts_of, part_of_run

logger = logging.getLogger(__name__)

MOST_RUNS = 1000
"""Boundaries that wait to be compared; of more, the oldest are left to ``nbreplay verify --deep``."""
AT_ONCE = 8
KEPT_S = 30.0
"""Seconds after which the process is ended when there is nothing to compare: it may have imported much."""


class IdleCheck:
    """Compares small values of boundaries that were written, while the kernel is idle.

    A thread waits for that and talks to the process; nothing here makes a cell, an interrupt or a shutdown wait.
    """

    def __init__(self, store_dir: Path, *, limit_bytes: int, idle_s: float) -> None:
        self._checker = Checker(store_dir)
        self._limit_bytes = limit_bytes
        self._idle_s = idle_s
        self._runs: deque[tuple[CellRun, Lineage]] = deque(maxlen=MOST_RUNS)
        self._manifest = Manifest()
        self._at: str | None = None
        self._wake = threading.Condition()
        self._busy_since: float | None = None
        self._idle_since = time.monotonic()
        self._found: list[Doubt] = []
        self._closed = False
        self._thread: threading.Thread | None = None
        self.compared = 0
        """How many names were compared so far."""

    # ------------------------------------------------------------ on the main thread

    def add(self, run: CellRun, lineage: Lineage) -> None:
        """Compare some time what *run* wrote."""
        if not self._limit_bytes:
            return
        with self._wake:
            self._runs.append((run, lineage))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nbreplay-idle", daemon=True)
                self._thread.start()
            self._wake.notify()

    def busy(self, busy: bool) -> None:
        """A cell begins, or has ended."""
        self._busy_since = time.monotonic() if busy else None
        self._idle_since = time.monotonic()

    def found(self) -> list[Doubt]:
        """Return what was found not to be what it was, once."""
        if not self._found:
            return []
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """Stop, whatever is under way."""
        with self._wake:
            self._closed = True
            self._runs.clear()
            self._wake.notify()
        self._checker.close()

    # ------------------------------------------------------------ on its own thread

    def _run(self) -> None:
        with contextlib.suppress(Exception):  # nothing that goes wrong here is the notebook's business
            while self._wait():
                self._compare()

    def _wait(self) -> bool:
        """Wait until there is something to compare and no cell has run for a while; return whether to go on."""
        while not self._closed:
            with self._wake:
                if not self._runs and not self._wake.wait(KEPT_S) and not self._runs:
                    self._checker.close()
                    self._wake.wait()
            idle_s = time.monotonic() - self._idle_since if self._busy_since is None else 0.0
            if self._runs and idle_s >= self._idle_s:
                return True
            time.sleep(min(self._idle_s, 0.2) + 0.01)
        return False

    def _compare(self) -> None:
        parts: list[Part] = []
        while self._runs and len(parts) < AT_ONCE:
            part = self._part(*self._runs.popleft())
            if part is not None:
                parts.append(part)
        answers = self._checker.differing(parts, sys.path) if parts else []
        for part, differing in zip(parts, answers or [], strict=False):
            self.compared += len(part.names)
            self._found += doubts_of(part, differing)

    def _part(self, run: CellRun, lineage: Lineage) -> Part | None:
        if run.parent == self._at:
            self._manifest = self._manifest.after(run.writes)
        else:
            self._manifest = Manifest()
            try:
                for each in lineage.chain(run.boundary):
                    self._manifest = self._manifest.after(each.writes)
            except LookupError:  # a run on the way was forgotten
                self._at = ""
                return None
        self._at = run.boundary
        return part_of_run(self._manifest, run, self._limit_bytes)
