"""Values without parts: how numbers, text and bytes, and long runs of them, are written into a fingerprint.

One tag per exact type and a length before each part, so that no two values have one encoding. Nothing here comes from
``repr``, ``hash`` or pickle: decimal text fails above 4,300 digits, and the rest differs between processes.
"""

from __future__ import annotations

import marshal
import struct
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain
from typing import Any

_PACK_FLOAT = struct.Struct("<d").pack
_PACK_LENGTH = struct.Struct("<Q").pack
_NAN = _PACK_FLOAT(float("nan"))


def length(count: int) -> bytes:
    """Return *count* as the eight bytes that stand before a part."""
    return _PACK_LENGTH(count)


def framed(data: bytes) -> bytes:
    """Return *data* with its length before it."""
    return _PACK_LENGTH(len(data)) + data


def text(value: str) -> bytes:
    """Return *value* framed; lone surrogates are kept."""
    return framed(str.encode(value, "utf-8", "surrogatepass"))


def words(listed: str) -> frozenset[str]:
    """Return the words of a text: a long table of names reads better so."""
    return frozenset(listed.split())


def of_none(_: Any) -> bytes:
    return b"N"


def of_bool(value: bool) -> bytes:
    return b"T" if value else b"F"


def of_int(value: int) -> bytes:
    """Return *value*, of any size; the tag tells the two widths apart."""
    try:
        return b"i" + int.to_bytes(value, 8, "little", signed=True)
    except OverflowError:
        return b"I" + framed(int.to_bytes(value, int.bit_length(value) // 8 + 1, "little", signed=True))


def of_float(value: float) -> bytes:
    """Return *value*, one NaN for all; minus zero is not zero."""
    return b"f" + (_PACK_FLOAT(value) if value == value else _NAN)


def of_float_exact(value: float) -> bytes:
    """Return *value* with the bits of a NaN, too."""
    return b"f" + _PACK_FLOAT(value)


def of_complex(value: complex) -> bytes:
    real, imag = complex.real.__get__(value), complex.imag.__get__(value)
    return b"c" + of_float(real) + of_float(imag)


def of_str(value: str) -> bytes:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "surrogatepass")
    return b"s" + _PACK_LENGTH(len(data)) + data


def of_bytes(value: bytes) -> bytes:
    return b"b" + _PACK_LENGTH(len(value)) + value


def of_ellipsis(_: Any) -> bytes:
    return b"E"


def of_not_implemented(_: Any) -> bytes:
    return b"M"


def of_range(value: range) -> bytes:
    """Return a range by its three numbers: they can be read, so they count."""
    return b"r" + of_int(value.start) + of_int(value.stop) + of_int(value.step)


LEAVES: dict[type, Callable[[Any], bytes]] = {
    type(None): of_none,
    bool: of_bool,
    int: of_int,
    float: of_float,
    complex: of_complex,
    str: of_str,
    bytes: of_bytes,
    type(...): of_ellipsis,
    type(NotImplemented): of_not_implemented,
    range: of_range,
}
"""Exact types that are written in place, however often the same object occurs."""


# ---------------------------------------------------------------- runs of one type


def _ints(values: Collection[int]) -> bytes | None:
    try:
        return array("q", values).tobytes()
    except OverflowError:
        return None


def _floats(values: Collection[float]) -> bytes:
    packed = array("d", values)
    # A sum is NaN if a member is, and sometimes when none is: only then each is looked at.
    if sum(packed) != sum(packed):
        packed = array("d", [v if v == v else float("nan") for v in packed])
    return packed.tobytes()


def _strs(values: Collection[str]) -> bytes:
    lengths = array("q", map(len, values)).tobytes()
    return lengths + "".join(values).encode("utf-8", "surrogatepass")


def run(values: Sequence[Any], kind: type, exact_nan: bool = False) -> bytes | None:
    """Return *values*, all of exact type *kind*, as one piece; None if they have to be written one by one.

    The form depends on the values alone, never on how they were made.
    """
    if kind is int:
        packed = _ints(values)
        if packed is None:
            return None
        return b"qi" + framed(packed)
    if kind is float:
        return b"qf" + framed(array("d", values).tobytes() if exact_nan else _floats(values))
    if kind is str:
        return b"qs" + _PACK_LENGTH(len(values)) + framed(_strs(values))
    if kind is type(None):
        return b"qN" + _PACK_LENGTH(len(values))
    return None


_MARSHALLED = frozenset({type(None), bool, int, float, str, bytes})
_BY_VALUE = 2
"""The format of marshal in which equal values are equal bytes: later ones tell which object is which, earlier ones
write numbers as text."""
_CHUNK = 1 << 15


def tuple_runs(values: Sequence[tuple[Any, ...]], exact_nan: bool = False) -> Iterator[bytes] | None:
    """Return what writes many short tuples of plain values, in pieces; None if they have to be written one by one."""
    kinds = set(map(type, chain.from_iterable(values)))
    if not kinds <= _MARSHALLED:
        return None
    if float in kinds and not exact_nan and any(v != v for v in chain.from_iterable(values)):
        return None
    return _tuple_runs(values)


def _tuple_runs(values: Sequence[tuple[Any, ...]]) -> Iterator[bytes]:
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK]
        flat = list(chain.from_iterable(part))
        yield b"qt" + framed(array("q", map(len, part)).tobytes()) + framed(marshal.dumps(flat, _BY_VALUE))


def pure_constant(value: Any) -> bytes:
    """Return a constant of a code object: numbers, text, and tuples and frozensets of them."""
    leaf = LEAVES.get(type(value))
    if leaf is not None:
        return leaf(value)
    if type(value) is tuple:
        return b"t" + length(len(value)) + b"".join(map(pure_constant, value))
    if type(value) is frozenset:
        return b"z" + length(len(value)) + b"".join(sorted(map(pure_constant, value)))
    if type(value) is slice:
        return b"y" + pure_constant((value.start, value.stop, value.step))
    raise TypeError(f"a constant of type {type(value).__name__}")
