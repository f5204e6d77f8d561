"""MapReduce: statistics of text files, 13 tasks in a tree of 8, 4 and 1."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
import json
from pathlib import Path

import numpy as np
from dask import delayed
from dask.distributed import Client, LocalCluster

N_FILES = 8
RECORDS = @records@
SEED = @seed@
WIDTH = 2

# %%
Path("data").mkdir(exist_ok=True)
means, sigmas = np.array([10, 20, 30, 40]), np.array([2, 4, 6, 8])
for i in range(N_FILES):
    rng = np.random.default_rng(SEED + i)
    group = rng.integers(0, 4, RECORDS)
    value = np.rint(rng.normal(means[group], sigmas[group]) * 1000).astype(int)
    lines = [f"{'ABCD'[g]},{v // 1000}.{v % 1000:03}" for g, v in zip(group.tolist(), value.tolist())]
    Path(f"data/part-{i}.csv").write_text("group,value\\n" + "\\n".join(lines) + "\\n")

# %%
files = sorted(str(path) for path in Path("data").glob("part-*.csv"))

# %%
def parse(line):
    """Values are whole thousandths, so that sums are exact."""
    group, _, value = line.rstrip().partition(",")
    whole, _, part = value.partition(".")
    return group, int(whole) * 1000 + int(part)


def map_file(path):
    counts, total, least, most = {}, 0, None, None
    with open(path) as lines:
        next(lines)
        for line in lines:
            group, value = parse(line)
            counts[group] = counts.get(group, 0) + 1
            total += value
            least = value if least is None or value < least else least
            most = value if most is None or value > most else most
    # what a reducer needs
    return {"count": sum(counts.values()), "sum": total, "min": least, "max": most, "groups": counts}


def combine(parts):
    groups = {}
    for part in parts:
        for group, count in part["groups"].items():
            groups[group] = groups.get(group, 0) + count
    return {
        "count": sum(part["count"] for part in parts),
        "sum": sum(part["sum"] for part in parts),
        "min": min(part["min"] for part in parts),
        "max": max(part["max"] for part in parts),
        "groups": dict(sorted(groups.items())),
    }


def final(parts):
    whole = combine(parts)
    return {
        "count": whole["count"],
        "mean": round(whole["sum"] / whole["count"] / 1000, 3),
        "min": whole["min"] / 1000,
        "max": whole["max"] / 1000,
        "groups": whole["groups"],
    }

# %%
client = @cluster@

# %%
mapped = [delayed(map_file)(path) for path in files]
combined = [delayed(combine)(mapped[i : i + WIDTH]) for i in range(0, len(mapped), WIDTH)]
answer = delayed(final)(combined)

# %%
result = answer.compute()

# %%
print(json.dumps(result, indent=1))

# %%
bins = 4
for group, count in result["groups"].items():
    print(group, "#" * round(count * bins * 4 / result["count"]), count)
'''


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    return (
        Change(
            name="width",
            edits=(Edit(cell=1, old="WIDTH = 2", new="WIDTH = 4"),),
            cells=(1, 6, 7),
            tasks={"map_file": Tasks(hit=8), "combine": Tasks(executed=2), "final": Tasks(executed=1)},
            trap="sums are exact, so the result is equal, and the cells that show it are restored",
        ),
        Change(
            name="seed-of-file-3",
            edits=(Edit(cell=2, old="default_rng(SEED + i)", new="default_rng(SEED + i + 100 * (i == 3))"),),
            cells=(2, 7, 8, 9),
            tasks={
                "map_file": Tasks(executed=1, hit=1, pruned=6),
                "combine": Tasks(executed=1, hit=3),
                "final": Tasks(executed=1),
            },
            trap="seven files are written again with equal bytes; the eighth is read by workers only",
        ),
        Change(
            name="ninth-file",
            edits=(Edit(cell=1, old="N_FILES = 8", new="N_FILES = 9"),),
            cells=(1, 2, 3, 6, 7, 8, 9),
            tasks={
                "map_file": Tasks(executed=1, pruned=8),
                "combine": Tasks(executed=1, hit=4),
                "final": Tasks(executed=1),
            },
        ),
        Change(
            name="final-rounds-to-6",
            edits=(Edit(cell=4, old="/ 1000, 3)", new="/ 1000, 6)"),),
            cells=(4, 6, 7, 8, 9),
            tasks={"map_file": Tasks(pruned=8), "combine": Tasks(hit=4), "final": Tasks(executed=1)},
            trap="the other functions of the cell are unchanged",
        ),
        Change(
            name="map-same-values",
            edits=(
                Edit(
                    cell=4,
                    old='"count": sum(counts.values()), "sum": total',
                    new='"count": sum(counts[g] for g in counts), "sum": total',
                ),
            ),
            cells=(4, 6, 7),
            tasks={"map_file": Tasks(executed=8), "combine": Tasks(hit=4), "final": Tasks(hit=1)},
            trap="early cut-off: the values are what they were",
        ),
        Change(
            name="helper-parse",
            edits=(Edit(cell=4, old="int(whole) * 1000 + int(part)", new="int(whole) * 1000 + int(part) + 1"),),
            cells=(4, 6, 7, 8, 9),
            tasks={"map_file": Tasks(executed=8), "combine": Tasks(executed=4), "final": Tasks(executed=1)},
            trap="a helper that no graph names",
        ),
        Change(name="bins", edits=(Edit(cell=9, old="bins = 4", new="bins = 8"),), cells=(9,), trap="no cluster"),
        Change(
            name="comment",
            edits=(Edit(cell=4, old="# what a reducer needs", new="# all that a reducer needs"),),
            trap="no cell, no cluster",
        ),
    )


WORKLOAD = Workload(
    name="mapreduce",
    title="MapReduce",
    source=SOURCE,
    sizes={
        "smoke": {"records": 200},
        "small": {"records": 5_000},
        "medium": {"records": 400_000},
        "large": {"records": 4_000_000},
    },
    changes=changes,
    tasks=lambda _: {"map_file": 8, "combine": 4, "final": 1},
    ideal=Ideal(
        change="width",
        before=(1, 2, 3, 4, "done = [map_file(path) for path in files]\ndel group"),
        timed=(
            5,
            1,
            "combined = [delayed(combine)(done[i : i + WIDTH]) for i in range(0, len(done), WIDTH)]\n"
            "answer = delayed(final)(combined)",
            7,
        ),
    ),
    functions=("4:map_file", "4:combine", "4:final"),
)
