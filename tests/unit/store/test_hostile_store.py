"""Stores that somebody prepared: links in place of folders, content that claims to be larger than any memory."""

import resource

import pytest
import zstandard

from nbreplay.digest import digest_bytes
from nbreplay.errors import BlobDamaged, StoreForeign
from nbreplay.records import BlobRef
from nbreplay.store import Store, frame
from nbreplay.store.record import BLOB

MUCH = 256 << 20


def bomb(size_bytes):
    """A frame of a few kB whose content is *size_bytes* zeros, and the digest that it claims."""
    compressor = zstandard.ZstdCompressor(level=1).compressobj(size=size_bytes)
    parts = [compressor.compress(bytes(1 << 24)) for _ in range(size_bytes >> 24)] + [compressor.flush()]
    stored = b"".join(parts)
    digest = digest_bytes(b"something else")
    return frame.pack_header(frame.Header(frame.ZSTD, size_bytes, len(stored), digest)) + stored, digest


@pytest.fixture
def little_memory():
    """A process that may not take much more memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MUCH // 2, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_content_that_grows_beyond_memory_is_found_wrong_in_little_memory(store, folder, little_memory):
    content, digest = bomb(MUCH)
    assert len(content) < 200_000
    path = store.blobs().path(digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    store._appender.append(BLOB, "blob", [(content, (bytes.fromhex(digest),))])
    problems = [problem.what for problem in store.verify()]
    assert len(problems) == 2
    assert all("another digest" in what for what in problems)
    with pytest.raises(BlobDamaged):
        store.get(BlobRef(digest=digest, size_bytes=14))


def test_content_that_claims_to_be_endless_is_not_looked_at(store):
    stored = zstandard.ZstdCompressor().compress(b"x" * 1000)
    digest = digest_bytes(b"x" * 1000)
    path = store.blobs().path(digest)
    path.parent.mkdir(parents=True)
    path.write_bytes(frame.pack_header(frame.Header(frame.ZSTD, 1 << 60, len(stored), digest)) + stored)
    (problem,) = store.verify()
    assert "claims to hold" in problem.what


@pytest.mark.parametrize("name", ["blobs", "journals", "store.json", "quarantine"])
def test_a_link_in_place_of_a_part_of_the_store_is_refused(folder, tmp_path, name):
    with Store.open(folder) as store:
        store.put(b"x" * 100_000)
    elsewhere = tmp_path / "elsewhere"
    if (folder / name).exists():
        (folder / name).rename(elsewhere)
    else:
        elsewhere.mkdir()
    (folder / name).symlink_to(elsewhere)
    for read_only in (False, True):
        with pytest.raises(StoreForeign, match="is a link"):
            Store.open(folder, read_only=read_only)


@pytest.mark.parametrize("size", [0, 1, 600, (1 << 20) - 1, 1 << 20, (5 << 20) + 3])
def test_whole_content_is_found_right_piece_by_piece(store, size):
    store.put(b"ab" * (size // 2) + b"c" * (size % 2))
    import os

    store.put(os.urandom(size))
    assert store.verify() == []
