"""Plain values as msgpack, exactly: types, order and sharing come back as they were, and nothing is unpickled.

Plain are None, bool, int, float, complex, str, bytes, bytearray, numpy arrays and scalars without objects, and lists,
tuples, dicts, sets and frozensets of plain values. Exact types only: a subclass has behaviour that would be lost. A
mutable container
that is met twice is not plain either, for two copies would come back. msgpack's own types stand for themselves, and
extensions for the rest:

====  ==========================================================
code  content
====  ==========================================================
1     tuple, as an array
2     set, as an array
3     frozenset, as an array
4     int beyond 64 bits, little-endian two's complement
5     complex, real and imaginary part as two doubles
6     dict with keys that are not str, as an array of key, value ...
7     numpy array or scalar, as [header, number of its buffer, or its memory if it is small]
8     bytearray
====  ==========================================================
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.msgpack import Ext

from nbreplay.digest import Buffer, flat
from nbreplay.serialize import plain_arrays

TUPLE, SET, FROZENSET, INT, COMPLEX, DICT, ARRAY, BYTEARRAY = range(1, 9)

_COMPLEX = struct.Struct("<dd")
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_DEEPEST = 60
"""Levels of containers; deeper values are left to pickle, which does not recurse in C for them either."""
_MOST = 200_000
"""Containers' items that are looked at one by one; pickle is quicker beyond."""
IN_STREAM_BYTES = 4096
"""Smaller arrays stay in the stream: a blob of their own would cost more than the copy."""


class NotPlain(Exception):  # not an error: the answer is to use another codec
    """The value, or something in it, is not plain."""


class _Encoder:
    def __init__(self) -> None:
        self.buffers: list[memoryview] = []
        self.left = _MOST
        self.seen: set[int] = set()
        self.encode = msgspec.msgpack.Encoder().encode

    def whole(self, value: object) -> bytes:
        try:
            return self.encode(self.plain(value, 0))
        except (OverflowError, UnicodeEncodeError, RecursionError, TypeError, ValueError) as e:
            raise NotPlain(str(e)) from e

    def plain(self, value: Any, depth: int) -> Any:
        """Return what msgspec writes for *value*."""
        kind = type(value)
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else Ext(INT, _pack_int(value))
        if kind in _SCALARS:
            return value
        if kind is complex:
            return Ext(COMPLEX, _COMPLEX.pack(value.real, value.imag))
        if depth > _DEEPEST:
            raise NotPlain("too deep")
        if kind is list:
            return self._items(self._once(value), depth)
        if kind is tuple:
            return Ext(TUPLE, self.encode(self._items(value, depth)))
        if kind is dict:
            return self._mapping(self._once(value), depth)
        if kind is set:
            return Ext(SET, self.encode(self._items(self._once(value), depth)))
        if kind is frozenset:
            return Ext(FROZENSET, self.encode(self._items(value, depth)))
        if kind is bytearray:
            return Ext(BYTEARRAY, bytes(self._once(value)))
        return self._array(value)

    def _items(self, values: Any, depth: int) -> list[Any]:
        kinds = set(map(type, values))
        if kinds <= _SCALARS and int not in kinds:
            return list(values)
        if kinds == {int} and min(values) >= -(1 << 63) and max(values) < 1 << 63:
            return list(values)
        self._spend(len(values))
        return [self.plain(value, depth + 1) for value in values]

    def _mapping(self, value: dict[Any, Any], depth: int) -> Any:
        if set(map(type, value)) <= {str}:
            return dict(zip(value, self._items(list(value.values()), depth), strict=True))
        flattened = [part for item in value.items() for part in item]
        return Ext(DICT, self.encode(self._items(flattened, depth)))

    def _array(self, value: Any) -> Ext:
        numpy = sys.modules.get("numpy")
        if numpy is None or not isinstance(value, numpy.ndarray | numpy.generic):
            raise NotPlain(type(value).__name__)
        dumped = plain_arrays.dump_array(self._once(value) if type(value) is numpy.ndarray else value)
        if dumped is None:
            raise NotPlain("an array that is more than numbers")
        header, buffer = dumped
        if len(buffer) < IN_STREAM_BYTES:
            return Ext(ARRAY, self.encode([header, bytes(buffer)]))
        self.buffers.append(buffer)
        return Ext(ARRAY, self.encode([header, len(self.buffers) - 1]))

    def _once(self, value: Any) -> Any:
        if id(value) in self.seen:
            raise NotPlain("shared inside")
        self.seen.add(id(value))
        return value

    def _spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise NotPlain("large")


def dump(value: object) -> tuple[bytes, list[memoryview]]:
    """Return *value* as a stream and the buffers of its arrays.

    Raises
    ------
    NotPlain
        It cannot be done exactly.
    """
    encoder = _Encoder()
    return encoder.whole(value), encoder.buffers


def load(stream: Buffer, buffers: Sequence[Buffer]) -> object:
    """Return the value that :func:`dump` took; arrays are made on *buffers* without a copy.

    Raises
    ------
    ValueError
        *stream* is not such a value.
    """

    def made(code: int, data: memoryview) -> Any:
        if code not in makers:
            raise ValueError(f"extension {code}: made by a newer nbreplay")
        return makers[code](data)

    decode: Callable[[Any], Any] = msgspec.msgpack.Decoder(ext_hook=made).decode

    def pairs(data: memoryview) -> dict[Any, Any]:
        items = decode(data)
        return dict(zip(items[::2], items[1::2], strict=True))

    def array(data: memoryview) -> Any:
        header, where = decode(data)
        return plain_arrays.load_array(header, flat(buffers[where] if type(where) is int else where))

    makers: dict[int, Callable[[memoryview], Any]] = {
        TUPLE: lambda data: tuple(decode(data)),
        SET: lambda data: set(decode(data)),
        FROZENSET: lambda data: frozenset(decode(data)),
        INT: lambda data: int.from_bytes(data, "little", signed=True),
        COMPLEX: lambda data: complex(*_COMPLEX.unpack(data)),
        DICT: pairs,
        ARRAY: array,
        BYTEARRAY: bytearray,
    }
    try:
        return decode(flat(stream))
    except (msgspec.DecodeError, TypeError, IndexError, KeyError, struct.error, RecursionError, OverflowError) as e:
        raise ValueError(f"not a plain value: {e}") from e


def _pack_int(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
