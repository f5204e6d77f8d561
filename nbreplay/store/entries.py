"""Entries of the index as bytes, and those that are not written yet, in memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator

ENTRY = struct.Struct(">QIQI")
"""Sequence, journal number, offset, length."""

WRITTEN_AT_ONCE = 2000
"""Entries handed to LMDB in one call, which keeps all other threads waiting."""

Overlay = dict[bytes, bytes | bytearray]
"""Hash to entries, one after the other: no object per entry that the garbage collector would have to visit."""


def split(entries: bytes | bytearray) -> list[bytes]:
    """Return single entries."""
    return [bytes(entries[start : start + ENTRY.size]) for start in range(0, len(entries), ENTRY.size)]


def batches(overlay: Overlay) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield (hash, entry) in the order in which LMDB takes them best, some at a time."""
    part: list[tuple[bytes, bytes]] = []
    for hash_ in sorted(overlay):
        for entry in split(overlay[hash_]):
            part.append((hash_, entry))
            if len(part) == WRITTEN_AT_ONCE:
                yield part
                part = []
    yield part
