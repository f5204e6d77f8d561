"""A run's files as a verifying trace: holding, keeping, putting back; also in another folder."""

import os
import shutil
from pathlib import Path

import pytest

from nbreplay.digest import digest_bytes
from nbreplay.errors import BlobMissing
from nbreplay.files import FileDigests, holds_now, keep, locate, merge, portable, put_back
from nbreplay.records import BlobRef, FileState


class Blobs:
    """Contents by digest."""

    def __init__(self):
        self.kept = {}

    def put(self, data, *, digest=None, strong=False):
        ref = BlobRef(digest=digest_bytes(data), size_bytes=len(data))
        self.kept[ref.digest] = bytes(data)
        return ref

    def get(self, ref):
        if ref.digest not in self.kept:
            raise BlobMissing(ref.digest, "a dict")
        return self.kept[ref.digest]


@pytest.fixture
def blobs():
    return Blobs()


def recorded(cell, folder, blobs, function):
    seen = cell(function)
    return seen.reads, keep(seen.writes, folder, blobs.put)


def test_inputs_hold_until_one_changes(cell, folder):
    Path("a").write_text("1")
    Path("d").mkdir()
    Path("d/x").write_text("1")
    seen = cell(lambda: [Path("a").read_text(), os.listdir("d"), os.path.exists("no"), os.path.getsize("d/x")])
    digests = FileDigests()
    assert holds_now(seen.reads, folder, digests) is None
    Path("no").write_text("")
    assert holds_now(seen.reads, folder, digests) == "./no"
    Path("no").unlink()
    Path("d/y").write_text("")
    assert holds_now(seen.reads, folder, digests) == "./d"
    Path("d/y").unlink()
    Path("d/x").write_text("22")
    assert holds_now(seen.reads, folder, digests) == "./d/x"
    Path("d/x").write_text("2")
    Path("a").write_text("2")
    assert holds_now(seen.reads, folder, digests) == "./a"
    Path("a").unlink()
    assert holds_now(seen.reads, folder, digests) == "./a"


def test_a_runs_own_output_may_be_there_if_that_is_asked_for(cell, folder):
    def run():
        if not os.path.exists("out"):
            os.mkdir("out")
        if not os.path.exists("a"):
            Path("a").write_text("1")

    seen = cell(run)
    digests = FileDigests()
    assert holds_now(seen.reads, folder, digests) == "./out"
    assert holds_now(seen.reads, folder, digests, after=seen.writes) is None
    Path("a").write_text("2")
    assert holds_now(seen.reads, folder, digests, after=seen.writes) == "./a"


def test_a_moved_folder_still_holds(cell, folder, tmp_path_factory):
    Path("a").write_text("1")
    seen = cell(lambda: open("a").close())
    there = tmp_path_factory.mktemp("there")
    shutil.copy("a", there)
    assert holds_now(seen.reads, there, FileDigests()) is None
    (there / "a").write_text("2")
    assert holds_now(seen.reads, there, FileDigests()) == "./a"


def test_paths_are_relative_below_the_folder_only(folder, tmp_path_factory):
    assert portable(folder / "a" / "b", folder) == "./a/b"
    assert portable(folder, folder) == "."
    assert portable(str(folder) + "2/x", folder) == str(folder) + "2/x"
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(folder)
    assert portable(folder / "a", link) == "./a"
    assert locate("./a/b", folder) == folder / "a" / "b"
    assert locate("/x/y", folder) == Path("/x/y")


def test_written_files_are_put_back_when_missing_or_changed(cell, folder, blobs):
    def run():
        os.makedirs("out/deep")
        Path("out/deep/a").write_text("1")
        Path("b").write_text("2")
        os.chmod("b", 0o755)

    _, writes = recorded(cell, folder, blobs, run)
    shutil.rmtree("out")
    Path("b").write_text("other")
    os.chmod("b", 0o700)
    assert put_back(writes, folder, blobs.get) == []
    assert (Path("out/deep/a").read_text(), Path("b").read_text()) == ("1", "2")
    assert os.stat("b").st_mode & 0o777 == 0o700
    Path("b").unlink()
    assert put_back(writes, folder, blobs.get) == []
    assert os.stat("b").st_mode & 0o777 == 0o755
    assert sorted(os.listdir(".")) == ["b", "out"]


