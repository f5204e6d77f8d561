"""Instances: their type, and their state as far as it can be seen.

Plain ones by ``__dict__`` and slots; those that know how to be pickled (``__reduce__``, ``__getstate__``) by that, so
that a copy made by pickling is equal; subclasses of builtin containers by content and state. What is left is unseen.
"""

from __future__ import annotations

import copyreg
import logging
import os
import threading
import types
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from nbreplay.fingerprint import packages
from nbreplay.fingerprint.classes import cached_names, slots_of, write_type_of
from nbreplay.fingerprint.containers import members
from nbreplay.fingerprint.leaves import LEAVES, length, text
from nbreplay.fingerprint.mappings import mapping
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker

_MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT
_MISSING = object()


class Shape(NamedTuple):
    """What is known of a class of instances."""

    slots: tuple[tuple[str, Any], ...]  # names and descriptors
    declared: tuple[str, ...]  # names in ``__slots__``; a copy of the class may keep them in its instances' dicts
    has_dict: bool
    dropped: frozenset[str]
    hidden: bool  # it holds something that neither __dict__ nor slots show
    reduces: bool  # it has a __reduce__ or __reduce_ex__ of its own
    getstate: bool


def shape_of(cls: type) -> Shape:
    """Return how instances of *cls* hold their state (the rule by which ``copyreg`` finds hidden state)."""
    slots: dict[str, Any] = {}
    declared: set[str] = set()
    for base in reversed(cls.__mro__):
        if "__slots__" in base.__dict__:
            for name, value in base.__dict__.items():
                if type(value) is types.MemberDescriptorType and value.__objclass__ is base:
                    slots[f"{base.__name__}.{name}"] = value
            declared |= {_mangled(base, name) for name in slots_of(base.__dict__)}
    expected = object.__basicsize__ + 8 * len(slots)
    has_dict = cls.__dictoffset__ != 0
    if has_dict and not cls.__flags__ & _MANAGED_DICT:
        expected += 8
    if cls.__weakrefoffset__ > 0:
        expected += 8
    plain: Any = object  # compared as what a class holds, not as a method of an instance
    reduces = (
        cls.__reduce_ex__ is not plain.__reduce_ex__
        or cls.__reduce__ is not plain.__reduce__
        or cls in copyreg.dispatch_table
    )
    return Shape(
        tuple(sorted(slots.items())),
        tuple(sorted(declared - {"__dict__", "__weakref__"})),
        has_dict,
        cached_names(cls),
        cls.__basicsize__ > expected or cls.__itemsize__ != 0,
        reduces,
        cls.__getstate__ is not plain.__getstate__,
    )


def _mangled(cls: type, name: str) -> str:
    private = name.startswith("__") and not name.endswith("__")
    return f"_{cls.__name__.lstrip('_')}{name}" if private else name


def state_dict(obj: Any) -> dict[Any, Any] | None:
    """Return an instance's own ``__dict__``, not what a class pretends it to be."""
    try:
        found = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    return found if isinstance(found, dict) else None


def _opener_of(cls: type) -> Opener:
    shape = shape_of(cls)
    for base, content in _CONTENTS.items():
        if issubclass(cls, base):
            return _subclass(shape, content)
    if cls.__module__ != "__main__" and any(issubclass(cls, base) for base in _BY_TYPE):
        return write_by_type
    if shape.hidden:
        return _reducing(shape)
    return _plain(shape)


def _plain(shape: Shape) -> Opener:
    pickled = shape.reduces or shape.getstate

    def write(w: Walker, obj: Any) -> Parts:
        # What pickle would leave out can still be observed.
        if pickled and not w.exact:
            return by_reduce(w, obj, shape)
        if not w.number(obj):
            return None
        if w.collecting:
            w.objects[id(obj)] = obj
        w.out += b"o"
        cls = write_type_of(w, type(obj))
        if cls or shape.slots or shape.declared:
            return _state(w, obj, shape, cls)
        # The common case: a type that was met before, a dict.
        return _dict_state(w, obj, shape)

    return write


