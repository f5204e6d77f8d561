"""What of a graph must run: a pure function from (graph, wanted keys, what is recorded) to a plan.

Two passes. Fingerprints go from the leaves up: every task gets its *provenance* P, or the reason why it has none.
Lookups go from the wanted keys down and end at the first record that holds. A record whose ancestors read files holds
only if those files still have the content that they had, which P does not know; so every record carries its
*lineage*, the digest of all that was read from files on the way to it, and a lineage that is not empty is checked
against the records of the ancestors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dask._task_spec import GraphNode

from nbreplay.digest import Fingerprint, combine, combine_all
from nbreplay.records import FileState, TaskRun
from nbreplay.tasks.shape import Key, Shape, Shaper, evaluate

Lookup = Callable[[Sequence[Fingerprint]], list[list[TaskRun]]]
"""From fingerprints to the usable records of each, newest first."""

Holds = Callable[[Mapping[str, FileState], Mapping[str, FileState]], bool]
"""Whether files have these states now, given those that are about to be put back."""


@dataclass(slots=True)
class Print:
    """What is known of one task: its P (None: not known), why it must not be cached, whether paths are in its
    ancestry.
    """

    shape: Shape | None
    provenance: Fingerprint | None
    refused: str = ""
    paths: bool = False


@dataclass(slots=True)
class Known:
    """A key that the graph refers to and that is somewhere already: in memory, running, or scattered."""

    provenance: Fingerprint | None
    lineage: str | None = ""
    paths: bool = False


@dataclass(slots=True)
class Plan:
    """What to do with each key of a graph.

    *hits* are served; *pruned* are not needed; *misses* run. *duplicates* take the result of another key, which runs.
    *runs* are the records that hold, of hits and of what was looked at above them. *put_back* are those of them that
    wrote files, writers first.
    """

    prints: dict[Key, Print]
    hits: dict[Key, TaskRun] = field(default_factory=dict)
    misses: set[Key] = field(default_factory=set)
    pruned: set[Key] = field(default_factory=set)
    duplicates: dict[Key, Key] = field(default_factory=dict)
    refused: dict[Key, str] = field(default_factory=dict)
    runs: dict[Key, TaskRun] = field(default_factory=dict)
    put_back: list[TaskRun] = field(default_factory=list)


def placed(provenance: Fingerprint, root: Path | str) -> Fingerprint:
    """Return the name of a result that holds the folder's own name: *provenance* at this place only."""
    return Fingerprint(combine("task at", str(root), provenance))


