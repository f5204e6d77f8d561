"""Classes: installed ones by name, others by name, bases, metaclass and what they hold."""

from __future__ import annotations

import abc
import enum
import functools
import sys
import types
import typing
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint import packages
from nbreplay.fingerprint.callables import library_token
from nbreplay.fingerprint.leaves import length, text, words
from nbreplay.fingerprint.openers import CHOOSERS, FINISHERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import ShallowClass, Walker

_HEAP, _IMMUTABLE = 1 << 9, 1 << 8  # Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE

_BOOKKEEPING = frozenset(
    words("""
        __module__ __dict__ __weakref__ __doc__ __qualname__ __firstlineno__ __static_attributes__ __annotations__
        __annotate__ __annotate_func__ __annotations_cache__ __abstractmethods__ _abc_impl __slotnames__
        __nbreplay_volatile__ __classdictcell__ __dataclass_params__
        __pydantic_core_schema__ __pydantic_validator__ __pydantic_serializer__ __pydantic_complete__
        __pydantic_parent_namespace__ __pydantic_setattr_handlers__ __pydantic_fields_complete__
    """)
)
_BOOKKEEPING_ENUM = frozenset(
    words("""
        _member_map_ _member_names_ _value2member_map_ _hashable_values_ _unhashable_values_
        _unhashable_values_map_ _use_args_ _member_type_ _new_member_ _value_repr_ __new__ __new_member__
        _flag_mask_ _singles_mask_ _all_bits_ _inverted_ _boundary_ _generate_next_value_ _sort_order_ _add_alias_
        _add_value_alias_
    """)
)


def type_token(w: Walker, cls: type) -> bytes | None:
    """Return what stands for an installed class, None for one that has to be looked at."""
    known = w.type_tokens.get(id(cls), b"")  # a metaclass may say what is equal, and what its hash is
    if known != b"":
        return known
    # The dict's own entries: a metaclass may answer what it likes.
    module, qualname = type.__getattribute__(cls, "__module__"), type.__getattribute__(cls, "__qualname__")
    token = library_token(w, cls, module, qualname)
    if token is None and (not cls.__flags__ & _HEAP or cls.__flags__ & _IMMUTABLE):
        where = packages.installed(module) if isinstance(module, str) else None
        if where is not None:  # made in C and not exported: list_iterator and its like
            token = packages.name_bytes(where, module, "!" + qualname)
    w.type_tokens[id(cls)] = token
    w.held.append(cls)
    return token


def write_class(w: Walker, cls: type) -> Parts:
    """Write a class as a value."""
    token = type_token(w, cls)
    if token is not None:
        w.out += token
        if w.task and isinstance(cls, abc.ABCMeta):
            w.abstract.append(cls)
        return None
    if id(cls) in w.shallow:
        w.shallow.discard(id(cls))
    elif not w.number(cls):
        return None
    return _contents(w, cls)


def write_shallow(w: Walker, wrapped: ShallowClass) -> Parts:
    return _contents(w, wrapped.cls)


def write_type_of(w: Walker, cls: type) -> tuple[type, ...]:
    """Write the type of an instance, or return it as the part that is to be written.

    In namespace mode its contents come last: what can be reached only through a type links no names.
    """
    token = type_token(w, cls)
    if token is not None:
        w.out += token
        return ()
    if not w.exact:
        return (cls,)
    if w.number(cls):
        w.out += b"T@"
        w.shallow.add(id(cls))
        w.later.append(cls)
    return ()


def _contents(w: Walker, cls: type) -> Iterator[Any]:
    w.definitions[id(cls)] = cls
    start = len(w.out)
    w.out += b"T" + text(cls.__name__)
    w.named.append(cls)
    if w.exact:
        w.out += text(cls.__qualname__) + text(str(cls.__module__))
        yield cls.__dict__.get("__doc__")
    if w.task and cls.__dict__.get("__nbreplay_volatile__"):
        w.refuse("volatile", f"{cls.__qualname__} is marked volatile")
    meta = type(cls)
    yield meta
    w.out += length(len(cls.__bases__))
    yield from cls.__bases__
    if issubclass(cls, enum.Enum):
        yield from _enum(w, cls)
        skipped = _BOOKKEEPING | _BOOKKEEPING_ENUM | set(cls.__members__)
    else:
        skipped = _BOOKKEEPING
    namespace = type.__dict__["__dict__"].__get__(cls)
    names = sorted(key for key in namespace if isinstance(key, str) and key not in skipped)
    slots = set(slots_of(namespace))
    for name in names:
        value = namespace[name]
        if name in slots and type(value) is types.MemberDescriptorType:
            continue
        w.out += b"-" + text(name)
        yield value
    w.out += b"."
    if isinstance(cls, abc.ABCMeta):
        yield _registered(w, cls)
    if w.exact:
        annotations = namespace.get("__annotations__")
        yield annotations if type(annotations) is dict else None
    w.component("class", cls.__qualname__, start, cls)


