"""Two of everything: processes, forks, a store on a network file system."""

import os
import signal

import pytest

from nbreplay.errors import BlobMissing, StoreUnwritable
from nbreplay.store import BlobFolder, Store

BIG = os.urandom(300_000)


def bodies(found):
    return [bytes(stored.body) for stored in found]


def test_both_processes_write_and_both_see_everything_after_a_refresh(store, child):
    store.append("cell", b"ours", [b"k"])
    ref = store.put(b"our small blob")
    out = child(
        f"""
        print([bytes(s.body) for s in store.find("cell", b"k")], bytes(store.get({ref.digest!r})))
        store.append("cell", b"theirs", [b"k"])
        print(store.put(b"their small blob").digest)
        """
    )
    first, digest = out.splitlines()
    assert first == "[b'ours'] b'our small blob'"
    assert bodies(store.find("cell", b"k")) == [b"ours"]
    store.refresh()
    assert bodies(store.find("cell", b"k")) == [b"ours", b"theirs"]
    assert all(stored.own for stored in store.find("cell", b"k"))
    assert store.get(digest) == b"their small blob"
    assert len(list((store.path / "journals").iterdir())) == 2
    assert not store.verify()


def test_a_blob_that_another_process_kept_is_found_without_a_refresh(store, child):
    digest = child("print(store.put(b'kept since').digest)")
    assert store.get(digest) == b"kept since"


def test_a_living_writer_is_followed_record_by_record(store, child):
    process = child(
        """
        for line in sys.stdin:
            store.append("cell", line.strip().encode(), [b"k"])
            print("done", flush=True)
        """,
        wait=False,
    )
    for number in range(20):
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        assert process.stdout.readline() == "done\n"
        store.refresh()
        assert bodies(store.find("cell", b"k")) == [b"%d" % n for n in range(number + 1)]
    process.communicate(timeout=30)


def test_four_processes_write_at_once_and_nothing_is_lost_or_mixed(store, child):
    code = """
        me = int(os.environ["ME"])
        for number in range(200):
            store.append("task", b"%d-%d" % (me, number), [b"all", b"of %d" % me])
            store.put(b"equal content %d" % (number % 10))
            store.put(b"large equal content %d" % (number % 3) * 10_000)
        """
    processes = [child(code, wait=False, ME=str(me)) for me in range(4)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    store.refresh()
    assert len(store.find("task", b"all")) == 800
    for me in range(4):
        assert bodies(store.find("task", b"of %d" % me)) == [b"%d-%d" % (me, number) for number in range(200)]
    assert len([p for p in (store.path / "blobs").rglob("*") if p.is_file()]) == 3
    assert not store.verify()


def test_later_records_come_after_what_their_writer_had_seen(store, child):
    """Order needs no clock: the second process saw the first one's record, so its own is later."""
    store.append("cell", b"1", [b"k"])
    child("store.append('cell', b'2', [b'k'])")
    store.refresh()
    store.append("cell", b"3", [b"k"])
    child("store.append('cell', b'4', [b'k'])")
    store.refresh()
    assert bodies(store.find("cell", b"k")) == [b"1", b"2", b"3", b"4"]


def test_after_a_kill_everything_that_was_appended_is_there(store, folder, child):
    store.close()
    process = child(
        """
        for number in range(1000):
            store.append("task", b"%d" % number, [b"k%d" % number])
        ref = store.put(b"x" * 100_000)
        store.append("cell", ref.digest.encode(), [b"last"])
        print("appended", flush=True)
        sys.stdin.read()
        """,
        wait=False,
    )
    assert process.stdout.readline() == "appended\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    with Store.open(folder) as again:
        assert [bodies(f) for f in again.find_many("task", [b"k%d" % n for n in range(1000)])] == [
            [b"%d" % n] for n in range(1000)
        ]
        (last,) = bodies(again.find("cell", b"last"))
        assert again.get(last.decode()) == b"x" * 100_000
        assert not again.verify()


def test_a_forked_child_reads_and_never_writes(store):
    ref = store.put(BIG)
    store.append("cell", b"x", [b"k"])
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - measured in the parent
        try:
            said = []
            for write in (lambda: store.append("cell", b"child"), lambda: store.put(b"child")):
                try:
                    write()
                except StoreUnwritable as e:
                    said.append("forked" in str(e))
            store.refresh()
            store.find("cell", b"k")
            store.sync()
            said.append(bodies(store.scan("cell")) == [b"x"])
            said.append(store.get(ref) == BIG)
            store.close()
            os.write(write_end, str(said).encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(read_end, 100) == b"[True, True, True, True]"
    store.append("cell", b"y", [b"k"])
    assert bodies(store.find("cell", b"k")) == [b"x", b"y"]
    store.sync()
    assert not store.verify()


def test_a_forked_child_may_open_the_store_for_itself(store, folder):
    store.append("cell", b"x", [b"k"])
    pid = os.fork()
    if pid == 0:  # pragma: no cover - measured in the parent
        code = 1
        try:
            with Store.open(folder) as mine:
                mine.append("cell", b"child", [b"k"])
                code = 0 if bodies(mine.find("cell", b"k")) == [b"x", b"child"] else 2
        finally:
            os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    store.refresh()
    assert bodies(store.find("cell", b"k")) == [b"x", b"child"]


def test_a_fork_while_threads_hold_the_locks_does_not_hang_the_child(store):
    with store._appender.lock, store._catalogue.index.lock:
        import threading

        holder = threading.Thread(target=lambda: None)
        holder.start()
        holder.join()
        pid = os.fork()
        if pid == 0:  # pragma: no cover - measured in the parent
            thread = threading.Thread(target=lambda: store.find("cell", b"k"))
            thread.start()
            thread.join(5)
            os._exit(1 if thread.is_alive() else 0)
    assert os.waitpid(pid, 0)[1] == 0


def test_on_a_network_file_system_the_index_is_in_the_users_cache(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("nbreplay.store.filesystem._type_of", lambda path: 0x6969)
    with Store.open(folder) as store:
        store.append("cell", b"x", [b"k"])
        ref = store.put(BIG)
        assert store.get(ref) == BIG
        with pytest.raises(BlobMissing):
            store.get("0" * 32)
    assert not (folder / "index").exists()
    assert list((tmp_path / "user" / "cache").rglob("data.mdb"))
    with Store.open(folder) as store:
        assert bodies(store.find("cell", b"k")) == [b"x"]


def test_a_worker_puts_what_the_store_gets(store, child):
    digest = child("from nbreplay.store import BlobFolder; print(BlobFolder(folder).put(b'w' * 200_000).digest)")
    assert store.get(digest) == b"w" * 200_000
    assert BlobFolder(store.path).get(digest) == b"w" * 200_000


def test_a_process_that_ends_without_closing_leaves_a_clean_index(store, folder, child):
    store.close()
    child("store.append('cell', b'x', [b'k'])")
    assert (folder / "index" / "clean").exists()
