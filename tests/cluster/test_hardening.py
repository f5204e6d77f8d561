"""Whatever else a scheduler does beside computing graphs: the cache gives way, and every value is right."""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster, get_client, rejoin, secede, wait, worker_client

from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install, uninstall

pytestmark = [pytest.mark.cluster]

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))
notes = importlib.import_module("oracle_notes")
note, gate = notes.note, notes.gate


@pytest.fixture(scope="module")
def cluster():
    with dask.config.set({"distributed.scheduler.validate": True, "distributed.worker.validate": True}):
        made = LocalCluster(n_workers=2, threads_per_worker=2, processes=False, dashboard_address=None)
        with made:
            yield made


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    notes.start(str(tmp_path / "ran.log"))
    notes.close_gate()
    store = Store.open(tmp_path / "store")
    made = KernelCache(store, serve=True, record=True, root=tmp_path)
    install(made)
    yield made
    gate.open.set()
    made.close()
    uninstall(made)
    store.close()


@pytest.fixture
def client(cache, cluster):
    with Client(cluster) as made:
        yield made
        gate.open.set()
        made.sync(settled, cluster.scheduler)


async def settled(scheduler):
    """Nothing is left behind, and the scheduler thinks well of itself."""
    end = time.monotonic() + 20
    while scheduler.tasks and time.monotonic() < end:
        await asyncio.sleep(0.002)
    scheduler.validate_state()
    assert not scheduler.tasks
    assert not scheduler.plugins["nbreplay"].entries
    assert scheduler.plugins["nbreplay"].errors == 0


def ran(tmp_path):
    """How often each task ran, by its number."""
    return Counter(map(int, (tmp_path / "ran.log").read_text().split()))


def counts(cache):
    told = cache.end()
    return told.counts.executed, told.counts.hit, told.counts.pruned


def recorded(cache, act):
    """Do *act* in a cell of its own, and forget about it but for what is kept."""
    cache.begin("recorded")
    value = act()
    cache.end()
    cache.settle()
    cache.begin("again")
    return value


def one(n):
    note(n)
    return n + 1


def two(value, by=10):
    note(by)
    return value * by


def held(n):
    note(n)
    gate()
    return n


for _made in (one, two, held):
    _made.__module__ = "__main__"  # as of a notebook


def test_a_key_in_memory_is_left_alone_and_lends_its_fingerprint(cache, client, tmp_path):
    recorded(cache, lambda: client.submit(two, client.submit(one, 1, pure=False), pure=False).result())
    base = client.submit(one, 1, pure=False)
    wait(base)
    assert client.submit(two, base, pure=False).result() == 20
    assert counts(cache) == (0, 2, 0)
    assert base.result() == 2
    assert ran(tmp_path) == {1: 1, 10: 1}


def test_a_key_that_is_running_is_left_alone(cache, client, tmp_path):
    recorded(cache, lambda: client.submit(two, 5, by=3, pure=False).result())
    running = client.submit(held, 7, pure=False)
    assert gate.reached.wait(20)
    below = client.submit(two, running, by=4, pure=False)
    aside = client.submit(two, 5, by=3, pure=False)
    assert aside.result() == 15
    gate.open.set()
    assert below.result() == 28
    assert ran(tmp_path) == {7: 1, 3: 1, 4: 1}


def test_what_another_client_wants_is_not_pruned(cache, client, cluster, tmp_path):
    graph = dask.delayed(two, pure=False)(dask.delayed(one, pure=False)(1, dask_key_name="shared"))
    recorded(cache, graph.compute)
    with Client(cluster, set_as_default=False) as other:
        a = client.compute(graph)
        b = other.compute(graph)
        shared = other.get(dict(graph.__dask_graph__()), ["shared"], sync=False)
        assert (a.result(), b.result(), shared[0].result()) == (20, 20, 2)
        del a, b, shared


def test_a_served_key_is_submitted_again_while_it_lives(cache, client, caplog):
    graph = dask.delayed(two, pure=False)(dask.delayed(one, pure=False)(3))
    recorded(cache, graph.compute)
    with caplog.at_level(logging.WARNING):
        futures = [client.compute(graph) for _ in range(3)]
        assert client.gather(futures) == [40, 40, 40]
    assert not caplog.records, caplog.text


def test_annotations_do_not_count_and_loads_are_free_of_restrictions(cache, tmp_path):
    def compute(client, **annotations):
        with dask.annotate(**annotations):
            graph = dask.delayed(two, pure=False)(dask.delayed(one, pure=False)(1))
        with dask.config.set({"optimization.fuse.active": False}):
            return client.compute(graph, optimize_graph=False).result()

    gpu = {"GPU": 1}
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None, resources=gpu) as rich,
        Client(rich) as client,
    ):
        (address,) = client.scheduler_info()["workers"]
        recorded(cache, lambda: compute(client, resources=gpu, workers=[address], priority=7, retries=2))
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as poor, Client(poor) as client:
        assert compute(client, resources={"GPU": 1}, workers=["tcp://10.1.2.3:4"], priority=-3) == 20
        assert counts(cache) == (0, 1, 1)
    assert ran(tmp_path) == {1: 1, 10: 1}


def test_tasks_that_use_a_client_run_and_what_they_submit_is_planned(cache, client, tmp_path):
    def outer(n):
        note(n)
        with worker_client() as inner:
            return inner.submit(two, n, by=6, pure=False).result()

    def nested(n):
        note(n)
        return get_client().submit(two, n, by=8, pure=False).result()

    outer.__module__ = nested.__module__ = "__main__"
    for _ in range(2):
        assert client.submit(outer, 4, pure=False).result() == 24
        assert client.submit(nested, 5, pure=False).result() == 40
        told = cache.end()
        assert told.counts.refused == 2, told.why
        cache.settle()
        cache.begin("again")
    seen = ran(tmp_path)
    assert (seen[4], seen[5]) == (2, 2)