def test_a_file_that_is_as_it_should_be_is_not_touched(cell, folder, blobs):
    _, writes = recorded(cell, folder, blobs, lambda: Path("a").write_text("1"))
    before = os.stat("a")
    assert put_back(writes, folder, None) == []
    assert os.stat("a").st_mtime_ns == before.st_mtime_ns


def test_what_was_not_kept_is_said_and_the_rest_is_put_back(cell, folder, blobs):
    def run():
        Path("a").write_text("1")
        Path("b").write_text("2")

    _, writes = recorded(cell, folder, blobs, run)
    blobs.kept.pop(writes["./a"].digest)
    Path("a").unlink()
    Path("b").unlink()
    (problem,) = put_back(writes, folder, blobs.get)
    assert problem.startswith("./a could not be put back")
    assert Path("b").read_text() == "2"


def test_a_file_changed_after_the_run_is_not_kept_under_its_old_digest(cell, folder, blobs):
    seen = cell(lambda: Path("a").write_text("1"))
    Path("a").write_text("2")
    writes = keep(seen.writes, folder, blobs.put)
    assert writes["./a"].blob is None
    (problem,) = put_back(writes, folder, blobs.get)
    assert "was not kept" in problem
    assert Path("a").read_text() == "2"


def test_files_above_the_limit_are_not_kept(cell, folder, blobs):
    seen = cell(lambda: Path("a").write_text("12345"))
    assert keep(seen.writes, folder, blobs.put, limit_bytes=4)["./a"].blob is None
    assert blobs.kept == {}


@pytest.mark.parametrize("written", ["../outside", "/tmp/nbreplay-outside", "./link/x", "./sub/../../outside"])
def test_nothing_outside_the_allowed_folder_is_written(folder, blobs, tmp_path_factory, written):
    (folder / "sub").mkdir()
    (folder / "link").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    ref = blobs.put(b"bad")
    state = FileState(digest=ref.digest, size_bytes=3, blob=ref)
    (problem,) = put_back({written: state}, folder, blobs.get, allowed=folder)
    assert "lies outside" in problem
    assert not locate(written, folder).exists()


def test_a_removed_file_is_removed_again_only_if_it_is_the_one(cell, folder, blobs):
    Path("old").write_text("1")

    def run():
        Path("old").read_text()
        os.remove("old")

    reads, writes = recorded(cell, folder, blobs, run)
    Path("old").write_text("something else")
    (problem,) = put_back(writes, folder, blobs.get, before=reads)
    assert "remove it yourself" in problem
    assert Path("old").exists()
    Path("old").write_text("1")
    assert put_back(writes, folder, blobs.get, before=reads) == []
    assert not Path("old").exists()
    assert put_back(writes, folder, blobs.get, before=reads) == []


def test_a_link_is_written_through_and_stays_a_link(cell, folder, blobs):
    Path("target").write_text("0")
    Path("link").symlink_to("target")
    _, writes = recorded(cell, folder, blobs, lambda: Path("link").write_text("1"))
    Path("target").write_text("0")
    assert put_back(writes, folder, blobs.get) == []
    assert Path("link").is_symlink()
    assert Path("target").read_text() == "1"


def test_runs_merge_into_one_that_does_not_read_what_it_wrote():
    a, b, c = (FileState(digest=digest_bytes(text)) for text in (b"a", b"b", b"c"))
    reads, writes = merge([({"x": a}, {"y": b}), ({"y": b, "x": c}, {"z": c}), ({"z": c}, {"y": c})])
    assert (reads, writes) == ({"x": a}, {"y": c, "z": c})
