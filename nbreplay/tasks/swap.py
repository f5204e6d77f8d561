"""Surgery on the scheduler's task graph: a task becomes a load, and can become itself again.

Every function leaves the scheduler consistent (its own ``validate`` runs in the tests). They are called from plugin
hooks, on the scheduler's loop. Nothing here looks anything up or decides anything.

Notes
-----
In ``update_graph`` new tasks are ``released`` and no transition was made. In the ``transition`` hook of the last
dependency of a task, the recommendation to process it exists already but was not followed yet, so that its
``run_spec`` can still be exchanged; its edges are left alone then, since the scheduler has already decided which
dependencies to release.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dask._task_spec import Alias, GraphNode

from nbreplay.tasks.shape import Key

Recipe = tuple[GraphNode, tuple[Key, ...], Any]
"""What brings a task back: its run_spec, the keys of its dependencies, its priority."""


@dataclass(slots=True)
class Promise:
    """What is needed to compute a task after all: itself, and the part of its graph that was pruned.

    All but the first and third are shared by the promises of one graph. *uncounted* are keys that were counted as
    pruned and will be counted as something else when they come back, once.
    """

    recipe: Recipe
    pruned: dict[Key, Recipe] = field(default_factory=dict)
    restrictions: tuple[Any, ...] = ()
    detached: bool = True
    prints: Mapping[Key, Any] = field(default_factory=dict)
    runs: Mapping[Key, Any] = field(default_factory=dict)
    uncounted: set[Key] = field(default_factory=set)


def recipe_of(ts: Any) -> Recipe:
    """Return what brings *ts* back."""
    return ts.run_spec, tuple(dts.key for dts in ts.dependencies), ts.priority


def detach(ts: Any) -> list[Any]:
    """Take away the dependencies of *ts*, which is released, on both sides. Return them."""
    above = list(ts.dependencies)
    for dts in above:
        dts.dependents.discard(ts)
        if dts.waiters:
            dts.waiters.discard(ts)
    ts.dependencies.clear()
    return above


def swap(ts: Any, spec: GraphNode, anchors: Iterable[Any] = ()) -> list[Any]:
    """Let *ts* run *spec* instead; *anchors* stay dependencies, so that they are there if it must be undone."""
    orphans = detach(ts)
    for dts in anchors:
        ts.add_dependency(dts)
    ts.run_spec = spec
    return orphans


def unrestrict(ts: Any) -> tuple[Any, ...]:
    """Take restrictions from *ts* (a load must not wait for a GPU in order to read a file); return them."""
    kept = (ts.worker_restrictions, ts.host_restrictions, ts.resource_restrictions, ts.loose_restrictions)
    ts.worker_restrictions = None
    ts.host_restrictions = None
    ts.resource_restrictions = None
    ts.loose_restrictions = False
    return kept


def restrict(ts: Any, kept: tuple[Any, ...]) -> None:
    """Give *ts* back what :func:`unrestrict` took."""
    if kept:
        ts.worker_restrictions, ts.host_restrictions, ts.resource_restrictions, ts.loose_restrictions = kept


def alias(ts: Any, target: Any) -> list[Any]:
    """Let *ts* take the result of *target*."""
    orphans = detach(ts)
    ts.add_dependency(target)
    ts.run_spec = Alias(ts.key, target.key)
    return [dts for dts in orphans if dts is not target]


def forget_orphans(scheduler: Any, candidates: Iterable[Any], stimulus_id: str) -> None:
    """Send to ``forgotten`` what nobody needs any more, and what only that needed."""
    stack = [ts for ts in candidates if scheduler.tasks.get(ts.key) is ts]
    recommendations: dict[Key, str] = {}
    for ts in stack:
        if not ts.dependents and not ts.who_wants:
            recommendations[ts.key] = "forgotten"
    if recommendations:
        scheduler.transitions(recommendations, stimulus_id=stimulus_id)


def gone(scheduler: Any, start: Key, promise: Promise) -> list[Key]:
    """Return the ancestors of *start* that would have to be made anew, were none of them stored.

    Raises
    ------
    LookupError
        One of them is gone for good.
    """
    missing: list[Key] = []
    seen = {start}
    stack = list(promise.recipe[1]) if promise.detached else []
    while stack:
        key = stack.pop()
        if key in seen or key in scheduler.tasks:
            continue
        seen.add(key)
        if key not in promise.pruned:
            raise LookupError(key)
        missing.append(key)
        stack.extend(promise.pruned[key][1])
    return missing


def bring_back(scheduler: Any, ts: Any, promise: Promise, loads: Mapping[Key, GraphNode]) -> list[Any]:
    """Give *ts*, just released, its own ``run_spec`` and dependencies. Return the tasks that were made anew.

    Those of them that are in *loads* are loaded, and need nothing above them.

    Raises
    ------
    LookupError
        A dependency is gone for good; nothing was changed.
    """
    made: dict[Key, Any] = {}
    missing: list[tuple[Key, Recipe]] = []
    seen = {ts.key}
    stack = list(promise.recipe[1]) if promise.detached else []
    while stack:
        key = stack.pop()
        if key in seen or key in scheduler.tasks:
            continue
        seen.add(key)
        if key not in promise.pruned:
            raise LookupError(key)
        spec, deps, priority = promise.pruned[key]
        recipe = (loads[key], (), priority) if key in loads else (spec, deps, priority)
        missing.append((key, recipe))
        stack.extend(recipe[1])
    for key, (spec, _, priority) in missing:
        made[key] = scheduler.new_task(key, spec, "released")
        made[key].priority = priority
    for key, (_, deps, _) in missing:
        for dep in deps:
            made[key].add_dependency(scheduler.tasks[dep])
    _name_spans(scheduler, list(made.values()))
    if promise.detached:
        detach(ts)
        for dep in promise.recipe[1]:
            ts.add_dependency(scheduler.tasks[dep])
    ts.run_spec = promise.recipe[0]
    restrict(ts, promise.restrictions)
    return list(made.values())


def _name_spans(scheduler: Any, made: list[Any]) -> None:
    """Give tasks that no client submitted a span, as the scheduler gives one to all that clients do.

    Without it every heartbeat of a worker that ran one of them fails, and the worker is taken for lost.
    """
    spans = scheduler.extensions.get("spans")
    if spans is not None and made:
        spans.observe_tasks(made, span_metadata={}, code=())


def outside(scheduler: Any, pruned: dict[Key, Recipe], recipe: Callable[[Any], Recipe]) -> list[Any]:
    """Complete *pruned* with what its tasks need from outside the graph, and return the data that nothing can remake.

    *recipe* gives a task's own recipe, also if it is a load now.
    """
    anchors: list[Any] = []
    seen: set[Key] = set(pruned)
    stack = [dep for _, deps, _ in list(pruned.values()) for dep in deps]
    while stack:
        key = stack.pop()
        ts = scheduler.tasks.get(key)
        if key in seen or ts is None:
            continue
        seen.add(key)
        if ts.run_spec is None:
            anchors.append(ts)
            continue
        pruned[key] = recipe(ts)
        stack.extend(pruned[key][1])
    return anchors
