"""A preload of schedulers: notes in the file $NBREPLAY_BENCH_CLUSTERS when a cluster started and its workers came.

Loaded in every condition alike, the plain one included, by the environment of the kernel: without it the start-up of a
cluster that the notebook makes cannot be told from the work of the cell.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from distributed import SchedulerPlugin


class ClusterWitness(SchedulerPlugin):
    """Writes a line for each event."""

    name = "nbreplay-bench-witness"

    def __init__(self, path: str) -> None:
        self.path = path
        self.note("scheduler")

    def note(self, event: str) -> None:
        """Append *event* and the time."""
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps([event, time.time()]) + "\n")

    def add_worker(self, scheduler: Any = None, worker: str = "", **_: Any) -> None:
        """Called when a worker has come."""
        self.note("worker")


def dask_setup(scheduler: Any) -> None:
    """Called by distributed when a scheduler starts."""
    path = os.environ.get("NBREPLAY_BENCH_CLUSTERS")
    if path:
        scheduler.add_plugin(ClusterWitness(path))
