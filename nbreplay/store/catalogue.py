"""What all journals together hold: records and small blobs by key, followed as the journals grow."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
import xxhash

from nbreplay.store.entries import ENTRY
from nbreplay.store.index import Index
from nbreplay.store.mac import UserKey
from nbreplay.store.reader import Journals
from nbreplay.store.record import (
    BLOB,
    FORGET,
    HEADER_BYTES,
    RECORD,
    WHOLE,
    Place,
    Record,
    has_key,
    is_own,
    measure,
    seed_of,
)
from nbreplay.store.scan import Visit

logger = logging.getLogger(__name__)

BLOB_KIND = "blob"
EVERY = b""
"""Key under which all records of a kind are found."""


class Stored(NamedTuple):
    """A record as found. *own*: this user wrote it, or took it as theirs."""

    body: memoryview | bytes
    own: bool
    place: Place


class Catalogue:
    """The union of all journals, by way of the index, every answer of which is checked against its journal.

    Attributes
    ----------
    damaged : int
        Records that were found damaged, and left out.
    """

    def __init__(self, journals: Journals, index: Index, key: UserKey) -> None:
        self.journals = journals
        self.index = index
        self.damaged = 0
        self._key = key
        self._seeds: dict[bytes, int] = {}
        self._dropped: set[tuple[str, int]] = set()
        self._replaced = {journal for journal, offset in index.forgotten if offset == WHOLE}
        self._is_stale = False
        self._lock = threading.RLock()
        self._pid = os.getpid()

    # ------------------------------------------------------------ finding

    def has(self, kind: str, key: bytes) -> bool:
        """Return whether the index knows *key*; nothing is read."""
        return bool(self.index.find([self._hash(kind, key)]))

    def find_many(self, kind: str, keys: Sequence[bytes]) -> list[list[Stored]]:
        """Return the records of *kind* for each of *keys*, oldest first."""
        if self.index.is_lost:
            self.rebuild()
        seed = self._seed(kind.encode())
        hashes = [xxhash.xxh3_128_digest(key, seed) for key in keys]
        found = self.index.find(hashes)
        if not found:
            return [[] for _ in hashes]
        return [
            list(self._read(kind, key, found[hash_])) if hash_ in found else []
            for key, hash_ in zip(keys, hashes, strict=True)
        ]

    def scan(self, kind: str) -> Iterator[Stored]:
        """Yield the records of *kind*, journal by journal, each one's in their order."""
        if os.getpid() != self._pid:  # the index is the parent's
            for record in self.records():
                if record.kind == kind:
                    yield self._stored(record)
            return
        if self.index.is_lost:
            self.rebuild()
        hash_ = self._hash(kind, EVERY)
        entries = self.index.find([hash_]).get(hash_, [])
        yield from self._read(kind, EVERY, sorted(entries, key=self.place))

    def records(self) -> Iterator[Record]:
        """Yield all records that are not forgotten, from the journals themselves."""
        return (record for record in self.valid() if record.form == RECORD)

    def valid(self) -> Iterator[Record]:
        """Yield all records and blobs that are not forgotten, from the journals themselves."""
        for record in self.journals.records():
            if record.place[:2] not in self.index.forgotten and record.place.journal not in self._replaced:
                yield record

    def blob_records(self, name: bytes) -> Iterator[tuple[Place, Record | None]]:
        """Yield where the index knows a blob to be, and what is there: None if it is not that blob."""
        hash_ = self._hash(BLOB_KIND, name)
        for entry in self.index.find([hash_]).get(hash_, ()):
            place = self.place(entry)
            if self._is_out(place):
                continue
            try:
                record = self.journals.read(place)
            except OSError:
                continue
            yield place, record if record and record.form == BLOB and name in record.keys else None

    def is_own(self, record: Record) -> bool:
        """Return whether this user wrote *record*."""
        return record.is_own(self._key)

    def drop(self, place: Place) -> None:
        """Do not find what is at *place* any more in this process."""
        self._dropped.add((place.journal, place.offset))
        self.damaged += 1

    def _is_out(self, place: Place) -> bool:
        where = (place.journal, place.offset)
        return where in self.index.forgotten or where in self._dropped

    def place(self, entry: bytes) -> Place:
        """Return the place that an index entry names."""
        _, number, offset, size_bytes = ENTRY.unpack(entry)
        names = self.index.journals
        return Place(names[number] if number < len(names) else "", offset, size_bytes)

    def _read(self, kind: str, key: bytes, entries: Iterable[bytes]) -> Iterator[Stored]:
        """Yield the records at *entries*; what is not what the index says it is, is left out."""
        kind_bytes = kind.encode()
        for entry in entries:
            place = self.place(entry)
            if self._is_out(place):
                continue
            name, offset, size_bytes = place
            try:
                raw = self.journals.read_bytes(name, offset, size_bytes)
            except OSError as e:  # it may come back: a miss for now
                logger.info("journal %s cannot be read: %s", name, e)
                continue
            measured = measure(raw, seed_of(name), offset)
            if measured is None:
                logger.warning("a record in journal %s is damaged; see `nbreplay verify`", name)
                self.drop(place)
                continue
            form, keys_at, body_at = measured
            right_kind = form == RECORD and raw[HEADER_BYTES:keys_at] == kind_bytes
            if right_kind and (key == EVERY or has_key(raw, keys_at, body_at, key)):
                yield Stored(memoryview(raw)[body_at:], is_own(raw, self._key), place)

    def _stored(self, record: Record) -> Stored:
        return Stored(record.body, record.is_own(self._key), record.place)

    # ------------------------------------------------------------ following

    def refresh(self, own: str | None = None) -> None:
        """See what the journals gained, except *own*, whose writer says so itself: one stat each, and the new bytes."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            complete = self.journals.look()
            shrunk = any(self.journals.has_shrunk(*item) for item in list(self.index.positions.items()))
            if self.index.is_lost or shrunk or not complete:
                self.clear()
                own = None
            grown = [n for n in self.journals.grown(self.index.positions) if n != own and n not in self._replaced]
            for name in grown:
                with self.index.lock:
                    position = self.index.positions.get(name, 0)
                    self.index.positions[name] = self.journals.each(name, position, self._visitor(name))
            if self._is_stale:  # a journal that was read turned out to be replaced; now that is known beforehand
                self._is_stale = False
                self.clear()
                self.refresh()
        if grown:
            self.index.changed()

    def rebuild(self) -> None:
        """Read all journals again."""
        with self._lock:
            self.clear()
            self.refresh()

    def clear(self) -> None:
        """Know nothing."""
        self.journals.reset()
        self.index.clear()  # not under the index's lock: its thread takes the two locks the other way round

    def add(self, form: int, kind: bytes, keys: Iterable[bytes], body: bytes, sequence: int, place: Place) -> None:
        """Take in a record that this process appended; the caller holds the index's lock."""
        if form == FORGET:
            self._forget(body)
            return
        seed = self._seed(kind)
        hashes = [xxhash.xxh3_128_digest(key, seed) for key in keys]
        if form == RECORD:
            hashes.append(xxhash.xxh3_128_digest(EVERY, seed))
        number = self.index.number(place.journal)
        self.index.add(hashes, ENTRY.pack(sequence, number, place.offset, place.size_bytes))

    def _visitor(self, name: str) -> Visit:
        """Return what takes in the records of journal *name*; the caller holds the index's lock."""
        number = self.index.number(name)
        index, seeds, fresh, add = self.index, self._seeds, self.index.fresh, self.index.add
        pack, hashed = ENTRY.pack, xxhash.xxh3_128_digest
        every: dict[bytes, bytes] = {}

        def visit(form: int, kind: bytes, keys: bytes, sequence: int, offset: int, size: int, body: memoryview) -> None:
            if sequence > index.sequence:
                index.sequence = sequence
            if form == FORGET:
                self._forget(body)
                return
            seed = seeds.get(kind)
            if seed is None:
                seed = self._seed(kind)
            entry = pack(sequence, number, offset, size)
            if form == RECORD:
                if kind not in every:
                    every[kind] = hashed(EVERY, seed)
                add((every[kind],), entry)
            at, end = 0, len(keys)
            while at + 2 <= end:
                stop = at + 2 + (keys[at] | keys[at + 1] << 8)
                hash_ = hashed(keys[at + 2 : stop], seed)
                if hash_ in fresh:
                    add((hash_,), entry)
                else:
                    fresh[hash_] = entry
                at = stop

        return visit

    def _forget(self, body: bytes | memoryview) -> None:
        try:
            rows = msgspec.msgpack.decode(body, type=list[tuple[str, int, int]])
        except msgspec.DecodeError:
            return
        for journal, offset, _ in rows:
            self.index.forgotten.add((journal, offset))
            if offset == WHOLE and journal not in self._replaced:
                self._replaced.add(journal)
                self._is_stale = self._is_stale or journal in self.index.positions

    def _seed(self, kind: bytes) -> int:
        seed = self._seeds.get(kind)
        if seed is None:
            seed = self._seeds[kind] = xxhash.xxh3_64_intdigest(kind)
        return seed

    def _hash(self, kind: str, key: bytes) -> bytes:
        return xxhash.xxh3_128_digest(key, self._seed(kind.encode()))

    # ------------------------------------------------------------ end

    def close(self) -> None:
        """Close index and journals."""
        self.index.close()
        self.journals.close()

    def abandon(self) -> None:
        """In a forked child: go on from memory, without the parent's locks and environment."""
        self._lock = threading.RLock()
        self.index.abandon()
        self.journals.abandon()
