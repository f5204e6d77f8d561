"""Locks, queues, finished threads, idle executors, finished futures: made again with the logical state."""

from __future__ import annotations

import asyncio
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable
from typing import Any

from nbreplay.serialize.functions import Reduced

_OF_THREADS = frozenset(
    {"_target", "_args", "_kwargs", "_name", "_daemonic", "_ident", "_native_id", "_tstate_lock", "_started"}
    | {"_is_stopped", "_initialized", "_stderr", "_invoke_excepthook", "_handle", "_os_thread_handle", "_context"}
)
"""Attributes of a thread that the standard library keeps; others are the user's."""


def reduce_rlock(dump: Any, value: Any) -> Reduced:
    """A re-entrant lock, as often as this thread holds it."""
    count = re.search(r"count=(\d+)", repr(value))
    times = int(count[1]) if count is not None else 0
    if times and not value._is_owned():
        raise TypeError("a lock that another thread holds")
    return make_rlock, (times,)


def reduce_simple_queue(dump: Any, value: Any) -> Reduced:
    """A queue made in C: its items."""
    from nbreplay.fingerprint.resources import items_of

    return queue.SimpleQueue, (), (items_of(value),), None, None, fill_queue


def reduce_local(dump: Any, value: Any) -> Any:
    """A ``threading.local``: what it holds for this thread."""
    kind = type(value)
    if kind is not threading.local and kind.__init__ is not object.__init__:
        raise TypeError("a threading.local that is made from arguments")
    return kind, (), dict(vars(value))


def reduce_thread(dump: Any, value: threading.Thread) -> Reduced:
    """A thread that ended or was never started."""
    started = value._started.is_set()  # type: ignore[attr-defined]  # private, since forever
    if value.is_alive() or isinstance(value, threading._DummyThread):
        raise TypeError("a thread that is still running")
    own = {k: v for k, v in vars(value).items() if k not in _OF_THREADS}
    parts = [vars(value).get(name) for name in ("_target", "_args", "_kwargs")]
    ident = value.ident if started else None
    state = (value.name, value.daemon, ident, value.native_id if started else None, parts, own)
    return make_bare, (type(value),), state, None, None, fill_thread


def reduce_executor(dump: Any, value: Any) -> Reduced:
    """A pool of threads that has nothing to do: another one, with the same settings."""
    alive = any(thread.is_alive() for thread in value._threads)
    if alive and _busy(value):
        raise TypeError("an executor that has work to do")
    if not hasattr(value, "_initializer"):
        raise TypeError("an executor of another Python")
    arguments = (value._max_workers, value._thread_name_prefix, value._initializer, value._initargs)
    return make_executor, (type(value), arguments, value._shutdown)


def _busy(value: Any) -> bool:
    """Whether a worker of a pool is at work: those that wait are counted by a semaphore.

    One that has just given its result is on its way to wait.
    """
    for _ in range(5):
        if not value._work_queue.qsize() and value._idle_semaphore._value >= len(value._threads):
            return False
        time.sleep(0.001)
    return True


def reduce_future(dump: Any, value: Any) -> Reduced:
    """A finished future of ``concurrent.futures``."""
    if not value.done():
        raise TypeError("a future that is not done")
    cancelled = value.cancelled()
    error = None if cancelled else value.exception()
    result = None if cancelled or error is not None else value.result()
    return type(value), (), (cancelled, error, result), None, None, fill_future


def reduce_asyncio(dump: Any, value: Any) -> Reduced:
    """A finished future or task of asyncio."""
    if not value.done():
        raise TypeError("a task that is not done")
    cancelled = value.cancelled()
    error = None if cancelled else value._exception
    result = None if cancelled or error is not None else value.result()
    name = value.get_name() if isinstance(value, asyncio.Task) else None
    return make_asyncio, (name,), (cancelled, error, result), None, None, fill_future


class FinishedTask(asyncio.Future[Any]):
    """A task that ended in another process: its result, and no coroutine. A real one cannot be made without running."""

    name: str | None = None

    def get_name(self) -> str | None:
        """Return the name that the task had."""
        return self.name

    def get_coro(self) -> None:
        """Return None: what it ran is over."""
        return


# ---------------------------------------------------------------- named in streams


def make_rlock(times: int) -> Any:
    made = threading.RLock()
    for _ in range(times):
        made.acquire()
    return made


def fill_queue(made: Any, state: tuple[Iterable[Any]]) -> None:
    for item in state[0]:
        made.put(item)


def make_bare(kind: Any) -> Any:
    made = kind.__new__(kind)
    threading.Thread.__init__(made)
    return made


def fill_thread(made: Any, state: tuple[Any, ...]) -> None:
    name, daemon, ident, native_id, parts, own = state
    threading.Thread.__init__(made, name=name, daemon=daemon)
    for attribute, value in zip(("_target", "_args", "_kwargs"), parts, strict=True):
        if ident is not None and value is None:
            vars(made).pop(attribute, None)
        else:
            setattr(made, attribute, value)
    vars(made).update(own)
    if ident is None:
        return
    made._started.set()
    made._ident, made._native_id = ident, native_id
    if sys.version_info >= (3, 13):
        made._handle._set_done()
    else:
        made._is_stopped = True
        made._tstate_lock = None


def make_executor(kind: Any, arguments: tuple[Any, ...], shut: bool) -> Any:
    made = kind(*arguments)
    if shut:
        made.shutdown()
    return made


def make_asyncio(name: str | None) -> Any:
    loop = asyncio.get_event_loop_policy().get_event_loop()
    if name is None:
        return loop.create_future()
    made = FinishedTask(loop=loop)
    made.name = name
    return made


def fill_future(made: Any, state: tuple[bool, Any, Any]) -> None:
    cancelled, error, result = state
    if cancelled:
        made.cancel()
        if hasattr(made, "set_running_or_notify_cancel"):
            made.set_running_or_notify_cancel()
    elif error is not None:
        made.set_exception(error)
        if isinstance(made, asyncio.Future):
            made.exception()  # it was seen: the loop need not complain about it
    else:
        made.set_result(result)


BY_NAME = {
    "_thread:RLock": reduce_rlock,
    "_queue:SimpleQueue": reduce_simple_queue,
    "_thread:_local": reduce_local,
    "threading:Thread": reduce_thread,
    "concurrent.futures.thread:ThreadPoolExecutor": reduce_executor,
    "concurrent.futures._base:Future": reduce_future,
    "_asyncio:Future": reduce_asyncio,
    "_asyncio:Task": reduce_asyncio,
    "asyncio:Future": reduce_asyncio,
    "asyncio:Task": reduce_asyncio,
}
