"""Values of a namespace to one stream and its buffers, whatever it takes.

The C pickler does it, with our reducers and the memory of arrays kept apart; in a thread with a large stack where the
values are nested deeply; dill where pickle fails, for this unit only; and if all fail, a last pass leaves out the
objects that refuse.
"""

from __future__ import annotations

import io
import logging
import pickle
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nbreplay.digest import CHUNK_BYTES, Digest, chunk_digests, digest_chunked, flat
from nbreplay.foreign import GUARD, Overdue
from nbreplay.serialize.arrays import Memories
from nbreplay.serialize.lease import Lease
from nbreplay.serialize.pickler import DeepPickler, UnitPickler
from nbreplay.serialize.session import Session
from nbreplay.serialize.standin import Refused

logger = logging.getLogger(__name__)

STACK_BYTES = 512 << 20
"""Stack of the thread that pickles deep structures; only what is used of it becomes memory."""
DEEP = 150_000
"""Recursion limit there: a level of nesting takes up to three calls of about 1 kB."""
HASHED_BYTES = 64 * CHUNK_BYTES
"""Memory that is hashed between two looks at whether to go on; a few milliseconds."""


@dataclass(slots=True)
class Held:
    """A buffer that is to be written: its memory, what its content was when it was dumped, and where it lies.

    *only* are the chunks that differ from what was kept of the same place before; None: it is kept whole.
    """

    lease: Lease
    digest: Digest
    place: tuple[int, int] | None = None
    only: frozenset[int] | None = None

    @property
    def chunks(self) -> bytes:
        """The digests of its chunks."""
        return self.lease.chunks


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
        return len(self.stream) + sum(len(held.lease) for held in (*self.memories, *self.others))

    def leases(self) -> list[Lease]:
        """Return what is the user's memory until it is written."""
        return [held.lease for held in (*self.memories, *self.others)]


def dump_unit(
    values: dict[str, Any],
    session: Session,
    *,
    inline: frozenset[str] = frozenset(),
    poll: Callable[[], None] | None = None,
    chunks: Mapping[tuple[int, int], bytes] | None = None,
    owners: tuple[Any, ...] = (),
) -> DumpedUnit:
    """Return *values* as one stream with its buffers. Nothing is written.

    *inline* are the lineages of definitions that the stream holds itself; *poll* is called now and then. *chunks* are
    :func:`~nbreplay.digest.chunk_digests` of memory that was just hashed, by address range. *owners* are objects among
    the values whose memory others may view without saying so.

    Raises
    ------
    Exception
        Whatever *poll* raises. An object that refuses to be pickled raises nothing: it is in ``refused``.
    """
    dump = _Dump(values, session, inline, poll, chunks or {}, owners)
    ways = [dump.plainly, dump.with_dill, dump.leaving_out]
    while ways:
        way = ways.pop(0)
        try:
            with GUARD:
                return way()
        except Overdue:
            ways[:] = [dump.leaving_out] if way != dump.leaving_out else []
        except RecursionError:
            if way == dump.plainly:
                ways.insert(0, dump.deeply)
        except Exception:  # pickling runs the user's code; the next way may do
            logger.debug("%s did not do", way.__name__, exc_info=True)
        if poll is not None:
            poll()
    refused = Refused(type_name="covariable", reason="it cannot be pickled in any way")
    return DumpedUnit(b"", [], [], [], set(), set(), [refused], "none")


def _hashed(view: memoryview, known: bytes | None, poll: Callable[[], None] | None) -> bytes:
    """Return the digests of the chunks of *view*; what a walk hashed already is not hashed again."""
    if known is not None:
        return known
    parts = []
    for start in range(0, len(view), HASHED_BYTES):
        parts.append(chunk_digests(view[start : start + HASHED_BYTES]))
        if poll is not None:
            poll()
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class _Dump:
    """The ways to pickle *values*, from the quickest to the one that always does."""

    values: dict[str, Any]
    session: Session
    inline: frozenset[str]
    poll: Callable[[], None] | None
    chunks: Mapping[tuple[int, int], bytes]
    owners: tuple[Any, ...]

    def plainly(self) -> DumpedUnit:
        return self._by(UnitPickler)

    def deeply(self, *, refused: list[Refused] | None = None) -> DumpedUnit:
        try:
            return _with_stack(lambda: self._by(UnitPickler, refused=refused))
        except RecursionError:
            return _with_stack(lambda: self._by(DeepPickler, refused=[] if refused is not None else None))

    def with_dill(self) -> DumpedUnit:
        from nbreplay.serialize.fallback import DillPickler

        dumped = self._by(DillPickler)
        dumped.how = "dill"
        return dumped

    def leaving_out(self) -> DumpedUnit:
        try:
            return self._by(UnitPickler, refused=[])  # here the user's code can be interrupted
        except RecursionError:
            return self.deeply(refused=[])

    def _by(self, pickler: Callable[..., Any], *, refused: list[Refused] | None = None) -> DumpedUnit:
        file = io.BytesIO()
        others: list[pickle.PickleBuffer] = []
        dumper = pickler(file, others, self.session, set(self.inline), refused, self.poll)
        dumper.memories.owners = self.owners
        dumper.dump(self.values)
        joined = dumper.memories.overlaps()
        if joined:  # arrays of which none is the other's base, on one memory: seen only when all are
            file, others[:] = io.BytesIO(), []
            if refused is not None:
                refused.clear()
            dumper = pickler(file, others, self.session, set(self.inline), refused, self.poll)
            dumper.memories = Memories(self.session, joined, self.owners)
            dumper.dump(self.values)
        memories = list(dumper.memories.by_place.values())
        raw = [flat(buffer.raw()) for buffer in others]
        return DumpedUnit(
            stream=file.getvalue(),
            memories=[self._held(each.view(), (each.address, each.size_bytes)) for each in memories],
            others=[self._held(view) for view in raw],
            starts=[each.start for each in memories],
            modules=dumper.modules,
            needs=dumper.needs,
            refused=refused or [],
        )

    def _held(self, view: memoryview, place: tuple[int, int] | None = None) -> Held:
        known = self.chunks.get((place[0], place[0] + len(view))) if place is not None else None
        chunks = _hashed(view, known, self.poll)
        return Held(Lease(view, chunks), digest_chunked(chunks, len(view)), place)


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
