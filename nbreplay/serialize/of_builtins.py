"""Exceptions, and small things of the standard library that pickle cannot do, or does by running the user's code."""

from __future__ import annotations

import copyreg
import gc
import re
import warnings
from types import FunctionType, MappingProxyType, SimpleNamespace
from typing import Any

from nbreplay.serialize.functions import Reduced, importable

_REDUCERS = frozenset(
    kind.__reduce__ for kind in (BaseException, OSError, ImportError, AttributeError) if hasattr(kind, "__reduce__")
)


def reduce_exception(dump: Any, value: BaseException) -> Any:
    """An exception with its cause, context and notes; its ``__init__`` does not run, its traceback is not kept."""
    kind: Any = type(value)
    if kind.__reduce_ex__ is not object.__reduce_ex__ or not any(kind.__reduce__ is each for each in _REDUCERS):
        return NotImplemented
    reduced: Any = value.__reduce__()
    maker, args = reduced[:2]
    base = next(each for each in kind.__mro__ if each.__module__ == "builtins")
    if maker is not kind:
        return NotImplemented
    state = (vars(value), value.__cause__, value.__context__, value.__suppress_context__)
    return make_exception, (kind, base, tuple(args)), state, None, None, fill_exception


def reduce_bare(value: Any) -> Any:
    """An instance of a notebook class with a ``__new__`` or ``__getattr__`` of its own: made without running these.

    The first may ask for arguments, the second for attributes that are not there yet.
    """
    kind: Any = type(value)
    if importable(kind) or type(getattr(kind, "__getnewargs__", None)) is FunctionType:
        return NotImplemented
    plain: Any = object  # compared as what a class holds
    if kind.__reduce_ex__ is not plain.__reduce_ex__ or kind.__reduce__ is not plain.__reduce__:
        return NotImplemented
    reduced = value.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or reduced[0] is not copyreg.__newobj__:  # type: ignore[attr-defined]
        return NotImplemented
    base = next(each for each in kind.__mro__ if "__new__" in vars(each) and type(each.__new__) is not FunctionType)
    state, items, pairs = (*reduced[2:], None, None, None)[:3]
    fill = None if state is None or hasattr(kind, "__setstate__") else fill_instance
    return make_instance, (kind, base, tuple(reduced[1][1:])), state, items, pairs, fill


def reduce_quietly(value: Any) -> Any:
    """An instance of a class with a ``__getattr__``, as pickle takes it, but not asked for what it has not.

    Pickle looks for ``__getnewargs_ex__`` and empty slots on the instance itself; to be asked changes xarray's objects.
    """
    kind: Any = type(value)
    plain: Any = object  # compared as what a class holds
    if (
        kind in copyreg.dispatch_table
        or any(getattr(kind, name) is not getattr(plain, name) for name in _PICKLED_BY)
        or hasattr(kind, "__getnewargs__")
        or hasattr(kind, "__getnewargs_ex__")
        or not all(base.__flags__ & _HEAP_TYPE for base in kind.__mro__[:-1])
        or kind.__itemsize__
    ):
        return NotImplemented
    own = _held(value, "__dict__")
    own = None if own is _NOTHING else own or None
    names = copyreg._slotnames(kind)  # type: ignore[attr-defined]  # pickle's own
    slots = {name: each for name in names if (each := _held(value, name)) is not _NOTHING}
    state = (own, slots) if slots else own
    return copyreg.__newobj__, (kind,), state  # type: ignore[attr-defined]


_PICKLED_BY = ("__reduce_ex__", "__reduce__", "__getstate__")
_HEAP_TYPE = 1 << 9
"""The flag of types that a class statement made: those in C may have state that no attribute shows."""
_NOTHING = object()


