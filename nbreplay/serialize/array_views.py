"""Arrays made again on restored memory. What is here is named in streams: it keeps its names and parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

from nbreplay.serialize.session import current

OWNED_BYTES = 16 << 20
"""Arrays up to this size own their memory again after a restore; larger ones are maps of it, which cost nothing."""


class Form(NamedTuple):
    """The array at the root of a memory: the first to look at it. *owned*: the memory is its own.

    *kind* is its class, or the name of the library whose memory it is: see :func:`bytes_of`.
    """

    kind: Any
    dtype: Any
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    writeable: bool
    owned: bool


class Loaded:
    """A memory that is being restored. *start* is where in the original memory its bytes begin."""

    __slots__ = ("data", "form", "raw", "root", "start")

    def __init__(self, start: int, data: Any, form: Form | None) -> None:
        self.start = start
        self.data = data
        self.form = form
        self.root: Any = None
        self.raw: Any = None

    def make(self) -> None:
        """Make the root, and the bytes that views are made of; views have the root as their base."""
        import numpy

        form, size = self.form, len(self.data)
        if form is None or form.dtype.itemsize * _count(form.shape) != size or not size:
            self._make_part(numpy)
            if form is not None and not size and not isinstance(form.kind, str):
                self.root = numpy.ndarray.__new__(form.kind, form.shape, form.dtype)
                self.root.flags.writeable = form.writeable
            return
        if isinstance(form.kind, str):
            self.raw = self.root = bytes_of(form.kind, size)
            self.raw[:] = numpy.frombuffer(self.data, numpy.uint8)
        elif form.owned and (size <= OWNED_BYTES or current().session.owning):
            self.root = numpy.ndarray.__new__(form.kind, form.shape, form.dtype, strides=form.strides)
            self.raw = flat_bytes(self.root, numpy)
            if self.raw is not None:
                self.raw[:] = numpy.frombuffer(self.data, numpy.uint8)
        else:
            low = sum(
                stride * (count - 1) for stride, count in zip(form.strides, form.shape, strict=True) if stride < 0
            )
            bare = numpy.ndarray(form.shape, form.dtype, self.data, -low, form.strides)
            self.root = bare if form.kind is numpy.ndarray else bare.view(form.kind)
            self.raw = flat_bytes(bare, numpy)
            current().session.memories[id(bare)] = bare
        if self.raw is None:
            self._make_part(numpy)
            return
        if not form.writeable:
            self.root.flags.writeable = False

    def _make_part(self, numpy: Any) -> None:
        """Make a root of what is there of the memory."""
        form = self.form
        kind = numpy.dtype(numpy.uint8)
        if form is not None and not self.start % form.dtype.itemsize and not len(self.data) % form.dtype.itemsize:
            kind = form.dtype
        root = numpy.frombuffer(self.data, numpy.uint8)
        if len(self.data) <= OWNED_BYTES or current().session.owning:
            root = root.copy()
        made = root.view(kind)
        current().session.memories[id(root)] = root
        self.raw = root
        self.root = made


def bytes_of(library: str, size: int) -> Any:
    """Return an array of bytes on memory that *library* owns, and can resize."""
    if library != "torch":
        raise ValueError(f"no memory of {library} is known")
    from nbreplay.serialize import of_torch

    return of_torch.own_bytes(size)


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def flat_bytes(root: Any, numpy: Any) -> Any:
    """Return the memory of an array as bytes that have it as their base; None if it has gaps."""
    bare = root if type(root) is numpy.ndarray else root.view(numpy.ndarray)
    axes = sorted(range(bare.ndim), key=lambda axis: (-abs(bare.strides[axis]), axis))
    flat = bare.transpose(axes)
    return flat.reshape(-1).view(numpy.uint8) if flat.flags.c_contiguous else None


def small_memory(data: bytes, form: Any = None) -> Loaded:
    return Loaded(0, bytearray(data), None if form is None else Form(*form))


def large_memory(number: int, form: Any = None) -> Loaded:
    start, data = current().memories[number]
    return Loaded(start, data, None if form is None else Form(*form))


def whole(memory: Loaded) -> Any:
    """Return the array at the root of *memory*."""
    if memory.root is None:
        memory.make()
    return memory.root


def view(memory: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool, kind: Any) -> Any:
    import numpy

    if isinstance(memory, Loaded):
        root = whole(memory)
        form = memory.form
        all_of_it = (numpy.ndarray, shape, strides, dtype, dtype)
        if (
            form is not None
            and not offset
            and kind is not numpy.ndarray
            and (form.kind, form.shape, form.strides, form.dtype, root.dtype) == all_of_it
        ):
            return _locked(root.view(kind), writeable)
        offset -= memory.start
        memory = memory.raw
    made = numpy.ndarray(shape, dtype, memory, offset, strides)
    if kind is not numpy.ndarray:
        made = made.view(kind)
    return _locked(made, writeable)


def _locked(made: Any, writeable: bool) -> Any:
    if made.flags.writeable and not writeable:
        made.flags.writeable = False
    return made


def void_of(make: Any, args: tuple[Any, ...]) -> Any:
    """Return a record that is a view."""
    return make(*args)[()]


def set_attributes(value: Any, state: Any) -> None:
    """Set what an instance of a subclass had beside its elements."""
    own, slots = state if isinstance(state, tuple) else (state, None)
    if own is not None:
        value.__dict__.clear()
        value.__dict__.update(own)
    for name, each in (slots or {}).items():
        object.__setattr__(value, name, each)
