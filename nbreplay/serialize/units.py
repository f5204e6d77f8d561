"""A unit, the values that are pickled as one stream, to bytes and back.

The C pickler does it, with our reducers and the memory of arrays kept apart; dill where pickle fails, for that unit
only; and if both fail, a third pass leaves out the objects that refuse.

A stream above :data:`CUT_BYTES` is kept in pieces that are cut where its content says so: a change stays in its piece.

=======  =====================================================================
bytes    the stream's blob
=======  =====================================================================
4        magic ``NBU1``
4        length of the header, little endian
n        header, msgpack: ``pieces`` (count), ``memories`` (start of each), ``in_band`` (count of other buffers)
rest     the pickle, unless it is kept in pieces
=======  =====================================================================

The buffers of its ``ValueRef`` are the pieces, then the memories, then the others.
"""

from __future__ import annotations

import io
import logging
import pickle
import re
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import BuiltinFunctionType, FunctionType
from typing import Any

import msgspec

from nbreplay.digest import Buffer, Digest, chunk_digests, digest_bytes, digest_chunked, flat
from nbreplay.errors import BlobDamaged, StoreError
from nbreplay.records import BlobRef, BufferRef, ValueRef
from nbreplay.serialize import gate
from nbreplay.serialize.arrays import Memories, Memory
from nbreplay.serialize.codecs import get_buffer, put_buffer
from nbreplay.serialize.pickler import UnitPickler, persistent_load
from nbreplay.serialize.session import Loading, Session, loading
from nbreplay.serialize.standin import Refused

logger = logging.getLogger(__name__)

CODEC = "unit"
MAGIC = b"NBU1"
CUT_BYTES = 256 * 1024
PIECE_MIN_BYTES = 32 * 1024
PIECE_MAX_BYTES = 512 * 1024
STACK_BYTES = 512 << 20
"""Stack of the thread that pickles deep structures; only what is used of it becomes memory."""
DEEP = 150_000
"""Recursion limit there: a level of nesting takes up to three calls of about 1 kB."""


class Changed(StoreError):  # as the tree in errors
    """Memory that changed between the end of a cell and its writing."""


class _Header(msgspec.Struct):
    pieces: int
    memories: list[int]
    others: int


@dataclass(slots=True)
class Held:
    """A buffer that is to be written: its memory, what its content was when it was dumped, and where it lies."""

    view: memoryview
    digest: Digest
    place: tuple[int, int] | None = None
    chunks: bytes | None = None


@dataclass(slots=True)
class DumpedUnit:
    """A unit that is ready to be written; buffers are live memory."""

    stream: bytes
    memories: list[Held]
    others: list[Held]
    starts: list[int]
    modules: set[str]
    needs: set[str]
    refused: list[Refused] = field(default_factory=list)
    how: str = "pickle"

    @property
    def size_bytes(self) -> int:
        """Bytes of the stream and of all buffers."""
        return len(self.stream) + sum(len(held.view) for held in (*self.memories, *self.others))


def dump_unit(
    values: dict[str, Any],
    session: Session,
    *,
    inline: frozenset[str] = frozenset(),
    poll: Callable[[], None] | None = None,
    chunks: Mapping[tuple[int, int], bytes] | None = None,
) -> DumpedUnit:
    """Return *values* as one stream with its buffers. Nothing is written.

    *chunks* are :func:`~nbreplay.digest.chunk_digests` of memory that was just hashed, by address range.

    Raises
    ------
    Exception
        Whatever *poll* raises. An object that refuses to be pickled raises nothing: it is in ``refused``.
    """
    ways: list[Callable[..., DumpedUnit]] = [_plainly, _with_dill, _leaving_out]
    while ways:
        way = ways.pop(0)
        try:
            dumped = way(values, session, inline, poll)
            for held in dumped.memories:
                _hash(held, chunks or {})
            return dumped
        except RecursionError:
            if way is _plainly:
                ways.insert(0, _deep)
        except Exception:  # pickling runs the user's code; the next way may do
            logger.debug("%s did not do", way.__name__, exc_info=True)
        if poll is not None:
            poll()
    refused = Refused(type_name="covariable", reason="it cannot be pickled in any way")
    return DumpedUnit(b"", [], [], [], set(), set(), [refused], "none")


