"""Clusters of every kind: by address, without nbreplay, with workers that die, with code that changed under them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster, wait

from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install, task_cache, uninstall

pytestmark = [pytest.mark.cluster]

SCHEDULER = """
import asyncio, sys
if {blocked}:
    class Block:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == "nbreplay":
                raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
    sys.meta_path.insert(0, Block())
from distributed import Scheduler, Worker
async def main():
    s = await Scheduler(port=0, dashboard_address=None, dashboard=False, host="127.0.0.1")
    workers = [await Worker(s.address, nthreads=1, host="127.0.0.1", dashboard=False) for _ in range(2)]
    print("READY", s.address, flush=True)
    await s.finished()
asyncio.run(main())
"""


@pytest.fixture(autouse=True, scope="module")
def own_key(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBREPLAY_KEY_FILE", str(tmp_path_factory.mktemp("key") / "key"))
        yield


def start(blocked):
    process = subprocess.Popen(
        [sys.executable, "-c", SCHEDULER.format(blocked=blocked)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("READY"):
            return process, line.split()[1]
    raise RuntimeError("the scheduler did not start")


@pytest.fixture(scope="module", params=["fit", "blocked"])
def address(request, own_key):
    process, where = start(request.param == "blocked")
    yield where, request.param
    process.kill()
    process.wait()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store.open(tmp_path / "store")
    made = KernelCache(store, serve=True, record=True, root=tmp_path)
    install(made)
    yield made
    made.close()
    uninstall(made)
    store.close()


def slow(x):
    sum(range(300_000))
    return [x] * 10


def join(parts, salt):
    return sum(p[0] for p in parts) + salt


# As functions of a notebook: they travel by value, since nobody could import them.
slow.__module__ = join.__module__ = "__main__"


def counts(cache):
    told = cache.end()
    return (told.counts.executed, told.counts.hit, told.counts.pruned), told


def tree(salt):
    return dask.delayed(join, pure=False)([dask.delayed(slow, pure=False)(n) for n in range(4)], salt)


def test_a_scheduler_reached_by_address_serves_or_is_planned_for(cache, address):
    where, kind = address
    with Client(where) as client:
        cache.begin("one")
        assert tree(1).compute() == 7
        (ran, *_), told = counts(cache)
        assert ran == 5
        assert any("cannot take part" in p for p in told.problems) == (kind == "blocked")
        cache.settle()
        cache.begin("two")
        assert tree(1).compute() == 7
        assert counts(cache)[0] == (0, 1, 4)
        cache.begin("three")
        assert client.submit(slow, 9, pure=False).result() == [9] * 10
        assert counts(cache)[0] == (1, 0, 0)
        time.sleep(0.3)
        cache.settle()
        cache.begin("four")
        assert client.submit(slow, 9, pure=False).result() == [9] * 10
        assert counts(cache)[0] == (0, 1, 0)


def test_files_are_never_trusted_where_nobody_sees_them(cache, address, tmp_path):
    where, _ = address
    source = tmp_path / "in.txt"

    def read(path):
        return Path(path).read_text()

    with Client(where) as client:
        for text in ("one", "two"):
            source.write_text(text)
            for _ in range(2):
                cache.begin(text)
                assert client.submit(read, str(source), pure=False).result() == text
                cache.end()
                cache.settle()


@pytest.fixture(scope="module")
def workers(own_key):
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as made:
        yield made


def test_workers_that_are_killed_leave_right_values_and_one_record(cache, workers):
    cache.begin("one")
    with Client(workers) as client:

        def step(n):
            time.sleep(0.1)
            return n * n

        futures = client.map(step, range(12), pure=False)
        time.sleep(0.3)
        pids = client.run(os.getpid)
        os.kill(next(iter(pids.values())), signal.SIGKILL)
        assert client.gather(futures) == [n * n for n in range(12)]
        cache.end()
        cache.settle()
        cache.begin("two")
        again = client.map(step, range(12), pure=False)
        assert client.gather(again) == [n * n for n in range(12)]
        (ran, hit, _), told = counts(cache)
        assert ran + hit == 12
        assert ran <= 6, told.why


def test_a_restarted_cluster_serves_on(cache, workers):
    with Client(workers) as client:
        cache.begin("one")
        assert client.gather(client.map(slow, range(3))) == [[n] * 10 for n in range(3)]
        cache.settle()
        client.restart()
        cache.begin("two")
        assert client.gather(client.map(slow, range(3), pure=False)) == [[n] * 10 for n in range(3)]
        assert counts(cache)[0] == (0, 3, 0)


def test_workers_with_an_older_local_module_store_nothing(cache, workers, tmp_path, monkeypatch):
    module = tmp_path / "helper_of_mine.py"
    module.write_text("def double(x):\n    return x * 2\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    helper_of_mine = importlib.import_module("helper_of_mine")
    with Client(workers) as client:
        client.run(lambda: sys.path.insert(0, str(tmp_path)))
        client.run(lambda: importlib.import_module("helper_of_mine"))  # every worker has the first version
        cache.begin("one")
        assert client.submit(helper_of_mine.double, 4, pure=False).result() == 8
        cache.settle()
        module.write_text("def double(x):\n    return x * 200\n")
        os.utime(module, (1, 1))
        importlib.reload(helper_of_mine)
        cache.begin("two")
        assert client.submit(helper_of_mine.double, 4, pure=False).result() == 8  # as plain Dask: the workers' version
        _, told = counts(cache)
        assert any("another version" in row for row in told.why)
        cache.settle()
        client.restart()
        client.run(lambda: sys.path.insert(0, str(tmp_path)))
        cache.begin("three")
        assert client.submit(helper_of_mine.double, 4, pure=False).result() == 800
    sys.modules.pop("helper_of_mine", None)


def test_equal_tasks_in_flight_are_computed_once(cache, workers):
    with Client(workers) as client:
        cache.begin("one")
        first = client.map(slow, [1, 1, 1, 2], pure=False)
        second = client.map(slow, [1, 2, 3], pure=False)
        wait(first + second)
        assert client.gather(second) == [[1] * 10, [2] * 10, [3] * 10]
        assert counts(cache)[0] == (3, 4, 0)


def test_a_task_that_fails_fails_again_and_is_not_kept(cache, workers):
    def fail(x):
        raise KeyError(x)

    with Client(workers) as client:
        for label in ("one", "two"):
            cache.begin(label)
            future = client.submit(fail, 3, pure=False)
            with pytest.raises(KeyError):
                future.result()
            assert counts(cache)[0] == (1, 0, 0)
            cache.settle()


def test_the_same_key_with_new_code_runs_the_new_code(cache, workers):
    with Client(workers) as client:
        for number, func in enumerate((lambda: 1, lambda: 2)):
            cache.begin(str(number))
            future = client.submit(func, key="always the same")
            assert future.result() == number + 1
            future.release()
            del future
            while client.run_on_scheduler(lambda dask_scheduler: "always the same" in dask_scheduler.tasks):
                time.sleep(0.02)


def test_a_shuffle_gives_right_values_twice(cache, workers):
    dd = pytest.importorskip("dask.dataframe")
    import numpy as np
    import pandas as pd

    with Client(workers):
        frame = pd.DataFrame({"k": np.arange(300) % 7, "v": np.arange(300.0)})
        for label in ("one", "two"):
            cache.begin(label)
            done = dd.from_pandas(frame, npartitions=4).shuffle("k").map_partitions(lambda p: p.v * 2).compute()
            assert done.sum() == frame.v.sum() * 2
            assert not cache.end().problems
            cache.settle()


def test_actors_and_annotated_tasks_run(cache, workers):
    class Counter:
        n = 0

        def more(self):
            self.n += 1
            return self.n

    with Client(workers) as client:
        for label in ("one", "two"):
            cache.begin(label)
            actor = client.submit(Counter, actor=True, pure=False).result()
            assert [actor.more().result(), actor.more().result()] == [1, 2]
            with dask.annotate(nbreplay="never"):
                assert dask.delayed(slow, pure=False)(1).compute() == [1] * 10
            assert counts(cache)[0] == (2, 0, 0)
            cache.settle()


def test_a_result_is_loaded_by_name_on_another_cluster(cache, workers):
    with Client(workers) as client:
        cache.begin("one")
        future = client.submit(slow, 5, pure=False)
        wait(future)
        cache.end()
        cache.settle()
        name = cache.fingerprint_of(future.key)
        assert name
    with Client(workers) as client:
        key, task = cache.load_graph(name, "mine")
        (got,) = client.get({key: task}, [key], sync=False)
        assert got.result() == [5] * 10


def test_scripts_cache_in_a_block(workers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Client(workers) as client:
        for expected in ((5, 0, 0), (0, 1, 4)):
            with task_cache(client, tmp_path / "script") as made:
                assert tree(3).compute() == 9
                assert counts(made)[0] == expected


def test_without_a_cache_a_client_is_as_it_was(workers):
    with Client(workers) as client:
        assert "_graph_to_futures" not in vars(client)
        assert tree(3).compute() == 9


@pytest.mark.parametrize("scheduler", ["sync", "threads", "processes"])
def test_dasks_own_schedulers_serve(cache, scheduler):
    cache.begin("one")
    assert tree(1).compute(scheduler=scheduler) == 7
    assert counts(cache)[0] == (5, 0, 0)
    cache.settle()
    cache.begin("two")
    assert tree(1).compute(scheduler=scheduler) == 7
    assert counts(cache)[0] == (0, 1, 4)
    cache.begin("three")
    assert tree(2).compute(scheduler=scheduler) == 8
    assert counts(cache)[0] == (1, 4, 0)


def test_a_damaged_result_under_a_local_scheduler_is_computed_again(cache, tmp_path):
    np = pytest.importorskip("numpy")

    def big(n):
        return np.full(200_000, n)

    def total(a):
        return a

    graph = dask.delayed(total, pure=False)(dask.delayed(big, pure=False)(3))
    for label in ("one", "two"):
        cache.begin(label)
        assert int(graph.compute(scheduler="sync").sum()) == 600_000
        told = cache.end()
        cache.settle()
        for path in (tmp_path / "store" / "blobs").rglob("*"):
            if path.is_file():
                path.chmod(0o600)
                path.write_bytes(path.read_bytes()[:-8] + textwrap.shorten("damaged!", 8).encode())
    assert told.counts.executed >= 1
    assert sum("computed again" in p for p in told.problems) == 1
