"""Dask's own schedulers (threads, processes, synchronous) through the same planner.

All three end in ``dask.local.get_async``, whichever way they were chosen; that is what is wrapped. The graph that it
gets is planned; hits load, what is pruned is left out, the rest is run by a :class:`Runner`, which tells us
afterwards.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from dask._task_spec import Alias, DataNode, GraphNode, Task, TaskRef, convert_legacy_graph, cull, execute_graph
from dask.core import flatten

from nbreplay.digest import Digest
from nbreplay.records import TaskRun
from nbreplay.serialize import codecs
from nbreplay.tasks.entries import Entry
from nbreplay.tasks.kernel_cache import KernelCache
from nbreplay.tasks.ledger import Ledger
from nbreplay.tasks.load import folder
from nbreplay.tasks.planner import Plan, last_layer, plan
from nbreplay.tasks.prints import make_shaper
from nbreplay.tasks.process_options import state
from nbreplay.tasks.report import Order, Report, Stored
from nbreplay.tasks.runs import compared, compared_with_first, content_of, inherit, learn, refuse, served
from nbreplay.tasks.shape import Key
from nbreplay.tasks.traced import Traced
from nbreplay.tasks.writer import Writer

logger = logging.getLogger(__name__)


def planned(cache: KernelCache, dsk: Any, result: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    specs: dict[Key, GraphNode] = convert_legacy_graph(dsk if isinstance(dsk, Mapping) else dsk.__dask_graph__())
    wanted: list[Key] = list(flatten(result)) if isinstance(result, list) else [result]  # type: ignore[no-untyped-call]
    away = kwargs.get("loads") is not None and kwargs.get("dumps") is not None
    run = LocalRun(cache, specs, wanted, away=away)
    if away:
        kwargs = kwargs | {"loads": Unwrap(kwargs["loads"], run)}
    return run.graph(), kwargs


class LocalRun:
    """One graph in one of Dask's own schedulers. *away* says that tasks run in other processes."""

    def __init__(self, cache: KernelCache, specs: dict[Key, GraphNode], wanted: list[Key], *, away: bool) -> None:
        self.cache = cache
        self.specs = cull(specs, wanted)
        self.wanted = set(wanted)
        self.away = away
        assert cache.ledger is not None
        self.ledger = cache.ledger
        self.entries: dict[Key, Entry] = {}
        self.tally = cache.tally()
        self.plan, self.values = self._plan(wanted)
        self.pending: dict[str, TaskRun] = {}
        self._enter()

    def _plan(self, wanted: list[Key]) -> tuple[Plan, dict[Key, object]]:
        shaper = make_shaper(self.ledger.root, salt="" if self.away else state())
        while True:
            made = plan(
                self.specs,
                wanted,
                self.ledger.lookup,
                shaper=shaper,
                holds=self.ledger.holds,
                root=self.ledger.root,
                serve=self.cache.serve,
                again=self.ledger.again,
            )
            values: dict[Key, object] = {}
            for key, run in made.hits.items() if self.away else ():
                node = self.ledger.inline(key, run)
                if node is not None:
                    values[key] = node.value
            if len(values) == (len(made.hits) if self.away else 0) and self.ledger.put_back(made.put_back):
                return made, values

    def _enter(self) -> None:
        made, tally = self.plan, self.tally
        for key, one in made.prints.items():
            shape = one.shape
            assert shape is not None
            entry = Entry(None, shape.name, shape, one.provenance, one.refused, one.paths, deps=shape.deps)  # type: ignore[arg-type]
            entry.tally = tally if shape.kind == "task" else None
            run = made.runs.get(key)
            if shape.kind == "data":
                entry.lineage = ""
            if run is not None and (key in made.hits or key in made.pruned):
                entry.run, entry.digest, entry.lineage = run, run.result_digest, run.lineage
                entry.effects, entry.placed = run.effects or bool(run.files_written), run.placed
                tally.read(run.files_read)
            entry.expected = made.again.get(key)
            served_now = key in made.hits or key in made.duplicates
            entry.count("hit" if served_now else "pruned" if key in made.pruned else "executed")
            if key in made.misses and one.refused and entry.tally is not None:
                tally.refuse(entry.name, one.refused)
            entry.finish()
            self.entries[key] = entry
        for run in made.put_back:
            tally.wrote(run.files_written)
        if self.cache.serve and made.misses:
            for row in self.ledger.why(made, self.specs):
                tally.say(row)

    def graph(self) -> dict[Key, GraphNode]:
        """Return the graph that is run."""
        made = self.plan
        last = last_layer(made, self.wanted & made.misses)
        graph: dict[Key, GraphNode] = {}
        for key in made.misses:
            node = self.specs[key]
            if self.entries[key].tally is None or (isinstance(node, Task) and node.is_coro):
                graph[key] = node
                continue
            deps = tuple(node.dependencies)
            asked = Order(
                store=str(self.ledger.store.path),
                root=str(self.ledger.root),
                keep=key in self.wanted or key in last,
                record=self.cache.record,
                inline_bytes=self.ledger.settings.inline_result_bytes,
                **(self.ledger.expecting(made.again[key]) if key in made.again else {}),
            )
            runner = Away(node, deps, asked, key) if self.away else Runner(self, key, node, deps, asked)
            graph[key] = Task(key, runner, *(TaskRef(dep) for dep in deps))
        for key in made.hits:
            graph[key] = DataNode(key, self.values[key]) if self.away else Task(key, Loader(self, key))
        for key, target in made.duplicates.items():
            graph[key] = Alias(key, target)
        return graph

    def above(self, entry: Entry) -> list[Entry | None]:
        """Return what is known of the dependencies of *entry*."""
        found = []
        for dep in entry.deps:
            one = self.entries.get(dep)
            seen = 0
            while one is not None and seen < 100 and (dep in self.plan.duplicates or _is_alias(one)):
                dep = self.plan.duplicates.get(dep) or one.deps[0]
                inherit(one, self.entries.get(dep))
                one, seen = self.entries.get(dep), seen + 1
            found.append(one)
        return found

    def told(self, key: Key, report: Report, stored: Stored | None = None) -> None:
        """Take in what a finished task told. Never raises."""
        try:
            entry = self.entries[key]
            run = learn(entry, self.above(entry), report, self.ledger.root)
            compared(entry, report, self.ledger)
            self._spoiled(key, report.changed)
            if run is None or not self.cache.record:
                return
            run = compared_with_first(entry, run, self.ledger)
            if run is None:
                return
            entry.run = run
            if entry.shape is not None:
                self.ledger.keep_parts(entry.shape, self.specs[key])
            if stored is not None:
                keep_written(self.ledger, run, stored)
            elif report.pending:
                early = self.cache.local_results().finished(str(id(self)) + repr(key), run)
                if early is not None:
                    keep_written(self.ledger, run, early)
            else:
                self.ledger.keep(run, report.inline)
        except Exception as error:
            logger.warning("what a task did could not be recorded", exc_info=True)
            self.cache.problem(f"what a task did could not be recorded: {error}")

    def _spoiled(self, key: Key, changed: Collection[str]) -> None:
        """*key* has changed inputs in place: what other tasks make of them depends on who was first."""
        for other, entry in self.entries.items() if changed else ():
            if other != key and any(str(dep) in changed for dep in entry.deps):
                run = refuse(entry, "an input of it is changed in place by another task")
                if run is not None:
                    self.cache.local_results().take(lambda waiting, run=run: waiting is run)  # type: ignore[misc]
                    self.ledger.refuse(run)

    def serve_by_content(self, key: Key) -> tuple[bool, object]:
        """Early cut-off: return (True, value) if the inputs of *key* are known and a record of them is kept."""
        entry = self.entries[key]
        if not self.cache.serve or entry.refused or not entry.deps or entry.expected is not None:
            return False, None
        try:
            above = self.above(entry)
            content = content_of(entry, above)
            for run in self.ledger.by_content(content) if content is not None else ():
                assert run.result is not None
                value = codecs_load(self.ledger, run)
                if not self.ledger.put_back([run]):
                    continue
                below = served(entry, above, run, self.ledger.root)
                if below is not None and self.cache.record:
                    self.ledger.keep(below)
                return True, value
        except Exception:
            logger.debug("no early cut-off of %r", key, exc_info=True)
        return False, None


