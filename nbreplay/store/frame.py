"""Self-describing bytes: a fixed header, then the content, raw or compressed.

Layout of a frame, little-endian, 64 bytes and the stored content:

======  ====  =====================================================================
offset  size  field
======  ====  =====================================================================
0       4     magic, ``NBRF``
4       1     version, 1
5       1     codec: 0 raw, 1 zstd
6       2     zero
8       8     plain length, bytes
16      8     stored length, bytes
24      16    digest of the plain content (see :mod:`nbreplay.digest`)
40      16    zero
56      8     xxh3-64 of the 56 bytes before it
======  ====  =====================================================================

The header is as long as a cache line, so that raw content that is mapped starts where arrays like to start.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

import xxhash
import zstandard

from nbreplay.digest import CHUNK_BYTES, Buffer, Digest, digest_chunked, flat

MAGIC = b"NBRF"
VERSION = 1
RAW = 0
ZSTD = 1

_HEADER = struct.Struct("<4sBB2xQQ16s16xQ")
HEADER_BYTES = _HEADER.size
assert HEADER_BYTES == 64

PROBE_BYTES = 1 << 20
"""Content is compressed if a sample of this size says that it pays."""
GLANCE_BYTES = 64 << 10
GLANCE_RATIO = 1.1
"""Content of which a sample of the first size does not shrink by this factor is kept raw without a closer look."""
PROBE_PIECES = 16
"""The sample is taken in pieces, over all of the content: a file's start often differs from the rest of it."""
SMALLEST_COMPRESSED = 512
"""Shorter content is kept raw: a zstd frame has a header of its own."""
LEVEL = 1
"""zstd's level: 1 keeps up with disks, and higher ones gain little on arrays."""
DECOMPRESSED_AT_ONCE = 1 << 20
"""Content up to this size is decompressed by one call, and copied once more."""
LARGEST_BYTES = 1 << 40
"""Content that a frame may claim to hold where all of them are looked at: a few bytes can be made to claim anything."""
FEED_BYTES = 4 << 20
"""Content is fed to the compressor in parts of this size: no second copy of it is ever in memory."""


class Header(NamedTuple):
    """What a frame says of itself."""

    codec: int
    size_bytes: int
    stored_bytes: int
    digest: Digest


class _Local(threading.local):
    """A compressor and a decompressor for each thread: they take long to make, and are not for two at once."""

    compressor: zstandard.ZstdCompressor | None = None
    decompressor: zstandard.ZstdDecompressor | None = None


_local = _Local()


def _zstd() -> zstandard.ZstdCompressor:
    if _local.compressor is None:
        _local.compressor = zstandard.ZstdCompressor(level=LEVEL)
    return _local.compressor


def _unzstd() -> zstandard.ZstdDecompressor:
    if _local.decompressor is None:
        _local.decompressor = zstandard.ZstdDecompressor()
    return _local.decompressor


def pack_header(header: Header) -> bytes:
    """Return *header* as its 64 bytes."""
    fields = (MAGIC, VERSION, header.codec, header.size_bytes, header.stored_bytes, bytes.fromhex(header.digest))
    body = _HEADER.pack(*fields, 0)[:56]
    return body + xxhash.xxh3_64_digest(body)[::-1]


def unpack_header(data: Buffer) -> Header:
    """Return the header that *data* starts with.

    Raises
    ------
    ValueError
        There is none, it is damaged, or a newer version wrote it.
    """
    if len(data) < HEADER_BYTES:
        raise ValueError("cut off in its header")
    magic, version, codec, size_bytes, stored_bytes, digest, check = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise ValueError("not a frame")
    if check != xxhash.xxh3_64_intdigest(flat(data)[:56]):
        raise ValueError("its header is damaged")
    if version != VERSION or codec not in (RAW, ZSTD):
        raise ValueError(f"version {version}, codec {codec}: made by a newer nbreplay")
    return Header(codec, size_bytes, stored_bytes, Digest(digest.hex()))


def pays(size_bytes: int, sample: Callable[[int, int], Buffer], ratio: float) -> bool:
    """Return whether compression would shrink content by more than the factor *ratio*, judged by a sample.

    *sample* gives the bytes between two positions.
    """
    if size_bytes < SMALLEST_COMPRESSED:
        return False
    # Most of what is large are random numbers: a glance tells, and costs a tenth of looking.
    return all(
        _shrinks(size_bytes, sample, probe_bytes, factor)
        for probe_bytes, factor in ((GLANCE_BYTES, min(ratio, GLANCE_RATIO)), (PROBE_BYTES, ratio))
    )