def _held(value: Any, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return _NOTHING


def reduce_match(dump: Any, value: re.Match[Any]) -> Reduced:
    """A match: found again, in the same string."""
    args = (value.re, value.string, value.pos, value.endpos, value.regs)
    make_match(*args)  # if it cannot be found here, it cannot be there
    return make_match, args


def reduce_key(dump: Any, value: Any) -> Reduced:
    """What ``functools.cmp_to_key`` made: the function, and what it wraps if it wraps something."""
    held = [each for each in gc.get_referents(value) if each is not type(value)]
    return make_key, tuple(held)


def reduce_iterator(dump: Any, value: Any) -> Any:
    """An iterator of itertools: as it says itself, as long as Python lets it (until 3.14)."""
    if "__reduce__" not in vars(type(value)):
        raise TypeError("an iterator of itertools")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return value.__reduce__()


def reduce_view(dump: Any, value: Any) -> Reduced:
    """Keys, values or items of a dict: of the very dict."""
    return view_of, (underlying(value), type(value).__name__.removeprefix("dict_").removeprefix("odict_"))


def reduce_proxy(dump: Any, value: Any) -> Reduced:
    """A read-only view of a mapping: of the very mapping, or of what a class holds."""
    mapping = underlying(value)
    if type(mapping) is dict and "__module__" in mapping and "__doc__" in mapping:
        owner = next((each for each in gc.get_referrers(mapping) if isinstance(each, type)), None)
        if owner is not None:
            return vars, (owner,)
    return MappingProxyType, (mapping,)


def underlying(view: Any) -> Any:
    """Return the mapping that *view* is a view of."""
    return next(each for each in gc.get_referents(view) if each is not type(view))


def reduce_system_random(dump: Any, value: Any) -> Reduced:
    """A generator that has no state."""
    return type(value), ()


def reduce_finalizer(dump: Any, value: Any) -> Any:
    """A finalizer is known by being registered: a copy is none."""
    raise TypeError("a finalizer")


# ---------------------------------------------------------------- named in streams


def make_exception(kind: Any, base: Any, args: tuple[Any, ...]) -> Any:
    made = base.__new__(kind, *args)
    base.__init__(made, *args)
    return made


def fill_exception(made: Any, state: tuple[Any, ...]) -> None:
    own, cause, context, suppress = state
    vars(made).update(own)
    made.__cause__, made.__context__ = cause, context
    made.__suppress_context__ = suppress


def make_instance(kind: Any, base: Any, args: tuple[Any, ...]) -> Any:
    return base.__new__(kind, *args)


def fill_instance(made: Any, state: Any) -> None:
    own, slots = state if isinstance(state, tuple) else (state, None)
    if own:
        object.__getattribute__(made, "__dict__").update(own)
    for name, value in (slots or {}).items():
        object.__setattr__(made, name, value)


def make_match(pattern: Any, string: Any, pos: int, endpos: int, regs: Any) -> Any:
    for found in (pattern.match(string, pos, endpos), pattern.fullmatch(string, pos, endpos)):
        if found is not None and found.regs == regs:
            return found
    for found in pattern.finditer(string, pos, endpos):
        if found.regs == regs:
            return found
    raise ValueError("a match that is not found again")


def view_of(mapping: Any, name: str) -> Any:
    return getattr(mapping, name)()


def make_key(compare: Any, *wrapped: Any) -> Any:
    import functools

    made = functools.cmp_to_key(compare)
    return made(*wrapped) if wrapped else made


_ITERTOOLS = (
    "accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse groupby "
    "islice pairwise permutations product repeat starmap takewhile zip_longest _grouper _tee _tee_dataobject"
)

_SCANNER = ("strict", "object_hook", "object_pairs_hook", "parse_float", "parse_int", "parse_constant")


def reduce_scanner(dump: Any, value: Any) -> Reduced:
    """What a decoder of JSON made of its settings: by these."""
    return make_scanner, tuple(getattr(value, name) for name in _SCANNER)


def make_scanner(*settings: Any) -> Any:
    import json.scanner

    scanner: Any = json.scanner
    return scanner.c_make_scanner(SimpleNamespace(**dict(zip(_SCANNER, settings, strict=True))))


BY_NAME = {
    "_json:Scanner": reduce_scanner,
    "builtins:BaseException": reduce_exception,
    "builtins:dict_keys": reduce_view,
    "builtins:dict_values": reduce_view,
    "builtins:dict_items": reduce_view,
    "builtins:mappingproxy": reduce_proxy,
    "random:SystemRandom": reduce_system_random,
    "re:Match": reduce_match,
    "functools:KeyWrapper": reduce_key,
    "weakref:finalize": reduce_finalizer,
    **{f"itertools:{name}": reduce_iterator for name in _ITERTOOLS.split()},
}
