"""Workers and schedulers elsewhere: without the store's folder, without nbreplay, living longer than kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster, wait

from nbreplay.config import Settings
from nbreplay.records import TaskRun, from_bytes
from nbreplay.store import Store, failpoints
from nbreplay.tasks import KernelCache, install, uninstall

pytestmark = [pytest.mark.cluster]

SCRIPTS = Path(__file__).parent / "scripts"


@pytest.fixture(autouse=True, scope="module")
def own_key(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBREPLAY_KEY_FILE", str(tmp_path_factory.mktemp("key") / "key"))
        yield


@contextmanager
def node(*arguments, cwd):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPTS / "node.py"), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        for line in process.stdout:
            if line.startswith("READY"):
                break
        else:
            raise RuntimeError("a node did not start")
        yield line.split()[1], process
    finally:
        process.kill()
        process.wait()


def large(n):
    return np.random.default_rng(n).random(40_000)  # 320 kB


def huge(n):
    return np.random.default_rng(n).random(400_000)  # 3.2 MB


def total(a):
    return float(a.sum())


large.__module__ = huge.__module__ = total.__module__ = "__main__"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A store that other processes see only from the same working folder: its path goes through /proc/self/cwd."""
    monkeypatch.chdir(tmp_path)
    store = Store.open(Path("/proc/self/cwd/store"))
    settings = Settings().but(scheduler_transfer_bytes=1_000_000)
    made = KernelCache(store, serve=True, record=True, root=tmp_path, settings=settings)
    install(made)
    yield made
    made.close()
    uninstall(made)
    store.close()


def cell(cache, label, client, calls):
    """Run *calls* ((function, number) each) and return values and what the tasks did."""
    cache.begin(label)
    futures = [client.submit(func, n, pure=False) for func, n in calls]
    values = client.gather(futures)
    told = cache.end()
    cache.settle()
    told.why.extend(cache.end().why)
    return values, told


def same(values, calls):
    return all(np.array_equal(value, func(n)) for value, (func, n) in zip(values, calls, strict=True))


CALLS = [(large, 1), (large, 2), (huge, 3)]


def test_workers_that_do_not_see_the_folder_get_and_give_results_through_the_scheduler(cache, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp://") as cluster,
        node("worker", cluster.scheduler_address, cwd=elsewhere),
        Client(cluster) as client,
    ):
        values, told = cell(cache, "one", client, CALLS)
        assert same(values, CALLS)
        assert any("does not see the store" in row and "too large" in row for row in told.why), told.why
        assert not (elsewhere / "store").exists()
        for label in ("two", "three"):
            values, told = cell(cache, label, client, CALLS)
            assert same(values, CALLS)
            assert (told.counts.hit, told.counts.executed) == (2, 1)  # the one too large to travel was not kept
            assert not told.problems
        # Kept by somebody who sees the folder, and too large for these workers: computed, and said.
        with node("worker", cluster.scheduler_address, cwd=tmp_path) as (near, _):
            cache.begin("near")
            wait(client.submit(huge, 4, pure=False, workers=[near]))
            cache.settle()
        value, told = cell(cache, "far", client, [(huge, 4)])
        assert same(value, [(huge, 4)])
        assert told.counts.executed == 1
        assert len(told.problems) == 1
        assert "too large to be sent" in told.problems[0]


def test_a_worker_that_does_not_see_the_folder_is_found_out_by_the_first_load(cache, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp://") as cluster,
        Client(cluster) as client,
    ):
        with node("worker", cluster.scheduler_address, cwd=tmp_path):
            cell(cache, "near", client, CALLS[:2])
        with node("worker", cluster.scheduler_address, cwd=elsewhere):
            values, told = cell(cache, "far", client, CALLS[:2])
            assert same(values, CALLS[:2])
            assert (told.counts.hit, told.counts.executed) == (2, 0)
            assert not told.problems


def test_a_scheduler_that_does_not_see_the_folder_is_planned_for(cache, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with (
        node("scheduler", "0", cwd=elsewhere) as (address, _),
        node("worker", address, cwd=elsewhere),
        Client(address) as client,
    ):
        for label, hits in (("one", 0), ("two", 2)):
            values, told = cell(cache, label, client, CALLS)
            assert same(values, CALLS)
            assert told.counts.hit == hits
            assert any("does not see" in p for p in told.problems) == (hits == 0)


def test_workers_without_nbreplay_run_plainly_and_it_is_said_once(cache, tmp_path):
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None, protocol="tcp://") as cluster,
        node("worker", cluster.scheduler_address, "blocked", cwd=tmp_path),
        Client(cluster) as client,
    ):
        said = []
        for label in ("one", "two"):
            values, told = cell(cache, label, client, CALLS)
            assert same(values, CALLS)
            assert told.counts.executed == 3
            said += told.problems
        assert len(said) == 1
        assert "cannot import nbreplay" in said[0]


def test_what_a_worker_may_not_write_is_written_by_the_scheduler(cache, tmp_path):
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        client.run(failpoints.arm, "blob.created=EROFS")
        cell(cache, "one", client, [(large, 1)])
        (run,) = [from_bytes(TaskRun, s.body) for s in cache.store.scan("task")]
        assert run.result is not None, run.not_kept
        values, told = cell(cache, "two", client, [(large, 1)])
        assert same(values, [(large, 1)])
        assert told.counts.hit == 1


# ---------------------------------------------------------------- several kernels


def kernel(address, store, salt, *more):
    command = [sys.executable, str(SCRIPTS / "kernel.py"), address, str(store), str(salt), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=store.parent)


def answer(process):
    out, err = process.communicate(timeout=100)
    lines = [line for line in out.splitlines() if line.startswith("RESULT ")]
    assert lines, out + err
    return json.loads(lines[0].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def standing(own_key, tmp_path_factory):
    """A cluster that nobody's kernel started."""
    folder = tmp_path_factory.mktemp("standing")
    with (
        node("scheduler", "0", cwd=folder) as (address, _),
        node("worker", address, cwd=folder),
        node("worker", address, cwd=folder),
    ):
        yield address


def test_a_cluster_that_outlives_three_kernels_serves_each(standing, tmp_path):
    store = tmp_path / "store"
    told = [
        answer(kernel(standing, store, salt, *more)) for salt, more in ((1, ("die",)), (1, ()), (2, ("die",)), (2, ()))
    ]
    assert [one["value"] for one in told] == [7, 7, 8, 8]
    assert [one["executed"] for one in told] == [5, 0, 1, 0]
    assert not any(one["problems"] for one in told)


def test_two_kernels_at_once_on_one_cluster_keep_their_stores_apart(standing, tmp_path):
    both = []
    for name, salt in (("a", 10), ("b", 20)):
        (tmp_path / name).mkdir()
        both.append(kernel(standing, tmp_path / name / "store", salt))
    told = [answer(process) for process in both]
    assert [one["value"] for one in told] == [16, 26]
    again = [answer(kernel(standing, tmp_path / n / "store", s)) for n, s in (("a", 10), ("b", 20))]
    assert [(one["value"], one["executed"]) for one in again] == [(16, 0), (26, 0)]
    other = answer(kernel(standing, tmp_path / "a" / "store", 20))
    # The other kernel's result is not looked up, and what both were computing at the time is in both stores.
    assert (other["value"], other["executed"]) == (26, 1)


assert os.path.isdir("/proc/self/cwd") or pytest.skip("needs /proc", allow_module_level=True)
