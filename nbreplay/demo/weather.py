"""The demo's input: real weather observations, as Parquet files in the folder of the notebook."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "weather"
PARTS = 12
COPIES_PER_PART = 48
"""How often a part repeats the observations: 20,000 rows become 1 million, so that there is work for a cluster."""

Row = tuple[str, float, float | None]


def write_observations(folder: Path, *, parts: int = PARTS, copies: int = COPIES_PER_PART) -> int:
    """Write the observations to *folder* as *parts* Parquet files, repeated; return the number of rows.

    Each place and month of record counts as a station of its own. Temperatures are in degrees C, rain in mm; the hourly
    normals know no rain.
    """
    import pyarrow as pa
    from pyarrow import parquet

    rows = list(observations())
    once = pa.table(
        {
            "station": pa.array([row[0] for row in rows], pa.string()),
            "temperature": pa.array([row[1] for row in rows], pa.float64()),
            "rain": pa.array([row[2] for row in rows], pa.float64()),
        }
    )
    part = pa.concat_tables([once] * copies)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(parts):
        parquet.write_table(part, folder / f"part-{number:03}.parquet")
    return len(rows) * copies * parts


def observations() -> Iterator[Row]:
    """Yield (station, degrees C, mm of rain or None) of every shipped observation."""
    for row in _rows("seattle-weather.csv"):
        mean = (float(row["temp_max"]) + float(row["temp_min"])) / 2
        yield f"Seattle {_day(row):%Y-%m}", mean, float(row["precipitation"])
    for place, name in (("Seattle", "seattle-temps.csv"), ("San Francisco", "sf-temps.csv")):
        for row in _rows(name):
            yield f"{place} normal {_day(row):%m}", (float(row["temp"]) - 32) / 1.8, None


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as lines:
        yield from csv.DictReader(lines)


def _day(row: dict[str, str]) -> datetime:
    return datetime.strptime(row["date"].split()[0], "%Y/%m/%d")