def codecs_load(ledger: Any, run: TaskRun) -> object:
    """Return the result of *run*, through the store of this process."""
    from nbreplay.serialize.gate import Trust

    assert run.result is not None
    return codecs.load(run.result, ledger.store.get, trust=Trust.OWN)


class Runner:
    """Runs one task in this process and tells *local* about it."""

    def __init__(self, local: LocalRun, key: Key, node: GraphNode, deps: tuple[Key, ...], order: Order) -> None:
        self.local = local
        self.key = key
        self.node = node
        self.deps = deps
        self.order = order

    def __call__(self, *values: object) -> object:
        hit, value = self.local.serve_by_content(self.key)
        if hit:
            return value
        token = str(id(self.local)) + repr(self.key)
        return Traced(
            self.node,
            self.order,
            lambda report: self.local.told(self.key, report),
            self.local.cache.writer().later,
            token,
        )(dict(zip(self.deps, values, strict=True)))


class Loader:
    """Loads one hit; computes it after all, with what it needs, if that fails."""

    def __init__(self, local: LocalRun, key: Key) -> None:
        self.local = local
        self.key = key

    def __call__(self) -> object:
        local, key = self.local, self.key
        run = local.plan.hits[key]
        try:
            return codecs_load(local.ledger, run)
        except Exception as error:
            logger.debug("a stored result cannot be loaded", exc_info=True)
            local.ledger.drop(run, str(error))
        local.entries[key].count("executed")
        return execute_graph(dict(cull(local.specs, [key])), keys=[key])[key]


