"""``nbreplay verify``, ``forget`` and ``prune``: a store looked after."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from nbreplay.cli.amounts import Age, Size
from nbreplay.cli.options import cell_number, json_flag, notebook_argument, opened, print_json, store_of, store_option
from nbreplay.cli.progress import CountProgress
from nbreplay.errors import BlobDamaged, CellUnknown
from nbreplay.records import CellRun, Doubt
from nbreplay.report.tables import console, plain_table, seconds, size
from nbreplay.share.deep import Deep, verify_deep
from nbreplay.share.forget import forget as forget_runs
from nbreplay.share.notebook import code_cells, read_notebook, source_of
from nbreplay.store import Store


@click.command(epilog="Example:  nbreplay verify analysis.ipynb --deep")
@notebook_argument
@click.option("--deep", is_flag=True, help="Also load every value again, in a process apart, and compare it.")
@store_option
@json_flag
@click.pass_context
def verify(ctx: click.Context, notebook: Path, deep: bool, store: Path | None, as_json: bool) -> None:
    """Read every byte of NB's store and check it against its digest. Exit code 0: all is as it was written.

    What is damaged is not lost work: the cells and tasks that need it run again. With --deep, values that are something
    else when they are loaded again are found, too (some objects pickle less than they are); their cells run again.
    Loading runs code of the values' classes, as a restore does.
    """
    opened(notebook, store).close()
    checked = Store.open(store_of(notebook, store), create=False, read_only=True)
    try:
        problems = [str(problem) for problem in checked.verify()]
        size_bytes = checked.size_bytes()
    finally:
        checked.close()
    found = _deep(store_of(notebook, store)) if deep else None
    facts: dict[str, object] = {"ok": not problems, "problems": problems, "bytes": size_bytes}
    if found is not None:
        facts |= {"ok": not (problems or found.doubts or found.failed), "compared": found.compared, "note": found.note}
        facts["doubts"] = [{"cell": run.position or run.number, **_doubt(doubt)} for run, doubt in found.doubts]
        facts["failed"] = [{"cell": run.position or run.number, "reason": reason} for run, reason in found.failed]
    if as_json:
        print_json(facts)
    else:
        for problem in problems:
            console().print(problem, markup=False)
        console().print(f"{len(problems)} problems" if problems else "every byte is as it was written")
        if found is not None:
            _print_deep(notebook, found)
    if not facts["ok"]:
        ctx.exit(BlobDamaged.exit_code)


def _deep(store: Path) -> Deep:
    with CountProgress("loading again") as progress:
        return verify_deep(store, progress)


def _doubt(doubt: Doubt) -> dict[str, object]:
    return {"names": list(doubt.names), "reason": doubt.reason}


def _print_deep(notebook: Path, found: Deep) -> None:
    for run, doubt in found.doubts:
        names = ", ".join(name for name in doubt.names if "/" not in name)
        console().print(f"{notebook.name}, cell {run.position or run.number}: {names}: {doubt.reason}", markup=False)
    for run, reason in found.failed:
        console().print(f"{notebook.name}, cell {run.position or run.number}: not compared: {reason}", markup=False)
    console().print(f"{found.compared} values were loaded again and compared, {len(found.doubts)} differ")
    if found.doubts:
        note = f"could not be noted in the store: {found.note}" if found.note else "are made again by their cells"
        console().print(f"those {note}", markup=False)


@click.command(epilog="Example:  nbreplay forget analysis.ipynb 3")
@notebook_argument
@click.argument("cell")
@store_option
def forget(notebook: Path, cell: str, store: Path | None) -> None:
    """Forget every run of cell CELL of NB, and the values that only they hold: it runs the next time.

    What `why` and `show` say of it goes, too: that holds its source. Its tasks stay recorded.
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


@click.command(epilog="Example:  nbreplay prune analysis.ipynb --max 5GB --dry-run")
@notebook_argument
@click.option(
    "--max",
    "max_bytes",
    type=Size(),
    metavar="SIZE",
    help="Leave at most so much, as 500MB or 20GiB.  [default: 20 GiB, or a quarter of what is free]",
)
@click.option(
    "--older",
    "older_s",
    type=Age(),
    metavar="AGE",
    help="Also remove what was not used for so long, as 12h, 30d or 8w.",
)
@click.option("--keep-notebook", is_flag=True, help="Of cells, keep only the runs that NB as it is now starts from.")
@click.option("-n", "--dry-run", is_flag=True, help="Only say what would go.")
@store_option
@json_flag
def prune(
    notebook: Path,
    max_bytes: int | None,
    older_s: float | None,
    keep_notebook: bool,
    dry_run: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """Remove from NB's store what nothing needs, then what is cheapest to compute again, until it is small enough.

    The newest run of each cell stays. While a kernel or a cluster uses the store, so does all that it may need.
    """
    from nbreplay.share.prune import Wish, codes_of
    from nbreplay.share.prune import prune as prune_store

    opened(notebook, store).close()
    codes = codes_of(source_of(cell) for cell in code_cells(read_notebook(notebook))) if keep_notebook else None
    wish = Wish(max_bytes=max_bytes, older_s=older_s, keep_codes=codes)
    done = prune_store(store_of(notebook, store), wish, dry_run=dry_run)
    if as_json:
        rows = [dataclasses.asdict(row) for row in done.rows]
        facts = {"held_bytes": done.held_bytes, "freed_bytes": done.size_bytes, "bound_bytes": done.bound_bytes}
        return print_json(facts | {"dry_run": dry_run, "alone": done.alone, "left": done.left, "rows": rows})
    out = console()
    if done.rows:
        shown = [
            (row.what, row.count, size(row.size_bytes), seconds(row.seconds or None), row.why) for row in done.rows
        ]
        headers = ("what", "count", "bytes", "to compute again", "why")
        out.print(plain_table(headers, shown, right=("count", "bytes", "to compute again")))
    word = "would go" if dry_run else "gone"
    out.print(f"{size(done.size_bytes)} of {size(done.held_bytes)} {word}; the bound is {size(done.bound_bytes)}")
    if not done.alone:
        out.print("a kernel or a cluster uses this store: what it may need stays")
    if done.left:
        out.print(f"bytes in journals stay for now: {done.left}")
    if done.held_bytes - done.size_bytes > done.bound_bytes:
        out.print("what is left is needed by the newest run of each cell, or by somebody who uses the store now")


def _runs_of(runs: list[CellRun], number: int) -> list[CellRun]:
    """Return the runs of cell *number*: by position or, where the client told none, by the session's order."""
    return [run for run in runs if (run.position if run.position is not None else run.number) == number]
