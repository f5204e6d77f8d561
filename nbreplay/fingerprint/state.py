"""The state of instances, as far as it can be seen: slots and ``__dict__``."""

from __future__ import annotations

import copyreg
import types
from collections.abc import Iterator
from typing import Any, NamedTuple

from nbreplay.fingerprint.classes import cached_names, slots_of
from nbreplay.fingerprint.leaves import text
from nbreplay.fingerprint.mappings import mapping
from nbreplay.fingerprint.openers import Parts
from nbreplay.fingerprint.walker import Walker

_MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT
_MISSING = object()
_FILLED = {"xarray": frozenset({"_attrs", "_encoding"})}
"""Slots of a library's instances that to look at them (to show one, to pickle it) fills with an empty dict."""
_FORGOTTEN = {"xarray": frozenset({"_cache"})}
"""Slots of a library's instances that remember what can be made again."""


class Shape(NamedTuple):
    """What is known of a class of instances."""

    slots: tuple[tuple[str, Any], ...]  # names and descriptors
    declared: tuple[str, ...]  # names in ``__slots__``; a copy of the class may keep them in its instances' dicts
    has_dict: bool
    dropped: frozenset[str]
    hidden: bool  # it holds something that neither __dict__ nor slots show
    filled: frozenset[str]  # slots in which None and an empty dict are one
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
        cached_names(cls) | _FORGOTTEN.get(cls.__module__.partition(".")[0], frozenset()),
        cls.__basicsize__ > expected or cls.__itemsize__ != 0,
        _FILLED.get(cls.__module__.partition(".")[0], frozenset()),
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


def write_dict_state(w: Walker, obj: Any, shape: Shape) -> Parts:
    """Write what an instance's ``__dict__`` holds, without what its class fills in by itself."""
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


def write_state(w: Walker, obj: Any, shape: Shape, cls: tuple[Any, ...]) -> Iterator[Any]:
    """Write *cls*, then slots and ``__dict__``; a copy may keep in its dict what the original has in slots."""
    yield from cls
    if not w.exact and shape.declared:
        state = state_dict(obj)
        values = {} if state is None else {k: v for k, v in state.items() if k not in shape.dropped}
        for name in shape.declared:
            values.pop(name, None)
            value = _slot_value(obj, name)
            if value is None and name in shape.filled:
                value = w.hold({})
            if value is not _MISSING and name not in shape.dropped:
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
    rest = write_dict_state(w, obj, shape)
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
