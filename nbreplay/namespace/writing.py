"""A capture to the store."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from nbreplay.digest import Digest
from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace.capture import Capture, PendingUnit
from nbreplay.namespace.live import Live
from nbreplay.records import BlobRef, BufferRef, Unit, ValueRef, Writes
from nbreplay.serialize import codecs
from nbreplay.serialize.units import CODEC, write_unit


def write(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Writes:
    """Write the blobs of *capture*; may run in a writer thread.

    Cells may run meanwhile if what they could change of its memory was copied: see ``Lease.detach``.

    Raises
    ------
    Changed
        Memory is not as it was when it was captured.
    StoreError, OSError
        The store cannot be written.
    """
    units = tuple(_units(live, capture, put))
    ambient = dict(capture.refs)
    for key, (value, digest) in capture.ambient.items():
        ambient[key] = codecs.write(codecs.dump(value), put, content=digest)
    capture.writes = Writes(
        names=capture.states,
        deleted=capture.deleted,
        groups=capture.groups,
        units=(*capture.kept_units, *units),
        ambient=ambient,
        modules=capture.modules,
        result=capture.result,
    )
    return capture.writes


def _units(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Iterator[Unit]:
    def wrote(place: tuple[int, int], ref: BufferRef, chunks: bytes) -> None:
        live.memory[place] = (ref, chunks)

    for pending in capture.units:
        value: ValueRef = write_unit(
            pending.dumped, put, content=pending.content, previous=live.memory.get, wrote=wrote
        )
        pending.dumped.stream = b""  # it may be large, and is in the store now
        modules = tuple((name, version_of(name)) for name in sorted(pending.dumped.modules) if name != "builtins")
        yield dataclasses.replace(unwritten(pending), value=value, modules=modules)


def unwritten(pending: PendingUnit) -> Unit:
    """Return what is known of a unit before it is written."""
    nowhere = BlobRef(digest=Digest(""), size_bytes=0)
    return Unit(
        uid=pending.uid,
        value=ValueRef(codec=CODEC, stream=nowhere),
        names=pending.nodes,
        needs=tuple(sorted(pending.dumped.needs)),
    )
