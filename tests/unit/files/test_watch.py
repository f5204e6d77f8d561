# ruff: noqa: SIM115  # what is tested here is open() itself
"""What is seen of a run: the files, as they were before it touched them."""

import functools
import glob
import os
import pickle
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nbreplay.digest import digest_bytes
from nbreplay.files import FileDigests, Watch, unseen


def write(path, text):
    Path(path).write_text(text)


def add(path, text):
    with open(path, "a") as file:
        file.write(text)


def content(text):
    return digest_bytes(text.encode())


def test_a_file_that_was_read_is_an_input_with_its_content(cell, folder):
    write("a.csv", "1,2")
    seen = cell(lambda: Path("a.csv").read_text())
    assert {path: state.digest for path, state in seen.reads.items()} == {"./a.csv": content("1,2")}
    assert (seen.writes, seen.refusals, seen.marks) == ({}, [], [])


@pytest.mark.parametrize(
    "reader",
    [
        lambda: open("a.csv").close(),
        lambda: os.close(os.open("a.csv", os.O_RDONLY)),
        lambda: Path("a.csv").read_bytes(),
        lambda: open(b"a.csv", "rb").close(),
        lambda: shutil.copy("a.csv", "copy.csv"),
        lambda: open(os.path.abspath("a.csv")).close(),
        lambda: open("sub/../a.csv").close(),
    ],
)
def test_each_way_to_open_is_seen(cell, folder, reader):
    write("a.csv", "1,2")
    (folder / "sub").mkdir()
    assert cell(reader).reads["./a.csv"].digest == content("1,2")


def test_a_file_that_is_not_there_is_an_input_too(cell):
    seen = cell(lambda: [os.path.exists("x"), os.access("y", os.R_OK), Path("z").is_file()])
    assert {path: state.digest for path, state in seen.reads.items()} == {"./x": None, "./y": None, "./z": None}


def test_asking_whether_a_file_exists_does_not_depend_on_what_it_holds(cell, folder):
    write("a", "1")
    first = cell(lambda: os.path.exists("a")).reads["./a"]
    write("a", "another text")
    assert cell(lambda: os.path.exists("a")).reads["./a"] == first
    assert first.aspect == "exists"


def test_the_size_of_a_file_is_an_input_and_its_time_is_marked(cell, folder):
    write("a", "1")
    first = cell(lambda: os.path.getsize("a")).reads["./a"]
    write("a", "22")
    assert cell(lambda: os.path.getsize("a")).reads["./a"] != first
    assert cell(lambda: os.path.getmtime("a")).marks == ["it read the time of a file"]


def test_reading_after_asking_makes_the_content_an_input(cell, folder):
    write("a", "1")
    assert cell(lambda: os.path.exists("a") and open("a").read()).reads["./a"].digest == content("1")


def test_what_a_run_wrote_first_is_not_its_input(cell):
    def run():
        write("out.csv", "3")
        assert Path("out.csv").read_text() == "3"
        assert os.path.exists("out.csv")

    seen = cell(run)
    assert seen.reads == {}
    assert seen.writes["./out.csv"].digest == content("3")


def test_a_file_read_and_then_written_is_an_input_as_it_was(cell, folder):
    write("count", "1")

    def run():
        write("count", str(int(Path("count").read_text()) + 1))

    seen = cell(run)
    assert seen.reads["./count"].digest == content("1")
    assert seen.writes["./count"].digest == content("2")
    assert seen.refusals == []


def test_a_task_that_changes_what_it_read_is_refused(task, folder):
    write("count", "1")
    assert "read and changed by one task" in task(add, "count", "2").refusals[0]


def test_appending_depends_on_what_was_there(cell, folder):
    write("log", "a")
    seen = cell(add, "log", "b")
    assert (seen.reads["./log"].digest, seen.writes["./log"].digest) == (content("a"), content("ab"))
    fresh = cell(add, "new", "b")
    assert (fresh.reads["./new"].digest, fresh.writes["./new"].digest) == (None, content("b"))


def test_a_large_file_that_is_read_and_overwritten_keeps_its_first_content(cell, folder):
    write("big", "x" * (2 << 20))
    os.utime("big", (1, 1))

    def run():
        Path("big").read_text()
        write("big", "y")

    assert cell(run).reads["./big"].digest == content("x" * (2 << 20))


