"""Whose doing it is: which run each thread works for.

A run's events are those of its thread and of the threads that it starts. What nbreplay does meanwhile is nobody's.
"""

from __future__ import annotations

import threading
import weakref
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from nbreplay.files.callers import by_own_packages
from nbreplay.files.scope import Scope

active: dict[int, Scope] = {}
"""Scope by thread."""

busy: set[int] = set()
"""Threads that are inside nbreplay: what they do is nobody's doing."""

_kin: weakref.WeakKeyDictionary[threading.Thread, weakref.ref[Scope] | None] = weakref.WeakKeyDictionary()
"""Threads that runs started. None: by a cell, and what they do belongs to the cell that runs now."""

_main: list[Scope] = []
"""Scopes of cells that run now, the outermost first."""

_FOREIGN_THREADS = ("IO loop", "IOPub", "Heartbeat", "Control", "Profile", "TCP-Executor", "Dask-Offload", "Worker-")
"""Starts of the names of threads that are Dask's or Jupyter's own."""


def current() -> Scope | None:
    """Return the scope that this thread's doings belong to."""
    ident = get_ident()
    if ident in busy:
        return None
    scope = active.get(ident)
    return scope if scope is not None else inherited(ident)


def inherited(ident: int) -> Scope | None:
    """Return the scope of the run that started the thread *ident*, None if no run did."""
    thread = threading._active.get(ident)  # type: ignore[attr-defined]  # current_thread() would make dummies
    if thread is None or thread not in _kin:
        return None
    given = _kin[thread]
    if given is None:
        return _main[-1] if _main else None
    scope = given()
    if scope is not None and not scope.closed:
        return scope
    for other in list(active.values()):  # an old task's thread may work for any of those that run now
        if other.strict:
            other.refuse("a thread that an earlier task started used files or the network meanwhile")
    return None


def enter(scope: Scope, *, main: bool) -> None:
    """Give this thread's events to *scope*."""
    ident = get_ident()
    scope.thread = ident
    scope.previous = active.get(ident)
    scope.outer = scope.previous or (None if main else inherited(ident))
    active[ident] = scope
    if main:
        _main.append(scope)


def leave(scope: Scope) -> None:
    """End :func:`enter`; from whichever thread, since a host may finish elsewhere."""
    scope.closed = True
    if active.get(scope.thread) is scope:
        before = scope.previous
        while before is not None and before.closed:
            before = before.previous
        if before is not None:
            active[scope.thread] = before
        else:
            active.pop(scope.thread, None)
    if scope in _main:
        _main.remove(scope)


def adopt(scope: Scope, thread: threading.Thread) -> None:
    """A run starts *thread*: what that does is the run's doing, unless it is Dask's or Jupyter's own."""
    if not thread.name.startswith(_FOREIGN_THREADS) and not by_own_packages():
        _kin[thread] = weakref.ref(scope) if scope.strict else None


@contextmanager
def unseen() -> Iterator[None]:
    """What this thread does meanwhile is not the run's doing (our own reading and writing)."""
    ident = get_ident()
    if ident in busy:
        yield
        return
    busy.add(ident)
    try:
        yield
    finally:
        busy.discard(ident)


def forked() -> None:
    """A child that was forked off watches nothing: the run was refused when it forked."""
    active.clear()
    busy.clear()
    _main.clear()


def tell(handler: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Call ``handler(scope, *args)`` for the scope of this thread and those around it. Never raises."""
    ident = get_ident()
    if ident in busy:
        return
    scope = active.get(ident)
    if scope is None and (not _kin or (scope := inherited(ident)) is None):
        return
    busy.add(ident)
    try:
        while scope is not None:
            try:
                if not scope.closed:
                    handler(scope, *args)
            except Exception as e:  # noqa: BLE001  # it must not break the user's open(); but then nothing is sure
                scope.refuse(f"a file access could not be followed ({type(e).__name__}: {e})")
            scope = scope.outer
    finally:
        busy.discard(ident)
