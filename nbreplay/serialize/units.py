"""A unit, the values that are pickled as one stream, to bytes and back.

Here is how it lies in a store; :mod:`nbreplay.serialize.dump` makes the stream. A large one is kept in pieces
(:mod:`nbreplay.serialize.pieces`).

=======  =====================================================================
bytes    the stream's blob
=======  =====================================================================
4        magic ``NBU1``
4        length of the header, little endian
n        header, msgpack: ``pieces`` (count), ``memories`` (start of each), ``others`` (count of other buffers)
rest     the pickle, unless it is kept in pieces
=======  =====================================================================

The buffers of its ``ValueRef`` are the pieces, then the memories, then the others.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from nbreplay.digest import Buffer, Digest
from nbreplay.errors import BlobDamaged
from nbreplay.records import BlobRef, BufferRef, ValueRef
from nbreplay.serialize import data_only, gate
from nbreplay.serialize.attached import ATTACHED, attach
from nbreplay.serialize.buffers import get_buffer, put_lease
from nbreplay.serialize.dump import DumpedUnit
from nbreplay.serialize.lease import Changed
from nbreplay.serialize.pickler import persistent_load
from nbreplay.serialize.pieces import CUT_BYTES, cut
from nbreplay.serialize.session import Loading, Session, loading

__all__ = ["CODEC", "Changed", "load_unit", "write_unit"]

CODEC = "unit"
MAGIC = b"NBU1"


class _Header(msgspec.Struct):
    pieces: int
    memories: list[int]
    others: int


def write_unit(
    dumped: DumpedUnit,
    put: Callable[..., BlobRef],
    *,
    content: Digest | None = None,
    previous: Callable[[tuple[int, int]], tuple[BufferRef, bytes] | None] = lambda place: None,
    wrote: Callable[[tuple[int, int], BufferRef, bytes], None] = lambda place, ref, chunks: None,
) -> ValueRef:
    """Write *dumped*; may run in another thread than the dump.

    Parameters
    ----------
    put : callable
        ``Store.put``.
    previous, wrote : callable
        Ask for, and tell, what was last kept of the memory at a place: a change then writes its chunks only.

    Raises
    ------
    Changed
        A buffer is not what it was when it was dumped.
    """
    pieces = cut(dumped.stream) if len(dumped.stream) > CUT_BYTES else []
    header = msgspec.msgpack.encode(_Header(len(pieces), dumped.starts, len(dumped.others)))
    head = MAGIC + struct.pack("<I", len(header)) + header
    stream = put(head if pieces else head + dumped.stream, strong=True)
    buffers = []
    for piece in pieces:
        ref = put(piece, strong=True)
        buffers.append(BufferRef(digest=ref.digest, size_bytes=ref.size_bytes, base=ref))
    for held in (*dumped.memories, *dumped.others):
        old_ref, old_chunks = (previous(held.place) if held.place is not None else None) or (None, None)
        buffer = put_lease(held.lease, held.digest, put, only=held.only, previous=old_ref, previous_chunks=old_chunks)
        if held.place is not None:
            wrote(held.place, buffer, held.chunks)
        buffers.append(buffer)
    return ValueRef(codec=CODEC, stream=stream, buffers=tuple(buffers), content=content)


def load_unit(
    ref: ValueRef, get: Callable[[BlobRef], memoryview], session: Session, *, trust: gate.Trust
) -> dict[str, Any]:
    """Return the values of a unit. Definitions register with *session* as soon as they exist."""
    blob = get(ref.stream)
    if bytes(blob[:4]) != MAGIC:
        raise BlobDamaged(ref.stream.digest, "a store", "not the stream of a unit")
    (size,) = struct.unpack("<I", blob[4:8])
    header = msgspec.msgpack.decode(blob[8 : 8 + size], type=_Header)
    stream: Buffer = blob[8 + size :]
    if header.pieces:
        stream = b"".join(get(piece.base) for piece in ref.buffers[: header.pieces])
    rest: Sequence[BufferRef] = ref.buffers[header.pieces :]
    count = len(header.memories)
    memories = [(start, get_buffer(buffer, get)) for start, buffer in zip(header.memories, rest, strict=False)]
    others = [get_buffer(buffer, get) for buffer in rest[count:]]
    with loading(Loading(session, memories)):
        if trust is gate.Trust.OWN:
            values = gate.loads(stream, others, trust=trust, persistent_load=persistent_load)
        else:
            values = data_only.loads(stream, others)
    if not isinstance(values, dict):
        raise BlobDamaged(ref.stream.digest, "a store", "a unit that holds no names")
    attach(values.pop(ATTACHED, ()))
    return values
