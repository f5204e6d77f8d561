"""One record of a journal, as bytes.

A header of 64 bytes, little-endian, and what it announces:

======  ====  =========================================================================================
offset  size  field
======  ====  =========================================================================================
0       4     magic, ``NBRR``
4       1     version, 1
5       1     form: 0 record, 1 blob (a frame, under its digest), 2 forgotten places (msgpack of such triples)
6       2     length of the kind, bytes
8       8     xxh3-64 of all that follows, seeded with the journal's name, the offset and the 8 bytes before
16      8     sequence: larger than that of every record its writer had seen
24      4     length of the keys, bytes
28      4     length of the body, bytes
32      32    keyed blake2b of bytes 4 to 8, 16 to 32, kind, keys and body; zero for blobs
64      ...   kind (UTF-8), keys (each: length, 2 bytes, then the key), body
======  ====  =========================================================================================

The seed ties a record to its place: bytes of a journal that somebody kept as a value are not taken for records when
damage makes a reader look for the next magic.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import xxhash

from nbreplay.digest import Buffer
from nbreplay.store.mac import MAC_BYTES, UserKey

MAGIC = b"NBRR"
VERSION = 1

RECORD, BLOB, FORGET = 0, 1, 2
"""Forms of a record."""
WHOLE = -1
"""Offset by which a whole journal is forgotten: another one holds what was needed of it."""

HEADER = struct.Struct("<QQQII")
"""A header up to the code, as it is read: magic to length of the kind as one number, checksum, sequence, lengths."""
HEADER_BYTES = 64
_FRONT = struct.Struct("<4sBBH")
_BACK = struct.Struct("<QII")
_KEY = struct.Struct("<H")
assert HEADER_BYTES == _FRONT.size + 8 + _BACK.size + MAC_BYTES == HEADER.size + MAC_BYTES
FRONT_NUMBER = int.from_bytes(MAGIC + bytes([VERSION]), "little")
"""The low 40 bits of a header's first number."""
MASK = (1 << 64) - 1
NO_MAC = bytes(MAC_BYTES)

LARGEST_BYTES = 1 << 30
"""Longest record; content beyond it belongs in a blob."""


class Place(NamedTuple):
    """Where a record is: the journal's name (without suffix), offset and length in bytes."""

    journal: str
    offset: int
    size_bytes: int


class Record(NamedTuple):
    """One record as read. *raw* is all of it; its checksum holds."""

    form: int
    kind: str
    keys: tuple[bytes, ...]
    body: memoryview
    sequence: int
    place: Place
    raw: memoryview

    def is_own(self, key: UserKey) -> bool:
        """Return whether the user of *key* wrote it."""
        return is_own(self.raw, key)

    def moved(self, seed: int, offset: int) -> bytes:
        """Return its bytes for another place; sequence and code stay."""
        front = bytes(self.raw[:8])
        covered = bytes(self.raw[16:])
        return front + _check(front, covered, seed, offset) + covered


@lru_cache(maxsize=1024)
def seed_of(journal: str) -> int:
    """Return what the checksums in the journal of this name are seeded with."""
    return xxhash.xxh3_64_intdigest(journal.encode())


def pack_keys(keys: Iterable[bytes]) -> bytes:
    """Return *keys* as they are written."""
    return b"".join(_KEY.pack(len(key)) + key for key in keys)


def unpack_keys(data: memoryview) -> tuple[bytes, ...]:
    """Return the keys that *data* holds; ValueError if it does not hold keys."""
    keys = []
    offset = 0
    while offset < len(data):
        if offset + 2 > len(data):
            raise ValueError("keys are cut off")
        (length,) = _KEY.unpack_from(data, offset)
        keys.append(bytes(data[offset + 2 : offset + 2 + length]))
        offset += 2 + length
    if offset != len(data):
        raise ValueError("keys are cut off")
    return tuple(keys)


def pack_record(
    form: int,
    kind: bytes,
    keys: bytes,
    body: bytes | memoryview,
    *,
    sequence: int,
    seed: int,
    offset: int,
    key: UserKey | None,
) -> bytes:
    """Return one record for *offset* of the journal whose names gives *seed*; with a code of *key*, if there is one."""
    front = _FRONT.pack(MAGIC, VERSION, form, len(kind))
    back = _BACK.pack(sequence, len(keys), len(body))
    rest = b"".join((kind, keys, body))
    if len(rest) > LARGEST_BYTES:
        raise ValueError(f"a record of {len(rest)} bytes; put large content as a blob")
    signed = key.code(front[4:8], back, rest) if key else NO_MAC
    covered = b"".join((back, signed, rest))
    return front + _check(front, covered, seed, offset) + covered


def _check(front: bytes, covered: bytes, seed: int, offset: int) -> bytes:
    """Return the checksum of a record at *offset* of the journal whose name gives *seed*."""
    return xxhash.xxh3_64_digest(covered, (seed + offset ^ int.from_bytes(front, "little")) & MASK)[::-1]


def parse_record(raw: memoryview, journal: str, seed: int, offset: int) -> Record | None:
    """Return the record at the start of *raw*, which was read at *offset*; None if it is not whole and right."""
    if len(raw) < HEADER_BYTES:
        return None
    front, check, sequence, keys_bytes, body_bytes = HEADER.unpack_from(raw)
    if front & 0xFFFFFFFFFF != FRONT_NUMBER:
        return None
    kind_bytes = front >> 48
    total = HEADER_BYTES + kind_bytes + keys_bytes + body_bytes
    if total > len(raw) or check != xxhash.xxh3_64_intdigest(raw[16:total], (seed + offset ^ front) & MASK):
        return None
    keys_at = HEADER_BYTES + kind_bytes
    try:
        kind = str(raw[HEADER_BYTES:keys_at], "utf-8")
        keys = unpack_keys(raw[keys_at : keys_at + keys_bytes])
    except ValueError:
        return None
    body = raw[keys_at + keys_bytes : total]
    return Record(front >> 40 & 0xFF, kind, keys, body, sequence, Place(journal, offset, total), raw[:total])


def measure(raw: bytes, seed: int, offset: int) -> tuple[int, int, int] | None:
    """Return form, end of the kind and end of the keys of the record *raw*, read at *offset*; None if it is none.

    As :func:`parse_record`, for those who read many.
    """
    if len(raw) < HEADER_BYTES:
        return None
    front, check, _, keys_bytes, body_bytes = HEADER.unpack_from(raw)
    keys_at = HEADER_BYTES + (front >> 48)
    if (
        front & 0xFFFFFFFFFF != FRONT_NUMBER
        or keys_at + keys_bytes + body_bytes != len(raw)
        or check != xxhash.xxh3_64_intdigest(raw[16:], (seed + offset ^ front) & MASK)
    ):
        return None
    return front >> 40 & 0xFF, keys_at, keys_at + keys_bytes


def has_key(raw: bytes, keys_at: int, body_at: int, key: bytes) -> bool:
    """Return whether *key* is among the keys of the record *raw*."""
    if raw.startswith(_KEY.pack(len(key)) + key, keys_at, body_at):  # the first one, most often
        return True
    try:
        return key in unpack_keys(memoryview(raw)[keys_at:body_at])
    except ValueError:
        return False


def is_own(raw: Buffer, key: UserKey) -> bool:
    """Return whether the user of *key* wrote the record *raw*."""
    return key.holds(bytes(raw[32:64]), raw[4:8], raw[16:32], raw[64:])