def test_a_file_opened_for_update_and_left_alone_is_only_read(cell, folder):
    write("a", "1")
    seen = cell(lambda: open("a", "r+").close())
    assert (list(seen.reads), seen.writes) == (["./a"], {})


def test_a_file_that_somebody_else_changes_meanwhile_is_refused(cell, folder):
    write("a", "1")
    write("big", "x" * (2 << 20))
    os.utime("big", (1, 1))

    def run(name):
        Path(name).read_text()
        subprocess_like = threading.Thread(target=lambda: None)
        subprocess_like.start()
        with unseen():
            write(name, "z" * Path(name).stat().st_size)

    assert cell(run, "a").refusals == ["./a changed while it ran"]
    assert cell(run, "big").refusals == ["./big changed while it ran"]


def test_temporary_files_that_the_run_removed_leave_nothing(cell, folder):
    def run():
        with tempfile.TemporaryDirectory(dir=folder) as name:
            write(f"{name}/part", "1")
            Path(f"{name}/part").read_text()
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"1")
        write("scratch", "1")
        os.remove("scratch")

    seen = cell(run)
    assert (seen.writes, seen.refusals) == ({}, [])
    assert not [path for path in seen.reads if "tmp" in os.path.basename(path) or path == "./scratch"]


def test_a_file_that_the_run_removed_is_an_effect(cell, folder):
    write("old", "1")
    seen = cell(os.remove, "old")
    assert seen.writes["./old"].digest is None
    assert seen.reads["./old"].aspect == "exists"


def test_a_renamed_file_is_written_under_its_new_name(cell, folder):
    def run():
        write("part", "1")
        os.replace("part", "whole")

    seen = cell(run)
    assert (seen.reads, list(seen.writes)) == ({}, ["./whole"])
    moved = cell(os.rename, "whole", "other")
    assert moved.reads["./whole"].digest == content("1")
    assert (moved.writes["./whole"].digest, moved.writes["./other"].digest) == (None, content("1"))


def test_folders_are_inputs_by_their_listing(cell, folder):
    Path("data").mkdir()
    write("data/a.csv", "1")
    listed = cell(os.listdir, "data").reads["./data"]
    assert cell(lambda: glob.glob("data/*.csv")).reads["./data"] == listed
    assert cell(lambda: list(Path("data").iterdir())).reads["./data"] == listed
    write("data/b.csv", "1")
    assert cell(os.listdir, "data").reads["./data"] != listed


def test_a_listing_is_as_it_was_before_the_run_wrote_into_the_folder(cell, folder):
    Path("data").mkdir()
    write("data/a.csv", "1")
    before = cell(os.listdir, "data").reads["./data"]

    def run():
        write("data/b.csv", "1")
        os.remove("data/a.csv")
        os.listdir("data")

    assert cell(run).reads["./data"] == before


def test_folders_made_by_the_run_are_written_and_what_is_in_them_is_no_input(cell):
    def run():
        os.makedirs("out/deep", exist_ok=True)
        assert not os.path.exists("out/deep/x")
        write("out/deep/x", "1")

    seen = cell(run)
    assert set(seen.writes) == {"./out", "./out/deep", "./out/deep/x"}
    assert all(state.digest is None for state in seen.reads.values())
    assert not [path for path in seen.reads if "deep/" in path]


def test_a_folder_that_may_exist_is_no_input(cell, folder):
    assert cell(lambda: os.makedirs("a/b", exist_ok=True)).reads == {}
    assert cell(lambda: Path("c/d").mkdir(parents=True, exist_ok=True)).reads == {}
    assert cell(lambda: os.makedirs("e")).reads["./e"].digest is None
    assert cell(lambda: os.mkdir("f")).reads["./f"].digest is None


def test_a_library_that_looks_before_it_overwrites_makes_no_input(cell, folder):
    image = pytest.importorskip("PIL.Image").new("L", (2, 2))
    assert (cell(image.save, "a.png").reads, list(cell(image.save, "a.png").writes)) == ({}, ["./a.png"])
    seen = cell(lambda: [os.path.exists("b.png"), image.save("b.png")])
    assert seen.reads["./b.png"].digest is None


