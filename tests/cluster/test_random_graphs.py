"""Hit, prune and rewind on random graphs: every value right, the scheduler's own validation passes, nothing left
behind.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path

import dask
import pytest
from dask._task_spec import Task, TaskRef
from distributed import Client, LocalCluster

from nbreplay.config import Settings
from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install, uninstall

pytestmark = [pytest.mark.cluster]


class Bang(Exception):
    pass


def combine(salt, *inputs):
    if salt < 0:
        raise Bang(salt)
    total = salt
    for n, value in enumerate(inputs):
        total = (total * 31 + (n + 1) * value[0]) % 1_000_003
    return [total] * 2000


class Graph:
    """A random graph: numbered tasks, each on some before it; *salts* are what an edit changes."""

    def __init__(self, rng, size):
        self.parents = [rng.sample(range(n), min(n, rng.choice([0, 1, 1, 2, 3]))) for n in range(size)]
        self.salts = [rng.randrange(1, 1000) for _ in range(size)]
        self.data = {n: [rng.randrange(100)] for n in range(size) if rng.random() < 0.15 and not self.parents[n]}

    def edited(self, rng):
        copy = object.__new__(Graph)
        copy.parents, copy.data = self.parents, self.data
        copy.salts = [rng.choice([rng.randrange(1, 1000), -1]) if rng.random() < 0.1 else salt for salt in self.salts]
        return copy

    def expected(self):
        values = []
        for n, above in enumerate(self.parents):
            inputs = [values[p] for p in above]
            if n in self.data:
                values.append(self.data[n])
            elif any(v is None for v in inputs) or self.salts[n] < 0:
                values.append(None)
            else:
                values.append(combine(self.salts[n], *inputs))
        return values

    def specs(self, prefix, scattered):
        def ref(n):
            return TaskRef(scattered[n].key if n in scattered else f"{prefix}-{n}")

        return {
            f"{prefix}-{n}": Task(f"{prefix}-{n}", combine, self.salts[n], *(ref(p) for p in above))
            for n, above in enumerate(self.parents)
            if n not in scattered
        }


def damage(store_dir, rng, share):
    blobs = [p for p in (Path(store_dir) / "blobs").rglob("*") if p.is_file()]
    for path in rng.sample(blobs, int(len(blobs) * share)):
        if rng.random() < 0.5:
            path.unlink()
        else:
            os.chmod(path, 0o600)
            data = bytearray(path.read_bytes())
            data[-1] ^= 1
            path.write_bytes(data)


class Rig:
    """A cluster with a cache, and a second client."""

    def __init__(self, folder, processes):
        self.store = Store.open(folder / "store")
        settings = Settings().but(small_blob_bytes=0, inline_result_bytes=0)
        self.cache = KernelCache(self.store, serve=True, record=True, root=folder, settings=settings)
        install(self.cache)
        self.cluster = LocalCluster(
            n_workers=2, threads_per_worker=1, processes=processes, dashboard_address=None, protocol=None
        )
        self.first = Client(self.cluster)
        self.second = Client(self.cluster)
        self.totals = {"hit": 0, "pruned": 0, "executed": 0, "cancelled": 0}
        self.rewinds = 0

    @property
    def scheduler(self):
        return self.cluster.scheduler

    def settle(self):
        self.first.sync(self._settle)
        self.cache.settle()

    async def _settle(self):
        import asyncio

        end = time.monotonic() + 10
        while self.scheduler.tasks and time.monotonic() < end:
            await asyncio.sleep(0.005)
        assert not self.scheduler.tasks, list(self.scheduler.tasks.values())[:5]
        self.scheduler.validate_state()
        plugin = self.scheduler.plugins["nbreplay"]
        assert not plugin.entries
        assert not plugin.in_flight
        assert plugin.errors == 0

    def submit(self, client, specs, keys):
        return dict(zip(keys, client.get(specs, list(keys), sync=False), strict=True))

    def check(self, futures, expected):
        for key, future in futures.items():
            want = expected[int(key.rsplit("-", 1)[1])]
            if want is None:
                assert isinstance(future.exception(timeout=30), Bang), future
            else:
                assert future.result(timeout=30) == want, key

    def round(self, graph, prefix, rng):
        self.cache.begin(prefix)
        scattered = {n: self.first.scatter([value], hash=False)[0] for n, value in graph.data.items()}
        specs = graph.specs(prefix, scattered)
        if not specs:
            return
        expected = graph.expected()
        keys = rng.sample(sorted(specs), rng.randint(1, len(specs)))
        futures = self.submit(self.first, specs, keys)
        extra = {}
        if rng.random() < 0.5:
            others = rng.sample(sorted(specs), rng.randint(1, len(specs)))
            extra = self.submit(self.second, specs, others)
        if rng.random() < 0.3:  # the same keys once more, while they live
            extra_again = self.submit(self.first, specs, rng.sample(keys, rng.randint(1, len(keys))))
            self.check(extra_again, expected)
            del extra_again
        if rng.random() < 0.3:
            for key in rng.sample(keys, len(keys) // 2):
                futures.pop(key).release()
        self.check(futures, expected)
        self.check(extra, expected)
        if rng.random() < 0.3:  # a graph on top of what is in memory, some of it released meanwhile
            top = Task(f"{prefix}-top", combine, 5, *(TaskRef(k) for k in sorted(futures)[:2]))
            if all(expected[int(k.rsplit("-", 1)[1])] is not None for k in sorted(futures)[:2]):
                inputs = [expected[int(k.rsplit("-", 1)[1])] for k in sorted(futures)[:2]]
                got = self.first.get({**specs, top.key: top}, [top.key], sync=True)
                assert got == [combine(5, *inputs)]
        told = self.cache.end()
        counts = told.counts
        assert counts.executed + counts.hit + counts.pruned + counts.cancelled == counts.total, told
        for name in self.totals:
            self.totals[name] += getattr(counts, name)
        self.rewinds += sum("computed again" in p for p in told.problems)
        del futures, extra, scattered
        self.settle()

    def close(self):
        self.cache.close()
        self.second.close()
        self.first.close()
        self.cluster.close()
        self.store.close()
        uninstall(self.cache)


def run(folder, *, graphs, seed, processes=False, share=0.33):
    rng = random.Random(seed)
    with dask.config.set({"distributed.scheduler.validate": True, "distributed.worker.validate": not processes}):
        rig = Rig(folder, processes)
        try:
            for number in range(graphs):
                graph = Graph(rng, rng.randint(3, 40))
                rig.round(graph, f"g{number}a", rng)
                if rng.random() < 0.7:
                    damage(folder / "store", rng, share)
                rig.round(graph.edited(rng) if rng.random() < 0.5 else graph, f"g{number}b", rng)
                if number % 50 == 49:
                    print(number + 1, rig.totals, "rewinds", rig.rewinds, flush=True)
            return rig.totals | {"rewinds": rig.rewinds}
        finally:
            rig.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_random_graphs_with_damaged_results_give_right_values_and_leave_nothing_behind(tmp_path, seed):
    totals = run(tmp_path, graphs=12, seed=seed)
    assert totals["hit"] > 5
    assert totals["pruned"] > 0
    assert totals["rewinds"] > 3


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as made:
        print(run(Path(made), graphs=int(sys.argv[1]), seed=int(sys.argv[2]), processes=len(sys.argv) > 3))
