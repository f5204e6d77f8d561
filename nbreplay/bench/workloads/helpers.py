"""Helpers: the code is in modules beside the notebook, the processor loaded from its file."""

from __future__ import annotations

from nbreplay.bench.model import Change, FileEdit, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

PROCESSOR = '''"""Events of one chunk: selected, weighed, and written as Parquet."""

import numpy as np
import pandas as pd

from utils.accumulate import merge
from utils.selection import passes


def process(path, out):
    chunk = pd.read_csv(path)
    kept = chunk[passes(chunk)]
    kept.to_parquet(out)
    edges = np.linspace(0, 200, 41)
    return {"kept": len(kept), "histogram": np.histogram(kept["mass"], edges, weights=kept["weight"])[0].round(6)}


def accumulate(parts):
    return merge(parts)
'''

SELECTION = '''"""Which events are kept."""

import numpy as np

LOW = 20.0


def passes(chunk):
    # above the threshold, and central
    return (chunk["mass"] > LOW) & (chunk["eta"].abs() < 2.4)


def unused(chunk):
    return np.sqrt(chunk["mass"])
'''

ACCUMULATE = '''"""Sums of what chunks gave."""


def merge(parts):
    total = {"kept": 0, "histogram": 0}
    for part in parts:
        total["kept"] += part["kept"]
        total["histogram"] = total["histogram"] + part["histogram"]
    return total
'''

SOURCE = """
# %%
import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
from dask import delayed
from dask.distributed import Client, LocalCluster

# %%
spec = importlib.util.spec_from_file_location("processor", "processors/processor.py")
processor = importlib.util.module_from_spec(spec)
spec.loader.exec_module(processor)

# %%
for folder in ("chunks", "kept"):
    Path(folder).mkdir(exist_ok=True)
chunks = []
for n in range(24):
    rng = np.random.default_rng(@seed@ + n)
    mass, eta = rng.exponential(50, @rows@), rng.normal(0, 1.5, @rows@)
    frame = pd.DataFrame({"mass": mass, "eta": eta, "weight": rng.random(@rows@)})
    chunks.append(f"chunks/{n}.csv")
    frame.round(5).to_csv(chunks[-1], index=False)

# %%
client = @cluster@

# %%
level = [delayed(processor.process)(path, path.replace("chunks", "kept").replace("csv", "parquet")) for path in chunks]
while len(level) > 1:
    level = [delayed(processor.accumulate)(level[n : n + 4]) for n in range(0, len(level), 4)]

# %%
result = level[0].compute()

# %%
print(result["kept"], "kept")
print(result["histogram"].round(2))
"""


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and of its modules, and what they must run."""
    everything = {"process": Tasks(executed=24), "accumulate": Tasks(executed=9)}
    return (
        Change(
            name="selection-helper",
            file_edits=(FileEdit(path="utils/selection.py", old="LOW = 20.0", new="LOW = 30.0"),),
            cells=(2, 5, 6, 7),
            tasks=everything,
            trap="nothing in the notebook changed",
        ),
        Change(
            name="selection-body",
            file_edits=(FileEdit(path="utils/selection.py", old="abs() < 2.4", new="abs() < 2.1"),),
            cells=(2, 5, 6, 7),
            tasks=everything,
        ),
        Change(
            name="unused-helper",
            file_edits=(FileEdit(path="utils/selection.py", old="np.sqrt(chunk", new="np.cbrt(chunk"),),
            may=(2, 5, 6, 7),
            tasks={"process": Tasks(), "accumulate": Tasks()},
            exact=False,
            trap="a helper that nobody uses",
        ),
        Change(
            name="helper-comment",
            file_edits=(FileEdit(path="utils/selection.py", old="# above the threshold", new="# over the threshold"),),
            may=(2, 5, 6, 7),
            tasks={"process": Tasks(), "accumulate": Tasks()},
            exact=False,
        ),
        Change(
            name="accumulation-helper",
            file_edits=(FileEdit(path="utils/accumulate.py", old='part["kept"]\n', new='part["kept"] * 2\n'),),
            cells=(2, 5, 6, 7),
            tasks={"process": Tasks(hit=24), "accumulate": Tasks(executed=9)},
        ),
        Change(name="text", edits=(Edit(cell=7, old='"kept")', new='"were kept")'),), cells=(7,)),
    )


WORKLOAD = Workload(
    name="helpers",
    title="Helpers",
    source=SOURCE,
    sizes={"smoke": {"rows": 50}, "small": {"rows": 2_000}, "medium": {"rows": 80_000}, "large": {"rows": 800_000}},
    changes=changes,
    tasks=lambda _: {"process": 24, "accumulate": 9},
    ideal=Ideal(change="selection-helper", before=(1, 3), timed=(4, 2, 5, 6, 7)),
    files={
        "processors/processor.py": PROCESSOR,
        "utils/__init__.py": "",
        "utils/selection.py": SELECTION,
        "utils/accumulate.py": ACCUMULATE,
    },
    needs=("numpy", "pandas", "pyarrow"),
)
