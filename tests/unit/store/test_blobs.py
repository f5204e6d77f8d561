"""The folder of large blobs: what a worker uses."""

import os
import pickle

import pytest

from nbreplay.digest import Digest, digest_bytes
from nbreplay.errors import BlobDamaged, BlobMissing, StoreUnwritable
from nbreplay.records import BlobRef
from nbreplay.store import BlobFolder

BIG = os.urandom(400_000)
SOFT = b"soft" * 200_000


@pytest.fixture
def blobs(store):
    return BlobFolder(store.path)


@pytest.mark.parametrize("content", [b"", b"x", BIG, SOFT], ids=["empty", "tiny", "raw", "zstd"])
def test_a_blob_comes_back_as_it_was_and_can_be_written_to(blobs, content):
    ref = blobs.put(content, strong=True)
    view = blobs.get(ref)
    assert view == content
    assert not view.readonly
    if content:
        view[0:1] = b"!"
        assert blobs.get(ref) == content


def test_equal_content_is_kept_once_and_not_written_again(blobs):
    ref = blobs.put(BIG)
    inode = blobs.path(ref.digest).stat().st_ino
    assert blobs.put(BIG) == ref
    assert blobs.path(ref.digest).stat().st_ino == inode
    assert [p.name for p in blobs.blobs_dir.rglob("*") if p.is_file()] == [ref.digest]


def test_soft_content_is_kept_compressed(blobs):
    ref = blobs.put(SOFT)
    assert blobs.path(ref.digest).stat().st_size < len(SOFT) / 100


def test_an_absent_blob_is_missing(blobs):
    with pytest.raises(BlobMissing):
        blobs.get(digest_bytes(b"never kept"))
    assert not blobs.has(digest_bytes(b"never kept"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "g" * 32, "A" * 32, "a" * 31])
def test_a_digest_that_is_none_names_no_file(blobs, name):
    with pytest.raises(BlobMissing):
        blobs.get(Digest(name))
    assert not blobs.has(Digest(name))


@pytest.mark.parametrize("position", [0, 5, 30, 60, 64, 1000, -1])
def test_a_flipped_blob_is_set_aside_and_healed_by_the_next_write(blobs, position):
    ref = blobs.put(BIG)
    path = blobs.path(ref.digest)
    broken = bytearray(path.read_bytes())
    broken[position] ^= 1
    path.write_bytes(broken)
    with pytest.raises(BlobDamaged):
        blobs.get(ref)
    with pytest.raises(BlobMissing):
        blobs.get(ref)
    assert len(list(blobs.quarantine_dir.iterdir())) == 1
    blobs.put(BIG)
    assert blobs.get(ref) == BIG


@pytest.mark.parametrize("length", [0, 10, 64, 1000, len(BIG) + 63])
def test_a_cut_blob_is_healed_by_the_next_write_even_unread(blobs, length):
    ref = blobs.put(BIG)
    os.truncate(blobs.path(ref.digest), length)
    blobs.put(BIG)
    assert blobs.get(ref) == BIG


def test_content_under_another_name_is_damaged(blobs):
    one, two = blobs.put(BIG), blobs.put(SOFT)
    os.replace(blobs.path(one.digest), blobs.path(two.digest))
    with pytest.raises(BlobDamaged):
        blobs.get(two)


def test_equal_digests_do_not_pass_for_equal_strong_digests(blobs):
    ref = blobs.put(BIG, strong=True)
    forged = BlobRef(digest=ref.digest, size_bytes=ref.size_bytes, strong=b"?" * 32)
    with pytest.raises(BlobDamaged):
        blobs.get(forged)


def test_a_blob_that_is_a_link_or_a_fifo_is_not_followed(blobs, tmp_path):
    ref = blobs.put(BIG)
    path = blobs.path(ref.digest)
    (tmp_path / "elsewhere").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BlobDamaged):
        blobs.get(ref)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(BlobDamaged):
        blobs.get(ref)


def test_nothing_grows_where_there_is_no_store(tmp_path):
    blobs = BlobFolder(tmp_path / "not shared with this host")
    with pytest.raises(StoreUnwritable):
        blobs.put(BIG)
    assert not (tmp_path / "not shared with this host").exists()


def test_a_folder_travels_to_workers(blobs):
    ref = blobs.put(BIG)
    assert pickle.loads(pickle.dumps(blobs)).get(ref) == BIG


def test_a_file_that_others_may_write_is_copied_not_mapped(blobs):
    ref = blobs.put(BIG)
    path = blobs.path(ref.digest)
    path.chmod(0o666)
    view = blobs.get(ref)
    with path.open("r+b") as file:
        file.seek(64)
        file.write(b"changed behind its back")
    assert view == BIG


def test_blobs_are_private(blobs):
    ref = blobs.put(BIG)
    path = blobs.path(ref.digest)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert blobs.store_dir.stat().st_mode & 0o077 == 0
