"""A hit of marimo's persistent cache against a restored cell: one array of 1 MB to 1 GB, made in a cell, and read.

Each hit in a fresh process, interleaved in rounds, page cache warm. *hit* is until the cell is over, *read* until every
byte of the array was read after it. marimo loads the value in the hit; a restored cell is lazy and loads it when it is
read. marimo is installed with pip into a folder of its own: the first use takes a minute and the network.

Run as ``python benchmarks/marimo_cache.py [--megabytes 1,10,100,1000] [--rounds N] [--packages DIR] [--json FILE]``.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console
from rich.table import Table

from nbreplay.share.headless import Request, run_notebook
from nbreplay.share.launch import AUDIT, PLAIN, REPEAT
from nbreplay.share.notebook import write_notebook

MAKE = "np.random.default_rng(0).random({count})"
MARIMO = """import marimo
app = marimo.App()

@app.cell
def _():
    import json, time
    import marimo as mo
    import numpy as np
    began = time.perf_counter()
    with mo.persistent_cache("value", save_path="cache") as cache:
        value = {make}
    hit_s = time.perf_counter() - began
    total = float(value.sum())
    print(json.dumps([cache.hit, hit_s, time.perf_counter() - began, total]))
    return

if __name__ == "__main__":
    app.run()
"""


def install(packages: Path) -> str:
    """Install marimo into *packages*; return what is to be said, if it could not be."""
    if (packages / "marimo").exists():
        return ""
    command = [sys.executable, "-m", "pip", "install", "-q", "--target", str(packages), "marimo"]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"marimo could not be installed: {done.stderr[-300:]}"


def under_marimo(folder: Path, packages: Path, count: int) -> tuple[bool, float, float, str]:
    """Return (hit, seconds of it, seconds with the value read, its sum)."""
    script = folder / "script.py"
    script.write_text(MARIMO.format(make=MAKE.format(count=count)))
    # Behind this environment's own packages: theirs bring numpy's companions in other versions.
    path = os.pathsep.join([*(entry for entry in sys.path if entry), str(packages)])
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise click.ClickException(f"marimo failed: {done.stderr[-500:]}")
    hit, hit_s, read_s, total = json.loads(done.stdout.strip().splitlines()[-1])
    return hit, hit_s, read_s, repr(total)


def under_jupyter(folder: Path, kernel: str, count: int) -> tuple[bool, float, float, str]:
    """Return the same of the cell that makes the array, and of a line that reads it."""
    sources = ["import numpy as np", f"value = {MAKE.format(count=count)}"]
    notebook = new_notebook(cells=[new_code_cell(source, id=f"c{n}") for n, source in enumerate(sources)])
    path = folder / "nb.ipynb"
    write_notebook(notebook, path)
    request = Request(kernel=kernel, log=folder / "log", epilogue={"total": "print(repr(float(value.sum())))"})
    begins: list[float] = []
    ends: list[float] = []

    def told(number: int, cell: object) -> None:
        import time

        (begins if cell is None else ends).append(time.perf_counter())

    outcome = run_notebook(path, notebook, request, told)
    text, read_s = outcome.epilogue["total"]
    hit_s = ends[1] - begins[1]
    return outcome.cells[1]["state"] == "restored", hit_s, hit_s + read_s, text.strip()


def rounds_of(folder: Path, packages: Path, megabytes: int, rounds: int) -> Iterator[tuple[str, str, float, float]]:
    """Yield (who, what, seconds, seconds with the value read)."""
    count = megabytes * 125_000
    (folder / "marimo").mkdir()
    (folder / "nb").mkdir()
    (folder / "plain").mkdir()
    right = under_jupyter(folder / "plain", PLAIN, count)[3]
    runs = [("marimo", "make"), ("nbreplay", "make")] + [
        ("marimo", "hit"),
        ("nbreplay", "hit"),
        ("plain", "make"),
    ] * rounds
    for who, what in runs:
        if who == "marimo":
            found = under_marimo(folder / "marimo", packages, count)
        else:
            kernel = PLAIN if who == "plain" else AUDIT if what == "make" else REPEAT
            found = under_jupyter(folder / ("plain" if who == "plain" else "nb"), kernel, count)
        hit, hit_s, read_s, total = found
        if hit != (what == "hit") or total != right:
            raise click.ClickException(f"{who}, {what}: hit {hit}, value {total} instead of {right}")
        yield who, what, hit_s, read_s


@click.command()
@click.option("--megabytes", default="1,10,100,1000", show_default=True, help="Sizes of the array, with commas.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--packages", type=click.Path(path_type=Path), help="Where marimo is, or is installed.")
@click.option("--quick", is_flag=True, help="1 MB, one round.")
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(megabytes: str, rounds: int, packages: Path | None, quick: bool, json_path: Path | None) -> None:
    """Measure hits of marimo's persistent cache beside restored cells."""
    sizes = [1] if quick else [int(each) for each in megabytes.split(",")]
    rounds = 1 if quick else rounds
    packages = packages or Path.home() / ".cache" / "nbreplay-bench" / "marimo"
    if problem := install(packages):
        Console().print(problem + "; nothing is measured")
        return
    seen: dict[tuple[int, str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        os.environ["NBREPLAY_KEY_FILE"] = str(Path(name) / "key")
        for size in sizes:
            folder = Path(name) / str(size)
            folder.mkdir()
            for who, what, hit_s, read_s in rounds_of(folder, packages, size, rounds):
                seen.setdefault((size, who, what), []).append((hit_s, read_s))
    table = Table(title=f"an array in a cell; seconds, median of {rounds} (minimum-maximum)")
    for column in ("MB", "who", "what", "cell", "and read"):
        table.add_column(column, justify="right" if column in ("MB", "cell", "and read") else "left")
    for (size, who, what), times in seen.items():
        table.add_row(str(size), who, what, *(spread(values) for values in zip(*times, strict=True)))
    Console().print(table)
    if json_path is not None:
        facts = {f"{size} MB, {who}, {what}": times for (size, who, what), times in seen.items()}
        json_path.write_text(json.dumps({"python": platform.python_version(), "seconds": facts}, indent=1))


def spread(values: tuple[float, ...]) -> str:
    """Return median, minimum and maximum."""
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


if __name__ == "__main__":
    main()
