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
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from nbreplay.errors import Untrusted
from nbreplay.serialize import array_views

_ARRAYS = "nbreplay.serialize.array_views"
_OBJECTS = "nbreplay.serialize.object_arrays"
_DTYPE = re.compile(r"[|<>=]?[biufcmMSUVO]\d{0,9}")
_NUMBERS = re.compile(r"[\s\dA-Za-z+.,()*/-]{0,4096}")
MAX_ITEMS = 1 << 26


@dataclass(frozen=True, slots=True)
class Word:
    """A name in a stream: *make* is called with its arguments, *kind* stands for itself; neither: not allowed.

    With *finishes* its first argument is something half made, in whose place what it makes is put everywhere.
    """

    name: str
    make: Callable[..., Any] | None = None
    kind: Any = None
    finishes: bool = False


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
    if (module, name) == ("numpy", "ndarray"):
        return _arrays_word()
    found = _words().get((module, name))
    if found is None and (module.partition(".")[0] in ("pandas", "pyarrow") or module.startswith("nbreplay.")):
        from nbreplay.serialize import vocabulary_frames

        found = vocabulary_frames.words().get((module, name))
    return found


# ---------------------------------------------------------------- numpy


def _start_dtype(code: Any, align: Any = False, copy: Any = True) -> Parts:
    if type(code) is not str or not _DTYPE.fullmatch(code):
        raise refuse("a dtype")
    return Parts(lambda state: _dtype(code, state))


def _dtype(code: str, state: Any) -> Any:
    import numpy

    if type(state) is not tuple or len(state) not in (8, 9) or state[1] not in ("<", ">", "|", "="):
        raise refuse("a dtype")
    if state[2] is not None or state[3] is not None or state[4] is not None:
        raise refuse("a dtype of several fields")
    dtype = numpy.dtype(code)
    if dtype.kind in "mM" and len(state) == 9:
        unit = state[8][1]
        if type(unit[0]) is not bytes or not all(type(part) is int for part in unit[1:]):
            raise refuse("a dtype of time")
        name = unit[0].decode("ascii")
        if name != "generic":
            dtype = numpy.dtype(f"{dtype.kind}8[{unit[1]}{name}]")
    if dtype.kind in "SUV" and state[5] not in (-1, dtype.itemsize):
        if type(state[5]) is not int or not 0 <= state[5] < 1 << 31:
            raise refuse("a dtype")
        length = state[5] // (4 if dtype.kind == "U" else 1)
        dtype = numpy.dtype(f"{dtype.kind}{length}")
    return dtype.newbyteorder(state[1]) if state[1] != "|" else dtype


def _plain_dtype(dtype: Any, *, objects: bool = False) -> Any:
    import numpy

    if not isinstance(dtype, numpy.dtype) or (dtype.hasobject and not objects) or dtype.fields is not None:
        raise refuse("a dtype")
    return dtype


def _lengths(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape) or len(shape) > 32:
        raise refuse("a shape")
    return shape


def _strides(strides: Any) -> tuple[int, ...]:
    if type(strides) is not tuple or not all(type(n) is int and abs(n) < 1 << 48 for n in strides):
        raise refuse("strides")
    return strides


def _array_class(kind: Any) -> Any:
    import numpy

    if not isinstance(kind, Word) or kind.kind is not numpy.ndarray:
        raise refuse("a class of arrays")
    return numpy.ndarray


def _form(form: Any) -> Any:
    if form is None:
        return None
    kind, dtype, shape, strides, writeable, owned = form
    plain = _plain_dtype(dtype)
    return (_array_class(kind), plain, _lengths(shape), _strides(strides), bool(writeable), bool(owned))


def _small_memory(data: Any, form: Any = None) -> Any:
    if type(data) is not bytes:
        raise refuse("memory")
    return array_views.small_memory(data, _form(form))


def _large_memory(number: Any, form: Any = None) -> Any:
    if type(number) is not int or not 0 <= number < 1 << 20:
        raise refuse("memory")
    return array_views.large_memory(number, _form(form))


def _whole(memory: Any) -> Any:
    if type(memory) is not array_views.Loaded:
        raise refuse("an array")
    return array_views.whole(memory)


