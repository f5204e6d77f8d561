"""Runs taken out of a store: not found any more, and their bytes gone from the disk."""

import fcntl
import os

import pytest
from click.testing import CliRunner

from nbreplay.cli import group
from nbreplay.digest import Fingerprint
from nbreplay.records import (
    BlobRef,
    BufferRef,
    CellRun,
    CellVisit,
    FileState,
    TaskRun,
    Unit,
    ValueRef,
    Writes,
    to_bytes,
)
from nbreplay.replay.reader import open_store
from nbreplay.share.forget import blobs_of, forget
from nbreplay.store import Store

SHARED, SECRET, SMALL = os.urandom(200_000), os.urandom(200_000), b"the secret, in small letters"


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NBREPLAY_STORE", raising=False)


def record(store, number, *contents):
    """A run of cell *number* that holds *contents*."""
    units = tuple(
        Unit(uid=f"r:{number}/{n}", value=ValueRef(codec="plain", stream=store.put(content)), names=(f"x{n}",))
        for n, content in enumerate(contents)
    )
    run = CellRun(
        boundary=f"r:{number}", parent=f"r:{number - 1}" if number > 1 else None, run="r", number=number,
        code=Fingerprint("0" * 32), source=f"x = {number}", outcome="ok", position=number, writes=Writes(units=units),
    )  # fmt: skip
    store.append("cell", to_bytes(run), [b"cell"])


@pytest.fixture
def folder(tmp_path):
    """A store: cell 1 holds a shared value, cell 2 that one and secrets, a task a value of its own."""
    with Store.open(tmp_path / "nb.nbreplay") as store:
        record(store, 1, SHARED)
        record(store, 2, SHARED, SECRET, SMALL)
        result = ValueRef(codec="plain", stream=store.put(b"a result"))
        store.append("task", to_bytes(TaskRun(provenance=Fingerprint("1" * 32), result=result)), [b"task"])
    return tmp_path / "nb.nbreplay"


def on_disk(folder):
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file() and "index" not in file.parts)


def test_what_only_the_forgotten_runs_hold_leaves_the_disk_and_the_rest_stays(folder):
    assert all(content in on_disk(folder) for content in (SHARED, SECRET, SMALL, b"a result"))
    assert forget(folder, {"r:2"}) == (1, "")
    left = on_disk(folder)
    assert SECRET not in left
    assert SMALL not in left
    assert SHARED in left
    assert b"a result" in left
    with open_store(folder) as reader:
        assert [run.number for run in reader.runs()] == [1]
        assert len(reader.tasks()) == 1
    with Store.open(folder) as store:
        assert store.verify() == []


def test_the_source_of_what_is_forgotten_is_not_kept_in_its_visits_either(folder):
    with Store.open(folder) as store:
        for position, source in ((1, "x = 1"), (2, "password = 'in the source'"), (2, "password = 'in an edit'")):
            visit = CellVisit(
                session="s", number=position, kernel="audit", boundary=f"r:{position}", state="executed", reason="",
                position=position, source=source, detail=(f"+ {source}",),
            )  # fmt: skip
            store.append("visit", to_bytes(visit))
    assert b"in the source" in on_disk(folder)
    assert forget(folder, {"r:2"}) == (1, "")
    assert b"password" not in on_disk(folder)
    with open_store(folder) as reader:
        assert [visit.source for visit in reader.visits()] == ["x = 1"]


def test_while_somebody_writes_it_is_not_found_any_more_and_the_bytes_wait(folder):
    with next((folder / "journals").iterdir()).open("rb") as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)  # as its writer does for as long as it lives
        count, left = forget(folder, {"r:2"})
    assert (count, bool(left)) == (1, True)
    with open_store(folder) as reader:
        assert [run.number for run in reader.runs()] == [1]
    assert SHARED in on_disk(folder)


def test_the_command_says_how_many_and_then_that_there_is_none(folder):
    done = CliRunner().invoke(group, ["forget", str(folder), "2"])
    assert done.output == "forgot 1 runs of cell 2\n"
    assert CliRunner().invoke(group, ["forget", str(folder), "2"]).exit_code == 4


def test_blobs_are_found_wherever_a_record_has_them():
    refs = [BlobRef(digest=f"{n:032x}", size_bytes=1) for n in range(6)]
    value = ValueRef(
        codec="plain",
        stream=refs[0],
        buffers=(BufferRef(digest="0" * 32, size_bytes=1, base=refs[1], patches={0: refs[2]}),),
    )
    states = {"a": FileState(digest=None, blob=refs[3])}
    run = TaskRun(provenance=Fingerprint("1" * 32), result=value, files_written=states, components=refs[4])
    assert sorted(blobs_of(run)) == [ref.digest for ref in refs[:5]]
