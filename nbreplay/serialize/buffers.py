"""Memory buffers as blobs: whole at first, afterwards only the chunks that changed."""

from __future__ import annotations

from collections.abc import Callable

from nbreplay.digest import CHUNK_BYTES, Buffer, chunk_digests, digest_chunked, flat
from nbreplay.errors import BlobDamaged
from nbreplay.records import BlobRef, BufferRef

Put = Callable[..., BlobRef]
"""``Store.put`` or ``BlobFolder.put``."""
Get = Callable[[BlobRef], memoryview]
"""``Store.get`` or ``BlobFolder.get``: checked bytes."""

DIGEST_BYTES = 16
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
        changed = _changed(chunks, previous_chunks)
        if len(changed | previous.patches.keys()) <= LARGEST_PATCHED * (len(chunks) // DIGEST_BYTES):
            patches = dict(previous.patches)
            for number in sorted(changed):
                start = number * CHUNK_BYTES
                patches[number] = put(data[start : start + CHUNK_BYTES])
            return BufferRef(digest=digest, size_bytes=len(data), base=previous.base, patches=patches)
    return BufferRef(digest=digest, size_bytes=len(data), base=put(data, digest=digest))


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


def _changed(chunks: bytes, previous: bytes) -> set[int]:
    """Return the numbers of the chunks whose digests differ."""
    return {
        start // DIGEST_BYTES
        for start in range(0, len(chunks), DIGEST_BYTES)
        if chunks[start : start + DIGEST_BYTES] != previous[start : start + DIGEST_BYTES]
    }