def test_a_removed_tree_is_an_effect(cell, folder):
    os.makedirs("out/deep")
    write("out/deep/x", "1")
    seen = cell(shutil.rmtree, "out")
    assert {path for path, state in seen.writes.items() if state.digest is None} == {
        "./out",
        "./out/deep",
        "./out/deep/x",
    }
    assert "./out/deep/x" not in seen.reads or seen.reads["./out/deep/x"].aspect != "content"


def test_relative_paths_follow_the_current_folder(cell, folder):
    Path("sub").mkdir()
    write("sub/a", "1")
    write("a", "2")

    def run():
        open("a").close()
        os.chdir("sub")
        open("a").close()
        os.chdir("..")

    assert {path: state.digest for path, state in cell(run).reads.items() if "a" in path} == {
        "./a": content("2"),
        "./sub/a": content("1"),
    }


def test_what_a_thread_of_the_cell_does_is_the_cells_doing(cell, folder):
    write("a", "1")
    write("b", "1")

    def run():
        thread = threading.Thread(target=lambda: open("a").close())
        thread.start()
        thread.join()
        with ThreadPoolExecutor(2) as pool:
            pool.submit(lambda: open("b").close()).result()

    assert set(cell(run).reads) == {"./a", "./b"}


def test_a_pool_that_an_earlier_cell_made_works_for_the_later_one(cell, folder):
    write("a", "1")
    pools = []

    def make():
        pools.append(ThreadPoolExecutor(1))
        pools[0].submit(int).result()

    cell(make)
    assert "./a" in cell(lambda: pools[0].submit(lambda: open("a").close()).result()).reads
    pools[0].shutdown()


def test_threads_that_no_cell_started_are_not_attributed(folder):
    watch = Watch()
    watch.install()
    write("mine", "1")
    write("theirs", "1")
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait()
        open("theirs").close()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with watch.scope(folder, threads="main+children") as scope:
        go.set()
        done.wait()
        open("mine").close()
    thread.join()
    assert list(scope.seen().reads) == ["./mine"]


def test_two_tasks_at_once_see_only_their_own_files(folder):
    watch = Watch()
    watch.install()
    together = threading.Barrier(2)

    def run(name):
        write(name, name)
        with watch.scope(folder) as scope:
            together.wait()
            open(name).close()
            together.wait()
        return scope.seen()

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, ["a", "b"])
    assert (list(first.reads), list(second.reads)) == (["./a"], ["./b"])


def test_a_task_inside_a_cell_counts_for_both(folder):
    watch = Watch()
    watch.install()
    write("a", "1")
    with watch.scope(folder, threads="main+children") as outer:
        with watch.scope(folder) as inner:
            open("a").close()
        write("b", "1")
    assert (set(outer.seen().reads), set(outer.seen().writes)) == ({"./a"}, {"./b"})
    assert (set(inner.seen().reads), inner.seen().writes) == ({"./a"}, {})


def test_an_old_tasks_thread_that_works_on_spoils_the_tasks_that_run(task, folder):
    write("a", "1")
    pools = []

    def first():
        pools.append(ThreadPoolExecutor(1))
        pools[0].submit(int).result()

    task(first)
    assert (
        "thread that an earlier task started"
        in task(lambda: pools[0].submit(lambda: open("a").close()).result()).refusals[0]
    )
    pools[0].shutdown()


def test_processes_are_refused_with_a_remedy(cell):
    for start in (lambda: subprocess.run(["true"]), lambda: os.system("true"), lambda: os.waitpid(_fork(), 0)):
        refusal = cell(start).refusals[0]
        assert "started a process" in refusal
        assert "nbreplay.run" in refusal


def _fork():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os._exit(0)
    return child


def test_the_network_marks_a_cell_and_refuses_a_task(cell, task):
    def connect():
        with socket.socket() as made:
            made.settimeout(0.1)
            made.connect_ex(("127.0.0.1", 9))

    assert (cell(connect).marks, cell(connect).refusals) == (["it used the network"], [])
    assert "it used the network" in task(connect).refusals[0]


