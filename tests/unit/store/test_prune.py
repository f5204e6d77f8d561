"""Giving room back, and nothing that is needed."""

import os

import pytest

from nbreplay.errors import BlobMissing, StoreUnwritable
from nbreplay.store import Store

BIG = os.urandom(200_000)
OTHER = os.urandom(200_000)


def bodies(found):
    return [bytes(stored.body) for stored in found]


def journals(folder):
    return sorted(path.name for path in (folder / "journals").iterdir())


@pytest.fixture
def filled(folder):
    """Three closed openings, each with a record, and blobs of which some are needed."""
    kept = set()
    for number in range(3):
        with Store.open(folder) as store:
            kept |= {store.put(b"needed %d" % number).digest, store.put(BIG).digest}
            store.put(b"not needed %d" % number * 1000)
            store.put(OTHER)
            store.append("cell", b"%d" % number, [b"k"])
    return folder, kept


def test_what_is_needed_stays_and_the_rest_goes(filled):
    folder, kept = filled
    with Store.open(folder) as store:
        gone = {store.put(OTHER).digest, store.put(b"not needed 0" * 1000).digest}
        before = store.size_bytes()
        done = store.prune(kept, grace_s=0)
        assert done.size_bytes == before - store.size_bytes() > 200_000
        for _ in range(2):
            assert bodies(store.find("cell", b"k")) == bodies(store.scan("cell")) == [b"0", b"1", b"2"]
            assert all(stored.own for stored in store.find("cell", b"k"))
            assert {digest for digest in kept if store.has(digest)} == kept
            assert store.get(min(kept)) is not None
            for digest in gone:
                with pytest.raises(BlobMissing):
                    store.get(digest)
            store.append("later", b"after", [b"k"])
            store.close()
            store = Store.open(folder)
        store.close()
        assert store.verify() == []


def test_young_files_stay(filled):
    folder, kept = filled
    with Store.open(folder) as store:
        store.prune(kept)
        assert store.get(store.put(OTHER)) == OTHER
        assert len([p for p in (folder / "blobs").rglob("*") if p.is_file()]) == 2


def test_journals_become_one_and_forgotten_records_go(filled):
    folder, kept = filled
    with Store.open(folder) as store:
        store.forget(stored.place for stored in store.find("cell", b"k")[1:2])
        store.prune(kept, grace_s=0)
        assert len(journals(folder)) == 1
        assert b"not needed" not in (folder / "journals" / journals(folder)[0]).read_bytes()
        assert bodies(store.find("cell", b"k")) == [b"0", b"2"]
        assert store.prune(kept, grace_s=0).size_bytes == 0


def test_strangers_records_stay_strangers(filled, monkeypatch, tmp_path):
    folder, kept = filled
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "another"))
    with Store.open(folder) as store:
        store.append("cell", b"mine", [b"k"])
        store.prune(kept, grace_s=0)
        assert [stored.own for stored in store.find("cell", b"k")] == [False, False, False, True]


def test_while_another_process_writes_journals_stay(filled, child):
    folder, kept = filled
    process = child("store.append('cell', b'alive', [b'k']); print('on', flush=True); sys.stdin.read()", wait=False)
    assert process.stdout.readline() == "on\n"
    with Store.open(folder) as store:
        before = journals(folder)
        assert "another process" in store.prune(kept, grace_s=0).journals_kept
        assert journals(folder) == before
        process.kill()
        process.communicate()
        assert not store.prune(kept, grace_s=0).journals_kept
        assert bodies(store.find("cell", b"k")) == [b"0", b"1", b"2", b"alive"]


def test_another_process_that_reads_goes_on_with_the_new_journal(filled, child):
    folder, kept = filled
    process = child(
        """
        print(len(store.find("cell", b"k")), flush=True)
        sys.stdin.readline()
        store.refresh()
        print([bytes(s.body) for s in store.find("cell", b"k")], flush=True)
        """,
        wait=False,
    )
    assert process.stdout.readline() == "3\n"
    with Store.open(folder) as store:
        assert not store.prune(kept, grace_s=0).journals_kept
    out, _ = process.communicate("go\n", timeout=30)
    assert out == "[b'0', b'1', b'2']\n"


def test_leftovers_of_broken_writes_go(filled):
    folder, kept = filled
    left = [
        folder / ".tmp-1",
        folder / "journals" / ".tmp-2",
        folder / "blobs" / "00" / ".tmp-3",
        folder / "quarantine" / "x",
    ]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"left")
    with Store.open(folder) as store:
        store.prune(kept, grace_s=3600)
        assert all(path.exists() for path in left)
        store.prune(kept, grace_s=0)
        assert not any(path.exists() for path in left)


def test_a_store_that_is_open_for_reading_is_not_pruned(filled):
    folder, kept = filled
    with Store.open(folder, read_only=True) as reader, pytest.raises(StoreUnwritable):
        reader.prune(kept, grace_s=0)
