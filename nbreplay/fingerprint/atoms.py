"""How others say what stands for an object of theirs: a register by type, or by the type's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import framed, text
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts, forget_choices
from nbreplay.fingerprint.walker import Walker


class InPlace(NamedTuple):
    """What a callback returns to have *values* walked in the object's place, under *tag*.

    The values take part in the walk as if they stood there: what they share with the rest counts, and their components
    and refusals are noted. With *typed* false the object's own type is not written.
    """

    tag: str
    values: tuple[Any, ...]
    typed: bool = True


class Refused(NamedTuple):
    """What a callback returns for an object that has no fingerprint, with the reason in words."""

    why: str


_by_name: dict[str, Opener] = {}
_by_type: dict[type, Opener] = {}


def register_atom(kind: type | str, encode: Callable[..., Any]) -> None:
    """Say how instances of a type, and of its subclasses, are written.

    Parameters
    ----------
    kind : type or str
        The type, or ``"module:QualName"`` of one whose module need not be imported.
    encode : callable
        Called with the object, or with the object and the :class:`~nbreplay.fingerprint.walker.Walker`, on the thread
        of the walk, each time that such an object is met. It returns bytes that stand for the object, :class:`InPlace`
        with values to walk instead, :class:`Refused`, or any other value, which is walked instead. If it raises, the
        object is opaque.

    Notes
    -----
    An object that is replaced by values is numbered like any other, so cycles through it end.
    """
    takes_walker = len(inspect.signature(encode).parameters) >= 2

    def write(w: Walker, obj: Any) -> Parts:
        return _write(w, obj, encode(obj, w) if takes_walker else encode(obj))

    forget_choices()
    if isinstance(kind, str):
        _by_name[kind] = write
    else:
        _by_type[kind] = write
        OPENERS[kind] = write


def _write(w: Walker, obj: Any, answer: Any) -> Parts:
    if isinstance(answer, bytes):
        w.link(obj)
        w.hold(obj)
        name = f"{type(obj).__module__}.{type(obj).__qualname__}"
        w.out += b"a" + text(name) + framed(answer)
        return None
    if isinstance(answer, Refused):
        w.unseen(obj, answer.why)
        w.hold(obj)
        return None
    if not w.number(obj):
        return None
    w.link(obj)
    w.hold(answer)
    if isinstance(answer, InPlace):
        w.out += b"ai" + text(answer.tag)
        return (*(write_type_of(w, type(obj)) if answer.typed else ()), *answer.values)
    w.out += b"av"
    return (*write_type_of(w, type(obj)), answer)


def name_of(cls: type) -> str:
    """Return the name by which a type is registered."""
    return f"{cls.__module__}:{cls.__qualname__}"


def _choose(cls: type) -> Opener | None:
    for base in cls.__mro__[:-1]:
        found = _by_type.get(base) or _by_name.get(name_of(base))
        if found is not None:
            return found
    return None


CHOOSERS.insert(0, _choose)
