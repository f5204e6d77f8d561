"""Tasks that are finished: what they told is recorded, and what waits for them may not have to run.

Early cut-off: when the last dependency of a task goes to memory, the content of all its inputs is known, and with it
the task's K; a record of K serves it although something above it was edited.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from nbreplay.records import TaskRun, from_bytes
from nbreplay.tasks.awaited import Awaited
from nbreplay.tasks.entries import Entry, Session
from nbreplay.tasks.orders import order
from nbreplay.tasks.report import ANNOTATION, Report, Stored
from nbreplay.tasks.runs import compared, compared_with_first, content_of, inherit, learn, refuse, served
from nbreplay.tasks.shape import Key
from nbreplay.tasks.swap import Promise, recipe_of, unrestrict

if TYPE_CHECKING:
    from nbreplay.tasks.scheduler_plugin import TaskCachePlugin


LAST_WORDS_S = 10.0
"""Seconds that a worker which was sent away may still take to say what it has written."""


class _Pending(NamedTuple):
    """A finished task whose result *worker* is writing; *token* names this run of it."""

    session: Session
    run: TaskRun
    entry: Entry
    worker: str
    token: str


class Finishing:
    """Records what *plugin*'s tasks did, and looks K up for what comes next."""

    def __init__(self, plugin: TaskCachePlugin) -> None:
        self.plugin = plugin
        self._awaited: Awaited[_Pending] = Awaited()

    # ------------------------------------------------------------ transitions

    def memory(self, key: Key, entry: Entry, metadata: dict[str, Any] | None, worker: str) -> None:
        """*key* has a result, on *worker*."""
        packed = (metadata or {}).get(ANNOTATION)
        if entry.promise is None and entry.shape is not None:
            if entry.target is not None or entry.shape.kind == "alias":
                source = entry.target if entry.target is not None else entry.deps[0]
                inherit(entry, self.plugin.entries.get(source))
            elif entry.shape.kind == "task":
                self._learn(key, entry, from_bytes(Report, packed) if packed else None, worker)
        entry.finish()
        ts = self.plugin.scheduler.tasks[key]
        for dts in ts.dependents:
            if dts.state == "waiting" and not dts.waiting_on:
                self.ready(dts.key)

    def ready(self, key: Key) -> None:
        """All inputs of *key* are in memory, and it has not been sent to a worker: serve it if its K is recorded."""
        entry = self.plugin.entries.get(key)
        if entry is None or entry.promise is not None or entry.target is not None:
            return
        shape = entry.shape
        if entry.refused or entry.state != "executed" or shape is None or shape.kind != "task" or not shape.deps:
            return
        ts = self.plugin.scheduler.tasks[key]
        if entry.session.serve and entry.expected is None and self._serve_by_content(key, entry, ts):
            return
        above_s = sum(one.unkept_s for one in self._above(entry) if one is not None)
        if above_s and entry.session.record:
            # What it would take to have its inputs again counts for keeping it.
            order(ts, entry, above_s=above_s)

    def _serve_by_content(self, key: Key, entry: Entry, ts: Any) -> bool:
        content = content_of(entry, self._above(entry))
        if content is None:
            return False
        ledger = entry.session.ledger
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
            return True
        return False

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

    def _learn(self, key: Key, entry: Entry, report: Report | None, worker: str) -> None:
        session = entry.session
        run = learn(entry, self._above(entry), report, session.ledger.root)
        if report is not None:
            compared(entry, report, session.ledger)
        if report is not None and report.changed:
            self._spoiled(key, report.changed)
        if run is None or report is None or not session.record:
            return
        run = compared_with_first(entry, run, session.ledger)
        if run is None:
            return
        entry.run = run
        if entry.shape is not None:
            session.ledger.keep_parts(entry.shape, self.plugin.scheduler.tasks[key].run_spec)
        if report.pending:
            token = str(self.plugin.scheduler.tasks[key].run_id)
            pending = _Pending(session, run, entry, worker, token)
            early = self._awaited.finished(token, pending)
            if early is not None:
                self._settle(pending, early)
        else:
            session.ledger.keep(run, report.inline if run.result_digest is not None else None)

    def _spoiled(self, key: Key, changed: Collection[str]) -> None:
        """*key* has changed inputs in place: what other tasks make of them depends on who was first."""
        entries, states = self.plugin.entries, self.plugin.scheduler.tasks
        for dts in states[key].dependencies:
            for sibling in dts.dependents if str(dts.key) in changed else ():
                entry = entries.get(sibling.key)
                if sibling.key == key or entry is None or entry.promise is not None:
                    continue
                run = refuse(entry, "an input of it is changed in place by another task")
                if run is not None:
                    self._awaited.take(lambda waiting, entry=entry: waiting.entry is entry)  # type: ignore[misc]
                    entry.session.ledger.refuse(run)

    # ------------------------------------------------------------ results that are written in the background

    def stored(self, stored: Stored) -> None:
        """A worker has written a result, or not."""
        pending = self._awaited.written(stored)
        if pending is not None:
            self._settle(pending, stored)

    def _settle(self, pending: _Pending, stored: Stored) -> None:
        entry = pending.entry
        if stored.not_kept and entry.tally is not None:
            entry.tally.say(f"{entry.name}: result not kept: {stored.not_kept}")
        run = dataclasses.replace(pending.run, result=stored.result, not_kept=stored.not_kept)
        pending.session.ledger.keep(run, stored.inline, stored.small)

    def waiting(self, session: Session) -> int:
        """Return how many results of *session* are being written."""
        return self._awaited.count(lambda pending: pending.session is session)

    def flush(self, session: Session) -> None:
        """Record what is still waited for, without its result."""
        self._give_up(lambda pending: pending.session is session)

    def worker_lost(self, worker: str, *, cut_off: bool) -> None:
        """*worker* is gone. One that was sent away still tells what it has written; one that is *cut_off* never will,
        and nobody must wait for it.
        """
        tokens = {p.token for p in self._awaited.chosen(lambda pending: pending.worker == worker)}
        if cut_off:
            self._give_up(lambda pending: pending.token in tokens)
        elif tokens:
            loop = asyncio.get_running_loop()
            loop.call_later(LAST_WORDS_S, self._give_up, lambda pending: pending.token in tokens)

    def _give_up(self, chosen: Callable[[_Pending], bool]) -> None:
        for pending in self._awaited.take(chosen):
            lost = dataclasses.replace(pending.run, not_kept="its worker never said that it was written")
            pending.session.ledger.keep(lost)
