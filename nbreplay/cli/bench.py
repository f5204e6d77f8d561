"""``nbreplay bench``: how much faster, measured here, and every value compared."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nbreplay.cli.options import print_json
from nbreplay.errors import UsageError
from nbreplay.report.tables import console, seconds

if TYPE_CHECKING:
    from nbreplay.bench.results import Results

_EXAMPLES = """\b
Examples:  nbreplay bench --size small --rounds 3
           nbreplay bench rag dconv --edits all --json bench.json --chart bench
           nbreplay bench --notebook analysis.ipynb --edit 3=new-cell-3.py
           nbreplay bench --from bench.json --markdown"""


@click.command(epilog=_EXAMPLES)
@click.argument("workloads", nargs=-1, metavar="[WORKLOAD]...")
@click.option("--size", type=click.Choice(["smoke", "small", "medium", "large"]), default="small", show_default=True,
              help="medium: about ten seconds of plain run each, on two cores.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Rounds of all conditions.")
@click.option("--edits", default="all", metavar="WHICH", show_default=True,
              help="all (the first in every round, the others once); first; none; or names with commas.")  # fmt: skip
@click.option("--seed", default=42, show_default=True, help="Seed of the data.")
@click.option("--peers", is_flag=True, help="Measure other ways to save work beside it; some are installed, apart.")
@click.option("--notebook", type=click.Path(path_type=Path, dir_okay=False), metavar="NB",
              help="Measure this notebook, in its folder, with a store of its own.")  # fmt: skip
@click.option("--edit", "cell_edits", multiple=True, metavar="K=FILE", help="The edit of NB: FILE is the new cell K.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write every single time to FILE (- is stdout).")  # fmt: skip
@click.option("--chart", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Draw FILE as .svg and .png; needs matplotlib.")  # fmt: skip
@click.option("--from", "from_path", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE",
              help="Measure nothing: show what --json wrote to FILE, also as --chart or --markdown.")  # fmt: skip
@click.option("--markdown", is_flag=True, help="Print the tables as Markdown, with date, versions and machine.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Leave all folders in DIR."
)
def bench(
    workloads: tuple[str, ...],
    size: str,
    rounds: int,
    edits: str,
    seed: int,
    peers: bool,
    notebook: Path | None,
    cell_edits: tuple[str, ...],
    json_path: Path | None,
    chart: Path | None,
    from_path: Path | None,
    markdown: bool,
    keep: Path | None,
) -> None:
    """Measure notebooks plain, recorded, repeated, and repeated after an edit; in fresh processes, interleaved.

    WORKLOAD is one of dv5, mapreduce, dconv, rag, ctrend (the five of the published evaluation; the default), climate,
    helpers, futures, ocean, or all. A run whose values, outputs or files are not those of the plain run, or that runs
    other tasks than it has to, has no time and makes the exit code other than 0.
    """
    from nbreplay.bench.machine import machine
    from nbreplay.bench.results import Results
    from nbreplay.bench.session import Session, own_subject, subjects
    from nbreplay.bench.workloads import PUBLISHED

    if chart is not None:
        _needs_matplotlib()
    if markdown and json_path == Path("-"):
        raise UsageError("--markdown and --json - both print to stdout; give --json a file")
    if cell_edits and notebook is None:
        raise UsageError("--edit is about --notebook NB; name it, too")
    if notebook is not None and (workloads or peers):
        raise UsageError("--notebook measures that notebook alone, without workloads and peers")
    if from_path is not None:
        if workloads or peers or notebook is not None:
            raise UsageError("--from shows what was measured; leave workloads, --peers and --notebook out")
        _give(_read(from_path), json_path, chart, markdown=markdown)
        return
    with ExitStack() as stack:
        folder = (keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nbreplay-bench-")))).resolve()
        if notebook is not None:
            chosen = [own_subject(notebook, cell_edits, folder)]
        else:
            chosen = subjects(workloads, size, edits, folder, seed=seed, peers=peers)
        results = Results(
            machine=machine(folder), size=size if notebook is None else "own", seed=seed,
            titles={subject.name: subject.title for subject in chosen},
            measured={s.name: s.measured.name for s in chosen if s.measured is not None},
            published=PUBLISHED if notebook is None else (),
        )  # fmt: skip
        interrupted = _measure(Session(chosen, folder, rounds, peers=peers), results)
    if results.samples:
        _give(results, json_path, chart, markdown=markdown)
    if interrupted:
        raise KeyboardInterrupt
    results.check()


def _read(path: Path) -> Results:
    from nbreplay.bench.results import Results

    try:
        return Results.from_json(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as e:
        raise UsageError(f"{path} is no JSON ({e})") from e


def _give(results: Results, json_path: Path | None, chart: Path | None, *, markdown: bool) -> None:
    if markdown:
        from nbreplay.bench.markdown import as_markdown

        click.echo(as_markdown(results), nl=False)
    else:
        _show(results, to_stderr=json_path == Path("-"))
    _write(results, json_path, chart)


def _measure(session: Any, results: Results) -> bool:
    """Run everything; what was measured before Ctrl-C stays. Return whether there was one."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    err = console(stderr=True)
    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    bar = Progress(
        TextColumn("{task.description}", markup=False), *columns,
        console=err, transient=True, disable=not err.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("starting", total=session.count)
        tell: Callable[[str], None] = lambda text: bar.update(task, description=f"{text:<44}")  # noqa: E731
        began = time.perf_counter()
        try:
            for sample in session.run(tell):
                results.samples.append(sample)
                bar.advance(task)
                if not err.is_terminal:
                    _say(err, sample, began)
                for problem in sample.problems:
                    err.print(f"✘ {sample.workload} {sample.condition} {sample.change}: {problem}", style="red")
        except KeyboardInterrupt:
            err.print("interrupted; this is what was measured until then")
            return True
        results.notes += session.notes
    return False


def _say(err: Any, sample: Any, began: float) -> None:
    shown = seconds(sample.times["wall"]) if sample.times else "wrong"
    name = f"{sample.condition} {sample.change}".strip()
    err.print(f"{time.perf_counter() - began:7.0f} s  round {sample.round + 1}  {sample.workload} {name}: {shown}")


def _show(results: Results, *, to_stderr: bool) -> None:
    from nbreplay.bench.machine import one_line
    from nbreplay.bench.results import changes_table, peers_of, peers_table, summary_lines, times_table

    out = console(stderr=to_stderr)
    out.width = max(out.width, 160)
    out.print(f"\n{one_line(results.machine)}; size {results.size}, {1 + max(s.round for s in results.samples)} rounds")
    out.print("Times from first request to last reply, the start of clusters included: median (minimum-maximum).\n")
    out.print(times_table(results))
    out.print()
    out.print(changes_table(results))
    peers = peers_of(results)
    if peers:
        out.print()
        out.print(peers_table(results, peers))
    out.print()
    for line in (*summary_lines(results), *results.notes):
        out.print(line)


def _write(results: Results, json_path: Path | None, chart: Path | None) -> None:
    from nbreplay.share.notebook import write_text

    if json_path == Path("-"):
        print_json(results.as_json())
    elif json_path is not None:
        write_text(json_path, json.dumps(results.as_json(), indent=1) + "\n")
    if chart is not None:
        from nbreplay.bench.chart import write_chart

        written = write_chart(results, chart)
        console(stderr=True).print(f"chart: {', '.join(map(str, written))}")


def _needs_matplotlib() -> None:
    try:
        __import__("matplotlib")
    except ImportError as e:
        raise UsageError(f"--chart needs matplotlib ({e}): pip install 'nbreplay[bench]'") from e
