"""What may be made of a stranger's stream: a fixed list of words, each with what it makes and what it takes.

Every word checks its arguments itself: lengths against memory, kinds of dtype, exact types. numpy and pandas are used
only through calls that check what they are given.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import re
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from nbreplay.errors import Untrusted

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")
_NUMBERS = re.compile(r"[\s\dA-Za-z+.,()*/-]{0,4096}")


@dataclass(frozen=True, slots=True)
class Word:
    """A name in a stream: *make* is called with its arguments, *kind* stands for itself; neither: not allowed.

    With *finishes* its first argument is something half made, in whose place what it makes is put everywhere. With
    *single* it is *kind*, one object that may stand as a value.
    """

    name: str
    make: Callable[..., Any] | None = None
    kind: Any = None
    finishes: bool = False
    single: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """Something that is made in two steps: *finish* makes it of the state that follows."""

    finish: Callable[[Any], Any]


def refuse(what: str) -> Untrusted:
    """Return the error for what does not fit together."""
    return Untrusted(f"{what} does not fit together in somebody else's record")


def new(subject: Any, arguments: Any) -> Any:
    """Return what the word *subject* makes of *arguments*.

    Raises
    ------
    Untrusted
        It is no word, or the arguments are not those that it takes.
    """
    if not isinstance(subject, Word) or subject.make is None or type(arguments) is not tuple:
        raise refuse(getattr(subject, "name", type(subject).__name__))
    return subject.make(*arguments)


def build(made: Any, state: Any) -> Any:
    """Return *made*, to which the stream gives *state*.

    Raises
    ------
    Untrusted
        Things of its kind take no such state.
    """
    if not isinstance(made, Parts):
        raise refuse(type(made).__name__)
    return made.finish(state)


def word(module: str, name: str) -> Word | None:
    """Return the word of this name, None if there is none."""
    from nbreplay.serialize import vocabulary_arrays

    found = _words().get((module, name)) or vocabulary_arrays.word(module, name)
    if found is None and (module.partition(".")[0] in ("pandas", "pyarrow") or module.startswith("nbreplay.")):
        from nbreplay.serialize import vocabulary_frames

        found = vocabulary_frames.words().get((module, name))
    return found


# ---------------------------------------------------------------- the standard library


def _of(kind: Callable[..., Any], *types: type) -> Callable[..., Any]:
    """Return what calls *kind* with arguments of exactly these types, and of nothing else."""

    def make(*arguments: Any) -> Any:
        if any(type(argument) not in types for argument in arguments):
            raise refuse(getattr(kind, "__name__", "a value"))
        return kind(*arguments)

    return make


def _number(kind: Callable[[str], Any]) -> Callable[[Any], Any]:
    def make(text: Any) -> Any:
        if type(text) is not str or not _NUMBERS.fullmatch(text):
            raise refuse("a number")
        return kind(text)

    return make


def _counter(*arguments: Any) -> Any:
    if len(arguments) > 1 or (arguments and type(arguments[0]) is not dict):
        raise refuse("a counter")
    return collections.Counter(*arguments)


def _deque(items: Any, longest: Any = None) -> Any:
    if items != () or not (longest is None or (type(longest) is int and 0 <= longest < 1 << 48)):
        raise refuse("a deque")
    return collections.deque(maxlen=longest)


def _uuid(state: Any) -> Any:
    if type(state) is not dict or type(state.get("int")) is not int:
        raise refuse("a UUID")
    return uuid.UUID(int=state["int"])


def _attribute_of(module: Any, name: Any) -> Any:
    """What streams name as an attribute of something: of all that could be named, these."""
    if (module, name) in (("datetime", "UTC"), ("datetime", "timezone.utc")):
        return datetime.UTC
    if (module, name) in (("numpy", "False_"), ("numpy", "True_")):
        import numpy

        return numpy.True_ if name == "True_" else numpy.False_
    if (module, name) == ("builtins", "getattr"):
        return Word("builtins.getattr", _zone_maker)
    raise refuse(f"{module}.{name}" if type(module) is type(name) is str else "an attribute")


def _zone_maker(kind: Any, name: Any) -> Word:
    if not isinstance(kind, Word) or kind.kind is not zoneinfo.ZoneInfo or name != "_unpickle":
        raise refuse("an attribute")
    return Word("zoneinfo.ZoneInfo._unpickle", _zone)


def _zone(key: Any, from_cache: Any) -> zoneinfo.ZoneInfo:
    if type(key) is not str or not _ZONE.fullmatch(key) or not from_cache:
        raise refuse("a zone of time")
    return zoneinfo.ZoneInfo(key)


@cache
def _words() -> dict[tuple[str, str], Word]:
    made: dict[tuple[str, str], Callable[..., Any]] = {
        ("nbreplay.serialize.reducers", "attribute_of"): _attribute_of,
        ("builtins", "complex"): _of(complex, float, int),
        ("builtins", "bytearray"): _of(bytearray, bytes),
        ("builtins", "set"): _of(set, list),
        ("builtins", "frozenset"): _of(frozenset, list),
        ("builtins", "range"): _of(range, int),
        ("builtins", "slice"): _of(slice, int, type(None)),
        ("collections", "OrderedDict"): _of(collections.OrderedDict),
        ("collections", "Counter"): _counter,
        ("collections", "deque"): _deque,
        ("datetime", "datetime"): _of(datetime.datetime, bytes, datetime.timezone, zoneinfo.ZoneInfo),
        ("datetime", "date"): _of(datetime.date, bytes),
        ("datetime", "time"): _of(datetime.time, bytes, datetime.timezone, zoneinfo.ZoneInfo),
        ("datetime", "timedelta"): _of(datetime.timedelta, int),
        ("datetime", "timezone"): _of(datetime.timezone, datetime.timedelta, str),
        ("decimal", "Decimal"): _number(decimal.Decimal),
        ("fractions", "Fraction"): _of(fractions.Fraction, int),
        ("uuid", "UUID"): lambda: Parts(_uuid),
    }
    words = {key: Word(".".join(key), make) for key, make in made.items()}
    words["zoneinfo", "ZoneInfo"] = Word("zoneinfo.ZoneInfo", None, zoneinfo.ZoneInfo)
    return words
