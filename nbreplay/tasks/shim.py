"""The worker plugin as it is sent: by value, so that a worker without nbreplay can take it, and then does nothing.

This module imports nothing of nbreplay.
"""

from __future__ import annotations

from typing import Any

from distributed import WorkerPlugin


class WorkerShim(WorkerPlugin):
    """Hands every call on to the plugin proper, if that can be imported."""

    name = "nbreplay-worker"
    idempotent = True

    def __init__(self) -> None:
        self.inner: Any = None

    def setup(self, worker: Any) -> Any:
        """Called once, in the worker's loop."""
        try:
            from nbreplay.tasks.worker_plugin import TaskCacheWorker
        except ImportError:
            return None
        self.inner = TaskCacheWorker()
        return self.inner.setup(worker)

    def teardown(self, worker: Any) -> Any:
        """Called when the worker closes."""
        return self.inner.teardown(worker) if self.inner is not None else None

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Called at each transition of a task in the worker."""
        if self.inner is not None:
            self.inner.transition(key, start, finish, **kwargs)


def is_fit() -> bool:
    """Whether this worker can import nbreplay; sent by value, too."""
    try:
        import nbreplay.tasks.worker_plugin  # noqa: F401
    except ImportError:
        return False
    return True
