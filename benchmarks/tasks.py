"""What planning tasks costs: a fused array graph repeated, a task planned, a large graph on a scheduler with and
without.

Run as ``python benchmarks/tasks.py [--rounds N] [--tasks N] [--only planner] [--json FILE]``. Seeds are fixed; medians
with minimum and maximum; the cost without the cache stands beside it. Threads of one process, so that nothing but the
scheduler differs. All is CPU time, and ratios are of pairs that ran one after the other. Prints one line per figure,
with what is wished for.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import dask
import dask.array as da
import distributed
from dask._task_spec import Task, TaskRef
from distributed import Client, LocalCluster, Scheduler

from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install
from nbreplay.tasks.planner import plan
from nbreplay.tasks.planning import Planning
from nbreplay.tasks.prints import make_shaper


def summary(values, unit):
    values = sorted(values)
    return {"median": statistics.median(values), "min": values[0], "max": values[-1], "n": len(values), "unit": unit}


def inc(x, by=1):
    return x + by


def graph_of(size):
    """A tenth roots, the rest on one or two before them: nothing is equal to anything."""
    roots = size // 10
    graph = {f"t-{n}": Task(f"t-{n}", inc, n) for n in range(roots)}
    for n in range(roots, size):
        graph[f"t-{n}"] = Task(f"t-{n}", inc, TaskRef(f"t-{n - roots}"), by=n)
    return graph


SHORT = """
def f{n}(x):
    y = x * {n}
    return [y, {n}]
"""
LONG = """
def f{n}(x, limit={n}):
    out = []
    for i in range(10):
        y = x * {n} + i
        if y > limit:
            out.append(y)
        else:
            out.append(-y)
    total = sum(out)
    return [total, {n}]
"""


def new_code(size, text):
    """As many functions, each of other code, on one argument each."""
    home = {}
    exec("".join(text.format(n=n) for n in range(size)), home)
    return {f"n-{n}": Task(f"n-{n}", home[f"f{n}"], n) for n in range(size)}


def planned(rounds, sizes):
    """CPU us per task of the pure planner, nothing recorded: code that was seen before, by the size of the graph; and
    code that is met for the first time.
    """
    found = {}
    for size in sizes:
        graph = graph_of(size)
        wanted = [f"t-{n}" for n in range(size - size // 10, size)]
        found[f"known code, {size} tasks"] = [_plan_s(graph, wanted) / size * 1e6 for _ in range(rounds + 1)][1:]
    for name, text in (("functions of 2 lines", SHORT), ("functions of 10 lines", LONG)):
        row = found[f"new code, 1000 {name}"] = []
        for _ in range(rounds):
            graph = new_code(1000, text)
            row.append(_plan_s(graph, list(graph)) / len(graph) * 1e6)
    return {name: summary(values, "us CPU a task") for name, values in found.items()}


def _plan_s(graph, wanted):
    gc.collect()
    gc.disable()  # as the scheduler plugin does it
    start = time.thread_time()
    plan(graph, wanted, lambda prints: [[] for _ in prints], shaper=make_shaper(Path.cwd()))
    seconds = time.thread_time() - start
    gc.enable()
    return seconds


class Own:
    """Notes the CPU time that the scheduler itself spends on making a graph's tasks, the hook left out."""

    def __init__(self, watch):
        self.seconds = []
        create = Scheduler._create_taskstate_from_graph

        def timed(scheduler, **kwargs):
            start, hooks = time.thread_time(), sum(watch.seconds)
            try:
                return create(scheduler, **kwargs)
            finally:
                self.seconds.append(time.thread_time() - start - (sum(watch.seconds) - hooks))

        Scheduler._create_taskstate_from_graph = timed


class Watch:
    """Notes the CPU time of the plugin's hook, in the scheduler's thread."""

    def __init__(self):
        self.seconds = []
        hook = Planning.graph

        def timed(planning, *args):
            start = time.thread_time()
            try:
                return hook(planning, *args)
            finally:
                self.seconds.append(time.thread_time() - start)

        Planning.graph = timed


def array_graph():
    x = da.random.default_rng(1).random((1000, 1000), chunks=(250, 250))
    return (x @ x.T + 1).mean(axis=0).sum()


