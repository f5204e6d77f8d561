"""CTrend: 120 tasks that tell each other nothing but through CSV files."""

from __future__ import annotations

from nbreplay.bench.model import Change, FileEdit, Ideal, Parameters, Tasks, Workload
from nbreplay.share.edits import Edit

SOURCE = '''
# %%
from pathlib import Path

import dask
import numpy as np
from dask import delayed
from dask.distributed import Client, LocalCluster

N = @stations@
BASE = (1991, 2020)
RAW, OUT = str(Path.cwd() / "raw"), str(Path.cwd() / "out")

# %%
def write_station(path, n):
    rng = np.random.default_rng(@seed@ + n)
    days = np.arange(0, 365 * @years@, @step@)
    year, day = 2021 - @years@ + days // 365, days % 365
    values = 10 + n % 7 - 9 * np.cos(2 * np.pi * day / 365) + 0.02 * (year - 1991) + rng.normal(0, 2, days.size)
    there = rng.random(days.size) > 0.05
    rows = [
        f"{y},{d},{v:.2f}" if ok else f"{y},{d},"
        for y, d, v, ok in zip(year.tolist(), day.tolist(), values.tolist(), there.tolist())
    ]
    Path(path).write_text("year,day,temperature\\n" + ("" if n in (5, 6, 9) else "\\n".join(rows) + "\\n"))


Path(RAW).mkdir(exist_ok=True)
seeds = list(range(N))
for n in range(N):
    write_station(f"{RAW}/{n}.csv", seeds[n])
stations = [f"{n}.csv" for n in range(N)]

# %%
def load_and_clean(raw, out):
    """Rows without a value, and far outliers, are dropped."""
    rows = []
    with open(raw) as lines:
        next(lines)
        for line in lines:
            year, day, value = line.rstrip().split(",")
            if value and -60 < float(value) < 60:
                rows.append(f"{year},{int(day) // 31 + 1},{float(value):.2f}")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text("\\n".join(["year,month,temperature", *rows]) + "\\n")
    return len(rows)


def monthly_anomalies(cleaned, out, y0, y1):
    sums, base = {}, {}
    with open(cleaned) as lines:
        next(lines)
        for line in lines:
            year, month, value = line.rstrip().split(",")
            year, month, value = int(year), int(month), float(value)
            total, count = sums.get((year, month), (0.0, 0))
            sums[year, month] = total + value, count + 1
            if y0 <= year <= y1:
                total, count = base.get(month, (0.0, 0))
                base[month] = total + value, count + 1
    rows = [
        f"{year},{month},{total / count - base[month][0] / base[month][1]:.4f}"
        for (year, month), (total, count) in sorted(sums.items())
    ]
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text("\\n".join(["year,month,anomaly", *rows]) + "\\n")
    return len(rows)


def annual_means(files, out):
    years = {}
    for path in files:
        with open(path) as lines:
            next(lines)
            for line in lines:
                year, _, value = line.split(",")
                years.setdefault(int(year), []).append(float(value))
    rows = [f"{year},{sum(values) / len(values):.5f}" for year, values in sorted(years.items())]
    Path(out).write_text("\\n".join(["year,anomaly", *rows]) + "\\n")
    return len(rows)


def trend(annual, out):
    year, value = np.loadtxt(annual, delimiter=",", skiprows=1, unpack=True)
    slope, offset = np.polyfit(year - year.mean(), value, 1)
    Path(out).write_text(f"slope,offset\\n{slope:.6f},{offset:.6f}\\n")
    return 1

# %%
client = @cluster@

# %%
cleaned = dask.compute(*[delayed(load_and_clean)(f"{RAW}/{s}", f"{OUT}/cleaned/{s}") for s in stations])
monthly = dask.compute(
    *[delayed(monthly_anomalies)(f"{OUT}/cleaned/{s}", f"{OUT}/monthly/{s}", *BASE) for s in stations]
)
years = delayed(annual_means)([f"{OUT}/monthly/{s}" for s in stations], f"{OUT}/annual.csv").compute()
fits = delayed(trend)(f"{OUT}/annual.csv", f"{OUT}/trend.csv").compute()

# %%
annual = np.loadtxt(f"{OUT}/annual.csv", delimiter=",", skiprows=1)
slope, offset = np.loadtxt(f"{OUT}/trend.csv", delimiter=",", skiprows=1)

# %%
print(f"{sum(cleaned)} readings, {sum(monthly)} months, {years} years, mean {offset:+.3f}")
print(f"{slope * 10:+.3f} degrees in ten years")

# %%
title = "Annual anomaly"
print(title)
for year, value in annual[:: max(1, len(annual) // 12)]:
    print(int(year), f"{value:+.2f}", " " * max(0, round(12 + value * 6)) + "o")
'''

