"""The journal that this process appends to: made on first use, and anew when somebody deleted the folder."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from nbreplay.errors import StoreUnwritable
from nbreplay.store.catalogue import Catalogue
from nbreplay.store.disk import Disk
from nbreplay.store.journal import Journal, number_of
from nbreplay.store.mac import UserKey
from nbreplay.store.record import BLOB, Place, pack_keys, pack_record

Item = tuple[bytes, tuple[bytes, ...]]
"""Body and keys of a record."""


class Appender:
    """Appends records, and lets the catalogue know them at once.

    Parameters
    ----------
    path : Path
        The store's folder.
    catalogue : Catalogue
        Told of each record.
    key : UserKey
        Signs records.
    disk : Disk
        What writes.
    remake : callable
        Called, under the appender's lock, when the folder is not there any more; makes a new store in its place and
        returns its identity. What it raises goes to whoever appends.
    """

    def __init__(
        self, path: Path, identity: str, catalogue: Catalogue, key: UserKey, disk: Disk, remake: Callable[[], str]
    ) -> None:
        self.path = path
        self.identity = identity
        self.lock = threading.RLock()
        self._catalogue = catalogue
        self._key = key
        self._disk = disk
        self._remake = remake
        self._journal: Journal | None = None
        self.written_bytes = 0

    @property
    def name(self) -> str | None:
        """The journal's name; None before the first append."""
        return self._journal.name if self._journal else None

    def append(
        self, form: int, kind: str, items: Iterable[tuple[bytes, Iterable[bytes]]], key: UserKey | None = None
    ) -> list[Place]:
        """Append a record for each of *items* by one write, and return their places.

        *key* is whose code they carry, if not the user's own.

        Raises
        ------
        StoreUnwritable
            Nothing was appended.
        """
        kind_bytes = kind.encode()
        packed: list[Item] = [(body, tuple(keys)) for body, keys in items]
        if not packed:
            return []
        with self.lock:
            try:
                journal = self._in_place()
                first = self._catalogue.index.sequence + 1
                data, places = self._pack(journal, form, kind_bytes, packed, first, key or self._key)
                journal.append(data)
                self.written_bytes += len(data)
            except OSError as e:
                self.close()  # readers may have seen the start of what failed: nothing else may ever stand there
                raise StoreUnwritable(f"{self.path} cannot be written: {e}") from e
            index = self._catalogue.index
            with index.lock:
                index.sequence = max(index.sequence, first + len(packed) - 1)
                for sequence, (place, (body, keys)) in enumerate(zip(places, packed, strict=True), first):
                    self._catalogue.add(form, kind_bytes, keys, body, sequence, place)
                index.positions[journal.name] = journal.end
        index.changed()
        return places

    def _pack(
        self, journal: Journal, form: int, kind: bytes, items: list[Item], first: int, key: UserKey
    ) -> tuple[bytes, list[Place]]:
        offset = journal.end
        parts, places = [], []
        whose = None if form == BLOB else key
        for sequence, (body, keys) in enumerate(items, first):
            part = pack_record(
                form, kind, pack_keys(keys), body, sequence=sequence, seed=journal.seed, offset=offset, key=whose
            )
            parts.append(part)
            places.append(Place(journal.name, offset, len(part)))
            offset += len(part)
        return b"".join(parts) if len(parts) > 1 else parts[0], places

    def _in_place(self) -> Journal:
        """Return the journal; the first call after the folder vanished makes a new one, and raises."""
        if self._journal and not self._journal.is_in_place():
            journal, self._journal = self._journal, None
            journal.close()
            self._catalogue.clear()
            self.identity = self._remake()
            raise FileNotFoundError(errno.ENOENT, "the store was deleted or moved; a new one is begun", str(self.path))
        if self._journal is None:
            names = self._catalogue.journals.names()
            number = 1 + max((number_of(name) for name in names), default=0)
            self._journal = Journal(self._catalogue.journals.folder, number, bytes.fromhex(self.identity), self._disk)
        return self._journal

    def sync(self) -> None:
        """Return when all that was appended is on the device."""
        journal = self._journal
        if journal:
            journal.sync()

    def close(self) -> None:
        """Close the journal; the next append, if there is one, begins another."""
        with self.lock:
            journal, self._journal = self._journal, None
            if journal:
                journal.close()

    def abandon(self) -> None:
        """In a forked child: do not keep the parent's file."""
        self.lock = threading.RLock()
        with contextlib.suppress(OSError):
            self.close()
