"""Notebook classes, to parts and back, without running what a class statement runs.

A class is made as an empty skeleton, registered under its lineage, and filled: whatever it refers to may refer to it.
``__init_subclass__`` and a metaclass of the notebook's do not run again; their effects are data and are
restored as such.
"""

from __future__ import annotations

import contextlib
import enum
import operator
import types
import typing
from collections.abc import Iterator
from typing import Any

import cloudpickle.cloudpickle as by_value  # its parts know what of a class's dict the interpreter makes itself

from nbreplay.serialize.functions import Reduced, importable
from nbreplay.serialize.session import current

_OF_MEMBERS = "/members"
"""Where in the state of an Enum its members' own attributes are."""

_BUILTIN_NAMES = {
    type(None): "NoneType",
    type(Ellipsis): "EllipsisType",
    type(NotImplemented): "NotImplementedType",
    **{getattr(types, name): name for name in types.__all__ if isinstance(getattr(types, name), type)},
}


_MADE = frozenset(
    {"__dict__", "__weakref__", "__module__", "__slots__", "__orig_bases__", "__abstractmethods__", "_abc_impl"}
)
"""What making a class puts into it."""


def reduce_builtin(cls: type) -> Reduced | None:
    """Types that no module has under their own name."""
    if type(cls).__name__ == "PyCArrayType":
        array: Any = cls
        if hasattr(array, "_length_") and array._type_ * array._length_ is cls:  # ctypes makes these, one of a kind
            return operator.mul, (array._type_, array._length_)
    name = _BUILTIN_NAMES.get(cls)
    return None if name is None or importable(cls) else (builtin_type, (name,))


def builtin_type(name: str) -> Any:
    return getattr(types, name)


def reduce_class(cls: type, lineage: str) -> Reduced:
    """A class by value, to be registered under *lineage* as soon as it exists."""
    if issubclass(cls, enum.Enum):
        members = {member.name: member.value for member in cls.__members__.values()}
        aliases = {name: member.name for name, member in cls.__members__.items() if name != member.name}
        state, _ = by_value._enum_getstate(cls)
        for alias in aliases:
            state.pop(alias, None)
        for name in ("_new_member_", "_use_args_", "_unhashable_values_", "_hashable_values_", "__new__"):
            state.pop(name, None)
        values = {**members, **{alias: members[name] for alias, name in aliases.items()}}
        own = {name: _attributes(member) for name, member in cls.__members__.items() if name not in aliases}
        state[_OF_MEMBERS] = {name: attributes for name, attributes in own.items() if attributes}
        args = (lineage, cls.__bases__, cls.__name__, cls.__qualname__, values, cls.__module__)
        return make_enum, args, state, None, None, fill_class
    state, _ = by_value._class_getstate(cls)
    # What is the same object in a base is left out there; it is the class's own all the same, if the base changes.
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}
    state.update((name, value) for name, value in vars(cls).items() if name in inherited and name not in _MADE)
    kwds: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    for name in ("__slots__", "__orig_bases__"):  # Generic looks for the latter when a class is made
        if name in vars(cls):
            kwds[name] = vars(cls)[name]
            state.pop(name, None)
    state.pop("__module__", None)
    return make_class, (lineage, type(cls), cls.__name__, cls.__bases__, kwds), state, None, None, fill_class


def _attributes(member: enum.Enum) -> dict[str, Any]:
    """Return what the class's code, or somebody, put on a member; it is not run again."""
    own = ("_value_", "_name_", "_sort_order_", "__objclass__", "_inverted_")
    return {name: value for name, value in vars(member).items() if name not in own}


def make_class(lineage: str, meta: type, name: str, bases: tuple[type, ...], kwds: dict[str, Any]) -> type:
    session = current().session
    if lineage in session.objects:
        return typing.cast(type, session.objects[lineage])
    # The notebook's own metaclass is passed by: its first ancestor from a library makes the class.
    maker = next(kind for kind in meta.__mro__ if kind.__module__ not in ("__main__", "__mp_main__"))
    # That of TypedDict takes the bases as they are written, and none as they are.
    new = getattr(maker, "__new__", type.__new__) if maker.__name__ != "_TypedDictMeta" else type.__new__
    with _quiet(bases):
        cls: type = new(meta, name, bases, dict(kwds))
    session.register(lineage, cls)
    return cls


def make_enum(
    lineage: str, bases: tuple[type, ...], name: str, qualname: str, members: dict[str, Any], module: str
) -> type:
    session = current().session
    if lineage in session.objects:
        return typing.cast(type, session.objects[lineage])
    with _quiet(bases):
        cls: type = by_value._make_skeleton_enum(bases, name, qualname, members, module, None, None)
    session.register(lineage, cls)
    return cls


def fill_class(cls: type, state: dict[str, Any]) -> None:
    session = current().session
    registry = state.pop("_abc_impl", ())
    for name, attributes in state.pop(_OF_MEMBERS, {}).items():
        vars(type.__getattribute__(cls, "_member_map_")[name]).update(attributes)
    for name, value in state.items():
        if name in ("__dict__", "__weakref__"):
            continue
        # type's own, since a metaclass of the notebook's may forbid setting attributes.
        type.__setattr__(cls, name, value)
    if registry and hasattr(cls, "register"):
        for other in registry:
            cls.register(other)
    session.note_methods(cls)


@contextlib.contextmanager
def _quiet(bases: tuple[type, ...]) -> Iterator[None]:
    """Keep ``__init_subclass__`` of notebook classes from running inside."""
    lineages = current().session.lineages
    held = []
    for base in dict.fromkeys(kind for each in bases for kind in each.__mro__):
        if id(base) in lineages and "__init_subclass__" in vars(base):
            held.append((base, vars(base)["__init_subclass__"]))
    for base, _ in held:
        type.__setattr__(base, "__init_subclass__", classmethod(lambda cls, **kwargs: None))
    try:
        yield
    finally:
        for base, hook in held:
            type.__setattr__(base, "__init_subclass__", hook)
