"""Memory: what holds bytes, and what stands for them."""

from __future__ import annotations

import array
from _thread import get_ident
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from nbreplay.digest import CHUNK_BYTES, chunk_digests, digest_chunked, flat
from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker

_FEW_BYTES = 64
"""Up to so many bytes stand for themselves."""
_UNASKED_BYTES = 64 * CHUNK_BYTES
"""Bytes that are hashed before it is asked again whether to stop: a few milliseconds."""


def buffer_bytes(w: Walker, data: Any, address: int | None = None) -> bytes:
    """Return what stands for the bytes of *data*: themselves if few, else their digest. Large ones go by chunks."""
    view = flat(data)
    size = len(view)
    w.buffer_bytes += size
    if size <= _FEW_BYTES:
        return b"x" + length(size) + bytes(view)
    place = (address, address + size) if address is not None and size > CHUNK_BYTES else None
    chunks = _once.chunks_of(w, view, place) if place is not None and w.exact else _hashed(w, view)
    if place is not None:
        w.chunks[place] = chunks
    return b"X" + length(size) + bytes.fromhex(digest_chunked(chunks, size))


class _Once:
    """Digests of memory that was hashed since :meth:`begin`, for walks of one thread that follow at once."""

    def __init__(self) -> None:
        self._thread = 0
        self._seen: dict[tuple[int, int], tuple[bytes, memoryview]] = {}

    @contextmanager
    def begin(self) -> Iterator[None]:
        self._thread = get_ident()
        try:
            yield
        finally:
            self._thread = 0
            self._seen.clear()

    def chunks_of(self, w: Walker, view: memoryview, place: tuple[int, int]) -> bytes:
        if get_ident() != self._thread:
            return _hashed(w, view)
        seen = self._seen.get(place)
        if seen is None:
            # The view is held: while it is, no other memory can lie at this place.
            seen = self._seen[place] = (_hashed(w, view), view)
        return seen[0]


_once = _Once()


def hashed_once() -> AbstractContextManager[None]:
    """Hash large memory once over all walks of this thread within the block.

    For walks between which no cell runs. That a thread changes the memory meanwhile shows when it is written.
    """
    return _once.begin()


def _hashed(w: Walker, view: memoryview) -> bytes:
    """Return the digests of chunks; of what takes long to hash asking now and then whether to go on."""
    if len(view) <= _UNASKED_BYTES:
        return chunk_digests(view)
    parts = []
    for start in range(0, len(view), _UNASKED_BYTES):
        w.check_stop()
        parts.append(chunk_digests(view[start : start + _UNASKED_BYTES]))
    return b"".join(parts)


def write_bytearray(w: Walker, obj: bytearray) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    _span_of(w, obj)
    w.out += b"B" + buffer_bytes(w, obj)
    return None


def _span_of(w: Walker, obj: Any) -> None:
    if w.exact and len(obj):
        import ctypes

        kept = (ctypes.c_char * memoryview(obj).nbytes).from_buffer(obj)
        start = ctypes.addressof(kept)
        w.spans.append((start, start + memoryview(obj).nbytes))


def write_array(w: Walker, obj: array.array[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    address, count = obj.buffer_info()
    w.spans.append((address, address + count * obj.itemsize))
    w.out += b"A" + text(obj.typecode) + length(obj.itemsize) + buffer_bytes(w, obj, address)
    return None


def write_memoryview(w: Walker, obj: memoryview) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    shape = obj.shape or ()
    w.out += b"V" + text(obj.format) + (b"R" if obj.readonly else b"W") + length(len(shape))
    w.out += b"".join(map(length, shape)) + buffer_bytes(w, obj if obj.c_contiguous else obj.tobytes())
    return (obj.obj,) if w.exact else None


def write_ctypes(w: Walker, obj: Any) -> Parts:
    """Write an array, structure or number of ctypes; arrays of numpy's may view its memory."""
    import ctypes

    from nbreplay.fingerprint.reduced import by_reduce
    from nbreplay.fingerprint.state import shape_of

    if w.exact:
        start = ctypes.addressof(obj)
        w.spans.append((start, start + ctypes.sizeof(obj)))
    return by_reduce(w, obj, shape_of(type(obj)))


def write_field(w: Walker, obj: Any) -> Parts:
    """Write the descriptor of a field of a structure: where it is; its type is among the fields of the class."""
    w.hold(obj)
    w.out += b"cf" + length(obj.offset) + length(obj.size)
    return None


def _choose(cls: type) -> Opener | None:
    if (cls.__module__, cls.__qualname__) == ("_ctypes", "CField"):
        return write_field
    made = type(cls).__module__ == "_ctypes" and (hasattr(cls, "_type_") or hasattr(cls, "_fields_"))
    return write_ctypes if made else None


CHOOSERS.insert(0, _choose)
OPENERS.update({bytearray: write_bytearray, array.array: write_array, memoryview: write_memoryview})
