"""Climate: the notebook of the demo, over the Parquet files that it is given."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.demo.tour import INPUT, NOTEBOOK, THRESHOLD, WEIGHTS
from nbreplay.demo.weather import write_observations
from nbreplay.share.notebook import code_cells, read_notebook, source_of


def source() -> str:
    """Return the cells of the shipped notebook."""
    return "".join(f"# %%\n{source_of(cell)}\n" for cell in code_cells(read_notebook(NOTEBOOK)))


SUMMARY = {
    name: Tasks()
    for name in (
        "read_parquet-fused-assign",
        "mean_chunk",
        "mean-tree",
        "chunk",
        "max-tree",
        "getitem-chunk",
        "sum-tree",
    )
}
"""Reading, anomaly and aggregation: none of it runs. Dask names, and counts, what is left: score and filter."""


def changes(_: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    return (
        Change(
            name="threshold",
            edits=(THRESHOLD,),
            cells=(3,),
            tasks=SUMMARY,
            exact=False,
            trap="score and filter are one fused task",
        ),
        Change(
            name="weights",
            edits=(WEIGHTS,),
            cells=(2, 3),
            tasks=SUMMARY,
            exact=False,
            trap="the persisted summary comes from the store on a new cluster",
        ),
    )


WORKLOAD = Workload(
    name="climate",
    title="Climate",
    source=source(),
    sizes={
        "smoke": {"parts": 2, "copies": 1},
        "small": {"parts": 4, "copies": 4},
        "medium": {"parts": 12, "copies": 48},
        "large": {"parts": 120, "copies": 48},
    },
    changes=changes,
    tasks=lambda _: {},
    ideal=Ideal(
        change="threshold",
        before=(
            "import dask.dataframe as dd\nimport pandas as pd\nfrom dask.distributed import LocalCluster, Client\n"
            "import dask\nwith dask.config.set(scheduler='sync'):\n"
            "    observations = dd.read_parquet('observations')\n"
            "    baseline = float(observations['temperature'].mean().compute())\n"
            "    observations['anomaly'] = observations['temperature'] - baseline\n"
            "    by_station = observations.groupby('station')\n"
            "    parts = [by_station['anomaly'].mean().rename('mean'), by_station['anomaly'].max().rename('hottest'),\n"
            "             by_station['rain'].sum().rename('rain')]\n"
            "    summary_value = dd.concat(parts, axis=1).compute()\n",
            "def risk_score(part):\n    return part.assign(risk=0.8 * part['hottest'] + 0.2 * part['rain'] / 1000)\n",
        ),
        timed=(
            "client = @cluster@",
            "scored = dd.from_pandas(summary_value, npartitions=1, sort=False).map_partitions(risk_score)",
            3,
        ),
    ),
    needs=("pandas", "pyarrow"),
    make_input=lambda folder, values: write_observations(folder / INPUT, **values),
)
