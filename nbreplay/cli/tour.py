"""``nbreplay demo``: what the two kernels are good for, on a shipped notebook, in two minutes."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table
from rich.text import Text

from nbreplay.cli.options import json_flag, print_json
from nbreplay.errors import RunFailed, UsageError
from nbreplay.report.tables import console, seconds, task_counts

if TYPE_CHECKING:
    from nbreplay.demo.tour import Row


@click.command(epilog="Examples:  nbreplay demo    nbreplay demo --keep tour && jupyter lab tour/work")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Leave notebooks, input and records in the new folder DIR.")  # fmt: skip
@click.option("--parts", type=click.IntRange(1, 1000), help="Input files of about a million rows.  [default: 12]")
@json_flag
def demo(keep: Path | None, parts: int | None, as_json: bool) -> None:
    """Record, repeat and edit-and-repeat a notebook on a local Dask cluster of two processes.

    The notebook reads real weather observations, repeated to a useful size, and knows nothing of nbreplay. Every value,
    output and file is compared with those of a plain run of the same notebook. Exit code 0: all are equal.
    """
    try:
        from nbreplay.demo.tour import Tour
        from nbreplay.demo.weather import PARTS

        __import__("pyarrow"), __import__("dask.dataframe")
    except ImportError as e:
        raise UsageError(f"the demo needs pandas and pyarrow ({e}): pip install 'nbreplay[demo]'") from e
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise UsageError(f"{keep} is not empty; name a new folder")
    rows: list[Row] = []
    err = console(stderr=True)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbreplay-demo-")))
        shown = stack.enter_context(err.status("starting")) if err.is_terminal else None
        tour = Tour(folder, lambda text: shown.update(text) if shown else None, parts=parts or PARTS)
        rows.extend(tour.rows())
    if as_json:
        print_json([_facts(row) for row in rows])
    else:
        _print(rows, tour.plain_s, tour.observations, keep)
    if any(row.problems for row in rows):
        raise RunFailed("the demo did not come out as it should, see the crosses; please report it")


def _facts(row: Row) -> dict[str, Any]:
    return {
        "variant": row.title, "plain_s": row.plain_s, "wall_s": row.wall_s, "speed_up": row.speed_up,
        "cells_run": list(row.ran), "tasks": row.tasks, "problems": list(row.problems),
    }  # fmt: skip


def _print(rows: list[Row], plain_s: float, observations: int, keep: Path | None) -> None:
    out = console()
    out.print(f"\n{observations:,} observations, 2 worker processes; times from first request to last reply\n")
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("")
    for header in ("plain run", "nbreplay", "speed-up"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("cells run")
    table.add_column("tasks")
    table.add_column("equal", justify="center")
    for row in rows:
        table.add_row(
            row.title,
            seconds(row.plain_s),
            seconds(row.wall_s),
            f"{row.speed_up:.{0 if row.speed_up >= 10 else 1}f}x",
            ", ".join(map(str, row.ran)) or "none",
            task_counts(row.tasks) or "none",
            Text("✘", style="bold red") if row.problems else Text("✔", style="green"),
        )
    out.print(table)
    for row in rows:
        for problem in row.problems:
            out.print(f"✘ {row.title}: {problem}", style="red", markup=False)
    if not any(row.problems for row in rows):
        out.print("\nEqual: every value, output and file is that of a plain run of the same notebook.")
    if keep is not None:
        out.print(f"Look around: {keep / 'work'} has the notebook; its kernels are NBReplay Audit and NBReplay Repeat.")