def test_a_task_that_secedes_gives_its_value(cache, client):
    def long(n):
        secede()
        note(n)
        rejoin()
        return n * 2

    long.__module__ = "__main__"
    for _ in range(2):
        assert client.gather(client.map(long, range(4), pure=False)) == [0, 2, 4, 6]
        cache.settle()


def test_scattered_data_counts_by_content(cache, client, cluster, tmp_path):
    def use(values):
        note(len(values))
        return sum(values)

    use.__module__ = "__main__"
    recorded(cache, lambda: client.submit(use, client.scatter([[1, 2, 3]])[0], pure=False).result())
    again = client.scatter([[1, 2, 3]], broadcast=True, hash=False)[0]
    assert client.submit(use, again, pure=False).result() == 6
    assert counts(cache) == (0, 1, 0)
    cache.begin("other")
    other = client.scatter({"data": [1, 2, 4]})["data"]
    assert client.submit(use, other, pure=False).result() == 7
    assert counts(cache) == (1, 0, 0)
    del again, other


def test_random_numbers_without_a_seed_are_drawn_anew(cache, client):
    def draw(n):
        return [random.random() for _ in range(n)]

    draw.__module__ = "__main__"
    values = []
    for _ in range(2):
        values.append(client.submit(draw, 3, pure=False).result())
        told = cache.end()
        assert told.counts.refused == 1
        cache.settle()
        cache.begin("again")
    assert values[0] != values[1]
    da = pytest.importorskip("dask.array")
    assert da.random.random(5, chunks=5).sum().compute() != da.random.random(5, chunks=5).sum().compute()


def test_a_task_that_fails_at_first_is_kept_when_it_worked(cache, client, tmp_path):
    def shaky(n):
        note(n)
        if (ran_already := Path("ran.log").read_text().split().count(str(n))) < 3:
            raise OSError(ran_already)
        return n

    shaky.__module__ = "__main__"
    assert client.submit(shaky, 77, retries=5, pure=False).result() == 77
    assert ran(tmp_path)[77] == 3


def test_a_worker_that_is_lost_after_a_hit_costs_a_load(cache, tmp_path):
    with LocalCluster(n_workers=2, processes=False, dashboard_address=None) as made, Client(made) as client:
        graph = dask.delayed(two, pure=False)(dask.delayed(one, pure=False)(1))
        recorded(cache, graph.compute)
        future = client.compute(graph)
        wait(future)
        (address,) = client.who_has(future)[future.key]
        client.retire_workers([address], close_workers=True, remove=True)
        made.scale(1)
        assert future.result() == 20
        assert client.submit(two, future, by=2, pure=False).result() == 40
        made.scheduler.validate_state()
    assert ran(tmp_path) == {1: 1, 10: 1, 2: 1}


def test_cancelled_tasks_are_not_kept_and_are_counted_as_such(cache, client, tmp_path):
    futures = client.map(held, range(20, 30), pure=False)
    below = client.submit(two, futures[0], pure=False)
    assert gate.reached.wait(20)
    client.cancel([*futures, below])
    gate.open.set()
    del futures, below
    client.sync(settled, client.cluster.scheduler)
    told = cache.end()
    assert told.counts.cancelled > 0
    assert told.counts.executed + told.counts.hit + told.counts.pruned + told.counts.cancelled == told.counts.total
    cache.settle()
    cache.begin("again")
    assert client.gather(client.map(held, range(20, 30), pure=False)) == list(range(20, 30))
    assert counts(cache)[1] <= 10


def test_equal_tasks_of_two_threads_and_two_clients_are_computed_once(cache, client, cluster, tmp_path):
    with Client(cluster, set_as_default=False) as other:
        got = []

        def submit(to):
            got.append(to.submit(held, 9, pure=False).result())

        threads = [threading.Thread(target=submit, args=(to,)) for to in (client, client, other)]
        first, *rest = threads
        first.start()
        assert gate.reached.wait(20)
        for thread in rest:
            thread.start()
        scheduler = cluster.scheduler
        end = time.monotonic() + 20
        while len(scheduler.tasks) < 3 and time.monotonic() < end:
            time.sleep(0.005)  # until both have been planned
        gate.open.set()
        for thread in threads:
            thread.join()
        assert got == [9, 9, 9]
    assert ran(tmp_path) == {9: 1}


def test_an_adaptive_cluster_serves(cache, tmp_path):
    for number in range(2):
        with LocalCluster(n_workers=0, processes=False, dashboard_address=None) as made, Client(made) as client:
            made.adapt(minimum=0, maximum=2, interval="20ms")
            cache.begin(str(number))
            assert client.gather(client.map(one, range(5), pure=False)) == [1, 2, 3, 4, 5]
            assert counts(cache) == ((5, 0, 0), (0, 5, 0))[number]
            cache.settle()
    assert set(ran(tmp_path).values()) == {1}


def test_the_same_key_with_new_code_while_the_old_one_lives_keeps_nothing_wrong(cache, client):
    old = client.submit(lambda: 1, key="name")
    assert old.result() == 1
    assert client.submit(lambda: 2, key="name").result() == 1  # as plain Dask has it
    cache.settle()
    del old
    client.sync(settled, client.cluster.scheduler)
    cache.begin("next")
    assert client.submit(lambda: 2, key="name").result() == 2
    assert client.submit(lambda: 1, key="other").result() == 1