def slots_of(namespace: Any) -> tuple[str, ...]:
    slots = namespace.get("__slots__", ())
    if isinstance(slots, str):
        return (slots,)
    return tuple(slots) if isinstance(slots, tuple | list | dict) else ()


def _enum(w: Walker, cls: type[enum.Enum]) -> Iterator[Any]:
    """Yield the members of an Enum: names, aliases too, and values in order."""
    members = cls.__members__
    w.out += b"e" + length(len(members))
    for name, member in members.items():
        w.out += text(name) + text(member._name_)
        yield member._value_
    boundary = cls.__dict__.get("_boundary_")
    w.out += text(boundary._name_) if isinstance(boundary, enum.Enum) else b"-"


def write_member(w: Walker, member: enum.Enum) -> Parts:
    """Write an Enum's member by its name; an unnamed combination of flags by its value."""
    w.out += b"em"
    name = member._name_
    cls = write_type_of(w, type(member))
    own = {k: v for k, v in vars(member).items() if not (k.startswith(("_", "__")))}
    # Attributes of members are made from their values, by code of the class, unless somebody changes them.
    return (*cls, name, member._value_, *((w.hold(own),) if own else ()))


def _registered(w: Walker, cls: abc.ABCMeta) -> Any:
    """Return the classes that were registered with an abstract one."""
    try:
        import _abc  # type: ignore[import-not-found]  # private, so no stub

        found = _abc._get_dump(cls)[0]
    except Exception:  # noqa: BLE001  # a private function of CPython's; without it nothing is known of registers
        return None
    return w.hold(frozenset(ref() for ref in found) - {None})


def finish_registered(w: Walker) -> Iterator[Any]:
    """Write which of the user's classes were registered with which abstract class of a library: isinstance knows."""
    for place, cls in enumerate(w.abstract):
        numbers = sorted(w.memo[id(each)] for each in _registered(w, cls) or () if id(each) in w.memo)
        if numbers:
            w.out += b"registered" + length(place) + b"".join(map(length, numbers))
    return iter(())


def cached_names(cls: type) -> frozenset[str]:
    """Return the attributes that a ``cached_property`` fills: what is remembered is not state."""
    return frozenset(
        name
        for base in cls.__mro__
        for name, value in base.__dict__.items()
        if type(value) is functools.cached_property or type(value).__name__ == "cached_property"
    )


def write_type_variable(w: Walker, obj: Any) -> Parts:
    """Write a TypeVar or its kin: which one it is, and what it says."""
    if not w.number(obj):
        return None
    w.out += b"tv" + text(type(obj).__name__) + text(obj.__name__)
    says = ("__bound__", "__constraints__", "__covariant__", "__contravariant__", "__infer_variance__", "__default__")
    return tuple(_said(w, obj, name) for name in says)


def _said(w: Walker, obj: Any, name: str) -> Any:
    """Return what a type parameter or alias says under *name*. From 3.12 on that may run code, once."""
    try:
        return w.hold(getattr(obj, name, None))
    except Exception as e:  # noqa: BLE001  # the user's own expression
        w.unseen(obj, f"({obj.__name__}) has a {name.strip('_')} that fails ({type(e).__name__}: {e})")
        return None


def write_type_alias(w: Walker, obj: Any) -> Parts:
    """Write what a ``type X = ...`` statement made."""
    if not w.number(obj):
        return None
    w.out += b"ta" + text(obj.__name__)
    return (obj.__type_params__, _said(w, obj, "__value__"))


def write_cached_property(w: Walker, obj: functools.cached_property[Any]) -> Parts:
    w.out += b"cp"
    return (obj.func,)


def _choose(cls: type) -> Opener | None:
    if issubclass(cls, type):
        return write_class
    if issubclass(cls, enum.Enum):
        return write_member
    return None


if sys.version_info >= (3, 12):
    OPENERS[typing.TypeAliasType] = write_type_alias
OPENERS.update(dict.fromkeys((typing.TypeVar, typing.ParamSpec, typing.TypeVarTuple), write_type_variable))
FINISHERS.append(finish_registered)
OPENERS.update({type: write_class, ShallowClass: write_shallow, functools.cached_property: write_cached_property})
CHOOSERS.append(_choose)
