"""A graph has arrived: plan it, then change the scheduler's tasks accordingly."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dask._task_spec import GraphNode, Task

from nbreplay.digest import Digest, Fingerprint
from nbreplay.tasks import swap
from nbreplay.tasks.entries import Entry, Session
from nbreplay.tasks.in_flight import InFlight
from nbreplay.tasks.orders import COUNTED, order
from nbreplay.tasks.planner import Known, Plan, Print, last_layer, plan
from nbreplay.tasks.prints import make_shaper
from nbreplay.tasks.process_options import state
from nbreplay.tasks.shape import Key, data_leaf
from nbreplay.tasks.shuffles import RECEIVES

if TYPE_CHECKING:
    from nbreplay.tasks.scheduler_plugin import TaskCachePlugin


class Planning:
    """Plans graphs for *plugin*."""

    def __init__(self, plugin: TaskCachePlugin) -> None:
        self.plugin = plugin

    def scattered(self, session: Session, key: Key, digest: str) -> None:
        """Data without a task: its content is its provenance."""
        leaf = Fingerprint(data_leaf(bytes.fromhex(digest)).hex())
        self.plugin.entries[key] = Entry(
            session, "data", provenance=leaf, lineage="", digest=Digest(digest), done=True, deps=()
        )

    def graph(self, session: Session, keys: set[Key], tasks: list[Key], stimulus_id: str) -> None:
        """Plan the tasks of one ``update_graph``."""
        with _uncollected():
            self._graph(session, keys, tasks, stimulus_id)

    def _graph(self, session: Session, keys: set[Key], tasks: list[Key], stimulus_id: str) -> None:
        specs, known, never = self._view(tasks)
        if not specs:
            return
        made, loads = self._plan(session, specs, self._needed(specs, keys, tasks), known, never)
        self._apply(session, made, loads, keys, stimulus_id)
        if session.serve and made.misses:
            tally = session.tally()
            for row in session.ledger.why(made, specs):
                tally.say(row)

    def _view(self, tasks: Iterable[Key]) -> tuple[dict[Key, GraphNode], dict[Key, Known], dict[Key, str]]:
        entries, states = self.plugin.entries, self.plugin.scheduler.tasks
        specs: dict[Key, GraphNode] = {}
        known: dict[Key, Known] = {}
        never: dict[Key, str] = {}
        for key in tasks:
            ts = states[key]
            entry = entries.get(key)
            if entry is not None or ts.state != "released" or ts.run_spec is None or ts.who_has:
                if entry is not None and ts.state != "erred" and not ts.actor:
                    known[key] = Known(entry.provenance, entry.lineage, entry.paths)
                continue
            specs[key] = ts.run_spec
            if ts.actor:
                never[key] = "an actor"
            elif ts.annotations and ts.annotations.get("nbreplay") == "never":
                never[key] = "annotated never to be cached"
            elif type(ts.run_spec) is Task and ts.run_spec.is_coro:
                never[key] = "a coroutine"
        return specs, known, never

    def _needed(self, specs: dict[Key, GraphNode], keys: set[Key], tasks: list[Key]) -> list[Key]:
        """What is wanted, and what tasks that were here before and have yet to run depend on."""
        states = self.plugin.scheduler.tasks
        wanted = [key for key in keys if key in specs]
        for key in tasks:
            if key not in specs and states[key].state != "memory":
                wanted += [dts.key for dts in states[key].dependencies if dts.key in specs]
        # A new task may also have got dependents or clients from elsewhere.
        wanted += [
            key for key in specs if states[key].who_wants or any(dts.key not in specs for dts in states[key].dependents)
        ]
        return list(dict.fromkeys(wanted))

    def _salt(self) -> str:
        """Return the state of this process if the workers are in it."""
        return state() if str(self.plugin.scheduler.address).startswith("inproc://") else ""

    def _plan(
        self,
        session: Session,
        specs: dict[Key, GraphNode],
        wanted: list[Key],
        known: dict[Key, Known],
        never: dict[Key, str],
    ) -> tuple[Plan, dict[Key, GraphNode]]:
        """Plan until everything that is to be served can be: each turn drops records that cannot be read."""
        ledger = session.ledger
        session.salt = self._salt()
        shaper = make_shaper(ledger.root, salt=session.salt)
        while True:
            made = plan(
                specs,
                wanted,
                ledger.lookup,
                shaper=shaper,
                holds=ledger.holds,
                known=known,
                never=never,
                in_flight=InFlight(self.plugin, session) if session.serve else None,
                root=ledger.root,
                serve=session.serve,
                again=ledger.again,
            )
            loads: dict[Key, GraphNode] = {}
            for key, run in made.hits.items():
                task = ledger.load_task(key, run) if session.workers_fit else ledger.inline(key, run)
                if task is not None:
                    loads[key] = task
            if len(loads) == len(made.hits) and ledger.put_back(made.put_back):
                return made, loads

    def _apply(
        self, session: Session, made: Plan, loads: dict[Key, GraphNode], keys: set[Key], stimulus_id: str
    ) -> None:
        """Change the scheduler's tasks. Everything that can fail has been done."""
        plugin, states = self.plugin, self.plugin.scheduler.tasks
        tally = session.tally()
        pruned = {key: swap.recipe_of(states[key]) for key in made.prints} if loads else {}
        for key in made.prints:
            plugin.entries[key] = self._entry(session, made, key, tally)
        last = last_layer(made, keys & made.misses)
        orphans: list[Any] = []
        promised = self._promised(pruned, made) if loads else ([], {})
        for key in made.prints:
            entry, ts = plugin.entries[key], states[key]
            if key in loads:
                orphans += self._serve(ts, entry, loads[key], pruned, made, promised)
            elif key in made.duplicates:
                target = states[made.duplicates[key]]
                entry.target = target.key
                orphans += swap.alias(ts, target)
                plugin.quiet.add(key)
            elif key in made.misses:
                shape = entry.shape
                # One part of a shuffle that is not kept makes the whole shuffle run.
                entry.expected = made.again.get(key)
                entry.keep = key in keys or key in last or (shape is not None and shape.role == RECEIVES)
                order(ts, entry)
                if entry.provenance and entry.shape is not None and entry.shape.kind == COUNTED:
                    plugin.in_flight[entry.provenance] = key
            else:
                orphans.append(ts)
            if key in keys and entry.provenance:
                tally.wanted[key] = entry.provenance
        for key in made.pruned | made.hits.keys():
            if key in made.runs:
                tally.read(made.runs[key].files_read)
        for run in made.put_back:
            tally.wrote(run.files_written)
        swap.forget_orphans(plugin.scheduler, orphans, stimulus_id)

    def _entry(self, session: Session, made: Plan, key: Key, tally: Any) -> Entry:
        one = made.prints[key]
        shape = one.shape
        assert shape is not None
        entry = Entry(session, shape.name, shape, one.provenance, one.refused, one.paths, deps=shape.deps)
        entry.tally = tally if shape.kind == COUNTED else None
        run = made.runs.get(key)
        if shape.kind == "data":
            entry.lineage = ""
        if key in made.hits or key in made.pruned:
            entry.run = run
            if run is not None:
                entry.lineage, entry.placed = run.lineage, run.placed
                entry.effects = run.effects or bool(run.files_written)
                entry.digest = run.result_digest
        state = "hit" if key in made.hits or key in made.duplicates else "pruned" if key in made.pruned else "executed"
        entry.count(state)
        if key in made.pruned:
            entry.finish()
        if state == "executed" and one.refused and entry.tally is not None:
            entry.tally.refuse(entry.name, one.refused)
        return entry

    def _promised(self, pruned: dict[Key, swap.Recipe], made: Plan) -> tuple[list[Any], dict[Key, Any]]:
        """Return the data outside the graph that loads must keep alive, and prints of all that may come back."""
        entries = self.plugin.entries

        def recipe(ts: Any) -> swap.Recipe:
            entry = entries.get(ts.key)
            return entry.promise.recipe if entry is not None and entry.promise is not None else swap.recipe_of(ts)

        inside = set(pruned)
        anchors = swap.outside(self.plugin.scheduler, pruned, recipe)
        prints: dict[Key, Any] = dict(made.prints)
        for key in pruned.keys() - inside:
            entry = entries.get(key)
            if entry is not None:
                prints[key] = Print(entry.shape, entry.provenance, entry.refused, entry.paths)
        return anchors, prints

    def _serve(
        self,
        ts: Any,
        entry: Entry,
        load: GraphNode,
        pruned: dict[Key, swap.Recipe],
        made: Plan,
        promised: tuple[list[Any], dict[Key, Any]],
    ) -> list[Any]:
        anchors, prints = promised
        recipe = swap.recipe_of(ts)
        entry.promise = swap.Promise(recipe, pruned, swap.unrestrict(ts), True, prints, made.runs, made.pruned)
        self.plugin.quiet.add(ts.key)
        # Scattered data must stay until the load has worked: it could not be made again.
        return swap.swap(ts, load, anchors)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let the garbage collector rest: it would go through the whole scheduler again and again while a graph is planned,
    and nothing that is made here is garbage.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
