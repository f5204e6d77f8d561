"""Append-only files of records and small blobs, one per writing process: with the blobs, the truth.

A journal ``journals/<number>-<random>.nbj`` starts with 64 bytes, little-endian:

======  ====  ===================================================
offset  size  field
======  ====  ===================================================
0       4     magic, ``NBRJ``
4       2     version, 1
6       2     zero
8       16    identity of the store
24      32    zero
56      8     xxh3-64 of the 56 bytes before it
======  ====  ===================================================

Records follow, each with a header of 64 bytes:

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
damage makes a reader look for the next magic. Numbers of journals and sequences order records without a clock
(Lamport 1978: each is one more than the largest its writer had seen).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import xxhash

from nbreplay.digest import Buffer
from nbreplay.store.disk import Disk, read_all
from nbreplay.store.failpoints import is_armed, reach
from nbreplay.store.mac import MAC_BYTES, UserKey

FILE_MAGIC = b"NBRJ"
RECORD_MAGIC = b"NBRR"
VERSION = 1
SUFFIX = ".nbj"

RECORD, BLOB, FORGET = 0, 1, 2
"""Forms of a record."""
WHOLE = -1
"""Offset by which a whole journal is forgotten: another one holds what was needed of it."""

_FILE = struct.Struct("<4sH2x16s32xQ")
_FRONT = struct.Struct("<4sBBH")
_BACK = struct.Struct("<QII")
_WHOLE = struct.Struct("<QQQII")
"""A record's header as a scan reads it: magic to kind length as one number, checksum, sequence, two lengths."""
_KEY = struct.Struct("<H")
_FRONT_NUMBER = int.from_bytes(RECORD_MAGIC + bytes([VERSION]), "little")
FILE_BYTES = _FILE.size
HEADER_BYTES = 64
assert FILE_BYTES == HEADER_BYTES == _FRONT.size + 8 + _BACK.size + MAC_BYTES
_MASK = (1 << 64) - 1
NO_MAC = bytes(MAC_BYTES)

WINDOW_BYTES = 16 << 20
"""A scan reads this much at once."""
LARGEST_BYTES = 1 << 30
"""Longest record; a length above it is damage."""


Visit = Callable[[int, bytes, bytes, int, int, int, memoryview], None]
"""Called with form, kind, keys, sequence, offset, length and body of a record."""


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


def new_name(number: int) -> str:
    """Return a name for a journal that nobody else gives."""
    return f"{number:06d}-{os.urandom(8).hex()}"


def number_of(name: str) -> int:
    """Return the number of the journal *name*; 0 if it has none."""
    head = name.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


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
    front = _FRONT.pack(RECORD_MAGIC, VERSION, form, len(kind))
    back = _BACK.pack(sequence, len(keys), len(body))
    rest = b"".join((kind, keys, body))
    if len(rest) > LARGEST_BYTES:
        raise ValueError(f"a record of {len(rest)} bytes; put large content as a blob")
    signed = key.code(front[4:8], back, rest) if key else NO_MAC
    covered = b"".join((back, signed, rest))
    return front + _check(front, covered, seed, offset) + covered


def _check(front: bytes, covered: bytes, seed: int, offset: int) -> bytes:
    """Return the checksum of a record at *offset* of the journal whose name gives *seed*."""
    return xxhash.xxh3_64_digest(covered, (seed + offset ^ int.from_bytes(front, "little")) & _MASK)[::-1]