def _dump(
    pickler: Any,
    values: dict[str, Any],
    session: Session,
    inline: frozenset[str],
    refused: list[Refused] | None,
    poll: Callable[[], None] | None,
) -> DumpedUnit:
    file = io.BytesIO()
    others: list[pickle.PickleBuffer] = []
    dumper = pickler(file, others, session, set(inline), refused, poll)
    dumper.dump(values)
    large = list(dumper.memories.by_place.values())
    memories = [Held(memory.view(), Digest(""), (memory.address, memory.size_bytes)) for memory in large]
    raw = [flat(buffer.raw()) for buffer in others]
    return DumpedUnit(
        stream=file.getvalue(),
        memories=memories,
        others=[Held(view, digest_bytes(view)) for view in raw],
        starts=[memory.start for memory in large],
        modules=dumper.modules,
        needs=dumper.needs,
        refused=refused or [],
    )


def _hash(held: Held, chunks: Mapping[tuple[int, int], bytes]) -> None:
    """Fill in the digest of a memory; what a walk hashed already is not hashed again."""
    size = len(held.view)
    known = chunks.get((held.place[0], held.place[0] + size)) if held.place is not None else None
    held.chunks = known if known is not None else chunk_digests(held.view)
    held.digest = digest_chunked(held.chunks, size)


SAMPLE_MAX_S = 0.05
"""Seconds that a sample may take; small values take microseconds, but pickling runs the user's code."""


class Sampler:
    """Pickles small values again and again, to see whether they changed.

    A sample is the bytes and the ids of the objects in them that can change: equal samples mean equal structure made of
    the same objects. Unequal ones mean nothing: a value may pickle differently each time.
    """

    def __init__(self, session: Session) -> None:
        self._file = io.BytesIO()
        self._others: list[Any] = []
        self._pickler = UnitPickler(self._file, self._others, session, set(), None, self._poll)
        self._deadline = 0.0

    def _poll(self) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError  # a slow reducer of the user's: a walk, which can be interrupted, is better

    def sample(self, value: Any) -> object | None:
        """Return what *value* looks like now, None if that cannot be said this way."""
        pickler, file = self._pickler, self._file
        file.seek(0)
        file.truncate()
        self._deadline = time.monotonic() + SAMPLE_MAX_S
        try:
            pickler.dump(value)
            if self._others or pickler.memories.by_place:
                return None
            ids = [ident for ident, (_, each) in pickler.memo.copy().items() if type(each) not in _NOT_LINKING]
            return file.getvalue(), ids
        except Exception:  # noqa: BLE001  # pickling runs the user's code
            return None
        finally:
            pickler.clear_memo()
            pickler.memories = Memories(pickler.session)
            self._others.clear()


_NOT_LINKING = frozenset({tuple, str, bytes, frozenset, type, FunctionType, BuiltinFunctionType, Memory})


def _plainly(
    values: dict[str, Any], session: Session, inline: frozenset[str], poll: Callable[[], None] | None
) -> DumpedUnit:
    return _dump(UnitPickler, values, session, inline, None, poll)


def _deep(
    values: dict[str, Any], session: Session, inline: frozenset[str], poll: Callable[[], None] | None
) -> DumpedUnit:
    return _with_stack(lambda: _dump(UnitPickler, values, session, inline, None, poll))


def _with_dill(
    values: dict[str, Any], session: Session, inline: frozenset[str], poll: Callable[[], None] | None
) -> DumpedUnit:
    from nbreplay.serialize.fallback import DillPickler

    dumped = _dump(DillPickler, values, session, inline, None, poll)
    dumped.how = "dill"
    return dumped


