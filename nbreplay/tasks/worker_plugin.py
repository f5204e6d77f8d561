"""What runs in workers: every task that the scheduler plugin asks about is run as :class:`Traced`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from distributed import Worker, WorkerPlugin

from nbreplay.records import from_bytes, to_bytes
from nbreplay.tasks.report import ANNOTATION, Order, Report, Stored
from nbreplay.tasks.traced import Traced
from nbreplay.tasks.writer import Writer

logger = logging.getLogger(__name__)


class TaskCacheWorker(WorkerPlugin):
    """Wraps a task when it is about to run and sends what is known of it with the news that it finished."""

    name = "nbreplay-worker"
    idempotent = True

    def __init__(self) -> None:
        self.worker: Worker | None = None
        self.writer: Writer | None = None

    def __reduce__(self) -> tuple[type[TaskCacheWorker], tuple[()]]:
        return TaskCacheWorker, ()

    def setup(self, worker: Worker) -> None:
        """Remember the worker. Called once by the worker, in its loop."""
        self.worker = worker
        self.writer = Writer(self._tell)

    async def teardown(self, worker: Worker) -> None:
        """Write what is queued. Called when the worker closes."""
        if self.writer is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.writer.close)

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Put :class:`Traced` in the place of a task that starts. In the worker's loop; exceptions are logged."""
        if finish != "executing" or self.worker is None or self.writer is None:
            return
        ts = self.worker.state.tasks.get(key)
        if ts is None or not ts.annotations or ts.run_spec is None or ts.run_spec.is_coro:
            return
        packed = ts.annotations.get(ANNOTATION)
        if packed is None or isinstance(ts.run_spec, Traced):
            return
        if ts.annotations.get("executor", "default") not in ("default", "offload"):
            return
        metadata = ts.metadata

        def done(report: Report) -> None:
            metadata[ANNOTATION] = to_bytes(report)

        node: Any = Traced(ts.run_spec, from_bytes(Order, packed), done, self.writer.later, str(ts.run_id))
        ts.run_spec = node

    def _tell(self, stored: Stored) -> None:
        worker = self.worker
        if worker is not None and worker.batched_stream is not None:
            message = {"op": "nbreplay-stored", "stored": to_bytes(stored)}
            worker.loop.add_callback(worker.batched_stream.send, message)