def _dict_state(w: Walker, obj: Any, shape: Shape) -> Parts:
    state = state_dict(obj)
    if state is None:
        w.out += b"-"
        return None
    if w.exact:
        if not w.number(state):
            return None
        w.link(state)
    elif shape.dropped:
        state = {key: value for key, value in state.items() if key not in shape.dropped}
    w.out += b"d"
    return mapping(w, state)


def _state(w: Walker, obj: Any, shape: Shape, cls: tuple[Any, ...]) -> Iterator[Any]:
    yield from cls
    if not w.exact and shape.declared:
        state = state_dict(obj)
        values = {} if state is None else {k: v for k, v in state.items() if k not in shape.dropped}
        for name in shape.declared:
            values.pop(name, None)
            value = _slot_value(obj, name)
            if value is not _MISSING:
                w.out += b"=" + text(name)
                yield value
        w.out += b"."
        yield from mapping(w, values) or ()
        return
    for name, slot in shape.slots:
        try:
            value = slot.__get__(obj, type(obj))
        except AttributeError:
            w.out += b"_"
            continue
        w.out += b"=" + text(name)
        yield value
    rest = _dict_state(w, obj, shape)
    if rest is not None:
        yield from rest


def _slot_value(obj: Any, name: str) -> Any:
    """Return what a slot holds, or the entry of the dict that a copy has instead of slots."""
    for base in type(obj).__mro__:
        found = base.__dict__.get(name)
        if type(found) is types.MemberDescriptorType:
            try:
                return found.__get__(obj, type(obj))
            except AttributeError:
                return _MISSING
    return (state_dict(obj) or {}).get(name, _MISSING)


# ---------------------------------------------------------------- by what pickle would take


def _reducing(shape: Shape) -> Opener:
    def write(w: Walker, obj: Any) -> Parts:
        return by_reduce(w, obj, shape)

    return write


def by_reduce(w: Walker, obj: Any, shape: Shape) -> Parts:
    """Write an object by what it gives to pickle."""
    seen = w.memo.get(id(obj))
    if seen is not None:
        w.out += b"@" + length(seen)
        return None
    w.check_stop()  # the user's own code may be slow: an interrupt should not wait for many of them
    reducer = copyreg.dispatch_table.get(type(obj))
    try:
        reduced = reducer(obj) if reducer is not None else obj.__reduce_ex__(4)
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as e:  # noqa: BLE001  # the user's own code, or a type that refuses to be pickled
        if shape.hidden or not w.exact:
            w.unseen(obj, f"cannot be pickled ({type(e).__name__})")
            return None
        reduced = None
    w.number(obj)
    w.link(obj)
    w.out += b"R"
    if reduced is None:
        return _state(w, obj, shape, write_type_of(w, type(obj)))
    w.hold(reduced)
    if isinstance(reduced, str):
        return _named(w, obj, shape, reduced)
    return _reduced(w, obj, shape, reduced)


def _named(w: Walker, obj: Any, shape: Shape, name: str) -> Parts:
    """Write an object that pickle knows by name: an installed one so, another by its state."""
    module = getattr(obj, "__module__", None) or type(obj).__module__
    where = packages.installed(module)
    if where is not None and packages.find(module, name) is obj:
        w.out += packages.name_bytes(where, module, name)
        return None
    if shape.hidden:
        w.unseen(obj, "is known to pickle by name only")
        return None
    return _state(w, obj, shape, write_type_of(w, type(obj)))


def _reduced(w: Walker, obj: Any, shape: Shape, reduced: tuple[Any, ...]) -> Iterator[Any]:
    make, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
    yield from write_type_of(w, type(obj))
    yield make
    # Arguments are a tuple made for this call: never shared.
    w.out += length(len(arguments or ()))
    yield from arguments or ()
    if shape.dropped and type(state) is dict:
        state = w.hold({key: value for key, value in state.items() if key not in shape.dropped})
    if type(state) is dict and state is not state_dict(obj):
        w.out += b"s"
        rest = mapping(w, state)
        yield from rest or ()
    elif type(state) is dict:
        w.out += b"s"
        yield from mapping(w, state) or ()
    else:
        yield state
    for part in (items, pairs):
        if part is None:
            w.out += b"0"
        else:
            listed = w.hold(list(part))
            w.out += length(len(listed))
            yield from listed


