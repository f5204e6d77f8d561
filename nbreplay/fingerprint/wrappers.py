"""What wraps functions: partials, memoised functions, properties, getters."""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.callables import NOT_STATE, VOLATILE, library_token
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import text
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import OPENERS, Parts
from nbreplay.fingerprint.walker import Walker


def write_partial(w: Walker, obj: functools.partial[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"pa"
    return _partial(w, obj)


def _partial(w: Walker, obj: functools.partial[Any]) -> Iterator[Any]:
    yield from write_type_of(w, type(obj))
    if w.exact:
        w.link(obj.keywords)
        w.link(vars(obj))
    yield obj.func
    yield obj.args
    yield from named_parts(w, obj.keywords)
    yield from named_parts(w, vars(obj))


def write_lru_cache(w: Walker, obj: Any) -> Parts:
    """Write a memoised function: the function and its parameters, never what it remembers."""
    token = library_token(w, obj, getattr(obj, "__module__", None), getattr(obj, "__qualname__", None))
    if token is not None:
        w.out += token
        return None
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"lc"
    if w.task and vars(obj).get(VOLATILE):
        w.refuse("volatile", f"{obj.__qualname__} is marked volatile")
    state = {key: value for key, value in vars(obj).items() if key not in NOT_STATE and key != "__wrapped__"}
    state.pop("cache_parameters", None)  # a function made in the library, for the two values below
    return _lru_cache(w, obj, state)


def _lru_cache(w: Walker, obj: Any, state: dict[str, Any]) -> Iterator[Any]:
    yield obj.__wrapped__
    yield from named_parts(w, obj.cache_parameters())
    yield from named_parts(w, state)


def write_property(w: Walker, obj: property) -> Parts:
    w.out += b"pr"
    return (obj.fget, obj.fset, obj.fdel)


def write_wrapped_method(w: Walker, obj: Any) -> Parts:
    w.out += b"sm" if type(obj) is staticmethod else b"cm"
    return (obj.__func__,)


def write_getter(w: Walker, obj: Any) -> Parts:
    """Write an ``operator.itemgetter`` or one of its kin."""
    w.out += b"og" + text(type(obj).__name__)
    kind, parts, *_ = obj.__reduce__()
    if isinstance(kind, functools.partial):
        return (parts, kind.args, tuple(kind.keywords), tuple(kind.keywords.values()))
    return (parts,)


def write_scanner(w: Walker, obj: Any) -> Parts:
    """Write what a decoder of JSON made of its settings: by these."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"js"
    return tuple(getattr(obj, name) for name in SCANNER)


SCANNER = ("strict", "object_hook", "object_pairs_hook", "parse_float", "parse_int", "parse_constant")
"""What a scanner of JSON is made of."""

OPENERS.update(
    {
        functools.partial: write_partial,
        type(functools.lru_cache(lambda: None)): write_lru_cache,
        property: write_property,
        staticmethod: write_wrapped_method,
        classmethod: write_wrapped_method,
        operator.itemgetter: write_getter,
        operator.attrgetter: write_getter,
        operator.methodcaller: write_getter,
        type(vars(json.JSONDecoder())["scan_once"]): write_scanner,
    }
)
