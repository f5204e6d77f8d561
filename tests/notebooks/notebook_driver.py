"""Runs a list of cells in a real kernel process, as a Jupyter client with cell ids would."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

REPLY_TIMEOUT_S = 120
MODULES = {"plain": "ipykernel_launcher", "audit": "nbreplay.kernels.audit", "repeat": "nbreplay.kernels.repeat"}


@dataclass(frozen=True)
class Cell:
    """A code cell of a test notebook."""

    id: str
    source: str
    tags: tuple[str, ...] = ()


def cells(*sources: str) -> list[Cell]:
    """Return cells named a, b, c ... in order."""
    return [Cell(chr(ord("a") + n), source) for n, source in enumerate(sources)]


def edited(notebook: Sequence[Cell], cell_id: str, old: str, new: str) -> list[Cell]:
    """Return *notebook* with *old* replaced in one cell; it must be there."""
    out = []
    for cell in notebook:
        if cell.id == cell_id:
            assert old in cell.source
            cell = Cell(cell.id, cell.source.replace(old, new), cell.tags)
        out.append(cell)
    return out


@dataclass
class Result:
    """What one request sent back."""

    outputs: list[dict[str, Any]] = field(default_factory=list)
    status: dict[str, Any] = field(default_factory=dict)
    reply: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return str(self.status.get("state", ""))

    @property
    def text(self) -> str:
        """All text that was shown."""
        parts = []
        for output in self.outputs:
            parts.append(output.get("text") or output.get("data", {}).get("text/plain", "") or output.get("evalue", ""))
        return "".join(parts)


class Kernel:
    """One kernel process in a folder, closed by its ``with``."""

    def __init__(self, kind: str, cwd: Path, *, store: Path | None = None, env: dict[str, str] | None = None) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": "random", **(env or {})}
        if store is not None:
            environment["NBREPLAY_STORE"] = str(store)
        for left in (2, 1, 0):
            self._start(kind, cwd, environment)
            try:
                self.client.wait_for_ready(timeout=60)
                break
            except RuntimeError:  # it died: somebody took a port that was free when the manager looked for one
                self.client.stop_channels()
                if not left:
                    raise

    def _start(self, kind: str, cwd: Path, environment: dict[str, str]) -> None:
        self.manager = KernelManager()
        flags = [] if kind == "plain" else ["-P"]
        spec = self.manager.kernel_spec
        assert spec is not None
        spec.argv = [sys.executable, *flags, "-m", MODULES[kind], "-f", "{connection_file}"]
        self.manager.start_kernel(cwd=str(cwd), env=environment)
        self.client = self.manager.blocking_client()
        self.client.start_channels()

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=False)

    def run(self, cell: Cell | str, position: int | None = None, *, timeout_s: float = REPLY_TIMEOUT_S) -> Result:
        """Run one cell to its reply and to idle."""
        cell = Cell("", cell) if isinstance(cell, str) else cell
        metadata: dict[str, Any] = {"tags": list(cell.tags)}
        if cell.id:
            metadata["cellId"] = cell.id
        if position is not None:
            metadata["nbreplay"] = {"position": position}
        session = self.client.session
        session.metadata = metadata
        result = Result()

        def take(message: dict[str, Any]) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind in ("stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"):
                shown = {"type": kind, **content}
                last = result.outputs[-1] if result.outputs else {}
                if kind == "stream" and last.get("type") == "stream" and last["name"] == shown["name"]:
                    last["text"] += shown["text"]
                else:
                    result.outputs.append(shown)

        try:
            reply = self.client.execute_interactive(
                cell.source, output_hook=take, timeout=timeout_s, stop_on_error=False, allow_stdin=False
            )
        finally:
            session.metadata = {}
        result.reply = reply["content"]
        result.status = reply["metadata"].get("nbreplay", {})
        return result

    def run_all(self, notebook: Iterable[Cell]) -> list[Result]:
        """Run the cells in order, each with its number."""
        return [self.run(cell, position) for position, cell in enumerate(notebook, 1)]


def run_notebook(kind: str, notebook: Sequence[Cell], cwd: Path, *, store: Path | None = None) -> list[Result]:
    """Run *notebook* from its start in a new kernel process."""
    with Kernel(kind, cwd, store=store) as kernel:
        return kernel.run_all(notebook)


def comparable(results: Sequence[Result]) -> str:
    """Return what a reader of the notebook would see, for comparison: tracebacks by their last line only."""
    shown = []
    for result in results:
        for output in result.outputs:
            output = {k: v for k, v in output.items() if k not in ("traceback", "transient")}
            shown.append(output)
        shown.append({"end": result.reply["status"], "n": result.reply.get("execution_count")})
    return json.dumps(shown, indent=1, sort_keys=True)
