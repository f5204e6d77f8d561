"""The store as its users see it."""

import os
import shutil
import threading

import pytest

from nbreplay.config import Settings
from nbreplay.digest import digest_bytes
from nbreplay.errors import BlobDamaged, BlobMissing, StoreForeign, StoreNewer, StoreUnwritable
from nbreplay.store import Store
from nbreplay.store.mac import user_key

BIG = os.urandom(300_000)


def bodies(found):
    return [bytes(stored.body) for stored in found]


@pytest.mark.parametrize("content", [b"", b"small", b"soft" * 1000, BIG], ids=["empty", "small", "soft", "big"])
def test_a_blob_comes_back_at_once_and_after_reopening(store, folder, content):
    ref = store.put(content, strong=True)
    assert store.has(ref.digest)
    assert store.get(ref) == store.get(ref.digest) == content
    assert not store.get(ref).readonly
    store.close()
    with Store.open(folder) as again:
        assert again.has(ref.digest)
        assert again.get(ref) == content


def test_small_blobs_live_in_the_journal_and_equal_ones_once(store, folder):
    store.put(b"small")
    size = store.size_bytes()
    store.put(b"small")
    assert store.size_bytes() == size
    assert not list((folder / "blobs").iterdir())


def test_what_one_setting_put_in_a_file_another_finds(folder):
    with Store.open(folder, settings=Settings(small_blob_bytes=10)) as store:
        filed = store.put(b"x" * 100)
    with Store.open(folder, settings=Settings(small_blob_bytes=1000)) as store:
        assert store.get(filed) == b"x" * 100
        journalled = store.put(b"y" * 100)
    with Store.open(folder, settings=Settings(small_blob_bytes=10)) as store:
        assert store.get(journalled) == b"y" * 100


def test_records_are_found_by_each_key_oldest_first(store):
    store.append("cell", b"first", [b"a", b"b"])
    store.append("cell", b"second", [b"a"])
    store.append("task", b"other kind", [b"a"])
    assert bodies(store.find("cell", b"a")) == [b"first", b"second"]
    assert bodies(store.find("cell", b"b")) == [b"first"]
    assert store.find("cell", b"c") == []
    assert [bodies(found) for found in store.find_many("cell", [b"c", b"a", b"b"])] == [
        [],
        [b"first", b"second"],
        [b"first"],
    ]
    assert all(stored.own for stored in store.find("cell", b"a"))


def test_records_are_found_while_the_index_is_written_and_afterwards(store):
    for number in range(300):
        store.append("cell", b"%d" % number, [b"k"])
        if number % 100 == 50:
            store.sync()
    assert bodies(store.find("cell", b"k")) == [b"%d" % number for number in range(300)]


@pytest.mark.parametrize("how", ["clean", "index gone"])
def test_what_is_appended_after_reopening_comes_last(folder, how):
    for number in range(4):
        with Store.open(folder) as store:
            for _ in range(4 - number):  # so that later openings append fewer
                store.append("cell", b"%d" % number, [b"k"])
        if how == "index gone":
            shutil.rmtree(folder / "index")
    with Store.open(folder) as store:
        found = bodies(store.find("cell", b"k"))
        assert found == sorted(found)


def test_a_scan_sees_all_records_of_a_kind_in_their_order(store, folder):
    store.append_many("task", [(b"%d" % n, [b"k%d" % n]) for n in range(50)])
    store.append("cell", b"not this")
    store.close()
    with Store.open(folder) as again:
        again.append("task", b"50")
        assert bodies(again.scan("task")) == [b"%d" % n for n in range(51)]


def test_forgotten_records_stay_forgotten(store, folder):
    places = [store.append("cell", body, [b"k"]) for body in (b"one", b"two", b"three")]
    store.forget([places[1]])
    assert bodies(store.find("cell", b"k")) == bodies(store.scan("cell")) == [b"one", b"three"]
    store.close()
    (folder / "index" / "clean").unlink()
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == bodies(again.scan("cell")) == [b"one", b"three"]


def test_records_of_another_key_are_found_and_not_own_until_admitted(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "stranger"))
    with Store.open(folder) as theirs:
        for body in (b"one", b"two"):
            theirs.append("cell", body, [b"k"])
        ref = theirs.put(b"a small blob")
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "mine"))
    with Store.open(folder) as mine:
        assert [stored.own for stored in mine.find("cell", b"k")] == [False, False]
        mine.append("cell", b"three", [b"k"])
        assert mine.admit() == 2
        assert sorted(bodies(mine.find("cell", b"k"))) == [b"one", b"three", b"two"]
        assert all(stored.own for stored in mine.find("cell", b"k"))
        assert mine.admit() == 0
    (folder / "index" / "clean").unlink()
    with Store.open(folder) as mine:
        assert [stored.own for stored in mine.scan("cell")] == [True] * 3
        assert mine.get(ref) == b"a small blob"


