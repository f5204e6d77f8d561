"""Run a notebook without a browser, cell by cell, and say what became of each."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode, from_dict

from nbreplay.errors import CellUnknown, NoRecord, RunFailed, Untrusted
from nbreplay.replay.strangers import ACCEPT
from nbreplay.share.launch import PLAIN, kernel_environment, kernel_manager
from nbreplay.share.notebook import code_cells, source_of, tags_of

ALWAYS_TAG = "nbreplay-always"
KEEP_OUT_TAG = "nbreplay-skip"
SKIP_TAG = "skip-execution"
NO_TASKS = {"total": 0, "executed": 0, "hit": 0, "pruned": 0, "refused": 0}
# Seconds. A kernel whose cluster is alive does not end by itself; by then everything is on disk (see `_settle`).
STARTUP_S = 120
SHUTDOWN_S = 4.0
INTERRUPT_S = 5.0

Told = Callable[[int, dict[str, Any] | None], None]
"""Called before each cell with its number and None, and after it with its cell object; on the caller's thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to run, and how.

    Attributes
    ----------
    kernel : str
        Name of the kernel.
    first, last : int, int or None
        Code cells to run, from 1, both included. With *first* above 1 the state after the cell before is restored.
    rerun : frozenset of int
        Cells that run although they could be restored.
    timeout_s : float or None
        Seconds that one cell may take.
    allow_errors : bool
        Go on after a cell that raised.
    store : Path or None
        The store, where it is not the one beside the notebook.
    environment : mapping
        Variables for the kernel, over those of this process.
    log : Path or None
        Where the kernel process writes what it says outside of cells; None: to this process's own output.
    probes : mapping
        Expressions to print in the kernel when all is done, by a name for each: how tests compare values.
    arguments : tuple of str
        More arguments for the kernel, as settings of it.
    epilogue : mapping
        Sources to run in the kernel after that, likewise; what they print is in the outcome, and how long they took.
    """

    kernel: str
    first: int = 1
    last: int | None = None
    rerun: frozenset[int] = frozenset()
    timeout_s: float | None = None
    allow_errors: bool = False
    store: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path | None = None
    probes: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    epilogue: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a run: the executed *notebook*, its *cells* (as the reply metadata has them), times, answers.

    *wall_s* runs from the first request to the last reply; *kernel_s*, before it, is the start of the kernel process,
    *settle_s*, after it, the wait for what was still being written.
    *error* is what ended the run, None if nothing did. *epilogue* has (text, seconds) of what ran after all cells.
    """

    notebook: NotebookNode
    cells: list[dict[str, Any]] = field(default_factory=list)
    wall_s: float = 0.0
    kernel_s: float = 0.0
    settle_s: float = 0.0
    error: RunFailed | None = None
    probes: dict[str, str] = field(default_factory=dict)
    epilogue: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether no cell failed."""
        return self.error is None and not any(cell["state"] == "failed" for cell in self.cells)


def run_notebook(path: Path, notebook: NotebookNode, request: Request, told: Told | None = None) -> Outcome:
    """Run *notebook*, which is or will be the file *path*, as *request* says.

    Raises
    ------
    CellUnknown
        The request names a cell that the notebook does not have.
    NoRecord
        The state to start from is not recorded.
    Untrusted
        It is, by somebody whom this user has not accepted.
    """
    count = len(code_cells(notebook))
    for number in (request.first, request.last or count, *request.rerun):
        if not 1 <= number <= count:
            raise CellUnknown(f"no cell {number}: {path.name} has {count} code cells, counted from 1")
    if request.last is not None and request.last < request.first:
        raise CellUnknown(f"nothing to run: --from {request.first} is after --to {request.last}")
    return asyncio.run(_Run(path, notebook, request, told).run())


class _Run:
    """One headless run in progress."""

    def __init__(self, path: Path, notebook: NotebookNode, request: Request, told: Told | None) -> None:
        self.path = path
        self.request = request
        self.told = told or (lambda number, cell: None)
        self.outcome = Outcome(notebook=copy.deepcopy(notebook))
        self.reply: dict[str, Any] = {}
        self._stuck = False
        self.manager = kernel_manager(request.kernel)
        self.manager.shutdown_wait_time = SHUTDOWN_S
        self.client = NotebookClient(
            self.outcome.notebook,
            km=self.manager,
            timeout_func=(lambda cell: request.timeout_s)
            if request.timeout_s
            else None,  # `timeout` takes no fractions
            startup_timeout=STARTUP_S,
            allow_errors=request.allow_errors,
            record_timing=False,
            extra_arguments=["--HistoryManager.hist_file=:memory:", *request.arguments],
            on_cell_executed=self._note_reply,
        )

    async def run(self) -> Outcome:
        started = time.perf_counter()
        try:
            await self._start()
            self.outcome.kernel_s = time.perf_counter() - started
            if self.request.first > 1:
                await self._restore(self.request.first - 1)
            await self._cells()
            began = time.perf_counter()
            await self._settle()
            self.outcome.settle_s = time.perf_counter() - began
            if self.outcome.error is None:
                for name, expression in self.request.probes.items():
                    self.outcome.probes[name] = await self._ask(f"print({expression})", history=True)
                for name, source in self.request.epilogue.items():
                    began = time.perf_counter()
                    text = await self._ask(source, history=True)
                    self.outcome.epilogue[name] = (text, time.perf_counter() - began)
        except asyncio.CancelledError:
            await self._interrupt()
            raise
        finally:
            if self.client.kc is not None:
                self.client.kc.stop_channels()
            if self.manager.has_kernel:
                await self.manager.shutdown_kernel(now=self._stuck)
        return self.outcome

    async def _start(self) -> None:
        environment = kernel_environment(self.path, self.request.store, dict(self.request.environment))
        try:
            with ExitStack() as stack:
                streams: dict[str, Any] = {}
                if self.request.log is not None:
                    log = stack.enter_context(self.request.log.open("ab"))
                    streams = {"stdout": log, "stderr": log}
                cwd = str(self.path.absolute().parent)
                await self.client.async_start_new_kernel(cwd=cwd, env=environment, **streams)
            await self.client.async_start_new_kernel_client()
        except (RuntimeError, OSError) as e:
            raise RunFailed(f"the kernel {self.request.kernel} did not start ({e}); see its messages above") from e

    def _note_reply(self, *, execute_reply: dict[str, Any], **_: object) -> None:
        # Called by nbclient between a cell's reply and its check for errors, so it is there for failed cells, too.
        self.reply = execute_reply

    # ------------------------------------------------------------ cells

    async def _cells(self) -> None:
        number, stopped = 0, False
        began = ended = time.perf_counter()
        for index, cell in enumerate(self.outcome.notebook.cells):
            if cell.cell_type != "code":
                continue
            number += 1
            if number < self.request.first:
                entry = _entry(number, cell, "restored", "boundary")
            elif stopped or number > (self.request.last or number):
                cell["outputs"], cell["execution_count"] = [], None  # what stands there is from another run
                entry = _entry(number, cell, "not_run", "after a failed cell" if stopped else "after --to")
            else:
                self.told(number, None)
                entry = await self._cell(number, index, cell)
                ended = time.perf_counter()
                stopped = self.outcome.error is not None
            self.outcome.cells.append(entry)
            self.told(number, entry)
        self.outcome.wall_s = ended - began

    async def _cell(self, number: int, index: int, cell: NotebookNode) -> dict[str, Any]:
        if not source_of(cell).strip():
            return _entry(number, cell, "empty", "")
        if SKIP_TAG in tags_of(cell):
            return _entry(number, cell, "skipped", f"tag {SKIP_TAG}")
        tags = tags_of(cell) + ([ALWAYS_TAG] if number in self.request.rerun else [])
        metadata = {"cellId": cell.get("id"), "nbreplay": {"position": number}, "tags": tags}
        self.reply, began = {}, time.perf_counter()
        try:
            await self._execute(cell, index, metadata)
        except CellExecutionError as e:
            self.outcome.error = RunFailed(f"cell {number} raised {e.ename}: {e.evalue}; -o OUT keeps its output")
        except CellTimeoutError:
            self._stuck = True
            self.outcome.error = RunFailed(f"cell {number} took longer than {self.request.timeout_s} s (--timeout)")
        except DeadKernelError as e:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from e  # Ctrl-C reaches us in this guise
            self._stuck = True
            self.outcome.error = RunFailed(f"the kernel died in cell {number}; cells before it are kept")
        return self._entry_from_reply(number, cell, time.perf_counter() - began)

    def _entry_from_reply(self, number: int, cell: NotebookNode, run_s: float) -> dict[str, Any]:
        content = self.reply.get("content", {})
        failed = self.outcome.error is not None or content.get("status") == "error"
        entry = _entry(number, cell, "failed" if failed else "executed", "")
        entry["run_s"] = run_s
        entry.update(self.reply.get("metadata", {}).get("nbreplay") or {})
        entry.update(index=number, cell_id=cell.get("id"))
        if self.outcome.error is not None:
            entry["state"] = "failed"
            entry["reason"] = entry["reason"] or str(self.outcome.error)
        return entry

    # ------------------------------------------------------------ around the cells

    async def _restore(self, number: int) -> None:
        try:
            await self._ask(f"%nbreplay restore {number} --match")
        except RunFailed as e:
            reason = str(e).removeprefix("%nbreplay restore: ")
            kind = Untrusted if reason.rstrip().endswith(ACCEPT) else NoRecord
            raise kind(f"--from {number + 1}: {reason}") from e

    async def _interrupt(self) -> None:
        """Let the kernel end its cell before it is shut down: it would complain that nobody takes the reply."""
        with contextlib.suppress(Exception):  # it is on its way out
            await self.manager.interrupt_kernel()
            client = self.client.kc
            if isinstance(client, AsyncKernelClient):
                await client.get_shell_msg(timeout=INTERRUPT_S)

    async def _settle(self) -> None:
        """Wait until what the cells and their tasks left is on disk: a kernel that ends may be killed."""
        if self.request.kernel != PLAIN and not self._stuck and await self.manager.is_alive():
            with contextlib.suppress(RunFailed, DeadKernelError):  # what was not written is said by the store
                await self._ask("%nbreplay settle")

    async def _ask(self, source: str, *, history: bool = False) -> str:
        """Return what *source* prints in the kernel; it is no cell of the notebook, and is not recorded.

        Only requests with *history* have names loaded that were restored: viewers of variables ask without.
        """
        cell, cells = from_dict({"cell_type": "code", "source": source, "metadata": {}}), self.outcome.notebook.cells
        first, self.reply = cells[0], {}
        try:
            await self._execute(cell, 0, {"tags": [KEEP_OUT_TAG]}, store_history=history)
        except CellExecutionError as e:
            raise RunFailed(e.evalue) from e
        finally:
            cells[0] = first  # nbclient puts what it ran into the notebook
        if (content := self.reply["content"])["status"] == "error":
            raise RunFailed(content["evalue"])
        return "".join(output["text"] for output in cell.outputs if output.get("name") == "stdout")

    async def _execute(
        self, cell: NotebookNode, index: int, metadata: dict[str, Any], *, store_history: bool = True
    ) -> None:
        """Run *cell* with *metadata* on its request, where the kernel expects what JupyterLab puts there."""
        assert self.client.kc is not None
        self.client.kc.session.metadata = metadata
        try:
            await self.client.async_execute_cell(cell, index, store_history=store_history)
        finally:
            self.client.kc.session.metadata = {}


def _entry(number: int, cell: NotebookNode, state: str, reason: str) -> dict[str, Any]:
    """Return a cell object as in the reply metadata, for a cell that no kernel of ours reported on."""
    return {
        "index": number,
        "cell_id": cell.get("id"),
        "state": state,
        "reason": reason,
        "run_s": 0.0,
        "recorded_s": None,
        "overhead_s": 0.0,
        "bytes_written": 0,
        "saved": True,
        "tasks": dict(NO_TASKS),
    }
