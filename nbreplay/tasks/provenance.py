"""Provenance: a fingerprint for every task of a graph, from the leaves up, in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import xxhash
from dask._task_spec import GraphNode

from nbreplay.digest import Fingerprint, combine, combine_all
from nbreplay.records import FileState
from nbreplay.tasks.shape import VERSION, Key, Shape, evaluate
from nbreplay.tasks.shaper import Shaper
from nbreplay.tasks.shuffles import Place

_digest = xxhash.xxh3_128_digest


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


def placed(provenance: Fingerprint, root: Path | str) -> Fingerprint:
    """Return the name of a result that holds the folder's own name: *provenance* at this place only."""
    return Fingerprint(combine("task at", str(root), provenance))


def lineage(reads: Mapping[str, FileState], above: Iterable[str]) -> str:
    """Return the digest of what was read from files, here and above; "" if nothing was."""
    ancestors = sorted({mark for mark in above if mark})
    if not reads:
        if not ancestors:
            return ""
        if len(ancestors) == 1:
            return ancestors[0]
    own = [part for path in sorted(reads) for part in (path, reads[path].digest or "-")]
    return combine_all("lineage", [str(len(own)), *own, *ancestors])


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


def fingerprints(
    specs: Mapping[Key, GraphNode],
    order: Iterable[Key],
    shaper: Shaper,
    known: Mapping[Key, Known],
    never: Mapping[Key, str],
    places: Mapping[Key, Place] | None = None,
) -> dict[Key, Print]:
    """Return P of every task, or why there is none."""
    prints: dict[Key, Print] = {}
    leaves: dict[Key, bytes] = {}
    for key, one in known.items():
        if one.provenance is not None:
            leaves[key] = bytes.fromhex(one.provenance)
    with_paths = {key for key, one in known.items() if one.paths}
    place_of = (places or {}).get
    make = shaper.shape
    for key in order:
        shape = make(key, specs[key], place_of(key))
        deps = shape.deps
        paths = shape.paths or (bool(with_paths) and not with_paths.isdisjoint(deps))
        if paths:
            with_paths.add(key)
        refused = never.get(key, "") if never else ""
        if shape.refusals and not refused:
            refused = "; ".join(shape.refusals)
        above = [leaves[dep] for dep in deps if dep in leaves]
        if refused or len(above) != len(deps):
            leaves.pop(key, None)
            prints[key] = Print(shape, None, refused, paths)
            continue
        steps = shape.steps
        if len(steps) == 1 and steps[0][1] is not None and shape.kind == "task":
            found = _digest(b"".join((VERSION, steps[0][0], *[above[n] for n in steps[0][1]])))  # as evaluate() has it
        else:
            found = evaluate(shape, above)
        leaves[key] = found
        prints[key] = Print(shape, Fingerprint(found.hex()), "", paths)
    return prints
