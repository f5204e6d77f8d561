"""Arrays as views of memory, so that two views of one memory are that again after a restore.

The unit of keeping is the memory, not the array: an array is (memory, offset, shape, strides, dtype, writeable, class).
A memory knows the form of the array at its root, which owns it. Of a large one whose root nobody holds by itself
only the range that live views cover is kept. How arrays are made again is in :mod:`nbreplay.serialize.array_views`;
those of objects are containers, in :mod:`nbreplay.serialize.object_arrays`.
"""

from __future__ import annotations

import array
import sys
from dataclasses import dataclass, field
from typing import Any

from nbreplay.serialize import array_files, object_arrays
from nbreplay.serialize.array_views import Form, large_memory, set_attributes, small_memory, view, void_of, whole
from nbreplay.serialize.functions import Reduced
from nbreplay.serialize.session import Session

SMALL_BYTES = 4096
"""Memory up to this size stays in the stream: a blob of its own would cost more than it saves."""

Range = tuple[int, int]
"""Addresses [start, stop)."""


@dataclass(slots=True, eq=False)
class Memory:
    """One memory that arrays of a dump view: its address and size, the range of it that they cover, its root's form."""

    number: int
    address: int
    size_bytes: int
    root: Any
    start: int
    stop: int
    form: Form | None = None

    def view(self) -> memoryview:
        """Return the covered range, without a copy."""
        return _bytes_at(self.address + self.start, self.stop - self.start, self.root)


