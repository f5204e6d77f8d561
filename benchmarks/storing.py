"""What keeping results costs, and using them: storing beside the work, workers' memory, large and small hits.

Run as ``python benchmarks/storing.py [--rounds N] [--only PART] [--quick] [--json FILE]``. Two worker processes of one
thread. Medians with minimum and maximum; what is compared is run in turn. Seeds are fixed.

store    1,000 tasks that each compute for 50 ms and return 1 MB (random numbers: nothing to compress), reduced by ten;
         the same without the cache. Wall time, CPU time of the workers, peak memory of the workers.
large    one recorded result of 80 MB, used by a task: what the consumer waits, against the same array in memory.
small    10,000 recorded results of 100 bytes, gathered at once by a new client.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from pathlib import Path

import dask
import distributed
import numpy as np
from distributed import Client, LocalCluster

from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install, uninstall


def summary(values, unit):
    values = sorted(values)
    return {"median": statistics.median(values), "min": values[0], "max": values[-1], "n": len(values), "unit": unit}


def work(n, seconds):
    """Compute for *seconds* of CPU time and return 1 MB."""
    rng = np.random.default_rng(n)
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        rng.random(20_000).sum()
    return rng.random(131_072)


def reduced(parts):
    return sum(part.sum() for part in parts)


def filled(n):
    return np.random.default_rng(n).random(10_000_000)


def last(a):
    return float(a[-1])


def little(n):
    return [n] * 10


for each in (work, reduced, filled, last, little):
    each.__module__ = "__main__"


def used(dask_worker):
    """CPU seconds and peak bytes of a worker's process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def calls(dask_worker):
    """System calls that read and write, so far."""
    facts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(facts["syscr"]) + int(facts["syscw"])


def graph(client, tasks, seconds, salt):
    parts = client.map(lambda n: work(n, seconds), range(salt, salt + tasks), pure=False)
    sums = [client.submit(reduced, parts[start : start + 10], pure=False) for start in range(0, tasks, 10)]
    del parts
    return client.gather(sums)


class Bed:
    """A cluster of processes, with the cache or without."""

    def __init__(self, folder, cached):
        self.folder = folder
        self.cached = cached

    def __enter__(self):
        self.cache = None
        if self.cached:
            self.store = Store.open(self.folder / f"store-{time.monotonic_ns()}")
            self.cache = KernelCache(self.store, serve=True, record=True, root=self.folder)
            install(self.cache)
            self.cache.begin("bench")
        self.cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
        self.client = Client(self.cluster)
        return self

    def __exit__(self, *exc_info):
        if self.cache is not None:
            self.cache.close()
            uninstall(self.cache)
            self.store.close()
        self.client.close()
        self.cluster.close()


def storing(folder, rounds, tasks, seconds):
    out = {"plain": {"wall_s": [], "cpu_s": [], "peak_mb": [], "calls": []}}
    out["cached"] = {name: [] for name in out["plain"]}
    for number in range(rounds):
        for kind in ("plain", "cached") if number % 2 else ("cached", "plain"):
            with Bed(folder, kind == "cached") as bed:
                graph(bed.client, 20, 0.001, 10**6)  # everything is imported
                before, io = bed.client.run(used), sum(bed.client.run(calls).values())
                start = time.perf_counter()
                graph(bed.client, tasks, seconds, number * tasks)
                wall = time.perf_counter() - start
                if bed.cache is not None:
                    bed.cache.settle()
                after = bed.client.run(used)
                out[kind]["wall_s"].append(wall)
                out[kind]["cpu_s"].append(
                    sum(cpu for cpu, _ in after.values()) - sum(cpu for cpu, _ in before.values())
                )
                out[kind]["peak_mb"].append(max(peak for _, peak in after.values()) / 1e6)
                out[kind]["calls"].append((sum(bed.client.run(calls).values()) - io) / tasks)
                if bed.cache is not None:
                    held = sum(1 for _ in (bed.store.path / "blobs").rglob("*"))
                    assert held >= 0.5 * tasks, f"only {held} results were kept"
    for name in ("wall_s", "cpu_s", "peak_mb"):
        pairs = zip(out["cached"][name], out["plain"][name], strict=True)
        out[f"{name}_ratio"] = [cached / plain for cached, plain in pairs]
    return out


