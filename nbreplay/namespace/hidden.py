"""What a walk over a value does not show: who else holds its objects, and the state of locks and weak references."""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable, Iterable
from sys import getrefcount
from typing import Any

from nbreplay.serialize.reducers import referent_of


def shareable(objects: dict[int, object]) -> list[int]:
    """Return the ids of those of *objects* that somebody else holds, too: a walk makes temporary ones on its way."""
    return [ident for ident, count in _reference_counts(objects) if count > _ALONE]


def _reference_counts(objects: dict[int, object]) -> list[tuple[int, int]]:
    return [(ident, getrefcount(each)) for ident, each in objects.items()]


_ALONE = _reference_counts({0: object()})[0][1]
"""References to an object that only the dict of a walk holds, as counted here."""


_COUNT = re.compile(r"count=\d+")

_HIDDEN: dict[type, Callable[[Any], object]] = {
    threading.Event: lambda value: value.is_set(),
    threading.Semaphore: lambda value: value._value,
    threading.BoundedSemaphore: lambda value: value._value,
    type(threading.Lock()): lambda value: value.locked(),
    type(threading.RLock()): lambda value: _COUNT.findall(repr(value)),
    weakref.ref: lambda value: value() is None,
    weakref.WeakMethod: lambda value: value() is None,
    weakref.ProxyType: lambda value: referent_of(value) is None,
    weakref.CallableProxyType: lambda value: referent_of(value) is None,
    weakref.finalize: lambda value: value.alive,
    weakref.WeakSet: len,
    weakref.WeakKeyDictionary: len,
    weakref.WeakValueDictionary: lambda value: sorted(map(str, value.keys())),
}


def hidden_state(objects: Iterable[object]) -> tuple[str, list[int]]:
    """Return the state of locks and weak references among *objects* as text, and the ids of what the latter refer to.

    A weak reference links: its referent must be in the same unit, else the restored one would refer to a copy.
    """
    text = []
    weak: list[int] = []
    for each in objects:
        look = _HIDDEN.get(type(each))
        if look is None:
            continue
        text.append(f"{type(each).__name__}:{look(each)}")
        if type(each) is weakref.ref:
            referents = [each(), each.__callback__]
        elif type(each) is weakref.WeakMethod:
            method = each()
            referents = [] if method is None else [method.__self__]
        elif type(each) in weakref.ProxyTypes:
            referents = [referent_of(each)]
        elif type(each) is weakref.finalize:
            referents = list(each.peek() or ())
        elif isinstance(each, weakref.WeakValueDictionary):
            referents = list(each.values())
        elif isinstance(each, weakref.WeakSet | weakref.WeakKeyDictionary):
            referents = list(each)
        else:
            referents = []
        weak += [id(referent) for referent in referents if referent is not None]
    return " ".join(text), weak