@dataclass(slots=True)
class Memories:
    """The memories that one dump met, large ones numbered.

    *joined* are ranges that an earlier dump of the same values found to overlap: each is one memory. *owners* are
    objects of the user's whose memory others may view without saying so, as Arrow's buffers do.
    """

    session: Session
    joined: tuple[Range, ...] = ()
    owners: tuple[Any, ...] = ()
    by_place: dict[tuple[int, int], Memory] = field(default_factory=dict)
    small: dict[tuple[int, int], Memory] = field(default_factory=dict)
    held: list[Any] = field(default_factory=list)
    """Temporary objects that the pickler's memo knows by id."""

    def overlaps(self) -> tuple[Range, ...]:
        """Return the ranges of memories that overlap and are not one yet, joined."""
        found: list[list[int]] = []
        count = 0
        memories = (*self.by_place.values(), *self.small.values())
        for start, stop in sorted((each.address, each.address + each.size_bytes) for each in memories):
            if found and start < found[-1][1]:
                found[-1][1] = max(found[-1][1], stop)
                count += 1
            else:
                found.append([start, stop])
        return tuple((start, stop) for start, stop in found) if count else ()

    def reduce(self, value: Any) -> Any:
        """Reduce an ndarray; NotImplemented leaves it to numpy."""
        numpy = sys.modules["numpy"]
        dtype = value.dtype
        if value is numpy.ma.masked:
            return NotImplemented
        root, source = self._root(value, numpy)
        if dtype.hasobject or dtype.kind == "T":
            return object_arrays.reduce_objects(value, root, numpy)
        if dtype.itemsize == 0:
            return NotImplemented
        if source is None and type(root.base).__name__ == "mmap":
            found = array_files.reduce_mapped(value, root, numpy)
            if found is not None:
                return found
        address = value.__array_interface__["data"][0]
        kind = type(value)
        how = (value.shape, value.strides, dtype, value.flags.writeable, kind)
        if source is not None:
            origin = numpy.frombuffer(source, numpy.uint8).__array_interface__["data"][0]
            return self._with_state(view, (source, address - origin, *how), value)
        low, high = numpy.lib.array_utils.byte_bounds(value) if value.size else (address, address)
        memory = self._memory(low, high, value, root, numpy)
        if value is root and memory.form is not None and memory.form[:4] == (kind, dtype, value.shape, value.strides):
            return self._with_state(whole, (memory,), value)
        return self._with_state(view, (memory, address - memory.address, *how), value)

    def reduce_void(self, scalar: Any) -> Any:
        """Reduce one record that is a view of the array it was taken from."""
        numpy = sys.modules["numpy"]
        if not isinstance(scalar.base, numpy.ndarray) or not scalar.dtype.itemsize:
            return NotImplemented
        root, source = self._root(scalar.base, numpy)
        address = scalar.__array_interface__["data"][0]
        if scalar.dtype.hasobject:
            args = object_arrays.reduce_part(root, address, (), (), scalar.dtype, numpy.ndarray)
            return void_of, (object_arrays.object_view, args)
        if source is not None or type(root.base).__name__ == "mmap":
            return NotImplemented
        memory = self._memory(address, address + scalar.dtype.itemsize, scalar.base, root, numpy)
        how = ((), (), scalar.dtype, bool(scalar.flags.writeable), numpy.ndarray)
        return void_of, (view, (memory, address - memory.address, *how))

    def _with_state(self, make: Any, args: tuple[Any, ...], value: Any) -> Reduced:
        state = attributes_of(value)
        return (make, args) if state is None else (make, args, state, None, None, set_attributes)

    def _root(self, value: Any, numpy: Any) -> tuple[Any, Any]:
        """Return the array at the root of *value*'s bases, and the user's object it views, if there is one."""
        root = value
        while True:
            base = root.base
            if type(base).__name__ == "DummyArray":  # of as_strided
                base = base.base
            if not isinstance(base, numpy.ndarray):
                break
            root = base
        if self.session.memories.get(id(root)) is root:
            return root, None
        source = root.base
        if isinstance(source, memoryview):
            source = source.obj
        known = type(source) in (bytes, bytearray, array.array) or type(type(source)).__module__ == "_ctypes"
        return root, source if known else self._owner(root, numpy)

    def _owner(self, root: Any, numpy: Any) -> Any:
        """Return which of the *owners* has the memory of *root*."""
        if not self.owners or not root.size:
            return None
        low, high = numpy.lib.array_utils.byte_bounds(root)
        for owner in self.owners:
            if len(owner):
                start, stop = numpy.lib.array_utils.byte_bounds(numpy.frombuffer(owner, numpy.uint8))
                if start <= low and high <= stop:
                    return owner
        return None

    def of_library(self, place: int, size: int, low: int, high: int, owner: Any, kind: str) -> Memory:
        """Return a memory that *owner*, no array, has: *kind* says of which library, for what makes it again."""
        numpy = sys.modules["numpy"]
        root = numpy.asarray(_bytes_at(place, size, owner))
        self.held.append(root)
        form = Form(kind, root.dtype, root.shape, root.strides, True, True)
        return self._memory(low, high, root, root, numpy, form)

    def _memory(self, low: int, high: int, value: Any, root: Any, numpy: Any, form: Form | None = None) -> Memory:
        """Return the memory that holds the addresses from *low* to *high*, which *value* covers."""
        place, size = _extent(root, numpy)
        form = form or self._form(root)
        for start, stop in self.joined:
            if start <= low and high <= stop and low < high:
                if (start, stop - start) != (place, size):
                    place, size, root, form = start, stop - start, _Owners(root), None
                break
        if not place <= low <= high <= place + size:
            place, size, root, form = low, high - low, value, None
        key = (place, size)
        table = self.small if size <= SMALL_BYTES else self.by_place
        memory = table.get(key)
        if memory is None:
            memory = table[key] = Memory(len(table), place, size, root, low - place, high - place, form)
        if type(memory.root) is _Owners:
            memory.root.all.append(value)
        memory.start = min(memory.start, low - place)
        memory.stop = max(memory.stop, high - place)
        return memory

    def _form(self, root: Any) -> Form:
        flags = root.flags
        owned = bool(flags.owndata) or self.session.memories.get(id(root)) is root
        return Form(type(root), root.dtype, root.shape, root.strides, bool(flags.writeable), owned)

    def reduce_memory(self, memory: Memory) -> Reduced:
        """The memory itself: small in the stream, large by its number."""
        form = None if memory.form is None else tuple(memory.form)
        if memory.size_bytes <= SMALL_BYTES:
            memory.start, memory.stop = 0, memory.size_bytes
            return small_memory, (bytes(memory.view()), form)
        return large_memory, (memory.number, form)


def attributes_of(value: Any) -> Any:
    """Return what an instance of a subclass carries beside its elements: its dict, or that and its slots."""
    if type(value).__flags__ & 1 << 9 or "__dict__" in dir(type(value)):  # made by a class statement
        state = object.__getstate__(value)
        if isinstance(state, dict) and "_mmap" in state:
            state = {key: each for key, each in state.items() if key != "_mmap"}
        return state
    return None


class _Owners:
    """The arrays that together keep a joined memory alive."""

    def __init__(self, *all_: Any) -> None:
        self.all = list(all_)


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
