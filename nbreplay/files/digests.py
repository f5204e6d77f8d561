"""What is in a file or folder, by digest, without reading it again when its stat says that it cannot have changed."""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator

import xxhash

from nbreplay.digest import CHUNK_BYTES, Digest, combine, combine_all, digest_bytes, digest_chunked
from nbreplay.files.paths import ignored_entry
from nbreplay.records import FileState

Signature = tuple[int, int, int, int, int]
"""(device, inode, size, mtime_ns, ctime_ns)."""

SMALL_BYTES = 64 << 10

MISSING = FileState(digest=None)
_O_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
_real_stat = os.stat  # before our own wrapper: what this module looks at is nobody's input


def signature(found: os.stat_result) -> Signature:
    """Return what of a stat changes when the content does."""
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def stat_or_none(path: str) -> os.stat_result | None:
    """Return the stat of *path*, None if nothing (that we may see) is there."""
    try:
        return _real_stat(path)
    except (OSError, ValueError):
        return None


def stat_state(found: os.stat_result | None, aspect: str) -> FileState:
    """Return what ``os.path.exists`` (*aspect* ``exists``) or ``os.stat`` (``stat``) tells of a file."""
    if found is None:
        return MISSING
    folder = stat.S_ISDIR(found.st_mode)
    size = found.st_size if aspect == "stat" and not folder else 0
    kind = "folder" if folder else "file" if stat.S_ISREG(found.st_mode) else "special"
    return FileState(digest=combine(aspect, kind, str(size)), size_bytes=size, folder=folder, aspect=aspect)


def listing_state(entries: Iterable[tuple[str, bool]]) -> FileState:
    """Return the state of a folder with *entries* (name, is it a folder)."""
    rows = sorted((name, folder) for name, folder in entries if not ignored_entry(name))
    parts = [("d" if folder else "f") + name for name, folder in rows]
    return FileState(digest=combine_all("listing", parts), folder=True)


def list_folder(path: str) -> list[tuple[str, bool]]:
    """Return the entries of the folder at *path*; a link to a folder is one."""
    with os.scandir(path) as entries:
        return [(entry.name, _is_dir(entry)) for entry in entries]


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere we may look
        return False


class FileDigests:
    """Digests of files and folders, cached by stat.

    A file that changed less than *racy_s* seconds before it was hashed could change again without its stat showing
    it (time stamps are coarse), so it is hashed again the next time. Thread-safe.

    Parameters
    ----------
    racy_s : float
        Seconds.
    """

    def __init__(self, racy_s: float = 2.0) -> None:
        self._racy_ns = int(racy_s * 1e9)
        self._cache: dict[str, tuple[Signature, FileState]] = {}
        self._lock = threading.Lock()

    def racy(self, found: os.stat_result) -> bool:
        """Say whether the file changed so recently that its stat proves nothing."""
        return max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - self._racy_ns

    def digest(self, path: str | os.PathLike[str]) -> FileState:
        """Return what is at *path* now: content of a file, sorted listing of a folder, or nothing."""
        name = os.fspath(path)
        found = stat_or_none(name)
        if found is None:
            return MISSING
        if stat.S_ISDIR(found.st_mode):
            return self._folder(name)
        if not stat.S_ISREG(found.st_mode):
            return FileState(digest=combine("special", str(stat.S_IFMT(found.st_mode))))
        key = os.path.abspath(name)
        known = self._cache.get(key)
        if known is not None and known[0] == signature(found):
            return known[1]
        return self._hash(name, key)

    def forget(self, path: str) -> None:
        """Hash *path* again the next time."""
        with self._lock:
            self._cache.pop(os.path.abspath(path), None)

    @staticmethod
    def _folder(path: str) -> FileState:
        try:
            return listing_state(list_folder(path))
        except FileNotFoundError:
            return MISSING
        except OSError as e:
            return FileState(digest=combine("unreadable", str(e.errno)), folder=True)

    def _hash(self, path: str, key: str) -> FileState:
        try:
            opened = os.open(path, _O_READ)
        except FileNotFoundError:
            return MISSING
        except OSError as e:
            return FileState(digest=combine("unreadable", str(e.errno)))
        try:
            for _ in range(2):  # once more if somebody wrote meanwhile
                before = os.fstat(opened)
                racy = self.racy(before)
                content, size = digest_descriptor(opened, before.st_size)
                state = FileState(digest=content, size_bytes=size)
                if signature(os.fstat(opened)) == signature(before) and size == before.st_size:
                    if not racy:
                        with self._lock:
                            self._cache[key] = (signature(before), state)
                    break
            return state
        except OSError as e:
            return FileState(digest=combine("unreadable", str(e.errno)))
        finally:
            os.close(opened)


def digest_descriptor(opened: int, expected_bytes: int = CHUNK_BYTES) -> tuple[Digest, int]:
    """Return digest and size of an open file: the digest that its bytes have as a blob."""
    os.lseek(opened, 0, os.SEEK_SET)
    if expected_bytes < SMALL_BYTES:  # most files: no buffer of a chunk for them
        data = os.read(opened, SMALL_BYTES)
        if len(data) < SMALL_BYTES and not os.read(opened, 1):
            return digest_bytes(data), len(data)
        os.lseek(opened, 0, os.SEEK_SET)
    buffer = bytearray(CHUNK_BYTES)
    view = memoryview(buffer)
    chunks, size = [], 0
    while True:
        filled = 0
        while filled < CHUNK_BYTES and (got := os.readv(opened, [view[filled:]])):
            filled += got
        if filled:
            chunks.append(xxhash.xxh3_128_digest(view[:filled]))
            size += filled
        if filled < CHUNK_BYTES:
            return digest_chunked(b"".join(chunks), size), size


def walk_folder(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file and folder below *top* with its stat, what is ignored in listings left out."""
    for folder, subfolders, files in os.walk(top):
        subfolders[:] = sorted(name for name in subfolders if not ignored_entry(name))
        for name in (*subfolders, *sorted(files)):
            path = os.path.join(folder, name)
            found = stat_or_none(path)
            if found is not None and not ignored_entry(name):
                yield path, found
