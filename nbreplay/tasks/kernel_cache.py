"""The task cache as a kernel, or a script, sees it: cells begin and end, futures have fingerprints.

For those who keep handles of futures (``tasks/handles.py``):

* ``KernelCache.fingerprint_of(key) -> P`` names the result that the future *key* stands for, None if it has no name;
* ``KernelCache.load_graph(P, key=None) -> (key, Task)`` gives a graph of one task that loads that result, under the old
  key if one is given, or None if the result is not kept. Submit it with ``client.get({key: task}, [key], sync=False)``
  or put it in a graph; loading fails with the store's own error if the blob turns out damaged.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from nbreplay.config import Settings
from nbreplay.digest import Fingerprint
from nbreplay.records import FileState, TaskCounts, TaskRun
from nbreplay.tasks.tally import Tally

if TYPE_CHECKING:
    from dask._task_spec import Task

    from nbreplay.store import Store
    from nbreplay.tasks.attach import Attached
    from nbreplay.tasks.awaited import Awaited
    from nbreplay.tasks.ledger import Ledger
    from nbreplay.tasks.writer import Writer

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTasks:
    """What a cell's tasks did. *why* are rows in words; *problems* is what kept the cache from its work.

    *compared* tasks were run although they are recorded; *differing* are the names of those whose result was another.
    """

    counts: TaskCounts = field(default_factory=TaskCounts)
    by_name: dict[str, TaskCounts] = field(default_factory=dict)
    files_read: dict[str, FileState] = field(default_factory=dict)
    files_written: dict[str, FileState] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unfinished: int = 0
    compared: int = 0
    differing: list[str] = field(default_factory=list)


class KernelCache:
    """One per kernel process; owner of the label of the cell that runs.

    Parameters
    ----------
    store : Store or None
        Where task runs are kept; None: nothing is cached.
    serve : bool
        Whether recorded results may stand for tasks (Repeat).
    record : bool
        Whether finished tasks are recorded.
    root : Path
        The notebook's folder.
    settings : Settings
        Sizes and limits.
    log : callable
        Takes each problem, in words for the user, when it is first met.
    """

    def __init__(
        self,
        store: Store | None,
        *,
        serve: bool,
        record: bool,
        root: Path,
        settings: Settings | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.store = store
        self.serve = serve
        self.record = record
        self.root = Path(root)
        self.settings = settings or Settings()
        self.log = log
        self.label = ""
        self.pid = os.getpid()
        self._ledger: Ledger | None = None
        self._clients: WeakKeyDictionary[Any, Attached] = WeakKeyDictionary()
        self._local: dict[str, Tally] = {}
        self._problems: list[str] = []
        self._prints: dict[Hashable, Fingerprint] = {}
        self._local_results: Awaited[TaskRun] | None = None
        self._writer: Writer | None = None

    def writer(self) -> Writer:
        """Return the background writer of results that are computed in this process."""
        if self._writer is None:
            from nbreplay.tasks.local import writer_for

            self._writer = writer_for(self)
        return self._writer

    def local_results(self) -> Awaited[TaskRun]:
        """Return the results of this process's own tasks that are being written."""
        if self._local_results is None:
            from nbreplay.tasks.awaited import Awaited

            self._local_results = Awaited()
        return self._local_results

    @property
    def ledger(self) -> Ledger | None:
        """The records, for planning in this process; made when first asked for."""
        if self._ledger is None and self.store is not None:
            from nbreplay.tasks.ledger import Ledger

            self._ledger = Ledger(self.store, self.root, self.settings)
        return self._ledger

    # ------------------------------------------------------------ cells

    def begin(self, label: str) -> None:
        """A cell begins; graphs that are submitted from now on are its own."""
        self.label = label

    def end(self) -> CellTasks:
        """The cell ends. Return what its tasks did, those that run on in the background included."""
        label = self.label
        tallies = [tally for tally in (self._local.pop(label, None), *self._ask(label)) if tally is not None]
        merged = Tally(label)
        for tally in tallies:
            for name, counter in tally.names.items():
                merged.names[name] = merged.names.get(name, type(counter)()) + counter
            for field_name in ("why", "marks", "refusals", "problems", "differing"):
                getattr(merged, field_name).extend(getattr(tally, field_name))
            merged.files_read |= tally.files_read
            merged.files_written |= tally.files_written
            merged.unfinished += tally.unfinished
            merged.compared += tally.compared
            self._prints |= {key: Fingerprint(p) for key, p in tally.wanted.items()}
        problems, self._problems = self._problems, []
        if self._ledger is not None:
            problems += self._ledger.take_problems()
        for path in merged.files_written:
            merged.files_read.pop(path, None)
        return CellTasks(
            counts=merged.counts(),
            by_name=merged.by_name(),
            files_read=merged.files_read,
            files_written=merged.files_written,
            refusals=merged.refusals,
            marks=merged.marks,
            why=merged.why,
            problems=list(dict.fromkeys(merged.problems + problems)),
            unfinished=merged.unfinished,
            compared=merged.compared,
            differing=merged.differing,
        )

    def _ask(self, label: str) -> list[Tally | None]:
        found = []
        for attached in list(self._clients.values()):
            try:
                found.append(attached.tell(label))
            except Exception as error:
                logger.debug("a scheduler did not tell", exc_info=True)
                self.problem(f"what a cluster did in this cell is not known: {type(error).__name__}: {error}")
        return found

    def tally(self) -> Tally:
        """Return the tally of what this process plans itself, in the present cell."""
        return self._local.setdefault(self.label, Tally(self.label))

    def problem(self, text: str) -> None:
        """Note something that kept the cache from its work."""
        if text not in self._problems:
            self._problems.append(text)
            if self.log is not None:
                self.log(text)

    def settle(self, timeout_s: float = 60.0) -> None:
        """Wait until results that workers are writing are recorded."""
        for attached in list(self._clients.values()):
            try:
                attached.tell(self.label, stored_s=timeout_s)
            except Exception as error:
                logger.debug("a scheduler did not settle", exc_info=True)
                self.problem(f"results that were being written may be lost: {error}")
        if self._writer is not None:
            self._writer.close(timeout_s)
            self._writer = None
        if self._ledger is not None:
            self._ledger.settle(timeout_s)

    def close(self, timeout_s: float = 30.0) -> None:
        """Wait for what is being written, and let go. The store is the caller's."""
        self.settle(timeout_s)
        for attached in list(self._clients.values()):
            try:
                attached.detach()
            except Exception:
                logger.debug("a client could not be left", exc_info=True)
        self._clients.clear()
        if self._ledger is not None:
            self._ledger.close()
        from nbreplay.tasks import uninstall

        uninstall(self)

    # ------------------------------------------------------------ clients

    async def attach(self, client: Any) -> None:
        """Give *client*, which is starting, the cache. Runs on its loop."""
        from nbreplay.tasks.attach import Attached

        if client in self._clients:
            return
        attached = self._clients[client] = Attached(self, client)
        await attached.install()

    def sent_settings(self) -> dict[str, Any]:
        """Return the settings that a scheduler's plugin needs, as plain data."""
        names = (
            "small_blob_bytes",
            "inline_result_bytes",
            "scheduler_transfer_bytes",
            "store_max_bytes",
            "verify_tasks",
            "compress_ratio",
            "racy_s",
        )
        return {name: getattr(self.settings, name) for name in names}

    # ------------------------------------------------------------ results by name

    def fingerprint_of(self, key: Hashable) -> Fingerprint | None:
        """Return P of the result that the future *key* stands for."""
        known = self._prints.get(key)
        if known is not None:
            return known
        for attached in list(self._clients.values()):
            try:
                (found,) = attached.prints([key])
            except Exception:
                logger.debug("no fingerprint of %r", key, exc_info=True)
                continue
            if found:
                self._prints[key] = Fingerprint(found)
                return self._prints[key]
        return None

    def run_of(self, provenance: Fingerprint) -> TaskRun | None:
        """Return the newest record of *provenance* whose result is kept. What it read from files is not looked at."""
        if self.ledger is None:
            return None
        from nbreplay.tasks.planner import placed

        runs = self.ledger.lookup([provenance, placed(provenance, self.root)])
        return next((run for found in runs for run in found if run.result is not None), None)

    def load_graph(self, what: Fingerprint | TaskRun, key: Any = None) -> tuple[Any, Task] | None:
        """Return ``(key, task)`` that loads the result named *what*, None if it is not kept."""
        run = what if isinstance(what, TaskRun) else self.run_of(what)
        if run is None or run.result is None or self.ledger is None:
            return None
        name = key if key is not None else f"load-{run.provenance}"
        task = self.ledger.load_task(name, run, rewindable=False)
        return (name, task) if task is not None else None