PHASES = ("load_and_clean", "monthly_anomalies", "annual_means", "trend")
BASE = Edit(cell=1, old="BASE = (1991, 2020)", new="BASE = (1981, 2010)")


RACING = {"load_and_clean": 1}
"""Of two workers that find no folder for the results, one makes it, and the other recorded that there was none."""


def per_phase(*of_each: Tasks) -> dict[str, Tasks]:
    """Return *of_each* by the name of its phase."""
    return dict(zip(PHASES, of_each, strict=True))


def changes(p: Parameters) -> tuple[Change, ...]:
    """Return the edits of the notebook and what they must run."""
    n = p["stations"]
    one = Tasks(executed=1)
    new_base = per_phase(Tasks(hit=n), Tasks(executed=n), one, one)
    one_station = per_phase(Tasks(executed=1, hit=n - 1), Tasks(executed=1, hit=n - 1), one, one)
    return (
        Change(
            name="base-period",
            edits=(BASE,),
            cells=(1, 5, 6, 7, 8),
            tasks=new_base,
            racing=RACING,
            trap="no edge in any graph says that phase 2 reads what phase 1 wrote",
        ),
        Change(
            name="one-raw-file",
            edits=(Edit(cell=2, old="seeds = list(range(N))", new="seeds = [*range(3), 1003, *range(4, N)]"),),
            cells=(2, 5, 6, 7, 8),
            tasks=one_station,
            racing=RACING,
            trap="digests of files are inputs",
        ),
        Change(
            name="one-more-station",
            edits=(Edit(cell=1, old=f"N = {n}", new=f"N = {n + 1}"),),
            cells=(1, 2, 5, 6, 7, 8),
            tasks=per_phase(Tasks(executed=1, hit=n), Tasks(executed=1, hit=n), one, one),
            racing=RACING,
        ),
        Change(
            name="cleaned-deleted",
            edits=(BASE,),
            remove=("out/cleaned/1.csv", "out/cleaned/2.csv", "out/cleaned/3.csv"),
            cells=(1, 5, 6, 7, 8),
            tasks=new_base,
            racing=RACING,
            trap="put back before phase 2 reads them",
        ),
        Change(
            name="cleaned-changed-by-hand",
            edits=(BASE,),
            spoil=(
                FileEdit(
                    path="out/cleaned/2.csv",
                    old="year,month,temperature\n",
                    new="year,month,temperature\n1999,1,50.00\n",
                ),
            ),
            cells=(1, 5, 6, 7, 8),
            tasks=new_base,
            racing=RACING,
            trap="put back as recorded",
        ),
        Change(
            name="folder-moved",
            move=True,
            cells=(1, 2, 5, 6),  # what 7 and 8 read is equal
            tasks=per_phase(Tasks(hit=n), Tasks(hit=n), Tasks(hit=1), Tasks(hit=1)),
            racing=RACING,
            trap="absolute paths below the folder",
        ),
        Change(
            name="title",
            edits=(Edit(cell=8, old='"Annual anomaly"', new='"Anomaly by year"'),),
            cells=(8,),
        ),
        Change(name="outputs-deleted", remove=("out",), trap="files are put back, no cell runs"),
    )


WORKLOAD = Workload(
    name="ctrend",
    title="CTrend",
    source=SOURCE,
    sizes={
        "smoke": {"stations": 10, "years": 45, "step": 73},
        "small": {"stations": 59, "years": 60, "step": 15},
        "medium": {"stations": 59, "years": 60, "step": 1},
        "large": {"stations": 590, "years": 60, "step": 1},
    },
    changes=changes,
    tasks=lambda p: dict(zip(PHASES, (p["stations"], p["stations"], 1, 1), strict=True)),
    ideal=Ideal(
        change="base-period",
        before=(
            "from pathlib import Path\n\nimport numpy as np\n\nN = @stations@\n"
            'RAW, OUT = str(Path.cwd() / "raw"), str(Path.cwd() / "out")',
            2,
            3,
            'cleaned = tuple(load_and_clean(f"{RAW}/{s}", f"{OUT}/cleaned/{s}") for s in stations)',
        ),
        timed=(
            1,
            4,
            "monthly = dask.compute(\n"
            '    *[delayed(monthly_anomalies)(f"{OUT}/cleaned/{s}", f"{OUT}/monthly/{s}", *BASE) for s in stations]\n'
            ")\n"
            'years = delayed(annual_means)([f"{OUT}/monthly/{s}" for s in stations], f"{OUT}/annual.csv").compute()\n'
            'fits = delayed(trend)(f"{OUT}/annual.csv", f"{OUT}/trend.csv").compute()',
            6,
            7,
            8,
        ),
    ),
    functions=tuple(f"3:{name}" for name in PHASES),
)