def test_a_forged_code_is_not_own(store, folder):
    place = store.append("cell", b"body", [b"k"])
    store.close()
    from nbreplay.store.mac import UserKey
    from nbreplay.store.record import RECORD, pack_keys, pack_record, seed_of

    path = folder / "journals" / f"{place.journal}.nbj"
    forged = pack_record(
        RECORD,
        b"cell",
        pack_keys([b"k"]),
        b"evil",
        sequence=1,
        seed=seed_of(place.journal),
        offset=place.offset,
        key=UserKey(b"?" * 32),
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: place.offset] + forged)
    with Store.open(folder) as again:
        assert [(bytes(s.body), s.own) for s in again.find("cell", b"k")] == [(b"evil", False)]


def test_a_code_moved_to_another_record_is_not_own(store, folder):
    one = store.append("cell", b"one.", [b"k"])
    two = store.append("cell", b"two.", [b"k"])
    store.close()
    from nbreplay.store.scan import Scan

    path = folder / "journals" / f"{one.journal}.nbj"
    fd = os.open(path, os.O_RDONLY)
    records = list(Scan(fd, one.journal).records())
    os.close(fd)
    assert [record.place for record in records] == [one, two]
    raw = bytearray(records[1].raw)
    raw[32:64] = records[0].raw[32:64]
    moved = records[1]._replace(raw=memoryview(raw))
    assert records[1].is_own(user_key())
    assert not moved.is_own(user_key())


def test_one_folder_is_one_store_in_a_process(folder):
    with Store.open(folder) as one, Store.open(folder) as two:
        assert one is two
        one.append("cell", b"x", [b"k"])
    with Store.open(folder) as three:
        assert three is not one
        assert bodies(three.find("cell", b"k")) == [b"x"]


def test_closing_more_often_than_opening_does_nothing(folder):
    store = Store.open(folder)
    store.close()
    store.close()
    with Store.open(folder) as again:
        store.close()
        again.append("cell", b"x")


def test_threads_append_and_find_at_once(store):
    failed = []

    def work(name):
        try:
            for number in range(100):
                key = b"%d-%d" % (name, number)
                store.append("task", key, [key, b"all"])
                store.put(b"shared %d" % number)
                assert bodies(store.find("task", key)) == [key]
        except Exception as e:  # noqa: BLE001 - told to the test
            failed.append(e)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(store.find("task", b"all")) == 400
    assert not store.verify()


def test_read_only_finds_everything_and_writes_nothing(store, folder):
    ref = store.put(BIG)
    small = store.put(b"small")
    store.append("cell", b"x", [b"k"])
    store.close()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with Store.open(folder, read_only=True) as reader:
        assert not reader.writable
        assert reader.get(ref) == BIG
        assert reader.get(small) == b"small"
        assert bodies(reader.find("cell", b"k")) == [b"x"]
        assert bodies(reader.scan("cell")) == [b"x"]
        for write in (
            lambda: reader.append("cell", b"y"),
            lambda: reader.put(b"y"),
            lambda: reader.put(BIG + b"y"),
            lambda: reader.forget([]),
            reader.admit,
        ):
            with pytest.raises(StoreUnwritable):
                write()
        reader.sync()
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_read_only_leaves_damaged_blobs_where_they_are(store, folder):
    ref = store.put(BIG)
    path = store.blobs().path(ref.digest)
    path.write_bytes(b"broken")
    store.close()
    with Store.open(folder, read_only=True) as reader, pytest.raises(BlobDamaged):
        reader.get(ref)
    assert path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_is_opened_for_reading_and_says_so(store, folder):
    store.append("cell", b"x", [b"k"])
    store.close()
    (folder / "journals").chmod(0o500)
    try:
        with Store.open(folder) as reader:
            assert not reader.writable
            assert "cannot be written" in reader.degraded[0]
            assert bodies(reader.find("cell", b"k")) == [b"x"]
    finally:
        (folder / "journals").chmod(0o700)


def test_a_store_of_a_newer_format_is_refused_and_left_alone(store, folder):
    store.close()
    text = (folder / "store.json").read_text().replace('"format": 1', '"format": 7')
    (folder / "store.json").write_text(text)
    with pytest.raises(StoreNewer, match="format 7"):
        Store.open(folder)
    assert (folder / "store.json").read_text() == text


def test_a_folder_that_is_something_else_is_refused_and_left_alone(tmp_path):
    (tmp_path / "data.csv").write_text("a,b")
    with pytest.raises(StoreForeign, match="not a store"):
        Store.open(tmp_path)
    with pytest.raises(StoreForeign, match="not a folder"):
        Store.open(tmp_path / "data.csv")
    assert os.listdir(tmp_path) == ["data.csv"]


def test_a_store_that_is_not_there_is_not_made_unless_asked(folder):
    for asked in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreForeign, match="no store"):
            Store.open(folder, **asked)
    assert not folder.exists()


def test_a_store_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((StoreUnwritable, StoreForeign)):
        Store.open(tmp_path / "file" / "nb.nbreplay")


