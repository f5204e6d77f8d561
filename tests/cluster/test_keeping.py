"""What is kept of tasks, and what not: cost, declarations, results that differ, changed inputs, full stores."""

from __future__ import annotations

import functools
import itertools
import sys
import time

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster, wait

import nbreplay
from nbreplay.config import Settings
from nbreplay.records import TaskDiffers, TaskRun, from_bytes, to_bytes
from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install, uninstall
from nbreplay.tasks.eviction import slim, task_keys

pytestmark = [pytest.mark.cluster]


@pytest.fixture(scope="module")
def cluster():
    with (
        dask.config.set({"distributed.scheduler.validate": True}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as made,
    ):
        yield made


class Rig:
    """A store, a cache over it, and clients of one cluster; each cell of its own name."""

    def __init__(self, folder, cluster, **settings):
        self.cluster = cluster
        self.store = Store.open(folder / "store")
        self.folder = folder
        self._cells = itertools.count()
        self.open(**settings)

    def open(self, *, serve=True, record=True, **settings):
        self.cache = KernelCache(
            self.store, serve=serve, record=record, root=self.folder, settings=Settings().but(**settings)
        )
        install(self.cache)

    def again(self, **settings):
        """What another kernel would see."""
        self.close()
        self.open(**settings)

    def cell(self, work):
        """Run *work* with a client; return its value and what the tasks did."""
        self.cache.begin(f"cell {next(self._cells)}")
        with Client(self.cluster) as client:
            value = work(client)
            told = self.cache.end()
            self.cache.settle()
            last = self.cache.end()
        assert self.cluster.scheduler.plugins["nbreplay"].errors == 0
        told.problems.extend(problem for problem in last.problems if problem not in told.problems)
        told.why.extend(row for row in last.why if row not in told.why)
        return value, told

    def runs(self, name):
        return [run for s in self.store.scan("task") if (run := from_bytes(TaskRun, s.body)).name == name]

    def close(self):
        self.cache.close()
        uninstall(self.cache)


@pytest.fixture
def rig(tmp_path, monkeypatch, cluster):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    made = Rig(tmp_path, cluster)
    yield made
    made.close()
    made.store.close()


def ran(told):
    return (told.counts.executed, told.counts.hit, told.counts.pruned)


def drawn(n):
    """Another result whenever the test wants it: nothing that a fingerprint sees says so."""
    return [sys.getrecursionlimit(), n]


def first_of(pair):
    return pair[0]


def slow(n):
    time.sleep(0.03)
    return np.random.default_rng(n).random(200_000)


drawn.__module__ = first_of.__module__ = slow.__module__ = "__main__"


@pytest.fixture
def draw():
    """Let `drawn` give the limit and so much."""
    before = sys.getrecursionlimit()
    yield lambda more: sys.setrecursionlimit(before + more)
    sys.setrecursionlimit(before)


def lazy(func, *args):
    return dask.delayed(func, pure=False)(*args)


def both(client):
    """The values of a task that depends on the time, and of one below it, each asked for by name."""
    x = lazy(drawn, 1)
    futures = client.compute([x, lazy(first_of, x)])
    return client.gather(futures)


# ---------------------------------------------------------------- results that differ


def test_the_first_result_is_kept_and_that_another_came_is_said(rig, draw):
    limit = sys.getrecursionlimit()
    assert rig.cell(both)[0] == [[limit, 1], limit]
    rig.again(serve=False)
    draw(7)
    value, told = rig.cell(both)
    assert value == [[limit + 7, 1], limit + 7]
    assert "nondeterministic task drawn" in told.marks
    assert any("gave another result" in row for row in told.why)
    assert sum("gave another result" in p for p in told.problems) == 1
    (noted,) = [from_bytes(TaskDiffers, s.body) for s in rig.store.scan("differs")]
    assert noted.name == "drawn"
    rig.again()
    draw(9)
    value, told = rig.cell(both)
    assert value == [[limit, 1], limit]  # both of the first run: what came of the other is not mixed in
    assert told.counts.executed == 0


def test_what_depends_on_a_result_that_differs_goes_by_content(rig, draw):
    limit = sys.getrecursionlimit()
    rig.cell(both)
    blob = rig.runs("drawn")[0]
    rig.store.forget(s.place for s in rig.store.scan("task") if from_bytes(TaskRun, s.body).name == "drawn")
    rig.store.append("task", to_bytes(slim(blob)), task_keys(blob))  # pruned: only its name stays
    rig.again()
    draw(3)

    def held(client):
        x = client.compute(lazy(drawn, 1))
        wait(x)
        y = client.submit(first_of, x, pure=False)
        return x.result(), y.result()

    value, _ = rig.cell(held)
    assert value == ([limit + 3, 1], limit + 3)  # not the number that is recorded for the first x
    rig.again()
    draw(0)
    value, told = rig.cell(held)
    assert value == ([limit, 1], limit)
    assert told.by_name["first_of"].hit == 1


def test_a_key_that_had_a_result_that_differs_and_has_other_code_now_is_not_taken_for_it(rig, draw):
    rig.cell(lambda client: client.submit(drawn, 1, key="k").result())
    (run,) = rig.runs("k")
    rig.store.forget(s.place for s in rig.store.scan("task"))
    rig.store.append("task", to_bytes(slim(run)), task_keys(run))
    rig.again()
    draw(4)

    def reused(client):
        client.submit(drawn, 1, key="k").result()
        while client.run_on_scheduler(lambda dask_scheduler: "k" in dask_scheduler.tasks):
            time.sleep(0.01)
        other = client.submit(first_of, ["not drawn"], key="k")
        wait(other)
        return client.submit(drawn, 1, key="z").result(), other.result()

    value, _ = rig.cell(reused)
    assert value == ([sys.getrecursionlimit(), 1], "not drawn")
    assert not rig.cluster.scheduler.plugins["nbreplay"].in_flight


def test_a_result_in_memory_is_not_taken_for_an_equal_task_when_its_file_changed(rig):
    source = rig.folder / "in.txt"

    def read(path):
        with open(path) as file:
            return file.read()

    def held(client):
        source.write_text("one")
        first = client.submit(read, str(source), pure=False)
        below = client.submit(len, first, pure=False)
        wait(below)
        source.write_text("three")
        second = client.submit(read, str(source), pure=False)
        return first.result(), below.result(), second.result(), client.submit(len, second, pure=False).result()

    assert rig.cell(held)[0] == ("one", 3, "three", 5)


@pytest.mark.parametrize("scheduler", ["cluster", "sync"])
def test_a_sample_of_what_would_be_served_runs_and_is_compared(rig, draw, scheduler):
    def compute(client):
        if scheduler == "cluster":
            return both(client)
        x = lazy(drawn, 1)
        return list(dask.compute(x, lazy(first_of, x), scheduler="sync"))

    limit = sys.getrecursionlimit()
    rig.cell(compute)
    rig.again(verify_tasks=1.0)
    value, told = rig.cell(compute)
    assert value == [[limit, 1], limit]
    assert (told.counts.executed, told.compared, told.differing) == (2, 2, [])
    draw(5)
    value, told = rig.cell(compute)
    assert value == [[limit, 1], limit]  # the recorded results stand, so that all of a run belongs together
    assert (told.compared, told.differing) == (2, ["drawn"])
    rig.again(verify_tasks=1e-12)
    value, told = rig.cell(compute)
    assert (told.counts.executed, told.compared) == (0, 0)


def test_a_sample_is_as_large_as_it_was_asked_for(rig):
    def numbers(client):
        return client.gather(client.map(first_of, [[n] for n in range(100)], pure=False))

    rig.cell(numbers)
    rig.again(verify_tasks=0.3)
    value, told = rig.cell(numbers)
    assert value == list(range(100))
    assert 8 < told.compared < 60
    assert told.counts.executed == told.compared


def test_a_compared_task_whose_inputs_are_not_kept_has_them_computed(rig):
    def wide(n):
        return np.arange(3_000_000) + n  # cheaper to compute than to load

    def narrow(a):
        return int(a[-1])

    def total(parts):
        return sum(parts)

    def tree(client):
        return client.compute(lazy(total, [lazy(narrow, lazy(wide, n)) for n in range(3)])).result()

    first = rig.cell(tree)[0]
    rig.again(verify_tasks=1.0)
    value, told = rig.cell(tree)
    assert value == first
    assert told.differing == []
    assert told.compared >= 4


# ---------------------------------------------------------------- declarations


def helped(n):
    return fresh(n) + 1


class Model:
    def __call__(self, n):
        return n * 2

    def method(self, n):
        return n * 3


@nbreplay.volatile
def fresh(n):
    return n


for each in (helped, Model, fresh):
    each.__module__ = "__main__"


def test_what_is_declared_volatile_runs_each_time_however_it_is_wrapped(rig):
    model = nbreplay.volatile(Model())
    ways = {
        "function": fresh,
        "partial": functools.partial(fresh, 3),
        "called by another": helped,
        "in an argument": map_one,
        "instance": model,
    }

    def all_ways(client):
        futures = []
        for name, way in ways.items():
            args = {"partial": (), "in an argument": (fresh, 3)}.get(name, (3,))
            futures.append(client.submit(way, *args, pure=False))
        x = da_mapped(fresh)
        return [*client.gather(futures), x.compute().tolist()]

    expected = rig.cell(all_ways)[0]
    for _ in range(2):
        value, told = rig.cell(all_ways)
        assert value == expected == [3, 3, 4, 3, 6, [0, 1, 2]]
        assert told.counts.hit == 0, told.why
        assert told.counts.refused >= len(ways) + 1


def map_one(func, n):
    return func(n)


map_one.__module__ = "__main__"


def da_mapped(func):
    da = pytest.importorskip("dask.array")
    return da.arange(3, chunks=3).map_blocks(func, dtype=int)


def test_what_is_annotated_never_runs_each_time_and_what_is_below_goes_by_content(rig):
    def annotated(client):
        with dask.annotate(nbreplay="never"):
            x = lazy(first_of, [4])
        return client.compute(lazy(first_of, lazy(list, (x, 5))), optimize_graph=False).result()

    for expected in (0, 2):
        value, told = rig.cell(annotated)
        assert value == 4
        assert told.counts.hit == expected
        assert told.counts.refused == 1


# ---------------------------------------------------------------- inputs that are changed in place


@pytest.mark.parametrize("scheduler", ["cluster", "sync"])
def test_a_task_that_changes_its_input_is_found_and_nobody_is_served_what_came_of_it(rig, scheduler):
    def start(n):
        return list(range(n))

    def spoil(values):
        values.append(100)
        return len(values)

    def look(values, done):
        return sum(values)

    def spoiled(client):
        x = lazy(start, 4)
        done = lazy(spoil, x)
        after = lazy(look, x, done)
        if scheduler == "sync":
            return dask.compute(done, after, scheduler="sync", optimize_graph=False)
        with dask.annotate(workers=[next(iter(rig.cluster.workers.values())).address]):
            return tuple(client.gather(client.compute([done, after], optimize_graph=False)))

    first = rig.cell(spoiled)
    assert first[0] == (5, 106)
    assert any("changes its inputs in place" in row for row in first[1].why), first[1].why
    value, told = rig.cell(spoiled)
    assert value == (5, 106)
    assert told.by_name["spoil"].hit == told.by_name["look"].hit == 0


# ---------------------------------------------------------------- cost and room


def test_a_cheap_result_is_kept_if_it_would_take_expensive_ones_to_have_it_again(rig):
    def costly(n):
        time.sleep(0.5)
        return np.random.default_rng(n).random(6_000_000)  # 48 MB: cheaper to compute than to load, here

    def view(a):
        return a[: 1 << 18].copy()  # 2 MB at no cost

    def end(a):
        return float(a.sum())

    from nbreplay.tasks.report import RATE

    before, RATE.bytes_per_s = RATE.bytes_per_s, 10e6
    try:

        def chain(client):
            half = lazy(view, lazy(costly, 1))
            return client.compute(lazy(end, lazy(first_of, lazy(list, (half,)))), optimize_graph=False).result()

        rig.cell(chain)
        (kept,) = rig.runs("view")
        (not_kept,) = rig.runs("costly")
        assert "cheaper to compute" in not_kept.not_kept
        assert kept.result is not None
        assert kept.compute_s < 0.2 < kept.chain_s
    finally:
        RATE.bytes_per_s = before


def test_a_store_that_is_full_keeps_nothing_more_and_says_so(rig, monkeypatch):
    monkeypatch.setattr("nbreplay.tasks.writer.FULL_S", 0.0)
    rig.again(store_max_bytes=1_000_000)

    def arrays(client):
        for n in range(4):  # one after the other: each is told what became of the one before
            client.submit(slow, n, pure=False).result()
            rig.cache.settle()

    rig.cell(arrays)
    rig.again(store_max_bytes=1_000_000)
    _, told = rig.cell(lambda client: client.submit(slow, 9, pure=False).result().sum())
    assert any("the store is full" in row for row in told.why)
    (last,) = [run for run in rig.runs("slow") if run.result is None][-1:]
    assert "the store is full" in last.not_kept
    assert rig.store.size_bytes() < 4_500_000
    rig.again()  # with more room it goes on
    rig.cell(lambda client: client.submit(slow, 10, pure=False).result().sum())
    rig.cell(lambda client: client.submit(slow, 11, pure=False).result().sum())
    assert rig.runs("slow")[-1].result is not None


def test_old_results_make_room_for_new_ones(rig):
    import os

    rig.again(store_max_bytes=4_000_000)
    rig.cell(lambda client: client.submit(slow, 1, pure=False).result().sum())
    for path in (rig.folder / "store" / "blobs").rglob("*"):
        if path.is_file():
            os.utime(path, (1, 1))
    rig.cell(lambda client: [client.submit(slow, n, pure=False).result().sum() for n in (2, 3)])
    kept = {bool(run.result): run for run in rig.runs("slow")}
    assert kept[False].not_kept == "it was pruned"
    _, told = rig.cell(lambda client: client.submit(slow, 1, pure=False).result().sum())
    assert told.counts.executed == 1
