"""Ocean: anomalies of sea temperature with xarray, over NetCDF files."""

from __future__ import annotations

from nbreplay.bench.model import Change, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = """
# %%
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from dask.distributed import Client, LocalCluster

YEARS = @years@
BASE = slice(0, 2)

# %%
Path("sst").mkdir(exist_ok=True)
files = []
for year in range(YEARS):
    rng = np.random.default_rng(@seed@ + year)
    days = pd.date_range(f"{2000 + year}-01-01", periods=@days@, freq=f"{365 // @days@}D")
    season = 5 * np.cos(2 * np.pi * days.day_of_year.to_numpy() / 365)
    values = 15 + season[:, None, None] + rng.normal(0, 1, (len(days), @side@, 2 * @side@)) + 0.1 * year
    field = xr.DataArray(
        values.astype("float32"),
        dims=("time", "lat", "lon"),
        coords={"time": days, "lat": np.linspace(-60, 60, @side@), "lon": np.linspace(0, 359, 2 * @side@)},
        name="sst",
    )
    files.append(f"sst/{2000 + year}.nc")
    field.to_netcdf(files[-1], engine="h5netcdf")

# %%
client = @cluster@

# %%
ocean = xr.open_mfdataset(files, engine="h5netcdf", combine="by_coords", chunks={"time": @days@})

# %%
monthly = ocean["sst"].groupby("time.month")
base = ocean["sst"].isel(time=slice(BASE.start * @days@, BASE.stop * @days@)).groupby("time.month").mean("time")
anomaly = (monthly - base).persist()

# %%
by_year = anomaly.groupby("time.year").mean("time").compute()
print(by_year.mean(("lat", "lon")).values.round(3).tolist())

# %%
point = (10.0, 200.0)
series = by_year.sel(lat=point[0], lon=point[1], method="nearest").to_numpy().copy()
print(series.round(3).tolist())

# %%
by_year.to_netcdf("anomaly.nc", engine="h5netcdf")
print(by_year.shape)
"""


OPEN = "original"
"""How xarray calls the task that opens a file; the numbers of the others are Dask's."""


def changes(p: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    years = p["years"]
    return (
        Change(
            name="base-period",
            edits=(Edit(cell=1, old="slice(0, 2)", new="slice(1, 3)"),),
            cells=(1, 4, 5, 6, 7, 8),  # 4 saw the times of files, which stand as recorded only behind recorded cells
            tasks={OPEN: Tasks()},
            exact=False,
        ),
        Change(name="point", edits=(Edit(cell=7, old="(10.0, 200.0)", new="(-20.0, 100.0)"),), cells=(7,)),
        Change(
            name="one-file",
            edits=(
                Edit(
                    cell=2,
                    old="default_rng(@seed@ + year)",
                    new=f"default_rng(@seed@ + year + 50 * (year == {years - 1}))",
                ),
            ),
            cells=(2, 4, 5, 6, 7, 8),
            tasks={OPEN: Tasks(executed=1)},
            exact=False,
        ),
        Change(
            name="one-more-file",
            edits=(Edit(cell=1, old=f"YEARS = {years}", new=f"YEARS = {years + 1}"),),
            cells=(1, 2, 4, 5, 6, 7, 8),
            tasks={OPEN: Tasks(executed=1)},
            exact=False,
        ),
        Change(name="text", edits=(Edit(cell=8, old="print(by_year.shape)", new="print(by_year.dims)"),), cells=(8,)),
    )


WORKLOAD = Workload(
    name="ocean",
    title="Ocean",
    source=SOURCE,
    sizes={
        "smoke": {"years": 3, "days": 12, "side": 6},
        "small": {"years": 4, "days": 73, "side": 30},
        "medium": {"years": 6, "days": 182, "side": 90},
        "large": {"years": 20, "days": 365, "side": 120},
    },
    changes=changes,
    tasks=lambda _: {},
    ideal=Ideal(change="base-period", before=(2,), timed=(3, 1, 4, 5, 6, 7, 8)),
    needs=("numpy", "pandas", "xarray", "h5netcdf"),
)
