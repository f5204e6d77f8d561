"""Instances: plain ones by state, subclasses of builtin types by content and state, others as pickle takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.containers import members
from nbreplay.fingerprint.leaves import LEAVES
from nbreplay.fingerprint.mappings import mapping
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.reduced import by_reduce
from nbreplay.fingerprint.state import Shape, shape_of, write_dict_state, write_state
from nbreplay.fingerprint.unseen import BY_TYPE, write_by_type, write_unseen
from nbreplay.fingerprint.walker import Walker


def _plain(shape: Shape) -> Opener:
    pickled = shape.reduces or shape.getstate

    def write(w: Walker, obj: Any) -> Parts:
        # What pickle would leave out can still be observed.
        if pickled and not w.exact:
            return by_reduce(w, obj, shape)
        w.unpickled |= pickled
        if not w.number(obj):
            return None
        if w.collecting:
            w.objects[id(obj)] = obj
        w.out += b"o"
        cls = write_type_of(w, type(obj))
        if cls or shape.slots or shape.declared:
            return write_state(w, obj, shape, cls)
        # The common case: a type that was met before, a dict.
        return write_dict_state(w, obj, shape)

    return write


def _reducing(shape: Shape) -> Opener:
    def write(w: Walker, obj: Any) -> Parts:
        return by_reduce(w, obj, shape)

    return write


def _subclass(shape: Shape, content: Callable[[Walker, Any], Parts]) -> Opener:
    def write(w: Walker, obj: Any) -> Parts:
        if shape.reduces and not w.exact:
            return by_reduce(w, obj, shape)
        w.unpickled |= shape.reduces or shape.getstate
        if not w.number(obj):
            return None
        w.link(obj)
        w.out += b"sub"
        return _content_and_state(w, obj, shape, content)

    return write


def _content_and_state(w: Walker, obj: Any, shape: Shape, content: Callable[[Walker, Any], Parts]) -> Iterator[Any]:
    yield from write_type_of(w, type(obj))
    yield from content(w, obj) or ()
    yield from write_state(w, obj, shape, ())


def _leaf_content(kind: type, plain: Callable[[Any], Any]) -> Callable[[Walker, Any], Parts]:
    """Return what writes the number or text in an instance of a subclass, whatever methods that has of its own."""

    def write(w: Walker, obj: Any) -> Parts:
        w.out += LEAVES[kind](plain(obj))
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
    int: _leaf_content(int, int.__int__),
    float: _leaf_content(float, float.__float__),
    complex: _leaf_content(complex, complex.__pos__),
    str: _leaf_content(str, str.__str__),
    bytes: _leaf_content(bytes, lambda obj: bytes.__getitem__(obj, slice(None))),
    BaseException: _exception_content,
}

_HOSTS = frozenset({"IPython.core.interactiveshell.InteractiveShell", "ipykernel.kernelbase.Kernel"})
"""What runs the notebook: everything is reachable from it."""


def _opener_of(cls: type) -> Opener:
    shape = shape_of(cls)
    for base, content in _CONTENTS.items():
        if issubclass(cls, base):
            return _subclass(shape, content)
    if cls.__module__ != "__main__" and any(issubclass(cls, base) for base in BY_TYPE):
        return write_by_type
    if shape.hidden:
        return _reducing(shape)
    return _plain(shape)


def _choose(cls: type) -> Opener | None:
    if any(f"{base.__module__}.{base.__qualname__}" in _HOSTS for base in cls.__mro__):
        return write_unseen
    return _opener_of(cls)


CHOOSERS.append(_choose)
