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


def look(path: str, packages: tuple[str, ...]) -> dict[str, Any]:
    """What a process of a cluster says of itself: its Python, its versions, whether it can use the store *path*."""
    import importlib.metadata
    import os
    import platform

    versions: dict[str, str] = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            try:
                versions[name] = str(getattr(__import__(name), "__version__", ""))
            except ImportError:
                versions[name] = ""
    blobs = os.path.join(path, "blobs")  # a store of small values has none yet
    folder = blobs if os.path.isdir(blobs) else path
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "versions": versions,
        "sees": bool(path) and os.access(folder, os.R_OK | os.W_OK | os.X_OK),
    }