def parse_record(raw: memoryview, journal: str, seed: int, offset: int) -> Record | None:
    """Return the record at the start of *raw*, which was read at *offset*; None if it is not whole and right."""
    if len(raw) < HEADER_BYTES:
        return None
    front, check, sequence, keys_bytes, body_bytes = _WHOLE.unpack_from(raw)
    if front & 0xFFFFFFFFFF != _FRONT_NUMBER:
        return None
    kind_bytes = front >> 48
    total = HEADER_BYTES + kind_bytes + keys_bytes + body_bytes
    if total > len(raw) or check != xxhash.xxh3_64_intdigest(raw[16:total], (seed + offset ^ front) & _MASK):
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
    front, check, _, keys_bytes, body_bytes = _WHOLE.unpack_from(raw)
    keys_at = HEADER_BYTES + (front >> 48)
    if (
        front & 0xFFFFFFFFFF != _FRONT_NUMBER
        or keys_at + keys_bytes + body_bytes != len(raw)
        or check != xxhash.xxh3_64_intdigest(raw[16:], (seed + offset ^ front) & _MASK)
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


def pack_file_header(identity: bytes) -> bytes:
    """Return the first 64 bytes of a journal of the store *identity*."""
    head = _FILE.pack(FILE_MAGIC, VERSION, identity, 0)[:56]
    return head + xxhash.xxh3_64_digest(head)[::-1]


def check_file_header(data: bytes | memoryview) -> str:
    """Return what is wrong with the start of a journal; empty if nothing."""
    if len(data) < FILE_BYTES:
        return "cut off in its header"
    magic, version, _, check = _FILE.unpack_from(data)
    if magic != FILE_MAGIC or check != xxhash.xxh3_64_intdigest(data[:56]):
        return "its header is damaged"
    return "" if version == VERSION else f"version {version}: made by a newer nbreplay"


class Journal:
    """The one journal that this process appends to.

    Parameters
    ----------
    journals_dir : Path
        Folder of journals; it exists.
    number : int
        One more than the largest number of a journal there.
    identity : bytes
        The store's, 16 bytes.
    """

    def __init__(self, journals_dir: Path, number: int, identity: bytes, disk: Disk) -> None:
        self.name = new_name(number)
        self.path = journals_dir / f"{self.name}{SUFFIX}"
        self.seed = seed_of(self.name)
        self.end = FILE_BYTES
        self._disk = disk
        self._synced = 0
        self.fd = disk.create(self.path)
        with contextlib.suppress(OSError):  # says that the writer lives; where it cannot be said, prune leaves journals
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            reach("journal.created")
            disk.write(self.fd, pack_file_header(identity), 0)
            disk.sync_folder(journals_dir)
        except BaseException:
            os.close(self.fd)
            with contextlib.suppress(OSError):
                self.path.unlink()
            raise
        state = os.fstat(self.fd)
        self._inode = (state.st_dev, state.st_ino)
        reach("journal.headed")

    def append(self, data: bytes) -> None:
        """Write *data* behind what is there; when this returns, the kernel has all of it, and no kill loses it.

        Raises
        ------
        OSError
            Nothing was appended. The journal ends here: another one has to be begun.
        """
        reach("journal.before")
        if is_armed("journal.half"):
            self._disk.write(self.fd, data[: len(data) // 2], self.end)
            reach("journal.half")
        try:
            self._disk.write(self.fd, data, self.end)
        except OSError:
            with contextlib.suppress(OSError):  # else readers stop before it
                self._disk.truncate(self.fd, self.end)
            raise
        self.end += len(data)
        reach("journal.appended")

    def is_in_place(self) -> bool:
        """Return whether the file still has its name: somebody may have deleted or moved the store."""
        try:
            state = self.path.stat()
        except OSError:
            return False
        return (state.st_dev, state.st_ino) == self._inode

    def sync(self) -> None:
        """Return when all that was appended is on the device."""
        end = self.end
        if end > self._synced:
            self._disk.sync(self.fd)
            self._synced = end

    def close(self) -> None:
        """Close the descriptor; appended records stay."""
        os.close(self.fd)


@dataclass(slots=True)
class Scan:
    """A forward scan over a journal, in windows.

    Attributes
    ----------
    position : int
        Offset up to which everything is read: what follows is not there yet, or torn.
    lost : list of (int, int)
        Regions (start, stop) in which there is something else than records.
    """

    fd: int
    name: str
    position: int = FILE_BYTES
    lost: list[tuple[int, int]] = field(default_factory=list)

    def windows(self) -> Iterator[tuple[int, memoryview]]:
        """Yield (offset, bytes) so that each starts at :attr:`position`, which the consumer moves on."""
        size_bytes = os.fstat(self.fd).st_size
        want = WINDOW_BYTES
        while self.position + HEADER_BYTES <= size_bytes:
            before = self.position
            yield before, read_all(self.fd, before, min(want, size_bytes - before))
            if self.position > before:
                want = WINDOW_BYTES
            elif before + want >= size_bytes:
                return
            else:
                want *= 4  # a record longer than the window

    def records(self) -> Iterator[Record]:
        """Yield all whole records from :attr:`position` on."""
        seed = seed_of(self.name)
        for start, window in self.windows():
            at = 0
            while (record := parse_record(window[at:], self.name, seed, start + at)) or (
                at := self._resync(window, at, seed, start)
            ) >= 0:
                if record:
                    at += record.place.size_bytes
                    self.position = start + at
                    yield record

    def each(self, visit: Visit) -> None:
        """Call *visit* for each whole record from :attr:`position` on: the fast way, for the index."""
        seed = seed_of(self.name)
        hashed, unpack = xxhash.xxh3_64_intdigest, _WHOLE.unpack_from
        for start, window in self.windows():
            at, size = 0, len(window)
            while True:
                total = size
                if at + HEADER_BYTES <= size:
                    front, check, sequence, keys_bytes, body_bytes = unpack(window, at)
                    keys_at = at + HEADER_BYTES + (front >> 48)
                    total = keys_at + keys_bytes + body_bytes - at
                if (
                    at + total > size
                    or front & 0xFFFFFFFFFF != _FRONT_NUMBER
                    or check != hashed(window[at + 16 : at + total], (seed + start + at ^ front) & _MASK)
                ):
                    at = self._resync(window, at, seed, start)
                    if at < 0:
                        break
                    continue
                kind = bytes(window[at + HEADER_BYTES : keys_at])
                body_at = keys_at + keys_bytes
                keys, body = bytes(window[keys_at:body_at]), window[body_at : at + total]
                visit(front >> 40 & 0xFF, kind, keys, sequence, start + at, total, body)
                at += total
                self.position = start + at

    def _resync(self, window: memoryview, at: int, seed: int, start: int) -> int:
        """Return where in *window* the next whole record after *at* is, and note what lies between; -1 if none is."""
        data = window.obj if isinstance(window.obj, bytearray) else bytearray(window)
        found = at
        while (found := data.find(RECORD_MAGIC, found + 1, len(window))) >= 0:
            if parse_record(window[found:], self.name, seed, start + found):
                self.lost.append((start + at, start + found))
                self.position = start + found
                return found
        return -1
