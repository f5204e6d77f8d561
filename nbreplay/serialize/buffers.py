"""Memory buffers as blobs: whole at first, afterwards only the chunks that changed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from nbreplay.digest import CHUNK_BYTES, Buffer, Digest, chunk_digests, digest_chunked, flat
from nbreplay.errors import BlobDamaged
from nbreplay.records import BlobRef, BufferRef
from nbreplay.serialize.lease import DIGEST_BYTES, Changed, Lease

Put = Callable[..., BlobRef]
"""``Store.put`` or ``BlobFolder.put``."""
Get = Callable[[BlobRef], memoryview]
"""``Store.get`` or ``BlobFolder.get``: checked bytes."""

LARGEST_PATCHED = 0.5
"""Share of chunks that may differ from the base; beyond it the buffer is kept whole again."""


def put_buffer(
    view: Buffer, put: Put, *, previous: BufferRef | None = None, previous_chunks: bytes | None = None
) -> BufferRef:
    """Keep a memory buffer.

    Parameters
    ----------
    view : bytes-like
        The buffer, contiguous.
    put : callable
        Keeps bytes.
    previous : BufferRef, optional
        What was kept of an earlier state of it.
    previous_chunks : bytes, optional
        :func:`~nbreplay.digest.chunk_digests` of that state. Without it the buffer is kept whole.
    """
    data = flat(view)
    chunks = chunk_digests(data)
    digest = digest_chunked(chunks, len(data))
    if previous is not None and (previous.digest, previous.size_bytes) == (digest, len(data)):
        return previous
    if previous is not None and previous_chunks is not None and previous.size_bytes == len(data):
        changed = changed_chunks(chunks, previous_chunks)
        if is_few(changed | previous.patches.keys(), chunks):
            patches = dict(previous.patches)
            for number in sorted(changed):
                start = number * CHUNK_BYTES
                patches[number] = put(data[start : start + CHUNK_BYTES])
            return BufferRef(digest=digest, size_bytes=len(data), base=previous.base, patches=patches)
    return BufferRef(digest=digest, size_bytes=len(data), base=put(data, digest=digest))


def put_lease(
    lease: Lease,
    digest: Digest,
    put: Put,
    *,
    only: frozenset[int] | None = None,
    previous: BufferRef | None = None,
    previous_chunks: bytes | None = None,
) -> BufferRef:
    """As :func:`put_buffer`, for memory that goes through a lease; its *digest* is known.

    *only* are the chunks that the lease still has, where it is known that the rest was kept before.

    Raises
    ------
    Changed
        The memory is not what it was, or what it differs from was not kept after all.
    """
    size = len(lease)
    try:
        if previous is not None and (previous.digest, previous.size_bytes) == (digest, size):
            return previous
        if previous is not None and previous_chunks is not None and previous.size_bytes == size:
            changed = changed_chunks(lease.chunks, previous_chunks)
            few = is_few(changed | previous.patches.keys(), lease.chunks)
            if (few or only is not None) and changed <= lease.has:
                patches = {**previous.patches, **{number: put(lease.piece(number)) for number in sorted(changed)}}
                return BufferRef(digest=digest, size_bytes=size, base=previous.base, patches=patches)
        if only is not None and len(lease.has) < len(lease.chunks) // DIGEST_BYTES:
            raise Changed("what an array was before its last change was not kept")
        return BufferRef(digest=digest, size_bytes=size, base=put(lease, digest=digest))
    finally:
        lease.close()


def get_buffer(ref: BufferRef, get: Get) -> memoryview:
    """Return a buffer as it was kept, writable; writing to it changes nothing that is kept.

    Raises
    ------
    BlobMissing, BlobDamaged
        Some part of it is not there, or not what it was.
    """
    view = get(ref.base)
    if view.readonly:
        view = memoryview(bytearray(view))
    if len(view) != ref.size_bytes:
        raise BlobDamaged(ref.digest, "a buffer", f"{len(view)} bytes instead of {ref.size_bytes}")
    for number, patch in ref.patches.items():
        content = get(patch)
        start = number * CHUNK_BYTES
        if number < 0 or len(content) != min(CHUNK_BYTES, len(view) - start):
            raise BlobDamaged(ref.digest, "a buffer", f"chunk {number} does not fit")
        view[start : start + CHUNK_BYTES] = content
    digest = digest_chunked(chunk_digests(view), len(view)) if ref.patches else ref.base.digest
    if digest != ref.digest:
        raise BlobDamaged(ref.digest, "a buffer", "base and chunks together are something else")
    return view


def is_few(patched: Collection[int], chunks: bytes) -> bool:
    """Whether a buffer with *chunks* of which so many are *patched* is kept as patches."""
    return len(patched) <= LARGEST_PATCHED * (len(chunks) // DIGEST_BYTES)


def changed_chunks(chunks: bytes, previous: bytes) -> set[int]:
    """Return the numbers of the chunks whose digests differ."""
    return {
        start // DIGEST_BYTES
        for start in range(0, len(chunks), DIGEST_BYTES)
        if chunks[start : start + DIGEST_BYTES] != previous[start : start + DIGEST_BYTES]
    }
