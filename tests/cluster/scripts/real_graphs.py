"""Graphs as scientists build them, in one process on one cluster; prints what ran, as JSON. Run by test_real_graphs.py.

Arguments: store, work folder, ``threads:N`` or ``processes:N`` workers, edits and cells, by commas.
"""

import json
import logging
import os
import sys
import warnings
from pathlib import Path


def main():
    store_dir, work, kind, edits, only = sys.argv[1:6]
    os.chdir(work)
    warnings.simplefilter("ignore")
    logging.getLogger("distributed.shuffle").setLevel(logging.ERROR)
    from nbreplay.store import Store
    from nbreplay.tasks import KernelCache, install

    store = Store.open(Path(store_dir))
    cache = KernelCache(store, serve=True, record=True, root=Path.cwd())
    install(cache)
    import dask
    import numpy as np
    import pandas as pd
    from distributed import Client, LocalCluster

    how, _, workers = kind.partition(":")
    cluster = LocalCluster(
        n_workers=int(workers), threads_per_worker=1, processes=how == "processes", dashboard_address=None
    )
    client = Client(cluster)
    home = {"__name__": "__main__", "np": np, "pd": pd, "dask": dask, "client": client, "Path": Path, "os": os}
    out = {}
    for name, source in CELLS.items():
        if only and name not in only.split(","):
            continue
        for edit in filter(None, edits.split(",")):
            before, after = EDITS[edit]
            source = source.replace(before, after)
        cache.begin(name)
        home["result"] = None
        exec(compile(source, f"<cell {name} of {os.getpid()}>", "exec"), home)
        told = cache.end()
        cache.settle()
        counts = told.counts
        assert counts.executed + counts.hit + counts.pruned + counts.cancelled == counts.total, (name, counts)
        ran = {k: v.executed for k, v in told.by_name.items() if v.executed}
        out[name] = {"value": repr(home["result"]), "ran": ran, "why": told.why, "problems": told.problems}
        out[name]["refused"] = counts.refused
    home.clear()
    cache.close()
    client.close()
    cluster.close()
    store.close()
    print("RESULT " + json.dumps(out))


