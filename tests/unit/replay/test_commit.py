"""Boundaries in a queue: in order, all or none behind a failure, and no more in memory than is allowed."""

from __future__ import annotations

import errno
import sys
import threading
import types

import numpy as np
import pytest

from nbreplay.digest import Digest, Fingerprint
from nbreplay.namespace import Tracker, cell_names
from nbreplay.records import CellRun
from nbreplay.replay.commit import AFTER_FAILURE, Committer, Job
from nbreplay.store import Store
from nbreplay.store.disk import Disk

CODE = Fingerprint(Digest("0" * 32))
MiB = 1 << 20


class Gate(Disk):
    """A disk that lets nothing be written before it is opened, and may be full."""

    def __init__(self):
        self.open = threading.Event()
        self.open.set()
        self.full = False
        self.waiting = threading.Event()

    def write_some(self, fd, data, offset):
        self.waiting.set()
        assert self.open.wait(30)
        if self.full:
            raise OSError(errno.ENOSPC, "no space left")
        return super().write_some(fd, data, offset)


class Queue:
    """A namespace whose boundaries go through a committer."""

    def __init__(self, path, backlog_bytes=128 * MiB):
        self.disk = Gate()
        self.store = Store.open(path, disk=self.disk)
        self.ns = types.ModuleType("__main__").__dict__
        self.ns["np"] = np
        self.tracker = Tracker(self.ns, self.store, run="r")
        self.committer = Committer(self.store, backlog_bytes)
        self.count = 0

    def run(self, source, stop=lambda: False):
        names = cell_names(source, self.tracker.states)
        touched = self.tracker.touched(names)
        self.committer.make_room(touched.names, stop)
        self.tracker.bring(touched)
        exec(source, self.ns)
        self.count += 1
        boundary, parent = f"r:{self.count}", f"r:{self.count - 1}" if self.count > 1 else None
        capture = self.tracker.capture(touched, boundary=boundary)
        number = self.count

        def build(*, writes, outputs, files, bytes_written):
            return CellRun(
                boundary=boundary,
                parent=parent,
                run="r",
                number=number,
                code=CODE,
                source=source,
                outcome="ok",
                writes=writes,
            )

        job = Job(
            capture=capture,
            boundary=boundary,
            parent=parent,
            code=CODE,
            files=None,
            write=lambda: self.tracker.write(capture),
            outputs=[],
            build=build,
        )
        committed = self.committer.commit(job, behind=capture.new_bytes > MiB)
        self.tracker.accept(capture)
        return committed

    def close(self):
        self.disk.open.set()
        self.committer.close()
        self.store.close()


@pytest.fixture
def queue(tmp_path):
    main = sys.modules["__main__"]
    made = []

    def queue(**options):
        made.append(Queue(tmp_path / "s", **options))
        return made[-1]

    yield queue
    for each in made:
        each.close()
    sys.modules["__main__"] = main


def test_cells_go_on_while_a_boundary_waits_and_nothing_overtakes_it(queue):
    q = queue()
    q.disk.open.clear()
    assert q.run("a = np.arange(500_000.0)") is None
    assert q.run("x = 1") is None
    assert q.run("a[0] = 5; y = len(a)") is None  # what it changes was copied
    assert q.committer.collect() == []
    q.disk.open.set()
    settled = q.committer.settle()
    assert [done.run.boundary for _, done in settled] == ["r:1", "r:2", "r:3"]
    assert all(lease.live_bytes == lease.copied_bytes == 0 for job, _ in settled for lease in job.capture.leases())


def test_a_cell_waits_if_what_it_could_change_is_too_much_to_copy(queue):
    q = queue(backlog_bytes=2 * MiB)
    q.disk.open.clear()
    q.run("a = np.arange(500_000.0)\nb = np.arange(100_000.0)")
    q.run("x = 1")  # it can change neither
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 3

    with pytest.raises(KeyboardInterrupt):
        q.run("a[0] = 5", stop)
    threading.Timer(0.01, q.disk.open.set).start()
    q.run("a[0] = 5")
    assert [done.reason for _, done in q.committer.settle()] == ["", "", ""]


def test_arrays_can_be_resized_and_bytearrays_grow_while_they_are_pending(queue):
    q = queue()
    q.disk.open.clear()
    q.run("a = np.zeros(300_000); b = bytearray(range(256)) * 8000")
    q.run("a.resize(10)")
    q.run("b.append(1)")
    q.disk.open.set()
    assert all(done.run is not None for _, done in q.committer.settle())


def test_behind_a_boundary_that_was_not_saved_none_is_and_the_next_has_all_that_they_had(queue):
    q = queue()
    q.run("gone = 1; l = [0]")
    q.disk.open.clear()
    q.run("a = np.arange(500_000.0)")
    q.run("del gone")
    q.run("l.append(a)")
    q.disk.full = True
    q.disk.open.set()
    settled = q.committer.settle()
    assert [done.reason.partition(":")[0] for _, done in settled][1:] == [AFTER_FAILURE, AFTER_FAILURE]
    assert all(done.run is None for _, done in settled)
    for job, _ in settled:
        q.tracker.drop(job.capture)
    q.disk.full = False
    assert q.run("z = 3") is None
    [(job, done)] = q.committer.settle()
    assert {"a", "l", "z"} <= set(done.run.writes.names)
    assert done.run.writes.deleted == ("gone",)
    assert [group.names for group in done.run.writes.groups] == [("a", "l")]
    assert set(job.capture.carried) >= {"a", "gone", "l"}
    other = queue()
    other.tracker.restore(_folded(other.store))
    assert other.tracker.load_all() == []
    assert other.ns["l"][1] is other.ns["a"]
    assert "gone" not in other.ns


def _folded(store):
    from nbreplay.namespace import Manifest
    from nbreplay.replay.session import read_runs

    manifest = Manifest()
    for known in read_runs(store):
        manifest = manifest.after(known.run.writes)
    return manifest


def test_an_edit_of_one_element_that_follows_at_once_writes_one_chunk(queue):
    q = queue()
    q.disk.open.clear()
    q.run("a = np.arange(2_000_000.0)")
    for number in range(3):
        q.run(f"a[{number}] = -1")
    q.disk.open.set()
    runs = [done.run for _, done in q.committer.settle()]
    buffers = [unit.value.buffers[0] for run in runs for unit in run.writes.units if "a" in unit.names]
    assert [sorted(buffer.patches) for buffer in buffers] == [[], [0], [0], [0]]
    assert q.store.written_bytes < 16_000_000 + 4 * MiB
