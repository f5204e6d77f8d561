"""Values to bytes and back: task results, outputs, simple values. Namespaces use :mod:`nbreplay.serialize.units`.

Codecs, the first that can do the value exactly:

===========  ====================================================================================
plain        None, numbers, text, bytes, containers, numpy arrays (:mod:`nbreplay.serialize.plain`)
arrow        Arrow tables
pickle5      the C pickler, protocol 5, large buffers out of band
cloudpickle  what is defined in ``__main__`` or cannot be named; buffers out of band, too
===========  ====================================================================================

The first two are data: they load whoever wrote them. The others are unpickled, by the gate only.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field

from nbreplay.digest import Digest, flat
from nbreplay.errors import BlobDamaged, Untrusted
from nbreplay.records import ValueRef
from nbreplay.serialize import gate, plain, tables
from nbreplay.serialize.buffers import Get, Put, get_buffer, put_buffer
from nbreplay.serialize.gate import Trust

__all__ = ["DATA_CODECS", "PICKLED_CODECS", "Dumped", "dump", "get_buffer", "load", "put_buffer", "write"]

DATA_CODECS = frozenset({"plain", "arrow"})
PICKLED_CODECS = frozenset({"pickle5", "cloudpickle"})

OUT_OF_BAND_BYTES = 4096
"""Smaller buffers stay in the stream: a blob of their own would cost more than the copy."""


@dataclass(slots=True)
class Dumped:
    """A value as bytes; nothing is written yet. *buffers* are the value's own memory: write them before it changes."""

    codec: str
    stream: bytes | memoryview
    buffers: list[memoryview] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Bytes in all."""
        return len(self.stream) + sum(len(buffer) for buffer in self.buffers)


def dump(value: object) -> Dumped:
    """Return *value* as bytes, without a copy of its large buffers.

    Raises
    ------
    Exception
        Whatever its own reducers raise: it cannot be kept.
    """
    try:
        return Dumped("plain", *plain.dump(value))
    except plain.NotPlain:
        table = tables.dump_table(value)
        return Dumped("arrow", table) if table is not None else _pickled(value)


def _pickled(value: object) -> Dumped:
    buffers: list[memoryview] = []
    try:
        stream = pickle.dumps(value, protocol=5, buffer_callback=_collector(buffers))
        if b"__main__" not in stream:  # else it says where a class is, and elsewhere that is another, or none
            return Dumped("pickle5", stream, buffers)
    except Exception:  # noqa: BLE001 - any reducer may raise anything; cloudpickle may know a way
        pass
    import cloudpickle

    buffers.clear()
    return Dumped("cloudpickle", cloudpickle.dumps(value, protocol=5, buffer_callback=_collector(buffers)), buffers)


def _collector(buffers: list[memoryview]) -> Callable[[pickle.PickleBuffer], bool]:
    def collect(buffer: pickle.PickleBuffer) -> bool:
        """Called by the pickler for each buffer; true keeps it in the stream. Its errors end the dump."""
        try:
            view = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if len(view) < OUT_OF_BAND_BYTES:
            return True
        buffers.append(view)
        return False

    return collect


def write(dumped: Dumped, put: Put, *, content: Digest | None = None) -> ValueRef:
    """Keep *dumped* by *put* (``Store.put`` or ``BlobFolder.put``) and return where it is.

    Parameters
    ----------
    dumped : Dumped
        The value as bytes.
    put : callable
        Keeps bytes; called for the buffers first.
    content : Digest, optional
        The value's own digest.

    Raises
    ------
    StoreUnwritable
        Some part cannot be kept.
    """
    return ValueRef(
        codec=dumped.codec,
        buffers=tuple(put_buffer(buffer, put) for buffer in dumped.buffers),
        stream=put(dumped.stream, strong=dumped.codec not in DATA_CODECS),
        content=content,
    )


def load(ref: ValueRef, get: Get, *, trust: Trust) -> object:
    """Return the value at *ref*; arrays lie on a private map, and can be written to.

    Parameters
    ----------
    ref : ValueRef
        From a record.
    get : callable
        ``Store.get`` or ``BlobFolder.get``: checks what it returns.
    trust : Trust
        Whose record it is.

    Raises
    ------
    Untrusted
        It would have to be unpickled, and the record is not the user's own, or does not name the stream strongly.
    BlobMissing, BlobDamaged
        Some part is not there, or not what it was.
    """
    if ref.codec not in DATA_CODECS:
        gate.require(trust)
        if not ref.stream.strong:
            raise Untrusted(f"stream {ref.stream.digest[:12]} has no strong digest: it may be anybody's")
        if ref.codec not in PICKLED_CODECS:
            raise BlobDamaged(ref.stream.digest, "a value", f"codec {ref.codec!r}: made by a newer nbreplay")
    stream = get(ref.stream)
    if ref.codec == "plain":
        return _data(ref, lambda: plain.load(stream, [get_buffer(buffer, get) for buffer in ref.buffers]))
    if ref.codec == "arrow":
        return _data(ref, lambda: tables.load_table(stream))
    return gate.loads(flat(stream), [get_buffer(buffer, get) for buffer in ref.buffers], trust=trust)


def _data(ref: ValueRef, make: Callable[[], object]) -> object:
    try:
        return make()
    except ValueError as e:
        raise BlobDamaged(ref.stream.digest, "a value", str(e)) from e
