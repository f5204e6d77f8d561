"""A kernel of its own on a cluster that was there before: ``kernel.py ADDRESS STORE SALT [die]``; prints the counts."""

import json
import os
import sys
from pathlib import Path

import dask
from distributed import Client

from nbreplay.tasks import task_cache


def leaf(n):
    return [n] * 50_000


def join(parts, salt):
    return sum(p[0] for p in parts) + salt


if __name__ == "__main__":
    address, store, salt = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    with Client(address) as client, task_cache(client, store) as cache:
        parts = [dask.delayed(leaf, pure=False)(n) for n in range(4)]
        value = client.compute(dask.delayed(join, pure=False)(parts, salt)).result()
        told = cache.end()
        cache.settle()
        facts = {"value": value, "executed": told.counts.executed, "hit": told.counts.hit, "problems": told.problems}
        print("RESULT", json.dumps(facts), flush=True)
        if "die" in sys.argv:
            os._exit(0)  # as a kernel that is killed: it never says that it goes
