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

Records follow (:mod:`nbreplay.store.record`). Numbers of journals and sequences of records order them without a clock:
each is one more than the largest that its writer had seen.

Notes
-----
Lamport, *Time, clocks, and the ordering of events in a distributed system*, 1978.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from pathlib import Path

import xxhash

from nbreplay.store.disk import Disk
from nbreplay.store.failpoints import is_armed, reach
from nbreplay.store.record import seed_of

MAGIC = b"NBRJ"
VERSION = 1
SUFFIX = ".nbj"

_FILE = struct.Struct("<4sH2x16s32xQ")
FILE_BYTES = _FILE.size
assert FILE_BYTES == 64


def new_name(number: int) -> str:
    """Return a name for a journal that nobody else gives."""
    return f"{number:06d}-{os.urandom(8).hex()}"


def number_of(name: str) -> int:
    """Return the number of the journal *name*; 0 if it has none."""
    head = name.partition("-")[0]
    return int(head) if head.isascii() and head.isdigit() else 0


def pack_file_header(identity: bytes) -> bytes:
    """Return the first 64 bytes of a journal of the store *identity*."""
    head = _FILE.pack(MAGIC, VERSION, identity, 0)[:56]
    return head + xxhash.xxh3_64_digest(head)[::-1]


def check_file_header(data: bytes | memoryview) -> str:
    """Return what is wrong with the start of a journal; empty if nothing."""
    if len(data) < FILE_BYTES:
        return "cut off in its header"
    magic, version, _, check = _FILE.unpack_from(data)
    if magic != MAGIC or check != xxhash.xxh3_64_intdigest(data[:56]):
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