class Away:
    """Runs one task in another process; its report comes back with the value."""

    def __init__(self, node: GraphNode, deps: tuple[Key, ...], order: Order, key: Key) -> None:
        self.node = node
        self.deps = deps
        self.order = order
        self.key = key

    def __call__(self, *values: object) -> object:
        reports: list[Report] = []
        written: list[Stored] = []

        def later(token: str, dumped: codecs.Dumped, digest: Digest, order: Order, value: object) -> bool:
            # A process of a pool may end with its graph: nothing is left to the background here.
            ref = codecs.write(dumped, folder(order.store).put, content=digest)
            written.append(Stored(token=token, result=ref))
            return True

        value = Traced(self.node, self.order, reports.append, later, "")(dict(zip(self.deps, values, strict=True)))
        return Carried(self.key, value, reports[0] if reports else None, written[0] if written else None)


@dataclasses.dataclass
class Carried:
    """A value on its way back from another process, with what is to be told of it."""

    key: Key
    value: object
    report: Report | None
    stored: Stored | None


class Unwrap:
    """Stands for ``loads`` in the parent: takes reports off results. In a child it is the plain function again."""

    def __init__(self, loads: Callable[[Any], Any], local: LocalRun) -> None:
        self.loads = loads
        self.local = local

    def __reduce__(self) -> tuple[Callable[[Any], Any], tuple[Any]]:
        return _itself, (self.loads,)

    def __call__(self, data: Any) -> Any:
        loaded = self.loads(data)
        if isinstance(loaded, tuple) and len(loaded) == 2 and isinstance(loaded[0], Carried):
            carried = loaded[0]
            if carried.report is not None:
                self.local.told(carried.key, carried.report, carried.stored)
            return carried.value, loaded[1]
        return loaded


def _itself(loads: Any) -> Any:
    return loads


def _is_alias(entry: Entry) -> bool:
    return entry.shape is not None and entry.shape.kind == "alias" and entry.digest is None


def keep_written(ledger: Ledger, run: TaskRun, stored: Stored) -> None:
    """Record *run*, of whose result *stored* was said."""
    ledger.keep(dataclasses.replace(run, result=stored.result, not_kept=stored.not_kept), stored.inline, stored.small)


def writer_for(cache: KernelCache) -> Writer:
    """Return the background writer of results that were computed in this process."""

    def tell(stored: Stored) -> None:
        run = cache.local_results().written(stored)
        if run is not None and cache.ledger is not None:
            keep_written(cache.ledger, run, stored)

    return Writer(tell)


__all__ = ["LocalRun", "planned"]
