"""What checkpoints cost: time on top of plain ipykernel, bytes written, memory, interrupts; and what a restore costs.

Real kernel processes, a new one for each run, kinds interleaved in rounds; times run from a request to its reply,
medians of the rounds. Every case's cells, and what is wished for, are in ``checkpoint_cases.py``; the last table has
each wish with what was measured. With ``--kishu`` the same cells also run under Kishu, installed with pip in a folder
of its own: the first use takes some minutes and the network.

Usage: python benchmarks/checkpoints.py [--case NAME] [--rounds 5] [--quick] [--kishu FOLDER] [--json FILE]
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from checkpoint_cases import CASES, INTERRUPTED, Case
from jupyter_client.manager import KernelManager
from rich.console import Console
from rich.table import Table

MODULES = {"plain": "ipykernel_launcher", "audit": "nbreplay.kernels.audit", "repeat": "nbreplay.kernels.repeat"}
REPLY_S = 600
RESTORE_MS = 50
"""One small name out of a large checkpoint, from the request to restore to its print."""
INTERRUPT_S = 0.2
SOON_S = 0.05
"""Seconds from a cell's last line to the interrupt: its checkpoint is under way then."""


@dataclass
class Run:
    """What one run of a case took."""

    cells_s: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)
    store_bytes: int = 0
    settle_s: float = 0.0
    peak_bytes: int = 0


class Kernel:
    """A kernel process and its client."""

    def __init__(self, python: str, module: str, folder: Path, store: Path) -> None:
        self.manager = KernelManager()
        spec = self.manager.kernel_spec
        assert spec is not None
        spec.argv = [python, "-m", module, "-f", "{connection_file}", "--HistoryManager.hist_file=:memory:"]
        self.manager.connection_file = str(folder / f"kernel-{uuid.uuid4()}.json")  # Kishu looks for the id in its name
        environ = {**os.environ, "NBREPLAY_STORE": str(store), "NBREPLAY_KEY_FILE": str(folder / "key")}
        self.manager.start_kernel(cwd=str(folder), env=environ)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)
        self.number = 0

    def run(self, source: str, *, cell: bool = True) -> tuple[float, dict[str, Any], str]:
        """Return the seconds that *source* took, the reply's metadata of ours, and what was printed."""
        shown: list[str] = []

        def note(message: dict[str, Any]) -> None:
            content = message["content"]
            shown.append(
                content.get("text") or content.get("data", {}).get("text/plain", "") or content.get("evalue", "")
            )

        self.number += cell
        self.client.session.metadata = (
            {"cellId": f"c{self.number}", "nbreplay": {"position": self.number}} if cell else {}
        )
        began = time.perf_counter()
        reply = self.client.execute_interactive(source, output_hook=note, timeout=REPLY_S)
        took = time.perf_counter() - began
        assert reply["content"]["status"] == "ok", (source, reply["content"])
        return took, reply["metadata"].get("nbreplay", {}), "".join(shown)

    def peak_bytes(self) -> int:
        """Return the most memory that the process had so far; 0 where nobody says."""
        pid = self.manager.provisioner.pid  # type: ignore[union-attr]
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel()


def run_case(kind: str, case: Case, folder: Path, python: str = sys.executable) -> Run:
    """Run *case* in a new kernel of *kind*."""
    run, store = Run(), folder / f"{kind}.nbreplay"
    kernel = Kernel(python, MODULES.get(kind, MODULES["plain"]), folder, store)
    try:
        if kind == "kishu":
            start_kishu(kernel, folder)
        for _, source in case.cells:
            took, status, _ = kernel.run(source)
            run.cells_s.append(took)
            run.written.append(status.get("bytes_written", 0))
        if kind == "audit":
            run.settle_s = kernel.run("%nbreplay settle", cell=False)[0]
            asked = "print([v.bytes_written for v in get_ipython().turns.engine().visits])"
            kernel.client.session.metadata = {"tags": ["nbreplay-skip"]}
            run.written = json.loads(kernel.run(asked, cell=False)[2])[: len(case.cells)]
        run.peak_bytes = kernel.peak_bytes()
    finally:
        kernel.stop()
    kept = [store.rglob("*"), folder.glob("*.kishudb*"), (folder / "kishu").rglob("*")]
    run.store_bytes = sum(file.stat().st_size for files in kept for file in files if file.is_file())
    return run


def start_kishu(kernel: Kernel, folder: Path) -> None:
    """Let Kishu look after the kernel, with its files below *folder*."""
    notebook = folder / "kishu.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    kernel.run(
        f"import os; os.environ['HOME'] = {str(folder / 'kishu')!r}; os.makedirs(os.environ['HOME'], exist_ok=True)\n"
        "from pathlib import Path\n"
        f"from kishu import init_kishu; init_kishu(Path({str(notebook)!r}))",
        cell=False,
    )


