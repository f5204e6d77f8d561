"""What of a graph must run: a pure function from (graph, wanted keys, what is recorded) to a plan.

Two passes. Fingerprints go from the leaves up: every task gets its *provenance* P, or the reason why it has none.
Lookups go from the wanted keys down and end at the first record that holds. A record whose ancestors read files holds
only if those files still have the content that they had, which P does not know; so every record carries its
*lineage*, the digest of all that was read from files on the way to it, and a lineage that is not empty is checked
against the records of the ancestors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dask._task_spec import GraphNode

from nbreplay.digest import Fingerprint
from nbreplay.records import FileState, TaskRun
from nbreplay.tasks.finding import Again, Finder, Lookup
from nbreplay.tasks.provenance import Known, Print, fingerprints, lineage, placed, topological
from nbreplay.tasks.shape import Key, Shape
from nbreplay.tasks.shaper import Shaper
from nbreplay.tasks.shuffles import RUNS_FOR_OTHERS, incomplete, places

Holds = Callable[[Mapping[str, FileState], Mapping[str, FileState]], bool]
"""Whether files have these states now, given those that are about to be put back."""


@dataclass(slots=True)
class Plan:
    """What to do with each key of a graph.

    *hits* are served; *pruned* are not needed; *misses* run. *duplicates* take the result of another key, which runs.
    *runs* are the records that hold, of hits and of what was looked at above them. *put_back* are those of them that
    wrote files, writers first. *again* are recorded and run all the same, to be compared with their records. *inside*
    are the records of steps inside fused tasks that were recorded without them.
    """

    prints: dict[Key, Print]
    hits: dict[Key, TaskRun] = field(default_factory=dict)
    misses: set[Key] = field(default_factory=set)
    pruned: set[Key] = field(default_factory=set)
    duplicates: dict[Key, Key] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)
    runs: dict[Key, TaskRun] = field(default_factory=dict)
    put_back: list[TaskRun] = field(default_factory=list)
    again: dict[Key, TaskRun] = field(default_factory=dict)
    inside: dict[Key, list[TaskRun]] = field(default_factory=dict)


def plan(
    specs: Mapping[Key, GraphNode],
    wanted: Iterable[Key],
    lookup: Lookup,
    *,
    shaper: Shaper,
    holds: Holds = lambda states, overlay: True,
    known: Mapping[Key, Known] | None = None,
    never: Mapping[Key, str] | None = None,
    in_flight: Mapping[Fingerprint, Key] | None = None,
    root: Path | str = "",
    serve: bool = True,
    again: Again | None = None,
) -> Plan:
    """Plan the graph *specs*, of which *wanted* are asked for.

    Parameters
    ----------
    specs : mapping of key to GraphNode
        The tasks to be planned; keys that they refer to and that are not here are in *known*, or unknown.
    wanted : iterable of keys
        What must exist in the end.
    lookup : callable
        Batched: fingerprints to usable records, newest first.
    shaper : Shaper
        Makes programs of nodes.
    holds : callable
        Whether files have recorded states now.
    known : mapping of key to Known
        Keys outside of *specs*.
    never : mapping of key to str
        Tasks that must run, and why.
    in_flight : mapping of fingerprint to key
        Tasks that are computed now, whose result an equal task may take.
    root : path
        The folder that paths are relative to.
    serve : bool
        False only fingerprints: everything is a miss.
    again : callable, optional
        Whether the task of a P is to be run although its result is recorded.
    """
    known = known or {}
    wanted = list(wanted)
    order = topological(specs)
    taking_part = places(specs)
    prints = fingerprints(specs, order, shaper, known, never or {}, taking_part)
    made = Plan(prints)
    made.refused = {key: p.refused for key, p in prints.items() if p.refused}
    if serve:
        finder = Finder(prints, specs, lookup, root, again, known)
        found = finder.find(wanted)
        made.inside = finder.inside
        _validate(made, [key for key in order if key in found] if found else (), found, holds, known)
    sampled = {k: r for k, r in made.runs.items() if _is_sampled(r, prints[k].shape, again)} if again else {}
    blocked: set[Key] = set(sampled)
    _select(made, wanted, specs, blocked)
    while taking_part and (torn := incomplete(specs, taking_part, made.misses, made.hits)):
        blocked |= torn
        _select(made, wanted, specs, blocked)
    if serve and _merge(made, order, in_flight or {}):
        _select(made, wanted, specs, blocked)
    made.again = {key: run for key, run in sampled.items() if key in made.misses and key not in made.duplicates}
    made.put_back = [
        run
        for key in order
        if key in made.runs
        for run in (*made.inside.get(key, ()), made.runs[key])
        if run.files_written
    ]
    return made


def _validate(
    made: Plan,
    order: Iterable[Key],
    found: Mapping[Key, list[TaskRun]],
    holds: Holds,
    known: Mapping[Key, Known],
) -> None:
    """Fill *runs*: of each looked-up task the newest record that holds now, ancestors first."""
    overlay: dict[str, FileState] = {}
    lineages: dict[Key, str | None] = {}
    explained: set[Key] = set()
    for key in order:
        shape = made.prints[key].shape
        are_explained = all(dep in explained or dep not in made.prints for dep in (shape.deps if shape else ()))
        if shape is not None and (shape.kind == "data" or (shape.kind == "alias" and are_explained)):
            explained.add(key)
        above: list[str | None] = []
        for dep in shape.deps if shape is not None else ():
            if dep in lineages:
                above.append(lineages[dep])
            elif dep in made.prints:
                above.append("" if _plain_data(made.prints[dep]) else None)
            else:
                outside = known.get(dep)
                above.append(outside.lineage if outside is not None else None)
        if shape is not None and shape.kind == "alias":
            lineages[key] = above[0]
        for run in found[key]:
            if run.lineage:
                if any(mark is None for mark in above):
                    continue
                if run.lineage != lineage(run.files_read, [mark or "" for mark in above]):
                    continue
            if run.files_read and not holds(run.files_read, overlay):
                continue
            if run.effects and not are_explained:
                continue  # a task above wrote files, and nobody knows any more which
            made.runs[key] = run
            explained.add(key)
            lineages[key] = run.lineage
            for each in (*made.inside.get(key, ()), run):
                overlay.update(each.files_written)
            break


def last_layer(made: Plan, wanted: Iterable[Key]) -> set[Key]:
    """Return what is right above *wanted*, aliases looked through: worth keeping, for an edit of the last step."""
    above: set[Key] = set()
    stack = [key for key in wanted if key in made.prints]
    seen: set[Key] = set()
    while stack:
        key = stack.pop()
        shape = made.prints[key].shape
        if key in seen or shape is None:
            continue
        seen.add(key)
        above.update(shape.deps)
        if shape.kind == "alias":
            stack += [dep for dep in shape.deps if dep in made.prints]
    return above


def _plain_data(one: Print) -> bool:
    return one.shape is not None and one.shape.kind == "data"


def _select(made: Plan, wanted: Iterable[Key], specs: Mapping[Key, GraphNode], blocked: set[Key]) -> None:
    """Walk from the wanted keys: what has a kept result is a hit, what has none runs and needs its dependencies.

    Those that are *blocked* run although they have one.
    """
    made.misses = set()
    made.hits = {}
    stack = [key for key in wanted if key in made.prints]
    seen = set(stack)
    while stack:
        key = stack.pop()
        run = made.runs.get(key)
        needs: Iterable[Key] = ()
        if run is not None and _can_serve(run, made.prints[key].shape) and key not in blocked:
            made.hits[key] = run
        elif key in made.duplicates:
            needs = (made.duplicates[key],)
        else:
            made.misses.add(key)
            needs = specs[key].dependencies
        for dep in needs:
            if dep in made.prints and dep not in seen:
                seen.add(dep)
                stack.append(dep)
    made.duplicates = {key: target for key, target in made.duplicates.items() if key in seen}
    made.pruned = made.prints.keys() - seen


def _can_serve(run: TaskRun, shape: Shape | None) -> bool:
    return run.result is not None and shape is not None and shape.kind == "task" and shape.role not in RUNS_FOR_OTHERS


def _is_sampled(run: TaskRun, shape: Shape | None, again: Again) -> bool:
    return _can_serve(run, shape) and shape is not None and not shape.role and again(run.provenance)


def _merge(made: Plan, order: Iterable[Key], in_flight: Mapping[Fingerprint, Key]) -> bool:
    """Let equal tasks be computed once: the first of them runs, the others take its result."""
    first: dict[Fingerprint, Key] = {}
    for key in order:
        one = made.prints[key]
        if key not in made.misses or one.provenance is None or one.shape is None:
            continue
        if one.shape.kind != "task" or one.shape.role:
            continue
        running = in_flight.get(one.provenance)
        if running is not None and running not in made.prints:
            made.duplicates[key] = running
        elif one.provenance in first:
            made.duplicates[key] = first[one.provenance]
        else:
            first[one.provenance] = key
    return bool(made.duplicates)


__all__ = ["Holds", "Known", "Lookup", "Plan", "Print", "last_layer", "lineage", "placed", "plan"]
