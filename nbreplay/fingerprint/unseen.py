"""What counts by its type alone, or cannot be looked into: locks, loggers, running code."""

from __future__ import annotations

import gc
import logging
import os
import threading
import types
import weakref
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.code import CODES
from nbreplay.fingerprint.finders import meet_code
from nbreplay.fingerprint.openers import OPENERS, Parts
from nbreplay.fingerprint.walker import Walker
from nbreplay.kinds import is_a

BY_TYPE: tuple[type, ...] = (
    logging.Logger,
    logging.LoggerAdapter,
    logging.Handler,
    weakref.WeakKeyDictionary,
    weakref.WeakValueDictionary,
    weakref.WeakSet,
    threading.Event,
    threading.Condition,
    threading.Semaphore,
    threading.Barrier,
    threading.local,
)
"""With their subclasses, those of the notebook left out."""

_BY_EXACT_TYPE = (
    type(threading.Lock()),
    type(threading.RLock()),
    weakref.ReferenceType,
    weakref.WeakMethod,
)


def write_by_type(w: Walker, obj: Any) -> Parts:
    """Write a logger, lock or weak container: its type and name; beyond the namespace's mode, what code can ask it."""
    if w.exact:
        if not w.number(obj):
            return None
        w.link(obj)
    w.out += b"#"
    name = getattr(obj, "name", None) if is_a(obj, logging.Logger) else None
    if w.exact and type(obj) is weakref.ref and obj.__callback__ is not None:
        name = obj.__callback__
    return (*write_type_of(w, type(obj)), name, *(() if w.exact else _held(w, obj)))


def _held(w: Walker, obj: Any) -> tuple[Any, ...]:
    """Return what code could read from *obj* at this moment: an event's flag, what a weak container holds."""
    if is_a(obj, threading.Event):
        return (obj._flag,)  # type: ignore[attr-defined]  # is_set() could be the user's
    if is_a(obj, threading.Semaphore):
        return (obj._value,)
    if is_a(obj, weakref.WeakSet):
        return (w.hold(set(obj)),)
    if is_a(obj, weakref.WeakKeyDictionary | weakref.WeakValueDictionary):
        return (w.hold(list(obj.items())),)
    if is_a(obj, weakref.ReferenceType):
        return (obj(),)
    return ()


def write_object(w: Walker, obj: object) -> Parts:
    """Write a bare ``object()``: only which one it is can be seen."""
    if w.number(obj):
        w.link(obj)
        w.out += b"ob"
    return None


def write_unseen(w: Walker, obj: Any) -> Parts:
    """Write what equals nothing: running code, or what nothing can look into."""
    w.unseen(obj, _WHY.get(type(obj), "cannot be looked into"))
    w.held.append(obj)
    return None


def write_running(w: Walker, obj: Any) -> Parts:
    """Write a generator or coroutine: it equals nothing; what its frame holds is linked to it."""
    first = id(obj) not in w.objects
    write_unseen(w, obj)
    if not w.collecting or not first:
        return None
    code = getattr(obj, "gi_code", None) or getattr(obj, "cr_code", None) or getattr(obj, "ag_code", None)
    if type(code) is types.CodeType:
        meet_code(w, CODES(code))
    return w.hold(gc.get_referents(obj))  # type: ignore[no-any-return]  # what is held is returned


def _generator() -> Iterator[None]:
    yield


async def _coroutine() -> None: ...


async def _async_generator() -> Any:
    yield


_unawaited = _coroutine()
_unawaited.close()
_WHY: dict[type, str] = {
    type(_generator()): "runs on from where it is",
    type(_unawaited): "runs on from where it is",
    type(_async_generator()): "runs on from where it is",
    types.FrameType: "is running code",
    types.TracebackType: "holds frames of running code",
}


def write_environ(w: Walker, obj: Any) -> Parts:
    """Write ``os.environ``: that it is it."""
    w.out += b"environ"
    if w.task:
        w.refuse("environment", "os.environ reads the environment")
    return None


OPENERS.update(dict.fromkeys(_WHY, write_unseen))
OPENERS.update(dict.fromkeys([kind for kind, why in _WHY.items() if why.startswith("runs")], write_running))
OPENERS.update(dict.fromkeys(_BY_EXACT_TYPE, write_by_type))
OPENERS[object] = write_object
OPENERS[type(os.environ)] = write_environ
