"""All journals of a folder, for reading: listed, followed as they grow, and single records by place."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from nbreplay.store.journal import FILE_BYTES, SUFFIX, check_file_header
from nbreplay.store.record import Place, Record, parse_record, seed_of
from nbreplay.store.scan import Scan, Visit

OPEN_FILES = 32
"""Journals whose descriptors are kept; the one that was opened first goes first."""


class Journals:
    """The journals in *folder*, whoever writes them.

    Attributes
    ----------
    lost : set of (str, int, int)
        Regions (journal, start, stop) that hold something else than records.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lost: set[tuple[str, int, int]] = set()
        self._sizes: dict[str, int] = {}
        self._read_sizes: dict[str, int] = {}
        self._files: dict[str, int] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the journals' names, in order."""
        try:
            with os.scandir(self.folder) as entries:
                return sorted(e.name[: -len(SUFFIX)] for e in entries if e.name.endswith(SUFFIX) and "-" in e.name)
        except OSError:
            return []

    def look(self) -> bool:
        """Look at the sizes of all journals; return False if one that was there is gone."""
        sizes = {}
        for name in self.names():
            with contextlib.suppress(OSError):
                sizes[name] = os.stat(self.folder / f"{name}{SUFFIX}", follow_symlinks=False).st_size
        gone = self._sizes.keys() - sizes.keys()
        self._sizes = sizes
        return not gone

    def has_shrunk(self, name: str, position: int) -> bool:
        """Return whether *name* is shorter than what was read of it, or gone; as of the last :meth:`look`."""
        return self._sizes.get(name, 0) < position

    def grown(self, positions: dict[str, int]) -> list[str]:
        """Return the journals that have bytes behind their position in *positions* that were not looked at yet."""
        return [
            name
            for name, size in self._sizes.items()
            if size > max(positions.get(name, FILE_BYTES), self._read_sizes.get(name, 0))
        ]

    def each(self, name: str, position: int, visit: Visit) -> int:
        """Call *visit* for each record of *name* behind *position*; return the position behind the last."""
        fd = self._open(name)
        if fd < 0:
            return position
        try:
            size = os.fstat(fd).st_size
            header = check_file_header(os.pread(fd, FILE_BYTES, 0))
            if "newer" in header:
                return position
            scan = Scan(fd, name, max(position, FILE_BYTES))
            scan.each(visit)
            self._read_sizes[name] = size
            self.lost.update((name, start, stop) for start, stop in scan.lost)
            return scan.position
        except OSError:
            return position
        finally:
            os.close(fd)

    def records(self) -> Iterator[Record]:
        """Yield every record of every journal."""
        for name in self.names():
            fd = self._open(name)
            if fd < 0:
                continue
            try:
                yield from Scan(fd, name).records()
            finally:
                os.close(fd)

    def read(self, place: Place) -> Record | None:
        """Return the record at *place*; None if there is something else, or less. As :meth:`read_bytes`."""
        raw = memoryview(self.read_bytes(place.journal, place.offset, place.size_bytes))
        return parse_record(raw, place.journal, seed_of(place.journal), place.offset)

    def read_bytes(self, name: str, offset: int, size_bytes: int) -> bytes:
        """Return bytes of the journal *name*; fewer where it ends.

        Raises
        ------
        OSError
            The journal is gone, or cannot be read now.
        """
        with self._lock:  # else another thread may close the descriptor meanwhile
            try:
                return os.pread(self._kept(name), size_bytes, offset)
            except (ValueError, OverflowError, MemoryError):
                return b""

    def reset(self) -> None:
        """Forget what was seen: everything is read again."""
        self.lost.clear()
        self._read_sizes.clear()
        self.close()

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            while self._files:
                os.close(self._files.popitem()[1])

    def abandon(self) -> None:
        """In a forked child: have a lock of one's own; the descriptors read like the parent's."""
        self._lock = threading.Lock()

    def _kept(self, name: str) -> int:
        fd = self._files.get(name, -1)
        if fd < 0:
            while len(self._files) >= OPEN_FILES:
                os.close(self._files.pop(next(iter(self._files))))
            fd = self._open(name)
            if fd < 0:
                raise FileNotFoundError(errno.ENOENT, "journal", name)
            self._files[name] = fd
        return fd

    def _open(self, name: str) -> int:
        if not name or "/" in name:
            return -1
        try:
            return os.open(self.folder / f"{name}{SUFFIX}", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return -1
