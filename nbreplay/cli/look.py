"""``nbreplay show``, ``why`` and ``diff``: what is recorded, in tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from nbreplay.cli.options import cell_number, json_flag, notebook_argument, opened, print_json, store_option
from nbreplay.errors import CellUnknown, NoRecord
from nbreplay.records import CellVisit
from nbreplay.replay.reader import StoreReader
from nbreplay.replay.request import CellStatus
from nbreplay.replay.start import boundary_after
from nbreplay.report.tables import cells_table, console, plain_table, seconds, size, task_counts


@click.command(epilog="Example:  nbreplay show analysis.ipynb")
@click.argument("notebook", metavar="[NB]", type=click.Path(path_type=Path, readable=False), required=False)
@click.option("--all", "everything", is_flag=True, help="Every session, not only the last five.")
@store_option
@json_flag
def show(notebook: Path | None, everything: bool, store: Path | None, as_json: bool) -> None:
    """Show the recorded sessions: cells, states, times, what was kept."""
    with opened(notebook, store) as reader:
        sessions = reader.sessions()
        facts: dict[str, Any] = {
            "store_bytes": reader.size_bytes(),
            "cell_runs": len(reader.runs()),
            "task_runs": len(reader.tasks()),
            "sessions": [_session(name, visits) for name, visits in sessions.items()],
        }
    if as_json:
        return print_json(facts)
    out = console()
    shown = facts["sessions"] if everything else facts["sessions"][-5:]
    for session in shown:
        out.print(cells_table(session["cells"], f"{session['kernel']}  {session['began']}"))
        out.print()
    left = len(facts["sessions"]) - len(shown)
    more = f"; {left} older sessions: --all" if left else ""
    out.print(f"{facts['cell_runs']} cell runs, {facts['task_runs']} task runs, {size(facts['store_bytes'])}{more}")


@click.command(epilog="Example:  nbreplay why analysis.ipynb 3")
@notebook_argument
@click.argument("cell")
@store_option
@json_flag
def why(notebook: Path, cell: str, store: Path | None, as_json: bool) -> None:
    """Say why cell CELL of NB ran, or did not, the last time it was asked for."""
    number = cell_number(cell)
    with opened(notebook, store) as reader:
        visit = _last_visit(reader, number)
    if as_json:
        return print_json({**_cell(visit), "source": visit.source, "tasks_why": list(visit.task_rows)})
    out = console()
    out.print(f"cell {number} was {visit.state}: {visit.reason or 'no reason was noted'}", markup=False)
    for line in visit.detail:
        out.print(f"    {line}", markup=False, style="green" if line[:1] == "+" else "red" if line[:1] == "-" else None)
    recorded = f", recorded {seconds(visit.recorded_s)}" if visit.recorded_s is not None else ""
    out.print(f"time {seconds(visit.run_s)}{recorded}, {visit.kernel}, {visit.wall_time}", markup=False)
    if visit.tasks.total:
        out.print(f"tasks: {task_counts(_cell(visit)['tasks'])}", markup=False)
    for line in visit.task_rows:
        out.print(f"    {line}", markup=False)
    if visit.saved is False:
        out.print(f"the state after it was not kept: {visit.saved_reason}", markup=False)


@click.command(epilog="Example:  nbreplay diff analysis.ipynb 1 2")
@notebook_argument
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@store_option
@json_flag
def diff(notebook: Path, before: str, after: str, store: Path | None, as_json: bool) -> None:
    """Show the names and files that differ between the states after cells A and B; 0 is the empty start."""
    one, two = cell_number(before), cell_number(after)
    with opened(notebook, store) as reader:
        names = _name_changes(reader, one, two)
        files = _files_between(reader, one, two)
    if as_json:
        return print_json({"names": names, "files": files})
    out = console()
    if not names and not files:
        return out.print(f"no difference between the states after cells {one} and {two}")
    rows: list[Sequence[object]] = [(row["name"], row["before"] or "", row["after"] or "") for row in names]
    rows += [(path, "", "written") for path in files]
    out.print(plain_table(("name", f"after cell {one}", f"after cell {two}"), rows))


def _session(name: str, visits: Sequence[CellVisit]) -> dict[str, Any]:
    return {
        "session": name,
        "kernel": visits[0].kernel,
        "began": visits[0].wall_time,
        "cells": [_cell(visit) for visit in visits],
    }


def _cell(visit: CellVisit) -> dict[str, Any]:
    facts = CellStatus.of(visit).as_json()
    return {**facts, "index": visit.position or visit.number}


def _last_visit(reader: StoreReader, number: int) -> CellVisit:
    visits = reader.visits()
    for visit in reversed(visits):
        if (visit.position or visit.number) == number:
            return visit
    if not visits:
        raise NoRecord("nothing is recorded yet; run it: nbreplay audit NB")
    seen = sorted({visit.position or visit.number for visit in visits})
    raise CellUnknown(f"no record of cell {number}; recorded are {', '.join(map(str, seen))}")


def _name_changes(reader: StoreReader, one: int, two: int) -> list[dict[str, Any]]:
    before, after = (reader.manifest(boundary_after(number, reader.lineage)).states for number in (one, two))
    changes = []
    for name in sorted({*before, *after}):
        if ":" in name:
            continue  # a function's or class's own version: shown by the names that are bound to it
        a, b = before.get(name), after.get(name)
        if (a and a.digest) != (b and b.digest):
            shown = [None if state is None else f"{state.type_name} {state.summary}".strip() for state in (a, b)]
            changes.append({"name": name, "before": shown[0], "after": shown[1]})
    return changes


def _files_between(reader: StoreReader, one: int, two: int) -> list[str]:
    low, high = sorted((one, two))
    written: set[str] = set()
    for number, run in reader.lineage.numbered(boundary_after(high, reader.lineage)).items():
        if number > low:
            written |= set(run.files_written)
    return sorted(written)
