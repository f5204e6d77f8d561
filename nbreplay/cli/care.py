"""``nbreplay verify`` and ``forget``: a store looked after."""

from __future__ import annotations

from pathlib import Path

import click

from nbreplay.cli.options import cell_number, json_flag, notebook_argument, opened, print_json, store_of, store_option
from nbreplay.errors import BlobDamaged, CellUnknown
from nbreplay.records import CellRun
from nbreplay.report.tables import console
from nbreplay.share.forget import forget as forget_runs
from nbreplay.store import Store


@click.command(epilog="Example:  nbreplay verify analysis.ipynb")
@notebook_argument
@store_option
@json_flag
@click.pass_context
def verify(ctx: click.Context, notebook: Path, store: Path | None, as_json: bool) -> None:
    """Read every byte of NB's store and check it against its digest. Exit code 0: all is as it was written.

    What is damaged is not lost work: the cells and tasks that need it run again.
    """
    opened(notebook, store).close()
    checked = Store.open(store_of(notebook, store), create=False, read_only=True)
    try:
        problems = [str(problem) for problem in checked.verify()]
        size_bytes = checked.size_bytes()
    finally:
        checked.close()
    if as_json:
        print_json({"ok": not problems, "problems": problems, "bytes": size_bytes})
    else:
        for problem in problems:
            console().print(problem, markup=False)
        console().print(f"{len(problems)} problems" if problems else "every byte is as it was written")
    if problems:
        ctx.exit(BlobDamaged.exit_code)


@click.command(epilog="Example:  nbreplay forget analysis.ipynb 3")
@notebook_argument
@click.argument("cell")
@store_option
def forget(notebook: Path, cell: str, store: Path | None) -> None:
    """Forget every run of cell CELL of NB, and the values that only they hold: it runs the next time.

    Its tasks stay recorded, and so does what `why` says of it.
    """
    number = cell_number(cell)
    with opened(notebook, store) as reader:
        wanted = {run.boundary for run in _runs_of(reader.runs(), number)}
    if not wanted:
        raise CellUnknown(f"no record of cell {number} of {notebook}; see: nbreplay show {notebook}")
    count, left = forget_runs(store_of(notebook, store), wanted)
    out = console()
    out.print(f"forgot {count} runs of cell {number}")
    if left:
        out.print(f"their bytes are still in the files: {left}; forget once more when nothing uses the store")


def _runs_of(runs: list[CellRun], number: int) -> list[CellRun]:
    """Return the runs of cell *number*: by position or, where the client told none, by the session's order."""
    return [run for run in runs if (run.position if run.position is not None else run.number) == number]