def large(folder, rounds):
    """ms until a task has used a result of 80 MB: loaded from the store, or in the worker's memory."""
    out = {"from_memory_ms": [], "hit_ms": [], "gathered_ms": []}
    with Bed(folder, True) as bed:
        bed.client.submit(filled, 1, pure=False).result()
        bed.cache.settle()
    store = bed.store.path
    for number in range(rounds):
        with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
            opened = Store.open(store)
            cache = KernelCache(opened, serve=True, record=True, root=folder)
            install(cache)
            try:
                with Client(cluster) as client:
                    cache.begin(f"{number}")
                    client.submit(last, np.zeros(3), pure=False).result()
                    start = time.perf_counter()
                    x = client.submit(filled, 1, pure=False)
                    client.submit(lambda a, n=number: float(a[-1]) + n, x, pure=False).result()
                    out["hit_ms"].append((time.perf_counter() - start) * 1e3)
                    start = time.perf_counter()
                    client.submit(lambda a, n=number: float(a[-1]) - n, x, pure=False).result()
                    out["from_memory_ms"].append((time.perf_counter() - start) * 1e3)
                    start = time.perf_counter()
                    x.result()
                    out["gathered_ms"].append((time.perf_counter() - start) * 1e3)
                    assert cache.end().counts.hit >= 1
            finally:
                cache.close()
                uninstall(cache)
                opened.close()
    out["hit_over_memory_ms"] = [a - b for a, b in zip(out["hit_ms"], out["from_memory_ms"], strict=True)]
    return out


def small(folder, rounds, count):
    """s to gather recorded results of about 100 bytes, in a new client; and the same tasks without the cache."""
    out = {"plain_s": [], "hit_s": []}
    with Bed(folder, True) as bed:
        bed.client.gather(bed.client.map(little, range(count), pure=False))
        bed.cache.settle()
        for number in range(rounds):
            bed.client.close()
            bed.client = Client(bed.cluster)
            bed.cache.begin(f"again {number}")
            start = time.perf_counter()
            values = bed.client.gather(bed.client.map(little, range(count), pure=False))
            out["hit_s"].append(time.perf_counter() - start)
            assert values[-1] == [count - 1] * 10
            assert bed.cache.end().counts.hit == count
    with Bed(folder, False) as bed:
        for number in range(rounds):
            start = time.perf_counter()
            bed.client.gather(bed.client.map(lambda n, k=number: little(n), range(count), pure=False))
            out["plain_s"].append(time.perf_counter() - start)
    return out


def table(name, found):
    print(f"\n{name}")
    for key, values in found.items():
        if isinstance(values, dict):
            for inner, numbers in values.items():
                line(f"{key} {inner}", numbers)
        else:
            line(key, values)


def line(key, values):
    print(f"  {key:<28} {statistics.median(values):>12.3f}   ({min(values):.3f} to {max(values):.3f}, n={len(values)})")


WISHED = {
    "store": [
        ("wall_s_ratio", "storing 1,000 results of 1 MB: time", "<= 1.03 x"),
        ("cpu_s_ratio", "storing: workers' CPU time", ""),
        ("peak_mb_ratio", "storing: workers' peak memory", "<= 1.10 x"),
    ],
    "large": [("hit_over_memory_ms", "a hit of 80 MB, at its consumer: ms more than from memory", "<= 40 ms")],
    "small": [("hit_s", "10,000 small hits in one gather: s", "<= 2 s"), ("plain_s", "the same tasks, run: s", "")],
}
"""The figures, and what is wished for."""


def figures(found):
    print("\nfigures")
    for part, rows in WISHED.items():
        for key, name, wished in rows if part in found else ():
            print(f"{name:<60} {statistics.median(found[part][key]):10.3f}   {wished}")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--quick", action="store_true", help="few and small: only to see that it runs")
    options.add_argument("--only", choices=["store", "large", "small"])
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.environ.setdefault("NBREPLAY_KEY_FILE", str(folder / "key"))
        found = {}
        if chosen.only in (None, "store"):
            found["store"] = storing(folder, rounds, *((60, 0.01) if chosen.quick else (1000, 0.05)))
            table("storing: 1 MB results", found["store"])
        if chosen.only in (None, "large"):
            found["large"] = large(folder, rounds)
            table("a hit of 80 MB", found["large"])
        if chosen.only in (None, "small"):
            found["small"] = small(folder, rounds, 300 if chosen.quick else 10_000)
            table("many small hits", found["small"])
    figures(found)
    found["versions"] = {
        "python": platform.python_version(),
        "dask": dask.__version__,
        "distributed": distributed.__version__,
        "cpus": os.cpu_count(),
    }
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
