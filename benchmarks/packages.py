"""What a package costs: packing, checking, and the way from the file to the last cell's output.

A notebook whose values take 200 MB (arrays of noise and a frame of numbers and words), recorded by an author and sent
to a colleague with a home of their own: no data, no cluster, no shared key. Each command is a process of its own, so
its time holds the start of Python and, for `repeat`, that of the kernel. Each round does everything once:

* pack: the command, and without the start of Python (``pack()`` in a process that has done one before);
* check of the file;
* restored: `unpack --trust`, then `repeat --from` the last cell, which is restored;
* edited: the same, and the last cell, edited by the colleague, runs on all values;
* as data: `unpack` without trust, then `repeat` of the whole notebook: arrays and frames are read, never unpickled.

Beside them the floor: copying the file, and unpacking it with `zipfile`. Medians with minimum and maximum.

Usage: python benchmarks/packages.py [--megabytes 200] [--rounds 5] [--quick] [--json FILE]
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import click
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from rich.console import Console
from rich.table import Table

EDIT = ("mean().round(6)", "mean().round(5)")
IN_PROCESS = """
import json, sys, time
from pathlib import Path
from nbreplay.share.pack import pack
notebook, target, small = map(Path, sys.argv[1:4])
pack(small, small.with_suffix(".nbreplay"), target)
began = time.perf_counter()
pack(notebook, notebook.with_suffix(".nbreplay"), target)
print(json.dumps(time.perf_counter() - began))
"""


def notebook(megabytes: int) -> nbformat.NotebookNode:
    """Return the notebook: 8 arrays with three quarters of the bytes, and a frame with the rest."""
    each = megabytes * 125_000 * 3 // 4 // 8
    rows = megabytes * 1_000_000 // 4 // 40
    cells = [
        "import numpy as np\nimport pandas as pd",
        f"rng = np.random.default_rng(7)\narrays = [rng.random({each}) for _ in range(8)]",
        f"words = np.array(['alpha', 'beta', 'gamma', 'delta'])[rng.integers(0, 4, {rows})]\n"
        f"frame = pd.DataFrame({{'a': rng.random({rows}), 'b': rng.random({rows}), 'c': rng.random({rows}),\n"
        f"                      'word': words}})",
        "total = sum(array.sum() for array in arrays)",
        "print(round(float(total), 3), frame.groupby('word')[['a', 'b', 'c']].mean().round(6).to_numpy().sum())",
    ]
    return new_notebook(cells=[new_code_cell(cell) for cell in cells])


class User:
    """Somebody with a home of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def run(self, *arguments: object, program: tuple[str, ...] = ("-m", "nbreplay")) -> tuple[float, str]:
        """Run a command; return its seconds and what it printed."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("NBREPLAY", "JPY_", "XDG_"))}
        own = {"HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "share"),
               "XDG_CACHE_HOME": str(self.folder / "cache"), "IPYTHONDIR": str(self.folder / "ipython")}  # fmt: skip
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *program, *map(str, arguments)], cwd=self.folder, env=kept | own,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise click.ClickException(done.stderr + done.stdout)
        return time.perf_counter() - began, done.stdout


def states(facts: str) -> list[str]:
    """Return the states of the cells in what ``--json -`` printed."""
    return [cell["state"] for cell in json.loads(facts)["cells"]]


def printed(path: Path) -> str:
    """Return what the last cell of the notebook *path* printed."""
    return str(nbformat.read(path, 4).cells[-1].outputs[0]["text"])


def arrive(colleague: User, package: Path, kind: str, expected: str) -> tuple[float, float]:
    """Return the seconds of unpack and of repeat until the last cell's output is there, and is right."""
    folder = colleague.folder / kind
    unpack_s, _ = colleague.run("unpack", package, folder, *(["--trust"] if kind != "as data" else []))
    path = folder / "workflow" / "nb.ipynb"
    if kind == "edited":
        text = path.read_text()
        assert EDIT[0] in text
        path.write_text(text.replace(*EDIT))
    first = ["--from", "5"] if kind != "as data" else []
    repeat_s, facts = colleague.run("repeat", path, *first, "-o", folder / "out.ipynb", "--json", "-")
    found = states(facts)
    want = {"restored": "restored", "edited": "executed", "as data": "restored"}[kind]
    assert found[4] == want, (kind, found, json.loads(facts)["cells"])
    assert printed(folder / "out.ipynb").split()[0] == expected.split()[0]
    shutil.rmtree(folder)
    return unpack_s, repeat_s


