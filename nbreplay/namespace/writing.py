"""A capture to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace.capture import Capture
from nbreplay.namespace.live import Live
from nbreplay.records import BlobRef, BufferRef, Unit, ValueRef, Writes
from nbreplay.serialize import codecs
from nbreplay.serialize.units import write_unit


def write(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Writes:
    """Write the blobs of *capture*; may run in a writer thread while no cell runs.

    Raises
    ------
    Changed
        Memory is not as it was when it was captured.
    StoreError, OSError
        The store cannot be written.
    """
    units = tuple(_units(live, capture, put))
    ambient = {}
    for key, (value, digest) in capture.ambient.items():
        ambient[key] = codecs.write(codecs.dump(value), put, content=digest)
    capture.writes = Writes(
        names=capture.states,
        deleted=capture.deleted,
        groups=capture.groups,
        units=units,
        ambient=ambient,
        modules=capture.modules,
        result=capture.result,
    )
    return capture.writes


def _units(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Iterator[Unit]:
    def wrote(place: tuple[int, int], ref: BufferRef, chunks: bytes) -> None:
        live.memory[place] = (ref, chunks)

    for pending in capture.units:
        dumped = pending.dumped
        value: ValueRef = write_unit(dumped, put, content=pending.content, previous=live.memory.get, wrote=wrote)
        yield Unit(
            uid=pending.uid,
            value=value,
            names=pending.nodes,
            needs=tuple(sorted(dumped.needs)),
            modules=tuple((name, version_of(name)) for name in sorted(dumped.modules) if name != "builtins"),
        )
