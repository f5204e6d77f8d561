"""Dask tasks: never computing one twice.

::

    shape.py literal.py prints.py      what a task computes, without keys: its fingerprint
    planner.py                         what of a graph must run (pure)
    ledger.py tally.py report.py       task records; counting; what processes tell each other
    scheduler_plugin.py planning.py    in the scheduler: plan a graph,
    in_flight.py orders.py               share what runs, ask workers to watch,
    finishing.py rewind.py swap.py       record and look K up, undo a hit, surgery on tasks
    worker_plugin.py traced.py         in workers: watch a task,
    writer.py load.py shim.py            write its result, load one; what is sent
    kernel_cache.py attach.py          in the kernel: cells; clients and what is wrapped in them
    client_plan.py local.py            planning where no plugin can be: in the client, in Dask's own schedulers
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbreplay.tasks.kernel_cache import CellTasks, KernelCache

if TYPE_CHECKING:
    from nbreplay.store import Store

__all__ = ["CellTasks", "KernelCache", "current", "install", "task_cache", "uninstall"]

_PRELOAD = "nbreplay.tasks.preload"
_caches: list[KernelCache] = []
_prepared: list[bool] = []


def current() -> KernelCache | None:
    """Return the cache of this process; none in a fork of it."""
    return _caches[-1] if _caches and _caches[-1].pid == os.getpid() else None


def install(cache: KernelCache) -> None:
    """Make *cache* that of this process: new clients get its plugins, Dask's own schedulers its planner.

    Imports nothing: Dask is prepared when the notebook imports it.
    """
    from nbreplay.files.imports import when_imported
    from nbreplay.tasks import housekeeping

    _caches.append(cache)
    if not _prepared:
        _prepared.append(True)
        housekeeping.install()
        when_imported("dask", lambda module: _configure())
        when_imported("dask.local", lambda module: _wrap_schedulers())


def _configure() -> None:
    """Let every new Client, and every new worker process, run our preloads."""
    import dask

    from nbreplay.tasks.preload import WORKER

    logging.getLogger("distributed.preloading").addFilter(_of_the_user_s)  # a plain kernel would not say that
    for setting, entry in (("distributed.client.preload", _PRELOAD), ("distributed.worker.preload", WORKER)):
        known = dask.config.get(setting, None) or []
        known = [known] if isinstance(known, str) else list(known)
        if entry not in known:
            dask.config.set({setting: [*known, entry]})


def _of_the_user_s(record: logging.LogRecord) -> bool:
    return "nbreplay" not in record.getMessage()


def _wrap_schedulers() -> None:
    from nbreplay.tasks.wrapping import install as wrap

    wrap()


def uninstall(cache: KernelCache) -> None:
    """*cache* is closed; what it had put in place does nothing without it."""
    if cache in _caches:
        _caches.remove(cache)


@contextmanager
def task_cache(
    client: Any, store: Store | Path | str, *, serve: bool = True, record: bool = True
) -> Iterator[KernelCache]:
    """Cache the tasks that *client* runs in this block; for scripts.

    Parameters
    ----------
    client : distributed.Client or None
        None for Dask's own schedulers.
    store : Store or path
        Where results are kept.
    serve, record : bool
        Whether to use what is kept, and to keep what is computed.

    Yields
    ------
    KernelCache
        Its ``end()`` says what the tasks did.

    Raises
    ------
    ClusterUnfit
        The client is asynchronous: it could only be prepared in its own event loop, before anything is submitted.
    """
    from nbreplay.errors import ClusterUnfit
    from nbreplay.store import Store

    if client is not None and client.asynchronous:
        raise ClusterUnfit("task_cache takes no asynchronous client; make it without asynchronous=True")
    opened = store if isinstance(store, Store) else Store.open(Path(store))
    cache = KernelCache(opened, serve=serve, record=record, root=Path.cwd())
    install(cache)
    try:
        if client is not None:
            client.sync(cache.attach, client)
        cache.begin("script")
        yield cache
    finally:
        cache.close()
        if opened is not store:
            opened.close()
