"""Every write of the store to disk goes through one of these: fault tests hand in one that fails."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nbreplay.digest import Buffer, flat

FILE_MODE = 0o600
FOLDER_MODE = 0o700
WRITE_BYTES = 1 << 30
"""Bytes handed to one write: Linux takes at most 2 GiB less a page."""


class Disk:
    """Plain system calls, each of which either does all that was asked or raises OSError."""

    def create(self, path: Path) -> int:
        """Create *path*, which must not exist, and return its descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)

    def write(self, fd: int, data: Buffer, offset: int) -> None:
        """Write all of *data* at *offset*."""
        view = flat(data)
        while len(view):
            done = self.write_some(fd, view[:WRITE_BYTES], offset)
            view = view[done:]
            offset += done

    def write_some(self, fd: int, data: memoryview, offset: int) -> int:
        """Write a first part of *data* and return its length, as ``pwrite`` does."""
        return os.pwrite(fd, data, offset)

    def truncate(self, fd: int, size_bytes: int) -> None:
        """Cut the file to *size_bytes*."""
        os.ftruncate(fd, size_bytes)

    def sync(self, fd: int) -> None:
        """Return when what was written to *fd* is on the device."""
        os.fsync(fd)

    def sync_folder(self, path: Path) -> None:
        """Return when the names in *path* are on the device. File systems that cannot say are believed."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(OSError):
                os.fsync(fd)
        finally:
            os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """Give *source* the name *target*, replacing what has it."""
        source.replace(target)

    def make_folder(self, path: Path) -> None:
        """Create the folder *path*, private to its owner; that it exists already is fine."""
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=FOLDER_MODE)

    def remove(self, path: Path) -> None:
        """Remove the file *path*; that it is gone already is fine."""
        path.unlink(missing_ok=True)

    def write_whole(self, path: Path, data: Buffer, *, durable: bool = True) -> None:
        """Put *data* in place of *path* by a temporary file and a rename."""
        temporary = path.with_name(temporary_name())
        fd = self.create(temporary)
        try:
            try:
                self.write(fd, data, 0)
                if durable:
                    self.sync(fd)
            finally:
                os.close(fd)
            self.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


TEMPORARY = ".tmp-"
"""How names of unfinished files start; prune removes old ones."""


def temporary_name() -> str:
    """Return a name that no other process and no other thread uses."""
    return f"{TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"


def read_all(fd: int, offset: int, size_bytes: int) -> memoryview:
    """Return *size_bytes* bytes from *offset* on, or fewer where the file ends; writable."""
    buffer = bytearray(size_bytes)
    view = memoryview(buffer)
    done = 0
    while done < size_bytes and (count := os.preadv(fd, [view[done : done + (1 << 30)]], offset + done)):
        done += count
    return view[:done]
