"""What a cell costs: under ipykernel, recorded by Audit, restored by Repeat.

Trivial cells (``x_i = i``) in one notebook, through real kernel processes; times run from a request to its reply.
With ``--large`` the namespace also holds one array of that many megabytes, which no later cell names.

Usage: python benchmarks/cells.py [--cells 200] [--large 2000] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import click
from jupyter_client.manager import KernelManager
from rich.console import Console
from rich.table import Table

MODULES = {"plain": "ipykernel_launcher", "audit": "nbreplay.kernels.audit", "repeat": "nbreplay.kernels.repeat"}


def run(kind: str, sources: list[str], folder: Path, store: Path) -> tuple[float, list[float], list[str]]:
    """Return the seconds until the kernel was ready, those of each cell, and each cell's state."""
    manager = KernelManager()
    spec = manager.kernel_spec
    assert spec is not None
    spec.argv = [sys.executable, "-m", MODULES[kind], "-f", "{connection_file}"]
    began = time.perf_counter()
    manager.start_kernel(cwd=str(folder), env={**os.environ, "NBREPLAY_STORE": str(store)})
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    start_s = time.perf_counter() - began
    cells_s, states = [], []
    for position, source in enumerate(sources, 1):
        client.session.metadata = {"cellId": f"c{position}", "nbreplay": {"position": position}}
        began = time.perf_counter()
        reply = client.execute_interactive(source, output_hook=lambda _: None, timeout=300)
        cells_s.append(time.perf_counter() - began)
        assert reply["content"]["status"] == "ok", reply["content"]
        states.append(reply["metadata"].get("nbreplay", {}).get("state", ""))
    client.stop_channels()
    manager.shutdown_kernel()
    return start_s, cells_s, states


def notebook(cells: int, large_mb: int) -> list[str]:
    """Return the cells: set-up first, then *cells* trivial ones."""
    first = "import numpy as np\n" + (
        f"big = np.random.default_rng(0).random({large_mb} * 125_000)" if large_mb else ""
    )
    return [first, *(f"x_{i} = {i}" for i in range(cells))]


def spread(values: list[float]) -> dict[str, float]:
    """Return median, p90, minimum and maximum of seconds, in milliseconds."""
    ordered = sorted(value * 1000 for value in values)
    return {
        "median_ms": statistics.median(ordered),
        "p90_ms": ordered[int(0.9 * (len(ordered) - 1))],
        "min_ms": ordered[0],
        "max_ms": ordered[-1],
    }


@click.command()
@click.option("--cells", default=200, show_default=True)
@click.option("--large", default=0, show_default=True, help="Megabytes of an array that no later cell names.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(cells: int, large: int, rounds: int, json_path: Path | None) -> None:
    """Measure trivial cells under each kernel, in rounds, interleaved."""
    sources = notebook(cells, large)
    seen: dict[str, dict[str, list[float]]] = {k: {"start": [], "first": [], "rest": [], "all": []} for k in MODULES}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for kind in MODULES:
                start_s, cells_s, states = run(kind, sources, folder, folder / "store.nbreplay")
                if kind == "repeat":
                    assert set(states) == {"restored"}, sorted(set(states))
                seen[kind]["start"].append(start_s)
                seen[kind]["first"].append(cells_s[0])
                seen[kind]["rest"] += cells_s[1:]
                seen[kind]["all"].append(sum(cells_s))
    table = Table(title=f"{cells} trivial cells, {large} MB beside them, {rounds} rounds; milliseconds")
    for column in ("kernel", "ready", "first cell", "cell: median", "p90", "max", "on top of plain", "notebook"):
        table.add_column(column, justify="right")
    plain = spread(seen["plain"]["rest"])["median_ms"]
    facts: dict[str, object] = {"python": platform.python_version(), "cores": os.cpu_count(), "cells": cells}
    for kind, times in seen.items():
        rest = spread(times["rest"])
        facts[kind] = {name: spread(values) for name, values in times.items()}
        table.add_row(
            kind,
            f"{spread(times['start'])['median_ms']:.0f}",
            f"{spread(times['first'])['median_ms']:.1f}",
            f"{rest['median_ms']:.2f}",
            f"{rest['p90_ms']:.2f}",
            f"{rest['max_ms']:.1f}",
            f"{rest['median_ms'] - plain:+.2f}",
            f"{spread(times['all'])['median_ms']:.0f}",
        )
    Console().print(table)
    if json_path is not None:
        json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
