"""A promise is broken: a stored result cannot be loaded. The task is computed after all, with what was pruned."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nbreplay.tasks import swap
from nbreplay.tasks.entries import Entry
from nbreplay.tasks.orders import COUNTED, order
from nbreplay.tasks.shape import Key

if TYPE_CHECKING:
    from nbreplay.tasks.scheduler_plugin import TaskCachePlugin


class Rewind:
    """Undoes hits of *plugin*. A task is rewound at most once; then there is no cache for it."""

    def __init__(self, plugin: TaskCachePlugin) -> None:
        self.plugin = plugin
        self.reasons: dict[Key, str] = {}
        self.unseen: set[Key] = set()

    def broken(self, key: Key, entry: Entry) -> None:
        """The load task *key* has just been released; it is going to be run again."""
        scheduler = self.plugin.scheduler
        # The scheduler gives queued tasks to a worker when a task ends there. This one has not, and what it needs may
        # be queued behind it now: nothing else would wake it.
        scheduler.loop.add_callback(self._wake_queued)
        promise, run, ledger = entry.promise, entry.run, entry.session.ledger
        assert promise is not None
        assert run is not None
        reason = self.reasons.pop(key, "the load failed")
        ts = scheduler.tasks[key]
        if key in self.unseen:
            # Nothing is wrong with the result: it is sent, here and from now on.
            self.unseen.discard(key)
            ledger.send = True
            load = ledger.load_task(key, run)
            if load is not None:
                ts.run_spec = load
                return
        else:
            ledger.drop(run, reason)
        loads = {}
        for above in swap.gone(scheduler, key, promise):
            old = promise.runs.get(above)
            if old is not None and old.result is not None and ledger.usable(old):
                load = ledger.load_task(above, old)
                if load is not None:
                    loads[above] = load
        try:
            made = swap.bring_back(scheduler, ts, promise, loads)
        except LookupError:
            load = ledger.load_task(key, run, rewindable=False)
            if load is not None:
                ts.run_spec = load
            return
        entry.promise = None
        entry.run = None
        entry.digest = None
        entry.lineage = None
        entry.count("executed")
        entry.keep = True
        order(ts, entry)
        for new in made:
            self._enter(new, entry, promise, loads)

    def _wake_queued(self) -> None:
        """Called by the loop, after the transitions that follow a broken promise."""
        self.plugin.scheduler.stimulus_queue_slots_maybe_opened(stimulus_id=f"nbreplay-rewound-{time.time()}")

    def _enter(self, ts: Any, below: Entry, promise: swap.Promise, loads: Mapping[Key, object]) -> None:
        key: Key = ts.key
        one = promise.prints.get(key)
        if one is None or one.shape is None:
            return
        entry = Entry(below.session, one.shape.name, one.shape, one.provenance, one.refused, one.paths)
        entry.deps = one.shape.deps
        if key in promise.uncounted and one.shape.kind == COUNTED and below.tally is not None:
            promise.uncounted.discard(key)
            entry.tally = below.tally
            entry.state = "pruned"
            entry.tally.unfinished += 1
        if one.shape.kind == "data":
            entry.lineage = ""
        self.plugin.entries[key] = entry
        if key in loads:
            run = promise.runs[key]
            entry.run, entry.digest, entry.lineage = run, run.result_digest, run.lineage
            entry.effects, entry.placed = run.effects or bool(run.files_written), run.placed
            entry.count("hit")
            entry.promise = swap.Promise(
                promise.pruned[key], promise.pruned, (), True, promise.prints, promise.runs, promise.uncounted
            )
            self.plugin.quiet.add(key)
        else:
            entry.count("executed")
            order(ts, entry)