def _leaving_out(
    values: dict[str, Any], session: Session, inline: frozenset[str], poll: Callable[[], None] | None
) -> DumpedUnit:
    return _with_stack(lambda: _dump(UnitPickler, values, session, inline, [], poll))


def _with_stack(work: Callable[[], DumpedUnit]) -> DumpedUnit:
    """Do *work* in a thread with a large stack."""
    done: list[DumpedUnit] = []
    failed: list[BaseException] = []

    def run() -> None:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, DEEP))
        try:
            done.append(work())
        except BaseException as e:  # noqa: BLE001  # handed to the caller's thread
            failed.append(e)
        finally:
            sys.setrecursionlimit(limit)

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run, name="nbreplay-deep")
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


# ---------------------------------------------------------------- writing


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
    for held in dumped.memories:
        assert held.place is not None  # memories have one
        old_ref, old_chunks = previous(held.place) or (None, None)
        buffer = put_buffer(held.view, put, previous=old_ref, previous_chunks=old_chunks)
        _check(held, buffer.digest)
        wrote(held.place, buffer, held.chunks or b"")
        buffers.append(buffer)
    for held in dumped.others:
        buffer = put_buffer(held.view, put, previous=None, previous_chunks=None)
        _check(held, buffer.digest)
        buffers.append(buffer)
    return ValueRef(codec=CODEC, stream=stream, buffers=tuple(buffers), content=content)


def _check(held: Held, digest: Digest) -> None:
    if digest != held.digest:
        raise Changed("the memory of an array changed while it was written: a thread writes to it")


_CUT = re.compile(rb"\x94")  # MEMOIZE: an object ends near


def cut(stream: bytes) -> list[memoryview]:
    """Cut *stream*, without its frames, in pieces of about 100 kB whose borders depend on the bytes near them only."""
    data = unframed(stream)
    view = memoryview(data)
    pieces = []
    start = 0
    for match in _CUT.finditer(data):
        stop = match.end()
        size = stop - start
        if size < PIECE_MIN_BYTES:
            continue
        while size > PIECE_MAX_BYTES:
            pieces.append(view[start : start + PIECE_MAX_BYTES])
            start += PIECE_MAX_BYTES
            size = stop - start
        if size >= PIECE_MIN_BYTES and not zlib.crc32(view[stop - 24 : stop]) & 0x7FF:
            pieces.append(view[start:stop])
            start = stop
    while start < len(view):
        pieces.append(view[start : start + PIECE_MAX_BYTES])
        start += PIECE_MAX_BYTES
    return pieces


_LARGE = {0x42: 4, 0x58: 4, 0x8E: 8, 0x8D: 8, 0x96: 8}
"""Opcodes that stand between frames with their argument: BINBYTES, BINUNICODE, and the 8-byte ones; length field."""


def unframed(stream: bytes) -> bytes:
    """Return a protocol 5 pickle without frames: they are optional, and every one moves when one object grows."""
    parts = [stream[:2]]
    at = 2
    while at < len(stream):
        opcode = stream[at]
        if opcode == 0x95:
            size = int.from_bytes(stream[at + 1 : at + 9], "little")
            parts.append(stream[at + 9 : at + 9 + size])
            at += 9 + size
        elif opcode in _LARGE:
            width = _LARGE[opcode]
            size = 1 + width + int.from_bytes(stream[at + 1 : at + 1 + width], "little")
            parts.append(stream[at : at + size])
            at += size
        else:
            parts.append(stream[at:])
            break
    return b"".join(parts)


# ---------------------------------------------------------------- loading


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
        values = gate.loads(stream, others, trust=trust, persistent_load=persistent_load)
    if not isinstance(values, dict):
        raise BlobDamaged(ref.stream.digest, "a store", "a unit that holds no names")
    return values