def lineage(reads: Mapping[str, FileState], above: Iterable[str]) -> str:
    """Return the digest of what was read from files, here and above; "" if nothing was."""
    ancestors = sorted({mark for mark in above if mark})
    if not reads and not ancestors:
        return ""
    if not reads and len(ancestors) == 1:
        return ancestors[0]
    own = [part for path in sorted(reads) for part in (path, reads[path].digest or "-")]
    return combine_all("lineage", [str(len(own)), *own, *ancestors])


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
    """
    known = known or {}
    wanted = list(wanted)
    order = topological(specs)
    prints = fingerprints(specs, order, shaper, known, shuffles(specs) | dict(never or {}))
    made = Plan(prints)
    made.refused = {key: p.refused for key, p in prints.items() if p.refused}
    if serve:
        found = _look_up(prints, wanted, specs, lookup, root)
        _validate(made, [key for key in order if key in found], found, holds, known)
    _select(made, wanted, specs)
    if serve and _merge(made, order, in_flight or {}):
        _select(made, wanted, specs)
    made.put_back = [made.runs[key] for key in order if key in made.runs and made.runs[key].files_written]
    return made


def topological(specs: Mapping[Key, GraphNode]) -> list[Key]:
    """Return the keys of *specs*, each after its dependencies. Iterates: graphs are deep."""
    done: set[Key] = set()
    order: list[Key] = []
    for start in specs:
        if start in done:
            continue
        stack = [start]
        while stack:
            key = stack[-1]
            if key in done:
                stack.pop()
                continue
            waiting = [dep for dep in specs[key].dependencies if dep not in done and dep in specs]
            if waiting:
                stack.extend(waiting)
            else:
                done.add(key)
                order.append(key)
                stack.pop()
    return order


def shuffles(specs: Mapping[Key, GraphNode]) -> dict[Key, str]:
    """Return the tasks of peer-to-peer shuffles: barriers, what is right above them (transfers), right below (unpacks).

    They act on their workers' shared state: none of them may be served, merged, or left out by itself. Known by their
    place in the graph, since a transfer may be fused with anything.
    """
    barriers = {key for key, node in specs.items() if type(node).__name__ == "P2PBarrierTask"}
    if not barriers:
        return {}
    found = dict.fromkeys(barriers, "the barrier of a peer-to-peer shuffle")
    for key in barriers:
        found |= dict.fromkeys(specs[key].dependencies, "sends data in a peer-to-peer shuffle")
    for key, node in specs.items():
        if key not in found and not barriers.isdisjoint(node.dependencies):
            found[key] = "receives data in a peer-to-peer shuffle"
    return found


def fingerprints(
    specs: Mapping[Key, GraphNode],
    order: Iterable[Key],
    shaper: Shaper,
    known: Mapping[Key, Known],
    never: Mapping[Key, str],
) -> dict[Key, Print]:
    """Return P of every task, or why there is none."""
    prints: dict[Key, Print] = {}
    for key in order:
        shape = shaper.shape(key, specs[key])
        paths = shape.paths
        leaves: list[bytes] = []
        for dep in shape.deps:
            above = prints.get(dep) or known.get(dep)
            if above is None or above.provenance is None:
                leaves.clear()
                break
            paths |= above.paths
            leaves.append(bytes.fromhex(above.provenance))
        refused = never.get(key, "") or "; ".join(shape.refusals)
        if refused or len(leaves) != len(shape.deps):
            prints[key] = Print(shape, None, refused, paths)
        else:
            prints[key] = Print(shape, Fingerprint(evaluate(shape, leaves).hex()), "", paths)
    return prints


def _look_up(
    prints: Mapping[Key, Print],
    wanted: Iterable[Key],
    specs: Mapping[Key, GraphNode],
    lookup: Lookup,
    root: Path | str,
) -> dict[Key, list[TaskRun]]:
    """Return the records of what may be needed, from the wanted keys down to the first that needs no more looking."""
    found: dict[Key, list[TaskRun]] = {}
    frontier = [key for key in dict.fromkeys(wanted) if key in prints]
    while frontier:
        asked: list[tuple[Key, Fingerprint]] = []
        for key in frontier:
            found[key] = []
            one = prints[key]
            if one.provenance is not None and one.shape is not None and one.shape.kind == "task":
                asked.append((key, one.provenance))
                if one.paths:
                    asked.append((key, placed(one.provenance, root)))
        for (key, _), runs in zip(asked, lookup([p for _, p in asked]), strict=True):
            found[key].extend(runs)
        frontier = list(
            dict.fromkeys(
                dep
                for key in frontier
                if not _ends_here(found[key])
                for dep in specs[key].dependencies
                if dep in prints and dep not in found
            )
        )
    return found


def _ends_here(runs: list[TaskRun]) -> bool:
    """Whether a record needs nothing above it: kept, and no file was read or written on the way to it."""
    return bool(runs) and all(
        run.result is not None and not run.lineage and not run.effects and not run.files_read for run in runs
    )


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
    for key in order:
        shape = made.prints[key].shape
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
            made.runs[key] = run
            lineages[key] = run.lineage
            overlay.update(run.files_written)
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


def _select(made: Plan, wanted: Iterable[Key], specs: Mapping[Key, GraphNode]) -> None:
    """Walk from the wanted keys: what has a kept result is a hit, what has none runs and needs its dependencies."""
    made.misses = set()
    stack = [key for key in wanted if key in made.prints]
    seen = set(stack)
    while stack:
        key = stack.pop()
        run = made.runs.get(key)
        needs: Iterable[Key] = ()
        shape = made.prints[key].shape
        if run is not None and run.result is not None and shape is not None and shape.kind == "task":
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


def _merge(made: Plan, order: Iterable[Key], in_flight: Mapping[Fingerprint, Key]) -> bool:
    """Let equal tasks be computed once: the first of them runs, the others take its result."""
    first: dict[Fingerprint, Key] = {}
    for key in order:
        one = made.prints[key]
        if key not in made.misses or one.provenance is None or one.shape is None or one.shape.kind != "task":
            continue
        running = in_flight.get(one.provenance)
        if running is not None and running not in made.prints:
            made.duplicates[key] = running
        elif one.provenance in first:
            made.duplicates[key] = first[one.provenance]
        else:
            first[one.provenance] = key
    return bool(made.duplicates)
