"""Memory that is written behind the reply, while cells go on that could change it.

The writer takes it chunk by chunk: a private copy of each is checked against the digest that the boundary was decided
with, and that copy is written. So what is kept is what was there, or nothing is. Whoever lets a cell go on that could
change the memory calls :meth:`Lease.detach` before: what the writer has not taken yet is copied, and no reference to
the user's object is left (one would keep arrays and bytearrays from being resized).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator

import xxhash

from nbreplay.digest import CHUNK_BYTES
from nbreplay.errors import StoreError

DIGEST_BYTES = 16


class Changed(StoreError):  # as the tree in errors
    """Memory that changed between the end of a cell and its writing."""


class Lease:
    """A buffer that is going to be written: its memory as it lies, and the digests of its chunks.

    Thread-safe: the writer takes chunks while another thread detaches.

    Parameters
    ----------
    view : memoryview
        The memory, flat.
    chunks : bytes
        :func:`~nbreplay.digest.chunk_digests` of what it held at the boundary.
    """

    def __init__(self, view: memoryview, chunks: bytes) -> None:
        self._lock = threading.Lock()
        self._view: memoryview | None = view
        self._copies: dict[int, bytes] = {}
        self._size = len(view)
        self.chunks = chunks
        self._left = set(range(-(-self._size // CHUNK_BYTES)))

    def __len__(self) -> int:
        return self._size

    def only(self, numbers: Collection[int]) -> None:
        """Of all chunks only *numbers* are going to be written."""
        with self._lock:
            self._left &= set(numbers)

    @property
    def has(self) -> frozenset[int]:
        """The chunks that can still be taken."""
        return frozenset(self._left)

    @property
    def live_bytes(self) -> int:
        """Bytes of the user's memory that the writer has not taken yet."""
        return 0 if self._view is None else min(len(self._left) * CHUNK_BYTES, self._size)

    @property
    def copied_bytes(self) -> int:
        """Bytes of copies that the writer has not taken yet."""
        return sum(map(len, list(self._copies.values())))

    def sample(self, start: int, stop: int) -> bytes:
        """Return some bytes to judge the rest by; none where they are gone."""
        with self._lock:
            return b"" if self._view is None else bytes(self._view[start:stop])

    def pieces(self) -> Iterator[bytes]:
        """Yield all chunks in order.

        Raises
        ------
        Changed
            One is not what it was.
        """
        for number in range(-(-self._size // CHUNK_BYTES)):
            yield self.piece(number)

    def piece(self, number: int) -> bytes:
        """Return a private copy of one chunk, checked; it cannot be taken again.

        Raises
        ------
        Changed
            It is not what it was.
        """
        with self._lock:
            if number not in self._left:
                raise Changed("a part of the memory of an array was let go before it was written")
            self._left.discard(number)
            copy = self._copies.pop(number, None)
            if copy is None:
                assert self._view is not None  # what is left is here, or in the copies
                copy = bytes(self._view[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
                if not self._left:
                    self._let_go()
        at = number * DIGEST_BYTES
        if xxhash.xxh3_128_digest(copy) != self.chunks[at : at + DIGEST_BYTES]:
            raise Changed("the memory of an array changed while it was written: a thread writes to it")
        return copy

    def detach(self) -> int:
        """Copy what the writer has not taken yet, and let go of the user's memory; return the bytes copied."""
        with self._lock:
            if self._view is None:
                return 0
            for number in self._left:
                self._copies[number] = bytes(self._view[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
            self._let_go()
            return self.copied_bytes

    def close(self) -> None:
        """Nothing more of it is needed."""
        with self._lock:
            self._left.clear()
            self._copies.clear()
            if self._view is not None:
                self._let_go()

    def _let_go(self) -> None:
        assert self._view is not None  # asked before
        self._view.release()
        self._view = None
