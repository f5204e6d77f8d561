"""The LMDB environment of an index: entries by hash, and one text of facts about them.

Whoever opens one in a folder has to know that its file is whole (see ``mark.py``): LMDB maps it.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import lmdb

logger = logging.getLogger(__name__)

MAP_BYTES = (64 << 30, 4 << 30, 256 << 20)
"""Address space for LMDB, tried in this order; the file is only as large as its content."""
READERS = 1024
"""Threads that may look something up, at most: LMDB keeps a slot for each."""

VERSIONS: tuple[int, ...] = lmdb.version()
"""Of LMDB: one does not read what another wrote."""

Failed = lmdb.Error
"""What the methods raise when the environment cannot be used: full map, damaged page."""


class Environment:
    """Entries by hash, many to one, in the order of their bytes; one thread writes, many read."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._entries = env.open_db(b"entries", dupsort=True, dupfixed=True)
        self._facts = env.open_db(b"facts")

    @classmethod
    def open(cls, folder: Path) -> Environment | None:
        """Open the environment in *folder*; None where LMDB cannot work: the index is then in memory only.

        Raises
        ------
        Failed
            The file is not what it should be.
        """
        env = _open_env(folder)
        if env is None:
            return None
        try:
            return cls(env)
        except Failed:
            env.close()
            raise

    @classmethod
    def private(cls) -> Environment | None:
        """Open one whose files have no names any more: it goes with the process, however that ends."""
        try:
            folder = Path(tempfile.mkdtemp(prefix="nbreplay-index-"))
        except OSError:
            return None
        try:
            return cls.open(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def find(self, hashes: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Return (hash, entry) for each entry of *hashes*."""
        with self._env.begin(db=self._entries) as txn, txn.cursor() as cursor:
            return list(cursor.getmulti(hashes, dupdata=True))

    def add(self, parts: Iterable[list[tuple[bytes, bytes]]], facts: bytes | None) -> None:
        """Add (hash, entry) pairs, and set the facts if there are new ones: all of it or nothing."""
        with self._env.begin(write=True) as txn:
            with txn.cursor(db=self._entries) as cursor:
                for part in parts:
                    cursor.putmulti(part, dupdata=True, overwrite=True)
            if facts is not None:
                txn.put(b"facts", facts, db=self._facts)

    def facts(self) -> bytes | None:
        """Return the facts that were set last."""
        with self._env.begin(db=self._facts) as txn:
            found: bytes | None = txn.get(b"facts")
            return found

    def clear(self) -> None:
        """Remove everything."""
        with self._env.begin(write=True) as txn:
            txn.drop(self._entries, delete=False)
            txn.drop(self._facts, delete=False)

    def sync(self) -> None:
        """Return when what was written is on the device."""
        self._env.sync(True)

    def close(self) -> None:
        """Let go of the file; nothing may be called any more."""
        self._env.close()


def _open_env(folder: Path) -> Any:
    """Open what LMDB gives for *folder*, with as much address space as there is; None if it gives nothing."""
    for map_bytes in MAP_BYTES:
        try:
            return lmdb.open(
                str(folder),
                map_size=map_bytes,
                max_dbs=4,
                max_readers=READERS,
                sync=False,
                metasync=False,
                readahead=False,
                mode=0o600,
            )
        except (lmdb.Error, OSError, MemoryError) as e:
            logger.debug("no index of %d bytes in %s: %s", map_bytes, folder, e)
    return None