CELLS = {
    "array": """
import dask.array as da
x = da.random.default_rng(7).random((120, 120), chunks=(60, 60))
def shift(block):
    return block + 1
y = x.map_blocks(shift, dtype=x.dtype) @ x.T
result = round(float(y.sum().compute()), 6)
""",
    "rechunk": """
ones = da.ones((40, 40), chunks=(10, 40)) + da.arange(40, chunks=40)
turned = ones.rechunk((40, 10), method="p2p")
POWER = 2
result = float((turned ** POWER).sum().compute())
""",
    "stored": """
class Target:
    # a store of its own, in files, one for each block
    def __init__(self, folder):
        self.folder = folder
        Path(folder).mkdir(exist_ok=True)
    def __setitem__(self, index, block):
        np.save(Path(self.folder) / f"{index[0].start}.npy", block)
data = da.arange(40, chunks=10) * 2
da.store(data, Target("blocks"), lock=False)
result = [int(np.load(f"blocks/{n}.npy").sum()) for n in (0, 10, 20, 30)]
""",
    "parquet": """
import dask.dataframe as dd
if not Path("trips").exists():
    Path("trips").mkdir()
    for n in range(4):
        rng = np.random.default_rng(n)
        frame = pd.DataFrame({"zone": rng.integers(0, 5, 200), "fare": rng.integers(1, 90, 200) / 4, "tip": 1.5})
        frame.to_parquet(f"trips/part.{n}.parquet")
trips = dd.read_parquet("trips")
TAX = 1.25
def taxed(part):
    part = part.copy()
    part["fare"] = part.fare * TAX
    return part
fares = trips.map_partitions(taxed).groupby("zone").agg({"fare": ["mean", "max"], "tip": "sum"})
result = fares.compute().round(4).sort_index().values.tolist()
""",
    "to_parquet": """
def doubled(part):
    return part.assign(tip=part.tip * 2)
trips.map_partitions(doubled).to_parquet("doubled", overwrite=False)
result = round(float(pd.read_parquet("doubled").tip.sum()), 4)
""",
    "merge": """
zones = pd.DataFrame({"zone": range(5), "weight": [1.0, 2.0, 3.0, 4.0, 5.0]})
left = dd.from_pandas(pd.DataFrame({"zone": np.arange(400) % 5, "fare": np.arange(400.0)}), npartitions=4)
right = dd.from_pandas(zones, npartitions=2)
joined = left.merge(right, on="zone", shuffle_method="p2p")
def weighted(part):
    return part.fare * part.weight * 1
result = float(joined.map_partitions(weighted, meta=("fare", "f8")).sum().compute())
""",
    "shuffle": """
spread = left.shuffle("zone", npartitions=3)
def biggest(part):
    return part.groupby("zone").fare.max()
result = sorted(spread.map_partitions(biggest, meta=("fare", "f8")).compute().items())
""",
    "from_map": """
def make(n, scale=1):
    return pd.DataFrame({"n": [n] * 3, "v": np.arange(3.0) * scale})
made = dd.from_map(make, [1, 2, 3], scale=2)
result = float(made.v.sum().compute())
""",
    "bag": """
import dask.bag as db
words = db.from_sequence(["it was the best", "of times it was", "the worst of times", "it was"], npartitions=4)
def split(line):
    return line.split()
def size(word):
    return len(word) + 0
counted = words.map(split).flatten().map(size)
result = sorted(counted.frequencies().compute())
""",
    "textfiles": """
def loud(line):
    return line.upper()
words.map(loud).to_textfiles("loud/*.txt")
result = [Path(f"loud/{n}.txt").read_text() for n in range(4)]
""",
    "delayed": """
LIMIT = 3
def keep(values):
    return [v for v in values if v % LIMIT]
@dask.delayed
def load(n):
    return list(range(n * 10))
@dask.delayed
def clean(values):
    return keep(values)
@dask.delayed(nout=2)
def parts(values):
    return min(values), max(values)
@dask.delayed
def join(pairs, scale=1):
    return sum(a + b for a, b in pairs) * scale
result = join([list(parts(clean(load(n)))) for n in range(1, 5)], scale=2).compute()
""",
    "as_completed": """
from distributed import as_completed
def simulate(n):
    return n ** 3
def refine(v, by):
    return v + by
found = []
for done in as_completed(client.map(simulate, range(6), pure=False)):
    found.append(client.submit(refine, done, 10, pure=False))
result = sorted(client.gather(found))
del found, done
""",
    "literals": """
big = np.arange(200_000.0)
table = pd.DataFrame({"a": np.arange(1000)})
def mean(values, frame, at):
    return float(values.mean() + frame.a[at])
futures = [client.submit(mean, big, table, n, pure=False) for n in range(3)]
result = client.gather(futures)
del futures
""",
    "persist": """
base = (da.ones(60, chunks=20) * 3).persist()
def plus(block):
    return block + 5
half = base.map_blocks(plus, dtype=float).persist()
result = float(half.sum().compute())
del base, half
""",
    "xarray": """
import xarray as xr
if not Path("sst.nc").exists():
    rng = np.random.default_rng(3)
    made = xr.Dataset({"sst": (("time", "x"), rng.random((12, 10)))}, coords={"time": range(12)})
    made.to_netcdf("sst.nc", engine="h5netcdf")
with xr.open_dataset("sst.nc", engine="h5netcdf", chunks={"time": 4}) as sea:
    def anomaly(block):
        return block - block.mean() + 0
    result = round(float(xr.apply_ufunc(anomaly, sea.sst, dask="parallelized").max().compute()), 6)
""",
}

EDITS = {
    "shift": ("block + 1\n", "block + 2\n"),
    "seed": ("default_rng(7)", "default_rng(8)"),
    "power": ("POWER = 2", "POWER = 3"),
    "plus_arange": ("+ da.arange(40", "+ 1 + da.arange(40"),
    "target": ("chunks=10) * 2", "chunks=10) * 4"),
    "tax": ("TAX = 1.25", "TAX = 1.5"),
    "max": ('["mean", "max"]', '["mean", "min"]'),
    "tip": ("part.tip * 2)", "part.tip * 3)"),
    "weighted": ("part.weight * 1", "part.weight * 2"),
    "joined": ("np.arange(400) % 5, ", "np.arange(400) % 4, "),
    "biggest": ("fare.max()", "fare.min()"),
    "thirds": ("npartitions=3)", "npartitions=2)"),
    "scale": ("scale=2)\nresult = float(made", "scale=3)\nresult = float(made"),
    "inputs": ("[1, 2, 3], scale", "[1, 2, 4], scale"),
    "size": ("len(word) + 0", "len(word) + 1"),
    "line": ('"it was"], np', '"it is"], np'),
    "loud": ("line.upper()", "line.title()"),
    "limit": ("LIMIT = 3", "LIMIT = 4"),
    "join": ("scale=2).compute()", "scale=3).compute()"),
    "refine": ("v + by", "v - by"),
    "one_more": ("range(6), pure", "range(7), pure"),
    "literal": ("np.arange(200_000.0)", "np.arange(200_001.0)"),
    "at": (
        "for n in range(3)]\nresult = client.gather(futures)",
        "for n in range(4)]\nresult = client.gather(futures)",
    ),
    "plus": ("block + 5", "block + 6"),
    "anomaly": ("block.mean() + 0", "block.mean() + 1"),
    "comment": ("return values ", "return values  # all of them "),
}

if __name__ == "__main__":
    main()