def kishu_python(folder: Path) -> str:
    """Return a Python that has Kishu, made in *folder* if it is not there."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "kishu", "ipykernel", "numpy"], check=True)
    return str(python)


def restore_figures(scale: float, rounds: int) -> list[dict[str, Any]]:
    """Time to bring back one small name out of a large checkpoint, and to bring back all of it."""
    count = int(400 * scale) * 125_000
    make = f"import numpy as np\nsmall = [1, 2, 3]\nbig = [np.random.default_rng(n).random({count}) for n in range(5)]"
    times: dict[str, list[float]] = {
        "plain: print(small)": [],
        "restore": [],
        "then print(small)": [],
        "then sum all": [],
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kernel = Kernel(sys.executable, MODULES["audit"], folder, folder / "s.nbreplay")
        kernel.run(make)
        kernel.run("%nbreplay settle", cell=False)
        kernel.stop()
        for _ in range(rounds):
            plain = Kernel(sys.executable, MODULES["plain"], folder, folder / "none")
            plain.run("small = [1, 2, 3]")
            times["plain: print(small)"].append(plain.run("print(small)")[0])
            plain.stop()
            kernel = Kernel(sys.executable, MODULES["repeat"], folder, folder / "s.nbreplay")
            kernel.run("%nbreplay status", cell=False)  # the engine is there, as in a session under way
            times["restore"].append(kernel.run("%nbreplay restore 1", cell=False)[0])
            times["then print(small)"].append(kernel.run("print(small)")[0])
            times["then sum all"].append(kernel.run("print(sum(float(each[0]) for each in big))")[0])
            kernel.stop()
    medians = {what: 1000 * statistics.median(values) for what, values in times.items()}
    together = statistics.median(a + b for a, b in zip(times["restore"], times["then print(small)"], strict=True))
    told = {"case": "restore", "unit": "ms", "target": RESTORE_MS}
    return [
        {**told, "what": f"one small name out of {5 * count * 8 / 1e6:.0f} MB", "audit": 1000 * together, **medians},
        {**told, "what": "the same: on top of plain", "audit": 1000 * together - medians["plain: print(small)"]},
    ]


def interrupt_figures(scale: float, rounds: int) -> list[dict[str, Any]]:
    """Seconds from an interrupt, in the midst of a checkpoint, to the cell's reply."""
    rows = []
    for what, source in INTERRUPTED.items():
        times, missed = [], 0
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as name:
                kernel = Kernel(sys.executable, MODULES["audit"], Path(name), Path(name) / "s.nbreplay")
                kernel.run("x = 1")
                found = _interrupt(kernel, source.format(count=int(200_000 * scale)))
                missed += found is None
                times += [] if found is None else [found]
                kernel.run("x = 2")  # it lives
                kernel.stop()
        row = {"case": "interrupt", "what": f"{what}: reply", "unit": "s", "target": INTERRUPT_S, "missed": missed}
        rows.append({**row, "audit": max(times, default=0.0), "median_s": statistics.median(times) if times else None})
    return rows


def _interrupt(kernel: Kernel, source: str) -> float | None:
    """Return the seconds from the interrupt to the reply; None if the checkpoint was over before."""
    client = kernel.client
    asked = client.execute(f"{source}\nprint('made', flush=True)")
    while client.get_iopub_msg(timeout=REPLY_S)["msg_type"] != "stream":
        pass
    time.sleep(SOON_S)
    if client.shell_channel.msg_ready():
        client.get_shell_msg(timeout=REPLY_S)
        return None
    began = time.perf_counter()
    kernel.manager.interrupt_kernel()
    while client.get_shell_msg(timeout=REPLY_S)["parent_header"].get("msg_id") != asked:
        pass
    return time.perf_counter() - began


def by_label(case: Case, values: list[float]) -> dict[str, float]:
    """Return the median of *values* by the label of their cells."""
    labels = dict.fromkeys(label for label, _ in case.cells)
    return {
        label: statistics.median(value for value, (each, _) in zip(values, case.cells, strict=True) if each == label)
        for label in labels
    }


def figures(case: Case, runs: dict[str, list[Run]]) -> dict[str, Any]:
    """Return medians over the rounds: by label, the notebook, the store, memory on top."""
    out: dict[str, Any] = {}
    for kind, each in runs.items():
        cells = [statistics.median(column) for column in zip(*(run.cells_s for run in each), strict=True)]
        written = [int(statistics.median(column)) for column in zip(*(run.written for run in each), strict=True)]
        out[kind] = {
            "notebook_s": statistics.median(sum(run.cells_s) for run in each),
            "settle_s": statistics.median(run.settle_s for run in each),
            "cells_ms": {label: 1000 * value for label, value in by_label(case, cells).items()},
            "written_bytes": by_label(case, [float(value) for value in written]),
            "store_bytes": int(statistics.median(run.store_bytes for run in each)),
            "peak_bytes": int(statistics.median(run.peak_bytes for run in each)),
        }
    return out


