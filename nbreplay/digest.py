"""Content addresses: what bytes are called.

Bytes up to one chunk are named by their xxh3-128. Longer ones are named by the digest of their chunks' digests,
so that one chunk can be checked, or replaced, without touching the others. xxh3 finds accidents, not attackers:
what is going to be unpickled is also named by its :func:`strong_digest`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NewType

import xxhash

Digest = NewType("Digest", str)
"""Hash of bytes, 32 hex digits: where a blob is, or what a value's content is."""

Fingerprint = NewType("Fingerprint", str)
"""Hash of what a result depends on, 32 hex digits; known before running."""

Buffer = bytes | bytearray | memoryview

CHUNK_BYTES = 1 << 20
"""Bytes in a chunk: small enough that a one-element edit writes little, large enough that a digest costs nothing."""


def flat(data: Buffer) -> memoryview:
    """Return *data* as one-dimensional bytes, without a copy when its layout allows it."""
    view = memoryview(data)
    if view.format == "B" and view.ndim == 1 and view.contiguous:
        return view
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def chunk_digests(data: Buffer) -> bytes:
    """Return the digests of the chunks of *data*, 16 bytes each, one after the other."""
    view = flat(data)
    return b"".join(
        xxhash.xxh3_128_digest(view[start : start + CHUNK_BYTES]) for start in range(0, len(view), CHUNK_BYTES)
    )


def digest_chunked(chunks: bytes, size_bytes: int) -> Digest:
    """Return the digest of *size_bytes* bytes whose :func:`chunk_digests` are *chunks*."""
    if size_bytes <= CHUNK_BYTES:
        return Digest((chunks or xxhash.xxh3_128_digest(b"")).hex())
    return combine("chunks", size_bytes.to_bytes(8, "little"), chunks)


def digest_bytes(data: Buffer) -> Digest:
    """Return the digest that names *data*."""
    view = flat(data)
    if len(view) <= CHUNK_BYTES:
        return Digest(xxhash.xxh3_128_hexdigest(view))
    return digest_chunked(chunk_digests(view), len(view))


def strong_digest(data: Buffer) -> bytes:
    """Return the blake2b-256 of *data*, 32 bytes: a name that nobody can forge."""
    return hashlib.blake2b(flat(data), digest_size=32).digest()


def combine(tag: str, *parts: Buffer | str) -> Digest:
    """Return the digest of *parts* in their order, each framed by its length, under *tag*.

    Framing keeps ``("ab", "c")`` and ``("a", "bc")`` apart; the tag keeps kinds of record apart.
    """
    return combine_all(tag, parts)


def combine_all(tag: str, parts: Iterable[Buffer | str]) -> Digest:
    """As :func:`combine`, for an iterable of parts."""
    hasher = xxhash.xxh3_128()
    for part in (tag, *parts):
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else flat(part)
        hasher.update(len(data).to_bytes(8, "little"))
        hasher.update(data)
    return Digest(hasher.hexdigest())