# ---------------------------------------------------------------- subclasses of builtin types


def _subclass(shape: Shape, content: Callable[[Walker, Any], Parts]) -> Opener:
    def write(w: Walker, obj: Any) -> Parts:
        if shape.reduces and not w.exact:
            return by_reduce(w, obj, shape)
        if not w.number(obj):
            return None
        w.link(obj)
        w.out += b"sub"
        return _content_and_state(w, obj, shape, content)

    return write


def _content_and_state(w: Walker, obj: Any, shape: Shape, content: Callable[[Walker, Any], Parts]) -> Iterator[Any]:
    yield from write_type_of(w, type(obj))
    yield from content(w, obj) or ()
    yield from _state(w, obj, shape, ())


def _leaf_content(kind: type) -> Callable[[Walker, Any], Parts]:
    def write(w: Walker, obj: Any) -> Parts:
        w.out += LEAVES[kind](obj)
        return None

    return write


def _list_content(w: Walker, obj: list[Any]) -> Parts:
    return w.sequence(list(list.__iter__(obj)))


def _tuple_content(w: Walker, obj: tuple[Any, ...]) -> Parts:
    return w.sequence(tuple(tuple.__iter__(obj)))


def _set_content(w: Walker, obj: Any) -> Parts:
    members(w, obj)
    return None


def _exception_content(w: Walker, obj: BaseException) -> Parts:
    return (BaseException.args.__get__(obj), obj.__cause__)  # type: ignore[attr-defined]


_CONTENTS: dict[type, Callable[[Walker, Any], Parts]] = {
    dict: mapping,
    list: _list_content,
    tuple: _tuple_content,
    set: _set_content,
    frozenset: _set_content,
    int: _leaf_content(int),
    float: _leaf_content(float),
    complex: _leaf_content(complex),
    str: _leaf_content(str),
    bytes: _leaf_content(bytes),
    BaseException: _exception_content,
}

# ---------------------------------------------------------------- what counts by its type alone

_BY_TYPE: tuple[type, ...] = (
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
_BY_EXACT_TYPE = (
    type(threading.Lock()),
    type(threading.RLock()),
    weakref.ReferenceType,
    weakref.WeakMethod,
)


def write_by_type(w: Walker, obj: Any) -> Parts:
    """Write a logger, lock or weak container: its type and name, never what it holds at the moment."""
    if w.exact:
        if not w.number(obj):
            return None
        w.link(obj)
    w.out += b"#"
    name = getattr(obj, "name", None) if isinstance(obj, logging.Logger) else None
    return (*write_type_of(w, type(obj)), name)


def write_object(w: Walker, obj: object) -> Parts:
    """Write a bare ``object()``: only which one it is can be seen."""
    if w.number(obj):
        w.link(obj)
        w.out += b"ob"
    return None


def write_unseen(w: Walker, obj: Any) -> Parts:
    w.unseen(obj, _WHY.get(type(obj), "cannot be looked into"))
    w.held.append(obj)
    if w.collecting:
        w.objects[id(obj)] = obj
    return None


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


_HOSTS = frozenset({"IPython.core.interactiveshell.InteractiveShell", "ipykernel.kernelbase.Kernel"})
"""What runs the notebook: everything is reachable from it."""


def write_environ(w: Walker, obj: Any) -> Parts:
    """Write ``os.environ``: that it is it."""
    w.out += b"environ"
    if w.task:
        w.refuse("environment", "os.environ reads the environment")
    return None


def _choose(cls: type) -> Opener | None:
    if any(f"{base.__module__}.{base.__qualname__}" in _HOSTS for base in cls.__mro__):
        return write_unseen
    return _opener_of(cls)


OPENERS.update(dict.fromkeys(_WHY, write_unseen))
OPENERS.update(dict.fromkeys(_BY_EXACT_TYPE, write_by_type))
OPENERS[object] = write_object
OPENERS[type(os.environ)] = write_environ
CHOOSERS.append(_choose)