def test_a_database_file_is_read_as_it_was_and_written_if_it_changed(cell, folder):
    with sqlite3.connect("a.db") as made:
        made.execute("create table t (x)")
    made.close()

    def use(statement):
        with sqlite3.connect("a.db") as base:
            base.execute(statement)
        base.close()

    seen = cell(use, "select * from t")
    assert (list(seen.writes), seen.refusals) == ([], [])
    assert seen.reads["./a.db"].digest
    seen = cell(use, "insert into t values (1)")
    assert list(seen.writes) == ["./a.db"]
    assert seen.reads["./a.db"] != seen.writes["./a.db"]
    assert cell(lambda: sqlite3.connect(":memory:").close()).reads == {}


def test_a_file_still_open_for_writing_is_refused(cell):
    kept = []

    def run():
        kept.append(open("log", "w"))
        kept[0].write("a")

    assert "still open for writing" in cell(run).refusals[0]
    kept[0].close()


def test_libraries_caches_and_stores_do_not_count(cell, folder):
    (folder / "nb.nbreplay").mkdir()
    write("nb.nbreplay/store.json", "{}")

    def run():
        for name in [name for name in sys.modules if name.split(".")[0] == "wave"]:
            del sys.modules[name]
        import wave

        open(wave.__file__).close()
        open("nb.nbreplay/store.json").close()
        open("/proc/self/status").close()
        open("/dev/null", "w").close()

    seen = cell(run)
    assert (seen.reads, seen.writes) == ({}, {})


def test_a_module_beside_the_notebook_is_an_input_with_and_without_bytecode(cell, folder, monkeypatch):
    monkeypatch.syspath_prepend(folder)
    write("beside.py", "X = 1")
    state = cell(__import__, "beside").reads["./beside.py"]
    del sys.modules["beside"]
    again = cell(__import__, "beside")
    assert again.reads["./beside.py"] == state
    assert "." not in again.reads
    assert again.writes == {}
    del sys.modules["beside"]


def test_paths_with_parents_of_links_lead_where_the_system_goes(cell, folder):
    os.makedirs("elsewhere/deep")
    write("elsewhere/x", "1")
    write("x", "2")
    os.symlink("elsewhere/deep", "link")
    assert cell(lambda: open("link/../x").close()).reads["./elsewhere/x"].digest == content("1")


def test_wrapped_functions_are_transparent():
    Watch.install()
    for function in (os.stat, os.lstat, os.access, os.path.exists, os.path.isfile, os.path.getmtime):
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__name__ in repr(function.__name__)
    assert os.stat in os.supports_dir_fd
    assert os.stat in os.supports_follow_symlinks
    with pytest.raises(TypeError):
        os.stat()
    with pytest.raises(FileNotFoundError):
        os.stat("no such file")
    assert os.path.exists(0)
    assert functools.partial(os.path.exists, "/")()


def test_installing_twice_does_nothing_more():
    Watch.install()
    first = os.stat
    Watch.install()
    Watch().install()
    assert os.stat is first


def test_the_hook_never_raises_into_the_users_open(cell, folder):
    class Odd:
        def __fspath__(self):
            raise RuntimeError("odd")

    def run():
        with pytest.raises(RuntimeError):
            open(Odd())
        with pytest.raises(ValueError, match="null"):
            open("a\0b")
        with pytest.raises(FileNotFoundError):
            open("x" * 200 + "/y")
        with pytest.raises(OSError, match="too long"):
            open("z" * 5000)

    cell(run)


def test_a_file_changed_within_its_time_stamp_is_hashed_again(folder):
    digests = FileDigests()
    write("a", "1")
    found = os.stat("a")
    assert digests.digest("a").digest == content("1")
    write("a", "2")
    os.utime("a", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert digests.digest("a").digest == content("2")


def test_an_old_file_is_hashed_once(folder, monkeypatch):
    digests = FileDigests(racy_s=0.0)
    write("a", "x" * (3 << 20))
    state = digests.digest("a")
    assert state.digest == content("x" * (3 << 20))
    monkeypatch.setattr("nbreplay.files.digests.digest_descriptor", None)
    assert digests.digest("a") == state


def test_special_files_are_not_opened_to_be_hashed(folder):
    os.mkfifo("pipe")
    assert FileDigests().digest("pipe").digest is not None
