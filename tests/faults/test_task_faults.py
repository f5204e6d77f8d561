"""Clusters of processes while things break: workers killed in the act, results lost, no room. Values stay right."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster

from nbreplay.records import TaskRun, from_bytes
from nbreplay.store import Store, failpoints
from nbreplay.tasks import KernelCache, install, uninstall

pytestmark = [
    pytest.mark.faults,
    pytest.mark.cluster,
]
long = pytest.mark.skipif(not os.environ.get("NBREPLAY_TEST_LONG"), reason="set NBREPLAY_TEST_LONG=1")

NODE = Path(__file__).parents[1] / "cluster" / "scripts" / "node.py"


@pytest.fixture(scope="module")
def cluster():
    # A worker that is not back after 15 s is given up by LocalCluster, and a busy machine may take that long.
    with (
        dask.config.set({"distributed.deploy.lost-worker-timeout": "100s"}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made,
    ):
        yield made


class Rig:
    """A store at *folder*, and cells on a client."""

    def __init__(self, folder):
        self.folder = folder
        self.store = Store.open(folder)
        self.cache = KernelCache(self.store, serve=True, record=True, root=folder.parent)
        install(self.cache)
        self._numbers = itertools.count()

    def cell(self, work):
        self.cache.begin(str(next(self._numbers)))
        value = work()
        told = self.cache.end()
        self.cache.settle(1000.0)  # not so long: what a dead worker was writing is not waited for
        told.why.extend(self.cache.end().why)
        return value, told

    def blobs(self):
        return [path for path in (self.folder / "blobs").rglob("*") if path.is_file()]

    def runs(self):
        return [from_bytes(TaskRun, stored.body) for stored in self.store.scan("task")]

    def close(self):
        self.cache.close()
        uninstall(self.cache)
        self.store.close()


@pytest.fixture
def rig(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Rig(tmp_path / "store")
    yield made
    made.close()


def block(n):
    time.sleep(0.02)
    return np.random.default_rng(n).integers(0, 1 << 40, 100_000)  # 800 kB; exact, however it lies in memory


def shifted(a, by):
    return a + by


def total(parts):
    return int(sum(p.sum() for p in parts))


def wait_for(file, n):
    while not os.path.exists(file):
        time.sleep(0.01)
    return True


for each in (block, shifted, total, wait_for):
    each.__module__ = "__main__"


def tree(client, salt=0):
    """Ten blocks, each shifted, all asked for by name, and their sum."""
    parts = [client.submit(shifted, client.submit(block, n, pure=False), salt, pure=False) for n in range(10)]
    return [a.sum() for a in client.gather(parts)] + [client.submit(total, parts, pure=False).result()]


def expected(salt=0):
    parts = [block(n) + salt for n in range(10)]
    return [a.sum() for a in parts] + [total(parts)]


# ---------------------------------------------------------------- a worker dies while it stores


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("blob.created", marks=long),
        pytest.param("blob.written", marks=long),
        "blob.synced",
        pytest.param("blob.renamed", marks=long),
    ],
)
def test_a_worker_that_is_killed_while_it_stores_leaves_right_values_and_whole_results(rig, cluster, point):
    with Client(cluster) as client:
        client.wait_for_workers(2)
        client.run(failpoints.arm, f"{point}:3", workers=[next(iter(client.scheduler_info()["workers"]))])
        assert rig.cell(lambda: tree(client))[0] == expected()
        client.wait_for_workers(2)
        value, told = rig.cell(lambda: tree(client))
        assert value == expected()
        assert told.counts.executed <= 8
        names = [run.provenance for run in rig.runs() if run.result is not None and run.provenance]
        assert len(names) == len(set(names))
        assert not [problem for problem in rig.store.verify() if problem.severity == "damaged"]


# ---------------------------------------------------------------- results that are lost between plan and load


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("how", [Path.unlink, flip, pytest.param(cut, marks=long)], ids=["deleted", "flipped", "cut"])
def test_results_that_are_lost_between_plan_and_load_are_computed_with_what_was_pruned(rig, cluster, how, tmp_path):
    with Client(cluster) as client:
        rig.cell(lambda: tree(client))
        quiet(client)

        def broken():
            go = tmp_path / "go"
            workers = list(client.scheduler_info()["workers"])
            busy = [client.submit(wait_for, str(go), w, workers=[w], pure=False) for w in workers]
            while client.run_on_scheduler(running) < len(workers):
                time.sleep(0.01)
            parts = [client.submit(shifted, client.submit(block, n, pure=False), 0, pure=False) for n in range(10)]
            # Planned: the scheduler has exchanged them for loads, which wait for a worker.
            while client.run_on_scheduler(planned) < 10:
                time.sleep(0.01)
            for path in rig.blobs():
                how(path)
            go.touch()
            client.gather(busy)
            return [a.sum() for a in client.gather(parts)]

        value, told = rig.cell(broken)
        assert value == expected()[:10]
        assert told.by_name["shifted"].executed == 10
        assert sum("computed again" in problem for problem in told.problems) == 1
        quiet(client)
        value, told = rig.cell(lambda: tree(client))
        assert value == expected()
        assert told.counts.executed == 0, told.why  # healed by what was written anew


def quiet(client):
    """Wait until the scheduler has forgotten everything: what is in its memory is not loaded again."""
    while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
        time.sleep(0.01)


def running(dask_scheduler):
    return sum(ts.state == "processing" for ts in dask_scheduler.tasks.values())


def planned(dask_scheduler):
    return sum(entry.promise is not None for entry in dask_scheduler.plugins["nbreplay"].entries.values())


# ---------------------------------------------------------------- the scheduler is lost


@long
def test_a_scheduler_that_is_restarted_serves_what_was_recorded(rig, tmp_path):
    def scheduler(port):
        process = subprocess.Popen(
            [sys.executable, str(NODE), "scheduler", str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        line = next(line for line in process.stdout if line.startswith("READY"))
        worker = subprocess.Popen([sys.executable, str(NODE), "worker", line.split()[1]], stderr=subprocess.DEVNULL)
        return line.split()[1], process, worker

    address, process, worker = scheduler(0)
    try:
        with Client(address) as client:
            assert rig.cell(lambda: tree(client))[0] == expected()
            process.kill()
            process.wait()
            worker.kill()
            worker.wait()
            address, process, worker = scheduler(address.rpartition(":")[2])
            deadline = time.monotonic() + 30
            while client.status != "running" and time.monotonic() < deadline:
                time.sleep(0.05)
            client.wait_for_workers(1, timeout=30)
            value, _ = rig.cell(lambda: tree(client, 1))  # the client that was here before: plainly, or served
            assert value == expected(1)
        with Client(address) as client:
            value, told = rig.cell(lambda: tree(client))
            assert value == expected()
            assert told.counts.executed == 0, told
    finally:
        for each in (process, worker):
            each.kill()
            each.wait()


# ---------------------------------------------------------------- no room


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 6 MB; skipped where that cannot be had."""
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_fills_up_costs_results_and_no_value(small_disk, cluster, monkeypatch):
    monkeypatch.chdir(small_disk)
    rig = Rig(small_disk / "store")
    try:
        with Client(cluster) as client:
            value, told = rig.cell(lambda: tree(client))
            assert value == expected()
            assert any("No space left" in row for row in told.why) or told.problems
            value, told = rig.cell(lambda: tree(client))
            assert value == expected()
            assert told.counts.hit > 0
            assert told.counts.executed > 0
        assert not [problem for problem in rig.store.verify() if problem.severity == "damaged"]
    finally:
        rig.close()


@pytest.mark.parametrize("error", ["ENOSPC", pytest.param("EIO", marks=long)])
def test_writes_that_fail_on_the_workers_cost_results_and_no_value(rig, cluster, error):
    with Client(cluster) as client:
        client.run(failpoints.arm, f"blob.written:2={error}")
        value, told = rig.cell(lambda: tree(client))
        client.run(failpoints.arm, "")
        assert value == expected()
        assert any(os.strerror(getattr(errno, error)) in row or "asked to fail" in row for row in told.why), told.why
        assert sum(run.result is None for run in rig.runs()) >= 1
        value, told = rig.cell(lambda: tree(client))
        assert value == expected()
        assert told.counts.hit > 0
        assert not rig.store.verify()
