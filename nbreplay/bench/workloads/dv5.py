"""DV5: a skim of collision events, jagged arrays of jets, four tasks with flags from globals."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
from itertools import combinations
from pathlib import Path

import dask
import numpy as np
from dask import delayed
from dask.distributed import Client, LocalCluster

# %%
REGION = "nolepton"
N_ECF = 3
BETAS = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
VERBOSE = False

# %%
DATASETS = {"qcd": 2, "hgg": 2}
TRIGGERS = ["jet_1", "jet_2", "ht_1", "ht_2", "met_1"]
RUN_TRIGGERS = ["jet_1", "jet_2", "ht_1", "ht_2", "met_1", "met_2"]

# %%
def write_events(path, seed, events=@events@):
    """Offsets and values: per event a number of leptons and of constituents of its fat jet."""
    rng = np.random.default_rng(seed)
    leptons, parts = rng.poisson(0.7, events), rng.integers(3, 9, events)
    made = {
        "weight": rng.normal(1, 0.1, events),
        "lepton_offset": np.concatenate([[0], leptons.cumsum()]),
        "lepton_pt": rng.exponential(30, leptons.sum()),
        "lepton_iso": rng.random(leptons.sum()),
        "part_offset": np.concatenate([[0], parts.cumsum()]),
        "part_pt": rng.exponential(25, parts.sum()),
        "part_eta": rng.normal(0, 0.4, parts.sum()),
        "part_phi": rng.normal(0, 0.4, parts.sum()),
        "btag": rng.random(parts.sum()),
    }
    made |= {trigger: rng.random(events) < 0.2 + 0.05 * n for n, trigger in enumerate(RUN_TRIGGERS)}
    np.savez(path, **made)


Path("events").mkdir(exist_ok=True)
paths = {}
for name, count in DATASETS.items():
    paths[name] = [f"events/{name}-{n}.npz" for n in range(count)]
    for n, path in enumerate(paths[name]):
        write_events(path, @seed@ + 100 * len(paths) + n)

# %%
def analysis(path, dataset):
    """Skim one file and fill its cut flow."""
    with np.load(path) as file:
        events = {name: file[name] for name in file.files}
    n = events["weight"].size
    keep = np.zeros(n, bool)
    for trigger in TRIGGERS:
        keep |= events[trigger]
    flow = {"all": n, "trigger": int(keep.sum())}

    owner = np.repeat(np.arange(n), np.diff(events["lepton_offset"]))
    good = (events["lepton_pt"] > 20) & (events["lepton_iso"] < 0.4)
    leptons = np.bincount(owner[good], minlength=n)
    keep &= leptons == 0 if REGION == "nolepton" else leptons == 1
    flow["leptons"] = int(keep.sum())

    owner = np.repeat(np.arange(n), np.diff(events["part_offset"]))
    tags = np.bincount(owner[events["btag"] > 0.9], minlength=n)
    keep &= tags >= (1 if dataset == "hgg" else 0)
    keep &= np.bincount(owner, weights=events["part_pt"], minlength=n) > 60
    flow["fat jet"] = int(keep.sum())

    position = np.arange(owner.size) - events["part_offset"][owner]
    shape = (n, 8)
    pt, eta, phi = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for array, key in ((pt, "part_pt"), (eta, "part_eta"), (phi, "part_phi")):
        array[owner, position] = events[key]
    pt, eta, phi = pt[keep], eta[keep], phi[keep]
    pt /= np.maximum(pt.sum(axis=1, keepdims=True), 1e-9)
    distance = np.hypot(eta[:, :, None] - eta[:, None], phi[:, :, None] - phi[:, None])
    ecf = {}
    for order in range(2, N_ECF + 1):
        for beta in BETAS:
            total = np.zeros(len(pt))
            scaled = distance**beta
            for chosen in combinations(range(8), order):
                angles = np.ones(len(pt))
                for a, b in combinations(chosen, 2):
                    angles *= scaled[:, a, b]
                total += pt[:, chosen].prod(axis=1) * angles
            ecf[order, beta] = float((total * events["weight"][keep]).mean())
    return {"flow": flow, "weight": float(events["weight"][keep].sum()), "ecf": ecf}

# %%
client = @cluster@

# %%
skims = {name: [delayed(analysis)(path, name) for path in files] for name, files in paths.items()}

# %%
(skimmed,) = dask.compute(skims)

# %%
for name, parts in skimmed.items():
    flow = {cut: sum(part["flow"][cut] for part in parts) for cut in parts[0]["flow"]}
    print(name, flow, f"{sum(part['weight'] for part in parts):.4f}")
    if VERBOSE:
        print(parts[0]["ecf"])
'''


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    everything = {"analysis": Tasks(executed=4)}
    return (
        Change(
            name="region",
            edits=(Edit(cell=2, old='REGION = "nolepton"', new='REGION = "onemuon"'),),
            cells=(2, 7, 8, 9),
            may=(5,),
            tasks=everything,
            trap="a global of another cell, captured by the function",
        ),
        Change(
            name="n-ecf",
            edits=(Edit(cell=2, old="N_ECF = 3", new="N_ECF = 4"),),
            cells=(2, 7, 8, 9),
            may=(5,),
            tasks=everything,
        ),
        Change(
            name="one-more-trigger",
            edits=(Edit(cell=3, old='"ht_2", "met_1"]', new='"ht_2", "met_1", "met_2"]'),),
            cells=(3, 7, 8, 9),
            may=(5,),
            tasks=everything,
            trap="a global list",
        ),
        Change(
            name="verbose",
            edits=(Edit(cell=2, old="VERBOSE = False", new="VERBOSE = True"),),
            cells=(2, 9),
            trap="in the cell of REGION, without effect on tasks",
        ),
        Change(
            name="third-data-set",
            edits=(Edit(cell=3, old='"hgg": 2', new='"hgg": 2, "zqq": 2'),),
            cells=(3, 4, 7, 8, 9),
            tasks={"analysis": Tasks(executed=2, hit=4)},
        ),
        Change(
            name="docstring",
            edits=(Edit(cell=5, old="Skim one file and fill its cut flow.", new="Skim one file."),),
            cells=(5,),
            may=(7, 8, 9),
            exact=False,
        ),
    )


WORKLOAD = Workload(
    name="dv5",
    title="DV5",
    source=SOURCE,
    sizes={
        "smoke": {"events": 300},
        "small": {"events": 5_000},
        "medium": {"events": 60_000},
        "large": {"events": 600_000},
    },
    changes=changes,
    tasks=lambda _: {"analysis": 4},
    ideal=Ideal(change="region", before=(1, 3, 4, 5), timed=(6, 2, 7, 8, 9)),
    functions=("5:analysis",),
)
