"""Tasks that are finished: what they told is recorded, and what waits for them may not have to run.

Early cut-off: when the last dependency of a task goes to memory, the content of all its inputs is known, and with it
the task's K; a record of K serves it although something above it was edited.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from nbreplay.records import TaskRun, from_bytes
from nbreplay.tasks.entries import Entry, Session
from nbreplay.tasks.report import ANNOTATION, Report, Stored
from nbreplay.tasks.runs import content_of, inherit, learn, served
from nbreplay.tasks.shape import Key
from nbreplay.tasks.swap import Promise, recipe_of, unrestrict

if TYPE_CHECKING:
    from nbreplay.tasks.scheduler_plugin import TaskCachePlugin

MAX_EARLY = 10_000
"""Results announced as written before their task was announced as finished; more than this are stale."""


class Finishing:
    """Records what *plugin*'s tasks did, and looks K up for what comes next."""

    def __init__(self, plugin: TaskCachePlugin) -> None:
        self.plugin = plugin
        self._pending: dict[str, tuple[Session, TaskRun]] = {}
        self._early: dict[str, Stored] = {}

    # ------------------------------------------------------------ transitions

    def memory(self, key: Key, entry: Entry, metadata: dict[str, Any] | None, start: str) -> None:
        """*key* has a result."""
        packed = (metadata or {}).get(ANNOTATION)
        if entry.promise is None and entry.shape is not None:
            if entry.target is not None or entry.shape.kind == "alias":
                source = entry.target if entry.target is not None else entry.deps[0]
                inherit(entry, self.plugin.entries.get(source))
            elif entry.shape.kind == "task":
                self._learn(key, entry, from_bytes(Report, packed) if packed else None)
        entry.finish()
        ts = self.plugin.scheduler.tasks[key]
        for dts in ts.dependents:
            if dts.state == "waiting" and not dts.waiting_on:
                self.ready(dts.key)

    def ready(self, key: Key) -> None:
        """All inputs of *key* are in memory, and it has not been sent to a worker: serve it if its K is recorded."""
        entry = self.plugin.entries.get(key)
        if entry is None or not entry.session.serve or entry.promise is not None or entry.target is not None:
            return
        shape = entry.shape
        if entry.refused or entry.state != "executed" or shape is None or shape.kind != "task" or not shape.deps:
            return
        content = content_of(entry, self._above(entry))
        if content is None:
            return
        ledger = entry.session.ledger
        ts = self.plugin.scheduler.tasks[key]
        for run in ledger.by_content(content):
            load = ledger.load_task(key, run) if entry.session.workers_fit else ledger.inline(key, run)
            if load is None or not ledger.put_back([run]):
                continue
            entry.promise = Promise(recipe_of(ts), restrictions=unrestrict(ts), detached=False)
            ts.run_spec = load
            if ts.annotations:
                ts.annotations = {k: v for k, v in ts.annotations.items() if k != ANNOTATION}
            below = served(entry, self._above(entry), run, ledger.root)
            if below is not None and entry.session.record:
                ledger.keep(below)
            return

    def erred(self, entry: Entry, own: bool) -> None:
        """A task failed (*own*), or cannot run because one above it did."""
        entry.count("executed" if own else "cancelled")
        entry.finish()

    def forgotten(self, key: Key, entry: Entry) -> None:
        """A task is gone; if it had not finished, it was cancelled."""
        if not entry.done:
            entry.count("cancelled")
            entry.finish()
        self.plugin.drop(key)

    # ------------------------------------------------------------ learning

    def _above(self, entry: Entry) -> list[Entry | None]:
        return [self.plugin.entries.get(dep) for dep in entry.deps]

    def _learn(self, key: Key, entry: Entry, report: Report | None) -> None:
        session = entry.session
        run = learn(entry, self._above(entry), report, session.ledger.root)
        if run is None or report is None or not session.record:
            return
        entry.run = run
        if report.pending:
            self._wait(str(self.plugin.scheduler.tasks[key].run_id), session, run)
        else:
            session.ledger.keep(run, report.inline if run.result_digest is not None else None)

    # ------------------------------------------------------------ results that are written in the background

    def _wait(self, token: str, session: Session, run: TaskRun) -> None:
        stored = self._early.pop(token, None)
        if stored is not None:
            self._settle(session, run, stored)
        else:
            self._pending[token] = (session, run)

    def stored(self, stored: Stored) -> None:
        """A worker has written a result, or not."""
        waiting = self._pending.pop(stored.token, None)
        if waiting is not None:
            self._settle(*waiting, stored)
        else:
            if len(self._early) > MAX_EARLY:
                self._early.clear()
            self._early[stored.token] = stored

    def _settle(self, session: Session, run: TaskRun, stored: Stored) -> None:
        session.ledger.keep(dataclasses.replace(run, result=stored.result, not_kept=stored.not_kept), stored.inline)

    def waiting(self, session: Session) -> int:
        """Return how many results of *session* are being written."""
        return sum(1 for other, _ in self._pending.values() if other is session)

    def flush(self, session: Session) -> None:
        """Record what is still waited for, without its result."""
        for token in [token for token, (other, _) in self._pending.items() if other is session]:
            _, run = self._pending.pop(token)
            session.ledger.keep(dataclasses.replace(run, not_kept="its worker never said that it was written"))
