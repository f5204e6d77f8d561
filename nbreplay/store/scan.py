"""Reading a journal from some place on: whole records, over damage, up to a torn end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import xxhash

from nbreplay.store.disk import read_all
from nbreplay.store.journal import FILE_BYTES
from nbreplay.store.record import FRONT_NUMBER, HEADER, HEADER_BYTES, MAGIC, MASK, Record, parse_record, seed_of

WINDOW_BYTES = 16 << 20
"""A scan reads this much at once."""

Visit = Callable[[int, bytes, bytes, int, int, int, memoryview], None]
"""Called with form, kind, keys, sequence, offset, length and body of a record."""


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
        hashed, unpack = xxhash.xxh3_64_intdigest, HEADER.unpack_from
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
                    or front & 0xFFFFFFFFFF != FRONT_NUMBER
                    or check != hashed(window[at + 16 : at + total], (seed + start + at ^ front) & MASK)
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
        while (found := data.find(MAGIC, found + 1, len(window))) >= 0:
            if parse_record(window[found:], self.name, seed, start + found):
                self.lost.append((start + at, start + found))
                self.position = start + found
                return found
        return -1