def arrays(folder, rounds, watch):
    """The same array expression recorded once and repeated in new clients."""
    out = {"plain_s": [], "first_s": [], "repeat_s": [], "planned_ms": []}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        with Client(cluster):
            for _ in range(min(rounds, 3)):
                start = time.perf_counter()
                array_graph().compute()
                out["plain_s"].append(time.perf_counter() - start)

        store = Store.open(folder / "arrays")
        cache = KernelCache(store, serve=True, record=True, root=folder)
        install(cache)
        for number in range(rounds + 1):
            with Client(cluster):
                cache.begin(str(number))
                start = time.perf_counter()
                watch.seconds.clear()
                array_graph().compute()
                seconds = time.perf_counter() - start
                counts = cache.end().counts
                cache.settle()
            if number == 0:
                out["first_s"].append(seconds)
                out["tasks"] = counts.total
            else:
                assert counts.executed == 0, counts
                out["repeat_s"].append(seconds)
                out["planned_ms"].append(sum(watch.seconds) * 1e3)
        cache.close()
        store.close()
    return {k: summary(v, k.rpartition("_")[2]) if isinstance(v, list) else v for k, v in out.items()}


def large(folder, rounds, size, watch, own):
    """A graph of many tiny tasks: CPU time of the whole process (scheduler, workers, client) without the cache,
    recorded, repeated; of the hook alone, and of what the scheduler itself does in the same call.
    """
    out = {"plain_s": [], "recorded_s": [], "recorded_hook_s": [], "repeated_s": [], "repeated_hook_s": []}
    out |= {"plain_call_s": []}
    wanted = [f"t-{n}" for n in range(size - size // 10, size)]
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:

        def run(client):
            graph = graph_of(size)
            gc.collect()
            start = time.process_time()
            client.get(graph, wanted)
            return time.process_time() - start

        for number in range(rounds):
            with Client(cluster) as client:
                own.seconds.clear()
                out["plain_s"].append(run(client))
                out["plain_call_s"].append(sum(own.seconds))
            store = Store.open(folder / f"large{number}")
            cache = KernelCache(store, serve=True, record=True, root=folder)
            install(cache)
            for kind in ("recorded", "repeated"):
                with Client(cluster) as client:
                    cache.begin(kind)
                    watch.seconds.clear()
                    out[f"{kind}_s"].append(run(client))
                    out[f"{kind}_hook_s"].append(sum(watch.seconds))
                    cache.end()
                    cache.settle()
            cache.close()
            store.close()
    compared = {
        "hook over the run": ratios(out, "recorded_hook_s", "plain_s"),
        "hook over the call": ratios(out, "recorded_hook_s", "plain_call_s"),
        "recorded over plain": ratios(out, "recorded_s", "plain_s"),
        "repeated over plain": ratios(out, "repeated_s", "plain_s"),
    }
    return {"tasks": size} | {k: summary(v, "s") for k, v in out.items()} | compared


def ratios(numbers, what, base):
    """Return the ratios of two rows of one run, pair by pair."""
    return summary([a / b for a, b in zip(numbers[what], numbers[base], strict=True)], "x")


def table(found):
    """Print each figure with what is wished for."""
    for name, row in found["planner"].items():
        line(f"planning, {name}", row, "<= 100 us" if name.startswith("new") else "<= 20 us")
    if "large" in found:
        large, size = found["large"], found["large"]["tasks"]
        line(f"planning {size} tasks, of the whole run without it", large["hook over the run"], "<= 0.5 x")
        line(f"planning {size} tasks, of the scheduler's own call", large["hook over the call"], "<= 1 x")
        line(f"the whole run of {size} tasks, repeated", large["repeated over plain"], "")
        line(f"the whole run of {size} tasks, recorded", large["recorded over plain"], "")
        line("planning an array's graph again", found["array"]["planned_ms"], "")


def line(name, row, wished):
    numbers = f"{row['median']:10.2f} {row['unit']:<14} ({row['min']:.2f} to {row['max']:.2f}, n={row['n']})"
    print(f"{name:<58} {numbers:<50} {wished}")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--tasks", type=int, default=10_000, help="of the large graph")
    options.add_argument("--quick", action="store_true", help="smallest sizes, one round: does it work")
    options.add_argument("--only", choices=["planner"], help="no clusters")
    options.add_argument("--json", type=Path)
    chosen = options.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.tasks = 1, 300
    sizes = [1000] if chosen.quick else [1_000, 10_000, 100_000]
    watch = Watch()
    own = Own(watch)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        found = {
            "versions": {
                "python": platform.python_version(),
                "dask": dask.__version__,
                "distributed": distributed.__version__,
            },
            "planner": planned(chosen.rounds, sizes),
        }
        if chosen.only is None:
            found["array"] = arrays(folder, chosen.rounds, watch)
            found["large"] = large(folder, chosen.rounds, chosen.tasks, watch, own)
    table(found)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