def test_an_empty_folder_becomes_a_store(tmp_path):
    (tmp_path / "empty").mkdir()
    with Store.open(tmp_path / "empty") as store:
        store.append("cell", b"x")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "id": "zz"}'])
def test_a_damaged_description_is_made_anew_and_the_records_are_found(store, folder, text):
    store.append("cell", b"x", [b"k"])
    store.close()
    (folder / "store.json").write_text(text)
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"x"]


def test_a_damaged_small_blob_is_a_miss_and_healed_by_the_next_write(store, folder):
    ref = store.put(b"small" * 10)
    (journal,) = (folder / "journals").iterdir()
    broken = bytearray(journal.read_bytes())
    broken[-1] ^= 1
    journal.write_bytes(broken)
    with pytest.raises(BlobDamaged):
        store.get(ref)
    assert not store.has(ref.digest)
    with pytest.raises(BlobMissing):
        store.get(ref)
    store.put(b"small" * 10)
    assert store.get(ref) == b"small" * 10
    assert store.damaged == 1


def test_a_damaged_record_is_left_out_and_counted(store, folder):
    for body in (b"one", b"two", b"three"):
        place = store.append("cell", body, [b"k"])
    (journal,) = (folder / "journals").iterdir()
    broken = bytearray(journal.read_bytes())
    broken[place.offset - 1] ^= 1
    journal.write_bytes(broken)
    assert bodies(store.find("cell", b"k")) == [b"one", b"three"]
    assert store.damaged == 1


def test_a_deleted_folder_costs_one_append_and_then_a_new_store_is_begun(store, folder):
    ref = store.put(b"small")
    store.append("cell", b"old", [b"k"])
    identity = store.identity
    shutil.rmtree(folder)
    with pytest.raises(StoreUnwritable, match="deleted"):
        store.append("cell", b"lost", [b"k"])
    assert store.restarts == 1
    assert not store.has(ref.digest)
    store.append("cell", b"new", [b"k"])
    assert bodies(store.find("cell", b"k")) == [b"new"]
    assert store.identity != identity
    store.close()
    with Store.open(folder) as again:
        assert bodies(again.find("cell", b"k")) == [b"new"]


def test_a_moved_folder_works_from_its_new_place(store, folder, tmp_path):
    ref = store.put(BIG)
    store.append("cell", b"x", [b"k"])
    store.close()
    folder.rename(tmp_path / "moved.nbreplay")
    with Store.open(tmp_path / "moved.nbreplay") as moved:
        assert bodies(moved.find("cell", b"k")) == [b"x"]
        assert moved.get(ref) == BIG
        assert all(stored.own for stored in moved.scan("cell"))


def test_the_size_counts_journals_and_blobs(store):
    store.put(BIG)
    store.append("cell", b"x" * 1000)
    assert len(BIG) + 1000 < store.size_bytes() < len(BIG) + 1000 + 500


def test_a_digest_that_is_known_is_not_computed_again(store):
    ref = store.put(BIG, digest=digest_bytes(BIG))
    assert store.get(ref) == BIG


def test_verify_is_content_with_a_good_store_and_names_what_is_broken(store, folder):
    ref = store.put(BIG)
    store.put(b"small")
    store.append("cell", b"x", [b"k"])
    store.append("cell", b"y", [b"k"])
    assert store.verify() == []
    blob = store.blobs().path(ref.digest)
    blob.write_bytes(blob.read_bytes()[:-1] + b"!")
    (journal,) = (folder / "journals").iterdir()
    whole = bytearray(journal.read_bytes())
    whole[70] ^= 1
    journal.write_bytes(whole + b"NBRR torn")
    problems = {problem.where.partition(":")[0]: problem for problem in store.verify() if problem.severity == "damaged"}
    assert set(problems) == {f"blobs/{ref.digest[:2]}/{ref.digest}", f"journals/{journal.name}"}
    assert next(p.what for p in store.verify() if p.severity == "note").startswith("9 bytes at the end")


def test_a_journal_that_cannot_grow_is_left_and_another_begun(folder):
    from nbreplay.store.disk import Disk

    class Full(Disk):
        full = False

        def write_some(self, fd, data, offset):
            if self.full:
                if len(data) > 100:
                    return super().write_some(fd, data[:100], offset)
                raise OSError(28, "No space left on device")
            return super().write_some(fd, data, offset)

    disk = Full()
    with Store.open(folder, disk=disk) as store:
        store.append("cell", b"one", [b"k"])
        disk.full = True
        for _ in range(3):
            with pytest.raises(StoreUnwritable, match="No space"):
                store.append_many("cell", [(b"lost", [b"k"])] * 5)
        with pytest.raises(StoreUnwritable):
            store.put(BIG)
        disk.full = False
        store.append("cell", b"two", [b"k"])
        assert bodies(store.find("cell", b"k")) == [b"one", b"two"]
        assert not [p for p in store.verify() if p.severity == "damaged"]
    with Store.open(folder) as store:
        assert bodies(store.find("cell", b"k")) == [b"one", b"two"]
