"""Arrays as views of memory, so that two views of one memory are that again after a restore.

The unit of keeping is the memory, not the array: an array is (memory, offset, shape, strides, dtype, writeable). Of a
memory that nobody holds by itself only the range that live views cover is kept.
"""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass, field
from typing import Any

from nbreplay.serialize.functions import Reduced
from nbreplay.serialize.session import Session, current

SMALL_BYTES = 4096
"""Memory up to this size stays in the stream: a blob of its own would cost more than it saves."""


OWNED_BYTES = 16 << 20
"""Arrays up to this size own their memory again after a restore; larger ones are maps of it, which cost nothing."""


@dataclass(slots=True, eq=False)
class Memory:
    """One memory that arrays of a dump view: its address and size, and the range of it that they cover."""

    number: int
    address: int
    size_bytes: int
    root: Any
    start: int
    stop: int

    def view(self) -> memoryview:
        """Return the covered range, without a copy."""
        return _bytes_at(self.address + self.start, self.stop - self.start, self.root)


@dataclass(slots=True)
class Memories:
    """The memories that one dump met, large ones numbered."""

    session: Session
    by_place: dict[tuple[int, int], Memory] = field(default_factory=dict)
    small: dict[tuple[int, int], Memory] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    """Temporary objects that the pickler's memo knows by id."""

    def reduce(self, value: Any) -> Any:
        """Reduce an ndarray; NotImplemented leaves it to numpy."""
        numpy = sys.modules["numpy"]
        kind = type(value)
        if value.dtype.hasobject or value.dtype.itemsize == 0:
            return NotImplemented
        if kind is not numpy.ndarray:
            return self._reduce_subclass(value, numpy)
        root, source = self._root(value, numpy)
        address = value.__array_interface__["data"][0]
        how = (value.shape, value.strides, value.dtype, value.flags.writeable)
        if source is not None:
            origin = numpy.frombuffer(source, numpy.uint8).__array_interface__["data"][0]
            return view, (source, address - origin, *how)
        low, high = numpy.lib.array_utils.byte_bounds(value) if value.size else (address, address)
        place, size = _extent(root, numpy)
        if not place <= low <= high <= place + size:
            place, size, root = low, high - low, value
        memory = self._memory(place, size, root, low - place, high - place)
        return view, (memory, address - place, *how)

    def _reduce_subclass(self, value: Any, numpy: Any) -> Any:
        kind = type(value)
        if kind is numpy.memmap:
            return self._reduce_memmap(value, numpy)
        if kind.__reduce__ is not numpy.ndarray.__reduce__ or kind.__reduce_ex__ is not numpy.ndarray.__reduce_ex__:
            return NotImplemented
        bare = value.view(numpy.ndarray)
        self.held.append(bare)
        return as_kind, (bare, kind), None, None, None

    def _reduce_memmap(self, value: Any, numpy: Any) -> Any:
        if value.filename is None or value.mode == "c" or type(value.base).__name__ != "mmap":
            bare = value.view(numpy.ndarray)
            self.held.append(bare)
            return bare_copy, (bare,)
        order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
        mode = "r" if value.mode == "r" else "r+"
        return open_memmap, (str(value.filename), value.dtype, mode, value.offset, value.shape, order)

    def _root(self, value: Any, numpy: Any) -> tuple[Any, Any]:
        """Return the array at the root of *value*'s bases, and the user's object it views, if there is one."""
        root = value
        while isinstance(root.base, numpy.ndarray):
            root = root.base
        if self.session.memories.get(id(root)) is root:
            return root, None
        source = root.base
        if isinstance(source, memoryview):
            source = source.obj
        return root, source if type(source) in (bytes, bytearray, array.array) else None

    def _memory(self, place: int, size: int, root: Any, start: int, stop: int) -> Memory:
        key = (place, size)
        table = self.small if size <= SMALL_BYTES else self.by_place
        memory = table.get(key)
        if memory is None:
            memory = table[key] = Memory(len(table), place, size, root, start, stop)
        memory.start = min(memory.start, start)
        memory.stop = max(memory.stop, stop)
        return memory

    def reduce_memory(self, memory: Memory) -> Reduced:
        """The memory itself: small in the stream, large by its number."""
        if memory.size_bytes <= SMALL_BYTES:
            memory.start, memory.stop = 0, memory.size_bytes
            return small_memory, (bytes(memory.view()),)
        return large_memory, (memory.number,)


class _Interface:
    """Lets numpy look at an address as bytes, and keeps alive whoever owns it."""

    def __init__(self, address: int, size_bytes: int, owner: Any) -> None:
        self.__array_interface__ = {"data": (address, True), "shape": (size_bytes,), "typestr": "|u1", "version": 3}
        self.owner = owner


def _bytes_at(address: int, size_bytes: int, owner: Any) -> memoryview:
    if not size_bytes:
        return memoryview(b"")
    return memoryview(sys.modules["numpy"].asarray(_Interface(address, size_bytes, owner)))


def _extent(root: Any, numpy: Any) -> tuple[int, int]:
    """Return address and size of the memory of *root*."""
    if not root.size:
        return root.__array_interface__["data"][0], 0
    low, high = numpy.lib.array_utils.byte_bounds(root)
    return low, high - low


# ---------------------------------------------------------------- named in streams


class Loaded:
    """A memory that is being restored. *start* is where in the original memory its bytes begin."""

    __slots__ = ("data", "root", "start")

    def __init__(self, start: int, data: Any) -> None:
        self.start = start
        self.data = data
        self.root: Any = None

    def owner(self, numpy: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Any:
        """Return an array that owns the memory, as it did when it was kept, if the first one met may be that.

        It can be resized, and is the base of the views that follow. That costs a copy, so large ones stay maps.
        """
        size = len(self.data)
        if self.root is not None or offset != self.start or not writeable or size > OWNED_BYTES:
            return None
        made = numpy.empty(shape, dtype)
        if made.nbytes != size or made.strides != tuple(strides):
            return None
        if size:
            made.reshape(-1).view(numpy.uint8)[:] = numpy.frombuffer(self.data, numpy.uint8)
        self.root = made
        return made

    def buffer(self, numpy: Any) -> Any:
        """Return what views are views of."""
        if self.root is None:
            self.root = numpy.frombuffer(self.data, numpy.uint8)
            current().session.memories[id(self.root)] = self.root
        return self.root


def small_memory(data: bytes) -> Loaded:
    return Loaded(0, bytearray(data))


def large_memory(number: int) -> Loaded:
    start, data = current().memories[number]
    return Loaded(start, data)


def view(memory: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool) -> Any:
    import numpy

    if isinstance(memory, Loaded):
        owner = memory.owner(numpy, offset, shape, strides, dtype, writeable)
        if owner is not None:
            return owner
        offset -= memory.start
        memory = memory.buffer(numpy)
    made = numpy.ndarray(shape, dtype, memory, offset, strides)
    if made.flags.writeable and not writeable:
        made.flags.writeable = False
    return made


def as_kind(bare: Any, kind: Any) -> Any:
    return bare.view(kind)


def bare_copy(bare: Any) -> Any:
    return bare.copy()


def open_memmap(filename: str, dtype: Any, mode: Any, offset: int, shape: Any, order: Any) -> Any:
    import numpy

    return numpy.memmap(filename, dtype, mode, offset, shape, order)
