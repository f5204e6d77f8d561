"""Futures: submit, as_completed and scatter with random keys, and a cell that closes everything."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
import numpy as np
from dask.distributed import Client, LocalCluster, as_completed

THRESHOLD = 0.1

# %%
client = @cluster@

# %%
SIDE = @side@
paths = []
for n in range(4):
    rng = np.random.default_rng(@seed@ + n)
    field = np.zeros((SIDE, SIDE))
    for _ in range(@cells@):
        y, x, r = rng.integers(0, SIDE), rng.integers(0, SIDE), rng.integers(2, max(3, SIDE // 20))
        block = field[max(0, y - r) : y + r, max(0, x - r) : x + r]
        block += rng.random() * 0.3
    paths.append(f"rain-{n}.npy")
    np.save(paths[-1], field)
coords = (np.linspace(-10, 10, SIDE), np.linspace(0, 40, SIDE))

# %%
def mask(path, threshold):
    field = np.load(path)
    smooth = field.copy()
    for _ in range(@passes@):
        smooth[1:-1, 1:-1] = (smooth[:-2, 1:-1] + smooth[2:, 1:-1] + smooth[1:-1, :-2] + smooth[1:-1, 2:]) / 4
    return smooth > threshold


masks = [client.submit(mask, path, THRESHOLD) for path in paths]

# %%
def label(wet):
    """Number the connected areas: minimum spreads to neighbours until nothing changes."""
    names = np.where(wet, np.arange(1, wet.size + 1).reshape(wet.shape), wet.size + 1)
    while True:
        before = names
        names = names.copy()
        for axis in (0, 1):
            for step in (1, -1):
                names = np.where(wet, np.minimum(names, np.roll(names, step, axis)), names)
        names = np.where(wet, names, wet.size + 1)
        if (names == before).all():
            break
    found, flat = np.unique(np.where(wet, names, 0), return_inverse=True)
    return flat.reshape(wet.shape).astype(np.int32)


labels = [client.submit(label, one, pure=False) for one in masks]


def collect(futures):
    order = {future.key: n for n, future in enumerate(futures)}
    found = {order[future.key]: value for future, value in as_completed(futures, with_results=True)}
    return dict(sorted(found.items()))


areas = collect(labels)

# %%
sizes = {n: np.sort(np.bincount(a.ravel())[1:])[::-1][:5].tolist() for n, a in areas.items()}
moved = [float(np.mean(areas[n] != areas[n - 1])) for n in range(1, 4)]

# %%
def plot_bytes(areas_of, where, color=1):
    y, x = where
    step = max(1, len(y) // 40)
    rows = ["".join(" .oO#"[color * min(4, int(v))] if v else " " for v in row[::step]) for row in areas_of[::step]]
    return "\\n".join([f"{x[0]:.0f} to {x[-1]:.0f}", *rows]).encode()


shared = client.scatter(coords)
plots = [client.submit(plot_bytes, one, shared, pure=False) for one in labels]
pictures = client.gather(plots)

# %%
print("largest areas", sizes, "moved", [f"{m:.4f}" for m in moved])
print(pictures[0].decode()[:400])

# %%
client.close()
client.cluster.close()
'''


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    return (
        Change(
            name="threshold",
            edits=(Edit(cell=1, old="THRESHOLD = 0.1", new="THRESHOLD = 0.2"),),
            cells=(1, 4, 5, 6, 7, 8),
            may=(9,),
            tasks={"mask": Tasks(executed=4), "label": Tasks(executed=4), "plot_bytes": Tasks(executed=4)},
            trap="random keys, and cell 9 must not have closed what cell 7 needs",
        ),
        Change(
            name="color",
            edits=(Edit(cell=7, old='" .oO#"[color', new='" :*%@"[color'),),
            cells=(7, 8),
            may=(9,),
            tasks={"plot_bytes": Tasks(executed=4)},
            trap="the futures of cell 5 come from the store",
        ),
        Change(name="text", edits=(Edit(cell=8, old='"moved"', new='"changed"'),), cells=(8,)),
    )


WORKLOAD = Workload(
    name="futures",
    title="Futures",
    source=SOURCE,
    sizes={
        "smoke": {"side": 40, "cells": 12, "passes": 2},
        "small": {"side": 200, "cells": 60, "passes": 10},
        "medium": {"side": 700, "cells": 200, "passes": 40},
        "large": {"side": 1400, "cells": 400, "passes": 80},
    },
    changes=changes,
    tasks=lambda _: {"mask": 4, "label": 4, "plot_bytes": 4},
    ideal=Ideal(change="threshold", before=(1, 3), timed=(2, 1, 4, 5, 6, 7, 8, 9)),
)
