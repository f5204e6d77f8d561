"""Every way to give Dask work, in one process on one cluster; prints what ran, as JSON. Run by test_repeat.py.

Arguments: store, work folder, kind of cluster (``threads``, ``processes`` or an address), mode
(``audit``/``repeat``), edit.
"""

import json
import sys
import time
from pathlib import Path


def main():
    store_dir, work, kind, mode, edit = sys.argv[1:6]
    only = sys.argv[6].split(",") if len(sys.argv) > 6 else None
    import os

    os.chdir(work)
    from nbreplay.config import Settings
    from nbreplay.store import Store
    from nbreplay.tasks import KernelCache, install

    store = Store.open(Path(store_dir))
    cache = KernelCache(store, serve=mode == "repeat", record=True, root=Path.cwd(), settings=Settings())
    install(cache)
    import dask
    import numpy as np
    import pandas as pd
    from distributed import Client, LocalCluster

    cluster = None
    if kind in ("threads", "processes"):
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=kind == "processes", dashboard_address=None)
        client = Client(cluster)
    else:
        client = Client(kind)
    home: dict = {"__name__": "__main__", "np": np, "pd": pd, "dask": dask, "client": client, "Path": Path}
    out = {}
    for name, source in CELLS.items():
        if only is not None and name not in only:
            continue
        for one in edit.split(",") if edit else ():
            source = source.replace(*EDITS[one])
        cache.begin(name)
        home["result"] = None
        began = time.perf_counter()
        exec(compile(source, f"<cell {name}>", "exec"), home)
        told = cache.end()
        counts = told.counts
        assert counts.executed + counts.hit + counts.pruned + counts.cancelled == counts.total, (name, counts)
        out[name] = {
            "value": repr(home["result"]),
            "executed": counts.executed,
            "hit": counts.hit,
            "pruned": counts.pruned,
            "total": counts.total,
            "refused": counts.refused,
            "by_name": {k: v.executed for k, v in told.by_name.items() if v.executed},
            "problems": told.problems,
            "why": told.why,
            "reads": sorted(told.files_read),
            "writes": sorted(told.files_written),
            "s": time.perf_counter() - began,
        }
    home.clear()
    cache.close()
    client.close()
    if cluster is not None:
        cluster.close()
    store.close()
    print("RESULT " + json.dumps(out))


CELLS = {
    "delayed": """
FACTOR = 3
def helper(x):
    return x * FACTOR
@dask.delayed
def load(n):
    sum(range(500_000))
    return np.arange(n * 1000.0)
@dask.delayed
def scale(a):
    return helper(a) + 1
@dask.delayed
def total(parts):
    return float(sum(p.sum() for p in parts))
result = total([scale(load(n)) for n in range(1, 6)]).compute()
""",
    "futures": """
def mask(n):
    return list(range(n * 100))
def label(m, k):
    return [k + v % 7 for v in m]
def size(parts, coords):
    return sum(map(sum, parts)) + sum(coords)
masks = [client.submit(mask, n, pure=False) for n in range(4)]
labels = [client.submit(label, m, 2, pure=False) for m in masks]
coords = client.scatter([[1, 2, 3]])[0]
result = client.submit(size, labels, coords, pure=False).result()
del masks, labels, coords
""",
    "map": """
tiles = [np.full((8, 8), n % 3) for n in range(12)]
def convolve(tile, by):
    return (tile * by).sum()
made = client.map(convolve, tiles, by=5, pure=False)
result = [int(v) for v in client.gather(made)]
del made
""",
    "array": """
import dask.array as da
x = da.random.default_rng(7).random((400, 400), chunks=(100, 100))
def shift(block):
    return block + 1
y = (x + x.T).map_blocks(shift)
result = round(float(y.sum().compute()), 6)
""",
    "frame": """
import dask.dataframe as dd
if not Path("stations").exists():
    Path("stations").mkdir()
    for n in range(4):
        rng = np.random.default_rng(n)
        pd.DataFrame(
            {"station": rng.integers(0, 5, 500), "temp": rng.normal(10, 3, 500).round(3), "base": 9.0, "rain": 1.5}
        ).to_parquet(f"stations/part.{n}.parquet")
df = dd.read_parquet("stations")
df["anomaly"] = df.temp - df.base
summary = df.groupby("station").agg({"anomaly": ["mean", "max"], "rain": "sum"}).persist()
def risk(part):
    return part["anomaly"]["mean"] * 2 + part["rain"]["sum"]
scores = summary.map_partitions(risk, meta=("risk", "f8"))
high = scores[scores > 100]
result = sorted(high.compute().round(6).items())
del summary, scores, high
""",
    "files": """
Path("out").mkdir(exist_ok=True)
if not Path("raw").exists():
    Path("raw").mkdir()
    for n in range(3):
        Path(f"raw/{n}.csv").write_text("".join(f"{n},{i}\\n" for i in range(50)))
BASE = 10
def clean(raw, out):
    rows = Path(raw).read_text().splitlines()
    Path(out).write_text("\\n".join(rows[1:]))
    return len(rows)
def anomalies(src, out, base):
    values = [int(r.split(",")[1]) - base for r in Path(src).read_text().splitlines()]
    Path(out).write_text("\\n".join(map(str, values)))
    return len(values)
here = Path.cwd()
paths = [(str(here / f"raw/{n}.csv"), str(here / f"out/{n}.c"), str(here / f"out/{n}.a")) for n in range(3)]
rows = client.gather([client.submit(clean, raw, out, pure=False) for raw, out, _ in paths])
more = client.gather([client.submit(anomalies, out, last, BASE, pure=False) for _, out, last in paths])
result = rows, more, [Path(f"out/{n}.a").read_text()[:20] for n in range(3)]
""",
}

EDITS = {
    "scale": ("helper(a) + 1", "helper(a) + 2"),
    "factor": ("FACTOR = 3", "FACTOR = 4"),
    "same": ("helper(a) + 1", "1 + helper(a)"),
    "comment": ("return helper(a) + 1", "return helper(a) + 1  # one more"),
    "label": ("[k + v % 7 for", "[k + v % 8 for"),
    "tile": ("np.full((8, 8), n % 3)", "np.full((8, 8), n % 3 if n else 9)"),
    "shift": ("block + 1", "block + 2"),
    "risk": ('["mean"] * 2', '["mean"] * 3'),
    "base": ("BASE = 10", "BASE = 20"),
}

if __name__ == "__main__":
    main()