def _view(memory: Any, offset: Any, shape: Any, strides: Any, dtype: Any, writeable: Any, kind: Any) -> Any:
    if type(memory) not in (array_views.Loaded, bytes, bytearray) or type(offset) is not int or offset < 0:
        raise refuse("a view")
    shape, strides = _lengths(shape), _strides(strides)
    bytes_there = memory
    if type(memory) is array_views.Loaded:
        array_views.whole(memory)
        bytes_there = memory.raw
    if 0 not in shape and (bytes_there is None or not len(bytes_there)):
        raise refuse("a view")  # numpy would take memory that nobody filled
    return array_views.view(memory, offset, shape, strides, _plain_dtype(dtype), bool(writeable), _array_class(kind))


def _scalar(dtype: Any, data: Any) -> Any:
    import numpy

    plain = _plain_dtype(dtype)
    if type(data) is not bytes or len(data) != plain.itemsize:
        raise refuse("a number of numpy's")
    return numpy.frombuffer(data, plain)[0]


def _object_root(kind: Any, dtype: Any, shape: Any, axes: Any) -> Any:
    import numpy

    count = 1
    for length in _lengths(shape):
        count *= length
    plain = _plain_dtype(dtype, objects=True)
    if plain.kind != "O" or count > MAX_ITEMS or sorted(axes) != list(range(len(shape))):
        raise refuse("an array of objects")
    _array_class(kind)
    from nbreplay.serialize.object_arrays import object_root

    return object_root(numpy.ndarray, plain, shape, tuple(axes))


def _fill_objects(made: Any, state: Any) -> None:
    import numpy

    items, attributes, writeable = state
    if type(made) is not numpy.ndarray or made.dtype.kind != "O" or type(items) is not list:
        raise refuse("an array of objects")
    if attributes is not None or len(items) != made.size:
        raise refuse("an array of objects")
    from nbreplay.serialize.object_arrays import fill_objects

    fill_objects(made, (items, None, bool(writeable)))


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


def _uuid(state: Any) -> Any:
    if type(state) is not dict or type(state.get("int")) is not int:
        raise refuse("a UUID")
    return uuid.UUID(int=state["int"])


@cache
def _words() -> dict[tuple[str, str], Word]:
    made: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): _start_dtype,
        ("numpy._core.multiarray", "scalar"): _scalar,
        ("numpy.core.multiarray", "scalar"): _scalar,
        (_ARRAYS, "small_memory"): _small_memory,
        (_ARRAYS, "large_memory"): _large_memory,
        (_ARRAYS, "whole"): _whole,
        (_ARRAYS, "view"): _view,
        (_OBJECTS, "object_root"): _object_root,
        (_OBJECTS, "fill_objects"): _fill_objects,
        ("builtins", "complex"): _of(complex, float, int),
        ("builtins", "bytearray"): _of(bytearray, bytes),
        ("builtins", "set"): _of(set, list),
        ("builtins", "frozenset"): _of(frozenset, list),
        ("builtins", "range"): _of(range, int),
        ("builtins", "slice"): _of(slice, int, type(None)),
        ("collections", "OrderedDict"): _of(collections.OrderedDict),
        ("collections", "Counter"): _counter,
        ("datetime", "datetime"): _of(datetime.datetime, bytes, datetime.timezone),
        ("datetime", "date"): _of(datetime.date, bytes),
        ("datetime", "time"): _of(datetime.time, bytes),
        ("datetime", "timedelta"): _of(datetime.timedelta, int),
        ("datetime", "timezone"): _of(datetime.timezone, datetime.timedelta, str),
        ("decimal", "Decimal"): _number(decimal.Decimal),
        ("fractions", "Fraction"): _of(fractions.Fraction, int),
        ("uuid", "UUID"): lambda: Parts(_uuid),
    }
    return {key: Word(".".join(key), make) for key, make in made.items()}


@cache
def _arrays_word() -> Word | None:
    """The class of arrays; numpy is imported for it only when a stream asks: its import changes the process's state."""
    try:
        import numpy
    except ImportError:
        return None
    return Word("numpy.ndarray", None, numpy.ndarray)
