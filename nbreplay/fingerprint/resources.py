"""What runs on or stands for something outside, as far as it can be seen: for a namespace only.

A suspended generator is its code, its place in it and what its frame holds; an open file its path and position; a
database in memory its content. For a task all of these stay what they were: refused.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import framed, length, text
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker
from nbreplay.kinds import is_a

DATABASE_MAX_BYTES = 64 << 20
"""A larger database in memory is not looked into: it equals nothing."""


def write_suspended(w: Walker, obj: Any) -> Parts:
    """Write a generator, coroutine or asynchronous generator that is not running."""
    prefix = {types.GeneratorType: "gi", types.CoroutineType: "cr", types.AsyncGeneratorType: "ag"}[type(obj)]
    frame = getattr(obj, f"{prefix}_frame")
    if getattr(obj, f"{prefix}_running"):
        w.unseen(obj, "is running")
        return None
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"gen" + text(prefix) + text(obj.__name__) + text(obj.__qualname__)
    if frame is None:
        w.out += b"ended"
        return None
    w.out += length(max(frame.f_lasti, -1) + 1)
    # Its frame's variables, and what stands on its stack: a loop's iterator is no variable.
    held = [each for each in gc.get_referents(obj) if not _of_host(w, each)]
    w.hold(held)
    return (getattr(obj, f"{prefix}_code"), *held)


def _of_host(w: Walker, obj: Any) -> bool:
    """Whether *obj* belongs to whoever runs it: its globals, modules, an event loop's hooks."""
    owner = getattr(obj, "__self__", None) if is_a(obj, types.MethodType) else obj
    if type(owner).__module__.partition(".")[0] in ("asyncio", "tornado", "ipykernel", "IPython"):
        return True
    return obj is w.home or is_a(obj, types.ModuleType | types.FrameType) or type(obj) is types.CodeType


