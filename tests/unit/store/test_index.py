"""The index is disposable: whatever happens to it, the answers are the journals'."""

import os
import random

import pytest

from nbreplay.store import Store
from nbreplay.store.entries import ENTRY
from nbreplay.store.index import Index
from nbreplay.store.mac import UserKey

KEY = UserKey(b"k" * 32)


def entry(sequence):
    return ENTRY.pack(sequence, 0, 64 * sequence, 80)


def opened(folder, key=KEY):
    return Index.open(folder, key, lambda: None)


def bodies(found):
    return [bytes(stored.body) for stored in found]


def test_entries_are_found_before_and_after_they_are_written_in_their_order(tmp_path):
    index = opened(tmp_path / "index")
    for sequence in (2, 1):
        index.add([b"h" * 16], entry(sequence))
    index.write()
    index.add([b"h" * 16, b"g" * 16], entry(3))
    assert index.find([b"g" * 16, b"h" * 16, b"x" * 16]) == {
        b"g" * 16: [entry(3)],
        b"h" * 16: [entry(1), entry(2), entry(3)],
    }
    index.close()


def test_a_clean_close_is_opened_again_with_its_facts(tmp_path):
    index = opened(tmp_path / "index")
    index.add([b"h" * 16], entry(1))
    index.number("journal")
    index.positions["journal"] = 99
    index.forgotten.add(("journal", 64))
    index.close()
    again = opened(tmp_path / "index")
    assert again.find([b"h" * 16]) == {b"h" * 16: [entry(1)]}
    assert (again.positions, again.journals, again.forgotten) == ({"journal": 99}, ["journal"], {("journal", 64)})
    again.close()


def closed_with_one_entry(folder):
    index = opened(folder)
    index.add([b"h" * 16], entry(1))
    index.positions["journal"] = 99
    index.number("journal")
    index.close()


def is_empty(index):
    empty = not index.find([b"h" * 16]) and not index.positions
    index.close()
    return empty


@pytest.mark.parametrize("damage", ["no mark", "mark cut", "cut", "longer", "flipped", "gone", "linked"])
def test_in_any_doubt_it_is_deleted_unread(tmp_path, damage):
    folder = tmp_path / "index"
    closed_with_one_entry(folder)
    data, mark = folder / "data.mdb", folder / "clean"
    size = data.stat().st_size
    if damage == "no mark":
        mark.unlink()
    elif damage == "mark cut":
        os.truncate(mark, 20)
    elif damage == "cut":
        os.truncate(data, size // 2)
    elif damage == "longer":
        os.truncate(data, size + 4096)
    elif damage == "flipped":
        whole = bytearray(data.read_bytes())
        whole[random.randrange(size)] ^= 1
        data.write_bytes(whole)
    elif damage == "gone":
        data.unlink()
    elif damage == "linked":
        data.rename(tmp_path / "elsewhere")
        data.symlink_to(tmp_path / "elsewhere")
    assert is_empty(opened(folder))


def test_an_index_that_somebody_else_made_is_not_opened(tmp_path):
    closed_with_one_entry(tmp_path / "index")
    assert is_empty(opened(tmp_path / "index", UserKey(b"other" * 6 + b"xx")))


def test_it_is_not_clean_while_it_is_open(tmp_path):
    closed_with_one_entry(tmp_path / "index")
    index = opened(tmp_path / "index")
    assert not (tmp_path / "index" / "clean").exists()
    index.close()
    assert (tmp_path / "index" / "clean").exists()


def test_the_second_who_opens_it_gets_a_private_one_that_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    first = opened(tmp_path / "index")
    second = opened(tmp_path / "index")
    second.add([b"h" * 16], entry(1))
    second.write()
    assert second.find([b"h" * 16])
    assert not first.find([b"h" * 16])
    assert os.listdir(tmp_path / "tmp") == []
    second.close()
    first.close()


def test_many_entries_survive_being_written_in_batches(tmp_path):
    index = opened(tmp_path / "index")
    hashes = [number.to_bytes(16, "big") for number in range(5000)]
    for number, hash_ in enumerate(hashes):
        index.add([hash_, b"every" + bytes(11)], entry(number))
        if number % 1000 == 0:
            index.write()
    index.close()
    again = opened(tmp_path / "index")
    assert again.find(hashes) == {hash_: [entry(number)] for number, hash_ in enumerate(hashes)}
    assert again.find([b"every" + bytes(11)])[b"every" + bytes(11)] == [entry(number) for number in range(5000)]
    again.close()


def test_a_full_map_is_left_for_memory_and_nothing_is_lost(folder, monkeypatch, caplog):
    monkeypatch.setattr("nbreplay.store.environment.MAP_BYTES", (64 * 1024,))
    with Store.open(folder) as store:
        for start in range(0, 3000, 500):
            store.append_many("task", [(b"%d" % n, [b"k%d" % n]) for n in range(start, start + 500)])
            store.sync()
        assert "not used any more" in caplog.text
        found = store.find_many("task", [b"k%d" % n for n in range(3000)])
        assert [bodies(f) for f in found] == [[b"%d" % n] for n in range(3000)]
        store.append("task", b"later", [b"later"])
        assert bodies(store.find("task", b"later")) == [b"later"]
    with Store.open(folder) as store:
        assert bodies(store.find("task", b"k2999")) == [b"2999"]


def test_an_index_folder_that_cannot_be_made_is_done_without(store, folder):
    store.append("cell", b"x", [b"k"])
    store.close()
    import shutil

    shutil.rmtree(folder / "index")
    (folder / "index").write_text("in the way")
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"x"]
        again.append("cell", b"y", [b"k"])
        assert bodies(again.find("cell", b"k")) == [b"x", b"y"]


def test_deleting_it_under_a_running_process_does_no_harm(store, folder):
    import shutil

    store.append("cell", b"x", [b"k"])
    store.sync()
    shutil.rmtree(folder / "index")
    store.append("cell", b"y", [b"k"])
    assert bodies(store.find("cell", b"k")) == [b"x", b"y"]
    store.close()
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"x", b"y"]


def test_an_index_older_than_the_journals_catches_up(store, folder, tmp_path):
    import shutil

    store.append("cell", b"x", [b"k"])
    store.close()
    shutil.copytree(folder / "index", tmp_path / "old")
    with Store.open(folder) as again:
        again.append("cell", b"y", [b"k"])
    shutil.rmtree(folder / "index")
    shutil.copytree(tmp_path / "old", folder / "index")
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"x", b"y"]


def test_an_index_newer_than_the_journals_is_made_again(store, folder):
    store.append("cell", b"x", [b"k"])
    store.append("cell", b"y", [b"k"])
    store.close()
    (journal,) = (folder / "journals").iterdir()
    os.truncate(journal, journal.stat().st_size - 10)
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"x"]


def test_a_journal_that_was_deleted_takes_only_its_own_records_along(store, folder):
    store.append("cell", b"x", [b"k"])
    store.close()
    with Store.open(folder) as again:
        again.append("cell", b"y", [b"k"])
    first, _ = sorted((folder / "journals").iterdir())
    first.unlink()
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"y"]
        assert again.damaged == 0
