"""``task_cache`` in scripts: repeated by another process, nested, left by an exception, used in several threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

import nbreplay
from nbreplay.store import Store
from nbreplay.tasks import current

pytestmark = [pytest.mark.cluster]

SCRIPT = Path(__file__).parent / "scripts" / "cached.py"


@pytest.fixture(scope="module")
def cluster():
    with (
        dask.config.set({"distributed.scheduler.validate": True}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made,
    ):
        yield made


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)


def double(n):
    return 2 * n


def unpicklable(n):
    return threading.Lock(), n


def second(pair):
    return pair[1]


double.__module__ = unpicklable.__module__ = second.__module__ = "__main__"


def ran(cache):
    counts = cache.end().counts
    return counts.executed, counts.hit


def doubled(client, n):
    return client.submit(double, n, pure=False).result()


# ---------------------------------------------------------------- another process


def script(folder, times, kind):
    command = [sys.executable, str(SCRIPT), str(folder / "store"), str(times), kind]
    environment = os.environ | {"PYTHONHASHSEED": "random"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    told = json.loads(lines[0].removeprefix("RESULT "))
    assert not told["problems"]
    return told["value"], told["ran"]


def test_a_script_that_is_run_again_computes_nothing_and_an_edited_one_what_it_must(tmp_path):
    assert script(tmp_path, 1, "processes") == (6, [5, 0, 0])
    assert script(tmp_path, 1, "threads") == (6, [0, 1, 4])
    assert script(tmp_path, 2, "own") == (12, [1, 4, 0])
    assert script(tmp_path, 2, "own") == (12, [0, 1, 4])


# ---------------------------------------------------------------- nested


def test_a_block_in_a_block_uses_its_own_store_and_the_outer_one_goes_on(cluster, tmp_path):
    with Client(cluster) as client, nbreplay.task_cache(client, tmp_path / "outer") as outer:
        assert doubled(client, 1) == 2
        with nbreplay.task_cache(client, tmp_path / "inner") as inner:
            assert current() is inner
            assert doubled(client, 1) == 2
            assert ran(inner) == (1, 0)
        assert current() is outer
        assert doubled(client, 1) == 2
        assert doubled(client, 2) == 4
        assert ran(outer) == (2, 1)
    with Client(cluster) as client, nbreplay.task_cache(client, tmp_path / "outer") as again:
        assert [doubled(client, n) for n in (1, 2)] == [2, 4]
        assert ran(again) == (0, 2)
    with Client(cluster) as client, nbreplay.task_cache(client, tmp_path / "inner") as again:
        assert [doubled(client, n) for n in (1, 2)] == [2, 4]
        assert ran(again) == (1, 1)


def test_the_same_store_twice_at_once_is_one_store(cluster, tmp_path):
    with Client(cluster) as client, nbreplay.task_cache(client, tmp_path / "store") as outer:
        assert doubled(client, 1) == 2
        outer.settle()
        with nbreplay.task_cache(client, tmp_path / "store") as inner:
            assert doubled(client, 1) == 2
            assert ran(inner) == (0, 1)
        assert doubled(client, 1) == 2
        assert ran(outer) == (1, 1)


# ---------------------------------------------------------------- exceptions


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_in_the_block_comes_out_and_what_was_computed_is_kept(cluster, tmp_path, error):
    def body(client):
        with nbreplay.task_cache(client, tmp_path / "store"):
            doubled(client, 3)
            raise error("of the script")

    with Client(cluster) as client:
        with pytest.raises(error):
            body(client)
        assert current() is None
        assert "_graph_to_futures" not in vars(client)
        assert doubled(client, 4) == 8  # plainly
        with nbreplay.task_cache(client, tmp_path / "store") as cache:
            assert [doubled(client, n) for n in (3, 4)] == [6, 8]
            assert ran(cache) == (1, 1)


def test_a_task_that_fails_is_not_kept(cluster, tmp_path):
    def divided(n):
        return 1 // n

    with Client(cluster) as client:
        for _ in range(2):
            with nbreplay.task_cache(client, tmp_path / "store") as cache:
                with pytest.raises(ZeroDivisionError):
                    client.submit(divided, 0, pure=False).result()
                assert ran(cache) == (1, 0)


# ---------------------------------------------------------------- threads


def test_each_thread_may_have_a_client_and_a_store_of_its_own(cluster, tmp_path):
    begun, problems, told = threading.Barrier(2, timeout=60), [], {}

    def work(name, numbers):
        try:
            with (
                Client(cluster, set_as_default=False) as client,
                nbreplay.task_cache(client, tmp_path / name) as cache,
            ):
                begun.wait()
                values = [doubled(client, n) for n in numbers]
                told[name] = (values, ran(cache))
                begun.wait()
        except Exception as e:  # noqa: BLE001  # it is told by the thread of the test
            problems.append(e)

    def both():
        threads = [threading.Thread(target=work, args=(n, r)) for n, r in (("a", [1, 2]), ("b", [2, 3]))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(100)
        assert not problems
        return told

    assert both() == {"a": ([2, 4], (2, 0)), "b": ([4, 6], (2, 0))}
    assert both() == {"a": ([2, 4], (0, 2)), "b": ([4, 6], (0, 2))}
    assert current() is None


# ---------------------------------------------------------------- what cannot be kept


@pytest.mark.parametrize("kind", ["cluster", "sync", "threads"])
def test_a_result_that_cannot_be_pickled_is_used_and_not_kept(cluster, tmp_path, kind):
    graph = dask.delayed(second, pure=False)(dask.delayed(unpicklable, pure=False)(5))
    with Client(cluster) as client:
        for expected in ((2, 0), (0, 1)):
            with nbreplay.task_cache(client if kind == "cluster" else None, tmp_path / "store") as cache:
                value = client.compute(graph).result() if kind == "cluster" else graph.compute(scheduler=kind)
                assert value == 5
                assert ran(cache) == expected
            with Store.open(tmp_path / "store") as store:
                assert not [problem for problem in store.verify() if problem.severity == "damaged"]