def _shrinks(size_bytes: int, sample: Callable[[int, int], Buffer], probe_bytes: int, factor: float) -> bool:
    if size_bytes > probe_bytes:
        piece = probe_bytes // PROBE_PIECES
        step = (size_bytes - piece) // (PROBE_PIECES - 1)
        probe: Buffer = b"".join(sample(i * step, i * step + piece) for i in range(PROBE_PIECES))
    else:
        probe = sample(0, size_bytes)
    return len(_zstd().compress(probe)) * factor < len(probe)


def compressed(size_bytes: int, pieces: Iterable[Buffer]) -> Iterator[bytes]:
    """Yield content compressed, in parts."""
    compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj(size=size_bytes)
    for piece in pieces:
        view = flat(piece)
        for start in range(0, len(view), FEED_BYTES):
            yield compressor.compress(view[start : start + FEED_BYTES])
    yield compressor.flush()


def pack(data: Buffer, digest: Digest, ratio: float) -> bytes:
    """Return small *data*, whose digest is *digest*, as one frame."""
    view = flat(data)
    if len(view) >= SMALLEST_COMPRESSED:
        stored = _zstd().compress(view)
        if len(stored) * ratio < len(view):
            return pack_header(Header(ZSTD, len(view), len(stored), digest)) + stored
    return pack_header(Header(RAW, len(view), len(view), digest)) + view


def check_content(header: Header, stored: BinaryIO) -> str:
    """Return the digest of the plain content of a frame, of which never more than a chunk is in memory.

    *stored* gives what follows the header.

    Raises
    ------
    ValueError
        The stored content is not, or does not become, what the header says.
    """
    if header.size_bytes > LARGEST_BYTES:
        raise ValueError(f"claims to hold {header.size_bytes} bytes")
    if header.codec == RAW and header.size_bytes != header.stored_bytes:
        raise ValueError("raw, with two lengths")
    reader = stored if header.codec == RAW else zstandard.ZstdDecompressor().stream_reader(stored)
    digests, left = [], header.size_bytes
    try:
        while left and (chunk := _read(reader, min(CHUNK_BYTES, left))):
            digests.append(xxhash.xxh3_128_digest(chunk))
            left -= len(chunk)
        more = reader.read(1)
    except (zstandard.ZstdError, MemoryError) as e:
        raise ValueError(f"cannot be decompressed: {e}") from e
    if left or more:
        raise ValueError("its content is cut off" if left else "more than its header says")
    return digest_chunked(b"".join(digests), header.size_bytes)


def _read(reader: Any, size_bytes: int) -> bytes:
    """Return *size_bytes* bytes, or fewer where it ends: one read may give less."""
    parts = []
    while size_bytes and (part := reader.read(size_bytes)):
        parts.append(part)
        size_bytes -= len(part)
    return b"".join(parts)


def plain(header: Header, stored: memoryview) -> memoryview:
    """Return the plain content of a frame, writable if it had to be decompressed.

    Raises
    ------
    ValueError
        The stored content cannot be decompressed to the length that the header gives.
    """
    if len(stored) != header.stored_bytes:
        raise ValueError(f"{len(stored)} bytes where its header says {header.stored_bytes}")
    if header.codec == RAW:
        if header.size_bytes != header.stored_bytes:
            raise ValueError("raw, with two lengths")
        return stored
    try:
        if zstandard.frame_content_size(stored[:32]) != header.size_bytes:
            raise ValueError("its two lengths differ")
        if header.size_bytes <= DECOMPRESSED_AT_ONCE:
            return memoryview(bytearray(_unzstd().decompress(stored, max_output_size=header.size_bytes)))
        out = memoryview(bytearray(header.size_bytes))
        done = 0
        with zstandard.ZstdDecompressor().stream_reader(stored) as reader:
            while done < header.size_bytes and (count := reader.readinto(out[done:])):
                done += count
    except (zstandard.ZstdError, MemoryError) as e:
        raise ValueError(f"cannot be decompressed: {e}") from e
    if done != header.size_bytes:
        raise ValueError("its content is cut off")
    return out