def show(console: Console, name: str, case: Case, found: dict[str, Any], rounds: int) -> None:
    table = Table(title=f"{name}: {len(case.cells)} cells, medians of {rounds} rounds")
    plain = found["plain"]
    others = [kind for kind in found if kind != "plain"]
    columns = ["", "plain", *(text for kind in others for text in (kind, "on top", "written"))]
    for column in columns:
        table.add_column(column, justify="right" if column else "left")
    for label in plain["cells_ms"]:
        row = [label, f"{plain['cells_ms'][label]:.1f} ms"]
        for kind in others:
            took = found[kind]["cells_ms"][label]
            wrote = f"{found[kind]['written_bytes'][label] / 1e6:.3f} MB" if kind == "audit" else ""
            row += [f"{took:.1f} ms", f"{took - plain['cells_ms'][label]:+.1f} ms", wrote]
        table.add_row(*row)
    row = ["notebook", f"{plain['notebook_s']:.2f} s"]
    for kind in others:
        took = found[kind]["notebook_s"]
        row += [f"{took:.2f} s", f"{took / plain['notebook_s']:.2f} x", f"{found[kind]['store_bytes'] / 1e6:.1f} MB"]
    table.add_row(*row)
    row = ["memory", f"{plain['peak_bytes'] >> 20} MiB"]
    for kind in others:
        row += [
            f"{found[kind]['peak_bytes'] >> 20} MiB",
            f"{(found[kind]['peak_bytes'] - plain['peak_bytes']) >> 20:+d} MiB",
            "",
        ]
    table.add_row(*row)
    console.print(table)


def verdicts(name: str, case: Case, found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what became of every limit of *case*, under each kernel but plain."""
    plain = found["plain"]
    rows = []
    for limit in case.limits:
        row: dict[str, Any] = {"case": name, "what": limit.what, "unit": limit.unit, "target": limit.most_of(plain)}
        for kind in found:
            if kind != "plain" and not (kind == "kishu" and "written" in limit.what):  # it does not say by cell
                row[kind] = limit.measure(plain, found[kind])
        rows.append(row)
    return rows


def show_verdicts(console: Console, rows: list[dict[str, Any]]) -> None:
    table = Table(title="What is wished for, and what was measured")
    kinds = ["audit", *(["kishu"] if any("kishu" in row for row in rows) else [])]
    for column in ("case", "what", "target", *kinds, "reached"):
        table.add_column(column, justify="right" if column in ("target", *kinds) else "left")
    for row in rows:
        values = [f"{row[kind]:.2f} {row['unit']}" if kind in row else "" for kind in kinds]
        reached = "yes" if row["audit"] <= row["target"] else "NO"
        table.add_row(row["case"], row["what"], f"<= {row['target']:.2f} {row['unit']}", *values, reached)
    console.print(table)


OTHERS = {"restore": restore_figures, "interrupt": interrupt_figures}


@click.command()
@click.option("--case", "cases", multiple=True, type=click.Choice([*CASES, *OTHERS]), help="Only these.")
@click.option("--rounds", default=5, show_default=True)
@click.option("--quick", is_flag=True, help="A tenth of the sizes, once: whether it works.")
@click.option("--kishu", type=click.Path(path_type=Path), help="Also Kishu, in the environment in this folder.")
@click.option("--json", "json_path", type=click.Path(path_type=Path))
def main(cases: tuple[str, ...], rounds: int, quick: bool, kishu: Path | None, json_path: Path | None) -> None:
    """Measure the cases under each kernel, in rounds, interleaved."""
    scale, rounds = (0.1, 1) if quick else (1.0, rounds)
    console = Console()
    facts: dict[str, Any] = {"python": platform.python_version(), "cores": os.cpu_count(), "rounds": rounds}
    python = kishu_python(kishu) if kishu is not None else ""
    wishes: list[dict[str, Any]] = []
    for name in cases or (*CASES, *OTHERS):
        if name in OTHERS:
            facts[name] = OTHERS[name](scale, rounds)
            wishes += facts[name]
            continue
        case = CASES[name](scale)
        kinds = ["plain", "audit", *(["kishu"] if kishu is not None else [])]
        runs: dict[str, list[Run]] = {kind: [] for kind in kinds}
        for _ in range(rounds):
            for kind in list(runs):
                with tempfile.TemporaryDirectory() as folder:
                    try:
                        interpreter = python if kind == "kishu" else sys.executable
                        runs[kind].append(run_case(kind, case, Path(folder), interpreter))
                    except Exception as e:
                        if kind != "kishu":
                            raise
                        console.print(f"{name}: Kishu cannot run it: {type(e).__name__}: {e}"[:400], markup=False)
                        del runs[kind]
        facts[name] = figures(case, runs)
        show(console, name, case, facts[name], rounds)
        wishes += verdicts(name, case, facts[name])
    show_verdicts(console, wishes)
    facts["wishes"] = wishes
    if json_path is not None:
        json_path.write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