def a_round(author: User, colleague: User, small: Path, seen: dict[str, list[float]]) -> int:
    """Do everything once; return the size of the package."""
    package = author.folder / "nb.nbr"
    pack_s, _ = author.run("pack", author.folder / "nb.ipynb", "-o", package)
    size = package.stat().st_size
    _, inside = author.run(author.folder / "nb.ipynb", author.folder / "again.nbr", small, program=("-c", IN_PROCESS))
    seen.setdefault("pack, the command", []).append(pack_s)
    seen.setdefault("pack, without its start", []).append(json.loads(inside))
    seen.setdefault("check FILE", []).append(colleague.run("check", package)[0])
    expected = printed(author.folder / "nb.ipynb")
    for kind in ("restored", "edited", "as data"):
        unpack_s, repeat_s = arrive(colleague, package, kind, expected)
        seen.setdefault(f"{kind}: unpack", []).append(unpack_s)
        seen.setdefault(f"{kind}: repeat", []).append(repeat_s)
        seen.setdefault(f"{kind}: from the file to the last output", []).append(unpack_s + repeat_s)
    began = time.perf_counter()
    shutil.copy(package, colleague.folder / "copy")
    seen.setdefault("floor: copy the file", []).append(time.perf_counter() - began)
    began = time.perf_counter()
    with zipfile.ZipFile(package) as archive:
        archive.extractall(colleague.folder / "plain")
    seen.setdefault("floor: unzip it", []).append(time.perf_counter() - began)
    shutil.rmtree(colleague.folder / "plain")
    return size


@click.command(help=__doc__.partition("\n")[0])
@click.option("--megabytes", default=200, show_default=True, help="What the values take.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--quick", is_flag=True, help="20 MB, one round.")
@click.option("--dir", "where", type=click.Path(path_type=Path, file_okay=False), help="Where to work.")
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(megabytes: int, rounds: int, quick: bool, where: Path | None, json_path: Path | None) -> None:
    """Measure, in rounds."""
    megabytes, rounds = (20, 1) if quick else (megabytes, rounds)
    seen: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=where) as name:
        author, colleague = User(Path(name) / "author"), User(Path(name) / "colleague")
        path = author.folder / "nb.ipynb"
        nbformat.write(notebook(megabytes), path)
        author.run("audit", path, "-o", path)
        small = author.folder / "small.ipynb"
        nbformat.write(new_notebook(cells=[new_code_cell("x = 1")]), small)
        author.run("audit", small)
        for _ in range(rounds):
            size = a_round(author, colleague, small, seen)
    rate = size / 1e6 / statistics.median(seen["pack, without its start"])
    table = Table(title=f"a package of {size / 1e6:.0f} MB, {rounds} rounds, Python {platform.python_version()}, "
                        f"{os.cpu_count()} cores {platform.machine()}; seconds")  # fmt: skip
    for column in ("", "median", "minimum", "maximum"):
        table.add_column(column, justify="left" if not column else "right")
    for what, values in seen.items():
        table.add_row(what, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    console = Console()
    console.print(table)
    console.print(f"packing: {rate:.0f} MB/s without the start of Python, "
                  f"{size / 1e6 / statistics.median(seen['pack, the command']):.0f} MB/s with it")  # fmt: skip
    if json_path is not None:
        facts = {"bytes": size, "rounds": rounds, "python": platform.python_version(), "cores": os.cpu_count(),
                 "pack_mb_per_s": rate, "seconds": seen}  # fmt: skip
        json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
