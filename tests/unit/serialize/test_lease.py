"""Memory that is written later is what it was, or nothing is written; and it is let go in time."""

from __future__ import annotations

import threading

import pytest

from nbreplay.digest import CHUNK_BYTES, chunk_digests, digest_bytes, digest_chunked
from nbreplay.serialize.buffers import get_buffer, put_lease
from nbreplay.serialize.lease import Changed, Lease
from nbreplay.store import BlobFolder

CHUNKS = 5
SIZE = (CHUNKS - 1) * CHUNK_BYTES + 100


@pytest.fixture
def blobs(tmp_path):
    (tmp_path / "store.json").write_text("{}")
    return BlobFolder(tmp_path)


def make(data=None):
    data = bytearray(range(256)) * (SIZE // 256) + bytearray(SIZE % 256) if data is None else data
    return data, Lease(memoryview(data), chunk_digests(data))


def test_what_is_changed_before_it_is_written_is_not_written():
    data, lease = make()
    data[2 * CHUNK_BYTES] ^= 1
    with pytest.raises(Changed):
        list(lease.pieces())


def test_what_is_changed_after_it_was_detached_is_written_as_it_was(blobs):
    data, lease = make()
    before = bytes(data)
    assert lease.detach() == SIZE
    data[:] = bytes(SIZE)
    ref = put_lease(lease, digest_bytes(before), blobs.put)
    assert get_buffer(ref, blobs.get) == before


def test_detached_in_the_middle_only_the_rest_is_copied(blobs):
    data, lease = make()
    before = bytes(data)
    pieces = lease.pieces()
    taken = [next(pieces), next(pieces)]
    assert lease.live_bytes <= SIZE - 2 * CHUNK_BYTES + CHUNK_BYTES
    assert lease.detach() == SIZE - 2 * CHUNK_BYTES
    data[:] = bytes(SIZE)
    assert b"".join([*taken, *pieces]) == before
    assert lease.copied_bytes == 0


def test_a_detached_closed_or_wholly_taken_lease_lets_a_bytearray_be_resized():
    for end in (Lease.detach, Lease.close, lambda lease: list(lease.pieces())):
        data, lease = make()
        with pytest.raises(BufferError):
            data.append(0)
        end(lease)
        data.append(0)


def test_of_a_small_change_only_its_chunk_is_copied_and_written(blobs):
    data, lease = make()
    one = put_lease(lease, digest_bytes(data), blobs.put)
    before = chunk_digests(data)
    data[3 * CHUNK_BYTES] ^= 1
    kept, (_, lease) = bytes(data), make(data)
    lease.only({3})
    assert lease.live_bytes == CHUNK_BYTES
    assert lease.detach() == CHUNK_BYTES
    data[:] = bytes(SIZE)
    written = blobs.written_bytes
    two = put_lease(lease, digest_bytes(kept), blobs.put, only=frozenset({3}), previous=one, previous_chunks=before)
    assert get_buffer(two, blobs.get) == kept
    assert sorted(two.patches) == [3]
    assert blobs.written_bytes - written <= CHUNK_BYTES + 64


def test_a_small_change_of_what_was_not_kept_after_all_is_not_kept(blobs):
    data, lease = make()
    lease.only({3})
    with pytest.raises(Changed, match="not kept"):
        put_lease(lease, digest_bytes(data), blobs.put, only=frozenset({3}))


def test_a_thread_that_writes_all_the_time_never_gets_a_torn_state_kept(blobs):
    data, _ = make(bytearray(3 * CHUNK_BYTES))
    stop = threading.Event()

    def turn():
        while not stop.is_set():
            for at in (0, CHUNK_BYTES, 2 * CHUNK_BYTES):
                data[at] = (data[at] + 1) & 0xFF

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        for _ in range(20):
            lease = Lease(memoryview(data), chunks := chunk_digests(data))
            digest = digest_chunked(chunks, len(data))
            try:
                ref = put_lease(lease, digest, blobs.put)
            except Changed:
                continue
            assert digest_bytes(get_buffer(ref, blobs.get)) == digest
    finally:
        stop.set()
        thread.join()
