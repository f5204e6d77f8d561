"""``nbreplay audit`` and ``nbreplay repeat``: notebooks run headless."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbreplay.cli.amounts import Share
from nbreplay.cli.options import notebook_argument, print_json, store_of, store_option
from nbreplay.cli.progress import CellProgress
from nbreplay.errors import RunFailed, TasksDiffer, Untrusted
from nbreplay.report.tables import cells_table, console, losses, seconds, size


def _running(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that both commands have."""
    for decorate in (
        click.option(
            "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
            help="Write what became of each cell to FILE (- is stdout), as JSON.",
        ),
        click.option("--allow-errors", is_flag=True, help="Go on after a cell that raised."),
        click.option(
            "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
            help="Give up when one cell takes longer.  [default: no limit]",
        ),
        store_option,
        click.option(
            "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
            help="Write the executed notebook to OUT (NB itself is allowed).  [default: nowhere]",
        ),
        notebook_argument,
    ):  # fmt: skip
        command = decorate(command)
    return command


@click.command(epilog="Example:  nbreplay audit analysis.ipynb -o analysis.ipynb")
@_running
def audit(**options: Any) -> None:
    """Run the notebook NB from its start, everything for real, and record it.

    The record goes to a folder beside the notebook and serves `nbreplay repeat` and the kernel "NBReplay Repeat".
    """
    _run("nbreplay-audit", recording=True, **options)


@click.command(epilog="Examples:  nbreplay repeat nb.ipynb -o nb.ipynb    nbreplay repeat nb.ipynb --from 3")
@click.option("--from", "first", type=int, default=1, metavar="K", help="Restore the state after cell K-1, run from K.")
@click.option("--to", "last", type=int, metavar="K", help="Stop after cell K.")
@click.option("--rerun", type=int, multiple=True, metavar="K", help="Run cell K even if it could be restored.")
@click.option("--verify-tasks", "verified", type=Share(), metavar="SHARE",
              help="Run this share of what would be served, as 5%, and compare.  [default: none]")  # fmt: skip
@click.option(
    "--cluster",
    metavar="ADDRESS|KIND|FILE",
    help="Make recorded clients again on this cluster: an address, local, slurm, kubernetes ..., a compute.yml.",
)
@click.option(
    "--map", "moved", multiple=True, metavar="OLD=NEW", help="Files recorded below the folder OLD are in NEW."
)
@click.option("--strict", is_flag=True, help="Fail if a cell ran only because its record is not trusted.")
@_running
def repeat(
    first: int,
    last: int | None,
    rerun: tuple[int, ...],
    verified: float | None,
    cluster: str | None,
    moved: tuple[str, ...],
    strict: bool,
    **options: Any,
) -> None:
    """Run the notebook NB; what is recorded and still holds is restored or served, the rest runs.

    A notebook that was never recorded is recorded. Cells are counted from 1, code cells only. With --verify-tasks the
    cells that have tasks run; the recorded results stand, and the exit code says if one that was run again differs.
    """  # fmt: skip
    from nbreplay.share.target import cluster_variables, map_variables

    arguments = (f"--NBReplay.verify_tasks={verified}",) if verified else ()
    environment = cluster_variables(cluster, options["notebook"]) | map_variables(moved)
    which: dict[str, Any] = {
        "first": first, "last": last, "rerun": frozenset(rerun), "arguments": arguments, "environment": environment
    }  # fmt: skip
    cells = _run("nbreplay-repeat", recording=False, **which, **options)
    if verified:
        _tell_verified(cells)
    blocked = [str(cell["index"]) for cell in cells if cell["state"] == "blocked"]
    if strict and blocked:
        raise Untrusted(f"cells {', '.join(blocked)} ran because their records are not trusted; see `nbreplay unpack`")


def _tell_verified(cells: list[dict[str, Any]]) -> None:
    """Say what came of tasks that were run although they are recorded, and raise if one gave another result."""
    from collections import Counter

    found = [(cell["index"], cell["verified"]) for cell in cells if "verified" in cell]
    count = sum(one["tasks"] for _, one in found)
    console(stderr=True).print(f"{count} tasks were run again and compared with their records")
    names: Counter[str] = Counter(f"{name} (cell {number})" for number, one in found for name in one["differing"])
    if names:
        named = ", ".join(f"{times} of {name}" for name, times in names.most_common())
        raise TasksDiffer(
            f"{names.total()} of {count} tasks gave another result than recorded: {named}; "
            "the recorded results stand; mark what must run anew with nbreplay.volatile"
        )


def _run(
    kernel: str,
    *,
    recording: bool,
    notebook: Path,
    output: Path | None,
    store: Path | None,
    timeout_s: float | None,
    allow_errors: bool,
    json_path: Path | None,
    **which: Any,
) -> list[dict[str, Any]]:
    from nbreplay.share.facts import facts, settle
    from nbreplay.share.headless import Request, run_notebook
    from nbreplay.share.notebook import code_cells, read_notebook, write_notebook, write_text
    from nbreplay.share.preflight import look_at

    source = read_notebook(notebook)
    folder = store_of(notebook, store)
    look_at(folder, source, recording=recording)
    request = Request(kernel=kernel, timeout_s=timeout_s, allow_errors=allow_errors, store=store, **which)
    with CellProgress(len(code_cells(source))) as progress:
        outcome = run_notebook(notebook, source, request, progress)
    settle(outcome, folder)
    told = facts(outcome, notebook=notebook, kernel=kernel, store=folder)
    to_stdout = json_path == Path("-")
    out = console(stderr=to_stdout)
    out.print(cells_table(outcome.cells))
    for line in losses(outcome.cells):
        out.print(line, style="yellow")
    out.print(
        f"{seconds(outcome.wall_s)} (and {seconds(outcome.kernel_s)} to start the kernel); "
        f"{folder} holds {size(told['totals']['store_bytes'])}"
    )
    if to_stdout:
        print_json(told)
    elif json_path is not None:
        write_text(json_path, json.dumps(told, indent=2) + "\n")
    if output is not None:
        write_notebook(outcome.notebook, output)
    if outcome.error is not None:
        raise outcome.error
    if not outcome.ok and not allow_errors:
        raise RunFailed("a cell failed; see the table")
    return outcome.cells
