"""Who may open the environment of an index, and whether it was closed properly.

LMDB maps its file: opened when cut off it kills the process (SIGBUS), opened when hostile it may do worse. So its
folder carries a lock (``owner``, flock) and, only while it is closed, a mark (``clean``) with versions, size and digest
of the file, under the user's code. Without that mark, or if anything differs from it, the file is deleted unread.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from pathlib import Path

import xxhash

from nbreplay.store.disk import FOLDER_MODE
from nbreplay.store.failpoints import reach
from nbreplay.store.mac import MAC_BYTES, UserKey

logger = logging.getLogger(__name__)


def index_folder(store_dir: Path, identity: str, network: bool) -> Path:
    """Return where the index of a store belongs: beside it, but in the user's cache if it is on a network."""
    if not network:
        return store_dir / "index"
    import platformdirs

    name = xxhash.xxh3_64_hexdigest(f"{identity}:{store_dir}".encode())
    return platformdirs.user_cache_path("nbreplay") / "index" / name


class Mark:
    """The lock on an index folder, and the mark of a clean close."""

    def __init__(self, folder: Path, key: UserKey, versions: tuple[int, ...], fd: int) -> None:
        self.folder = folder
        self._key = key
        self._versions = versions
        self._fd = fd

    @classmethod
    def take(cls, folder: Path, key: UserKey, versions: tuple[int, ...]) -> Mark | None:
        """Lock *folder* and make its environment safe to open; None if another process has it, or it cannot be made."""
        if folder.is_symlink():  # it could lead to anybody's LMDB environment, and what is not ours is deleted
            return None
        try:
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True, parents=True)
            fd = os.open(folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as e:
            logger.debug("no index in %s: %s", folder, e)
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mark = cls(folder, key, versions, fd)
            if not mark._is_clean():
                mark.clear()
            (folder / "clean").unlink(missing_ok=True)
            reach("index.opened")
        except OSError as e:
            logger.debug("the index in %s is not ours: %s", folder, e)
            os.close(fd)
            return None
        return mark

    def clear(self) -> None:
        """Delete the environment unread."""
        for name in ("clean", "data.mdb", "lock.mdb"):
            (self.folder / name).unlink(missing_ok=True)

    def release(self, *, clean: bool) -> None:
        """Leave the mark if the close was *clean*, and give the folder to others."""
        try:
            if clean:
                temporary = self.folder / "clean.new"
                temporary.write_bytes(self._describe())
                temporary.replace(self.folder / "clean")
        except OSError as e:
            logger.info("no mark of a clean close in %s: %s", self.folder, e)
        finally:
            self.drop_lock()

    def drop_lock(self) -> None:
        """Close the lock's descriptor."""
        with contextlib.suppress(OSError):
            os.close(self._fd)

    def _is_clean(self) -> bool:
        data = self.folder / "data.mdb"
        if data.is_symlink() or not data.is_file():
            return False
        with contextlib.suppress(OSError):
            return (self.folder / "clean").read_bytes() == self._describe()
        return False

    def _describe(self) -> bytes:
        """Return version, size and digest of the environment's file, under the user's code."""
        hasher = xxhash.xxh3_128()
        size_bytes = 0
        with (self.folder / "data.mdb").open("rb") as file:
            while part := file.read(4 << 20):
                hasher.update(part)
                size_bytes += len(part)
        text = json.dumps([*self._versions, size_bytes, hasher.hexdigest()]).encode()
        code = self._key.code(b"index", text)
        assert len(code) == MAC_BYTES
        return code + text
