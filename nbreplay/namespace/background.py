"""Code of the notebook that runs on while no cell does: threads, timers, tasks of an event loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from types import CoroutineType, FrameType, FunctionType, MethodType
from typing import Any


def running(home: dict[str, Any]) -> str:
    """Return what runs in the background and could change the namespace *home* at any moment, "" if nothing does."""
    passive = (threading.get_ident(), threading.main_thread().ident)
    others = [thread for thread in threading.enumerate() if thread.ident not in passive]
    if any(isinstance(thread, threading.Timer) and not thread.finished.is_set() for thread in others):
        return "a timer is running"
    if others:
        busy = _in_notebook_code(home)
        for thread in others:
            if thread.ident in busy:
                return f"the thread {thread.name} is running"
    return _pending_tasks(home)


def _in_notebook_code(home: dict[str, Any]) -> set[int]:
    """Return the threads that are in code of the notebook at this moment."""
    frames = sys._current_frames()
    try:
        return {ident for ident, frame in frames.items() if _is_notebooks(frame, home)}
    finally:
        frames.clear()  # it holds this very frame, and with it all that its callers hold


def _is_notebooks(frame: FrameType | None, home: dict[str, Any]) -> bool:
    while frame is not None:
        if frame.f_globals is home:
            return True
        frame = frame.f_back
    return False


def _pending_tasks(home: dict[str, Any]) -> str:
    loop = _loop()
    if loop is None:
        return ""
    for task in asyncio.all_tasks(loop):
        if not task.done() and any(_belongs(each, home) for each in _awaited(task.get_coro())):
            return f"the asyncio task {task.get_name()} is pending"
    for handle in [*getattr(loop, "_scheduled", ()), *getattr(loop, "_ready", ())]:
        if not handle.cancelled() and _belongs(getattr(handle, "_callback", None), home):
            return "a callback of the event loop is pending"
    return ""


def _loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _awaited(coroutine: Any) -> Iterator[Any]:
    """Yield *coroutine* and what it waits for."""
    while coroutine is not None:
        yield coroutine
        coroutine = getattr(coroutine, "cr_await", None)


def _belongs(value: Any, home: dict[str, Any]) -> bool:
    if isinstance(value, MethodType):
        value = value.__func__
    if isinstance(value, FunctionType):
        return value.__globals__ is home
    if isinstance(value, CoroutineType):
        return value.cr_frame is not None and value.cr_frame.f_globals is home
    return False
