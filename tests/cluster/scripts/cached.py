"""A script that caches its tasks: ``cached.py STORE TIMES (threads|processes|own)``; prints what they did."""

import json
import sys

import dask
from distributed import Client, LocalCluster

import nbreplay


def leaf(n):
    return [n] * 10


def joined(parts, times):
    return sum(part[0] for part in parts) * times


def graph(times):
    parts = [dask.delayed(leaf, pure=False)(n) for n in range(4)]
    return dask.delayed(joined, pure=False)(parts, times)


def main():
    store, times, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    if kind == "own":
        with nbreplay.task_cache(None, store) as cache:
            value = graph(times).compute(scheduler="sync")
            told = cache.end()
    else:
        with (
            LocalCluster(2, threads_per_worker=1, processes=kind == "processes", dashboard_address=None) as cluster,
            Client(cluster) as client,
            nbreplay.task_cache(client, store) as cache,
        ):
            value = graph(times).compute()
            told = cache.end()
    counts = told.counts
    facts = {"value": value, "ran": [counts.executed, counts.hit, counts.pruned], "problems": told.problems}
    print("RESULT", json.dumps(facts))


if __name__ == "__main__":
    main()