def write_file(w: Walker, obj: Any) -> Parts:
    """Write an open or closed file: its path, mode and position. To ask for the latter writes out what is pending."""
    name = getattr(obj, "name", None)
    if not isinstance(name, str | bytes | int):
        w.unseen(obj, "has no name")
        return None
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"file" + text(str(name)) + text(str(getattr(obj, "mode", "")))
    if obj.closed:
        w.out += b"closed"
        return None
    if any(obj is each for each in (sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        return None
    w.out += length(obj.tell())
    w.out += text(str(getattr(obj, "encoding", ""))) + text(str(getattr(obj, "errors", "")))
    return None


def write_stream(w: Walker, obj: Any) -> Parts:
    """Write what the kernel shows output by: that it is it."""
    w.out += b"stream" + text(str(getattr(obj, "name", "")))
    return None


def write_connection(w: Walker, obj: Any) -> Parts:
    """Write a database connection: where it leads to; of one in memory, all it holds."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"sqlite"
    return _connection(w, obj)


def _connection(w: Walker, obj: Any) -> Iterator[Any]:
    import sqlite3  # it is imported already: here is a connection

    if w.exact:
        w.opaque.append("sqlite3.Connection")  # it calls functions that were given to it, and nothing shows them
    yield from write_type_of(w, type(obj))
    try:
        cursor = sqlite3.Connection.cursor(obj)
    except sqlite3.ProgrammingError:
        w.out += b"closed"
        return
    cursor.row_factory = None
    places = cursor.execute("pragma database_list").fetchall()
    pages = cursor.execute("pragma page_count").fetchone()[0]
    size_bytes = pages * cursor.execute("pragma page_size").fetchone()[0]
    cursor.close()
    w.out += b"in" if obj.in_transaction else b"out"
    folder = os.getcwd() + os.sep
    yield tuple((*place[:2], place[2].removeprefix(folder)) for place in places)
    yield (obj.isolation_level, obj.row_factory, obj.text_factory)
    if size_bytes > DATABASE_MAX_BYTES:
        w.unseen(obj, "is a large database")
    elif pages and not places[0][2]:
        w.out += framed(obj.serialize())


def write_simple_queue(w: Walker, obj: Any) -> Parts:
    """Write a SimpleQueue: its items."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"sq"
    items = items_of(obj)
    return w.sequence(w.hold(items))


def items_of(queue: Any) -> list[Any]:
    """Return the items of a ``SimpleQueue``, which stay in it."""
    held = [each for each in gc.get_referents(queue) if each is not type(queue)]
    if sys.version_info < (3, 13):  # one list, with the places of those that were taken in front
        held = next((each for each in held if type(each) is list), [])
    count = queue.qsize()
    return list(held[len(held) - count :]) if count else []


def write_view(w: Walker, obj: Any) -> Parts:
    """Write a view of a dict, which it shares: keys, values, items, a read-only view."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"view" + text(type(obj).__name__)
    mapping = next(each for each in gc.get_referents(obj) if each is not type(obj))
    if type(mapping) is dict and "__module__" in mapping and "__doc__" in mapping:
        owner = next((each for each in gc.get_referrers(mapping) if is_a(each, type)), None)
        if owner is not None:
            return (owner,)
    return (mapping,)


def write_struct(w: Walker, obj: Any) -> Parts:
    if w.number(obj):
        w.link(obj)
        w.out += b"struct" + text(obj.format)
    return None


def write_awaited(w: Walker, obj: Any) -> Parts:
    """Write a future or task of asyncio: how it ended, if it did."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"fut"
    kind = write_type_of(w, type(obj))
    if not obj.done():
        w.unseen(obj, "is not done")
        return kind
    if obj.cancelled():
        return (*kind, "cancelled")
    error = obj._exception  # to ask for it by its method would silence the loop, which complains if nobody does
    return (*kind, error) if error is not None else (*kind, None, obj.result())


_PARTS_OF: tuple[tuple[type, tuple[str, ...]], ...] = (
    (threading.Condition, ("_lock",)),
    (threading.Semaphore, ("_cond", "_value")),
    (threading.Event, ("_cond", "_flag")),
    (threading.Barrier, ("_cond", "_parties", "_state", "_count", "_action")),
)


def write_synchronizer(w: Walker, obj: Any) -> Parts:
    """Write a condition, event, semaphore or barrier: its lock, which may be shared, and its counters."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"sync"
    names = next(names for kind, names in _PARTS_OF if is_a(obj, kind))
    return (*write_type_of(w, type(obj)), *(getattr(obj, name, None) for name in names))


def write_local(w: Walker, obj: threading.local) -> Parts:
    """Write what a ``threading.local`` holds for this thread."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"tl"
    return (*write_type_of(w, type(obj)), w.hold(dict(vars(obj))))


def write_match(w: Walker, obj: Any) -> Parts:
    """Write a match of a regular expression: of what, in what, where."""
    w.out += b"match"
    return (obj.re, obj.string, obj.pos, obj.endpos, obj.regs)


def write_key(w: Walker, obj: Any) -> Parts:
    """Write what ``functools.cmp_to_key`` made."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"key"
    return tuple(each for each in gc.get_referents(obj) if each is not type(obj))


_BY_NAME: dict[str, Callable[[Walker, Any], Parts]] = {
    "builtins:generator": write_suspended,
    "builtins:coroutine": write_suspended,
    "builtins:async_generator": write_suspended,
    "_io:TextIOWrapper": write_file,
    "_io:BufferedReader": write_file,
    "_io:BufferedWriter": write_file,
    "_io:BufferedRandom": write_file,
    "_io:FileIO": write_file,
    "ipykernel.iostream:OutStream": write_stream,
    "sqlite3:Connection": write_connection,
    "_queue:SimpleQueue": write_simple_queue,
    "threading:Condition": write_synchronizer,
    "threading:Event": write_synchronizer,
    "threading:Semaphore": write_synchronizer,
    "threading:BoundedSemaphore": write_synchronizer,
    "threading:Barrier": write_synchronizer,
    "_thread:_local": write_local,
    "re:Match": write_match,
    "functools:KeyWrapper": write_key,
    "builtins:dict_keys": write_view,
    "builtins:dict_values": write_view,
    "builtins:dict_items": write_view,
    "builtins:mappingproxy": write_view,
    "_struct:Struct": write_struct,
    "_asyncio:Future": write_awaited,
    "_asyncio:Task": write_awaited,
}


def _choose(cls: type) -> Opener | None:
    """Return an opener that looks for a namespace, and leaves tasks to whoever would have been asked."""
    ours = _BY_NAME.get(f"{cls.__module__}:{cls.__qualname__}")
    if ours is None:
        return None
    found = OPENERS.get(cls)
    others: Opener = found or next(o for choose in CHOOSERS if choose is not _choose and (o := choose(cls)))

    def write(w: Walker, obj: Any) -> Parts:
        return ours(w, obj) if w.exact else others(w, obj)

    return write


CHOOSERS.insert(0, _choose)
for _kind in list(OPENERS):
    _opener = _choose(_kind)
    if _opener is not None:
        OPENERS[_kind] = _opener
