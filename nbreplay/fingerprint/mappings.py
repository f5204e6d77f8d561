"""Dicts and their kin: keys and values, in the order of the mapping."""

from __future__ import annotations

import collections
import sys
import types
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.openers import OPENERS, Parts
from nbreplay.fingerprint.walker import Walker

_FEW_KEYS = 16
_TEXT = {str}


def write_dict(w: Walker, obj: dict[Any, Any]) -> Parts:
    if obj is w.home or obj is sys.modules or obj is w.main:
        return _everything(w, obj)
    if not w.number(obj):
        return None
    if w.collecting:
        w.objects[id(obj)] = obj
    w.out += b"d"
    return mapping(w, obj)


def _everything(w: Walker, obj: dict[str, Any]) -> Parts:
    """Write the notebook's namespace, or the table of modules, met as a value: never what is in it."""
    w.out += b"modules" if obj is sys.modules else b"home"
    w.globals.add("globals")
    if w.task:
        w.refuse(
            "dynamic", "reaches sys.modules" if obj is sys.modules else "reaches all names of the notebook at once"
        )
    return None


def mapping(w: Walker, obj: Any) -> Parts:
    """Write keys and values of a dict in its order."""
    keys = tuple(dict.keys(obj))
    values = list(dict.values(obj))
    if len(keys) <= _FEW_KEYS and set(map(type, keys)) == _TEXT:
        # Many dicts, of instances above all, have the same few names.
        written = w.key_runs.get(keys)
        if written is None:
            start = len(w.out)
            w.sequence(keys)
            w.key_runs[keys] = bytes(w.out[start:])
        else:
            w.out += written
        return w.sequence(values)
    rest = w.sequence(keys)
    if rest is None:
        return w.sequence(values)
    return _both(w, rest, values)


def _both(w: Walker, keys: Any, values: list[Any]) -> Iterator[Any]:
    yield from keys
    rest = w.sequence(values)
    if rest is not None:
        yield from rest


def named_parts(w: Walker, state: Any) -> Iterator[Any]:
    """Write a mapping that was made for this walk: names in order, and their values. It is no object of the user's."""
    w.out += length(len(state))
    for name, value in state.items():
        w.out += text(str(name))
        yield value


def write_mappingproxy(w: Walker, obj: types.MappingProxyType[Any, Any]) -> Parts:
    w.out += b"P"
    return (tuple(obj.keys()), tuple(obj.values()))


def write_default_dict(w: Walker, obj: collections.defaultdict[Any, Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"dd"
    return _after((obj.default_factory,), w, obj)


def _after(first: tuple[Any, ...], w: Walker, obj: Any) -> Iterator[Any]:
    yield from first
    rest = mapping(w, obj)
    if rest is not None:
        yield from rest


def write_ordered_dict(w: Walker, obj: collections.OrderedDict[Any, Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"do"
    # Its own order, not that of the dict below it, which move_to_end leaves as it was.
    keys = list(collections.OrderedDict.keys(obj))
    return _pairs(w, keys, [dict.__getitem__(obj, key) for key in keys])


def _pairs(w: Walker, keys: list[Any], values: list[Any]) -> Iterator[Any]:
    for part in (keys, values):
        rest = w.sequence(part)
        if rest is not None:
            yield from rest


def write_counter(w: Walker, obj: collections.Counter[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"dc"
    rest = mapping(w, obj)
    state = vars(obj)
    if not state:
        return rest
    return _chain(rest, (tuple(state), tuple(state.values())))


def _chain(first: Parts, second: tuple[Any, ...]) -> Iterator[Any]:
    if first is not None:
        yield from first
    yield from second


def write_namespace(w: Walker, obj: types.SimpleNamespace) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"n"
    return (vars(obj),) if w.exact else mapping(w, vars(obj))


OPENERS.update(
    {
        dict: write_dict,
        types.MappingProxyType: write_mappingproxy,
        collections.defaultdict: write_default_dict,
        collections.OrderedDict: write_ordered_dict,
        collections.Counter: write_counter,
        types.SimpleNamespace: write_namespace,
    }
)
