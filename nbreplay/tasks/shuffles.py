"""Peer-to-peer shuffles: who takes part in one, and that one is either served whole or run whole.

The tasks that *send* and the *barrier* act on state that their workers share, so they are never served, merged with
equal ones, or left out one by one. What *receives* is a function of all that was sent, and may be served. Places are
known from the graph, since a task that sends or receives may be fused with anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dask._task_spec import Alias, GraphNode
from dask.typing import Key

SENDS = "sends"
BARRIER = "barrier"
RECEIVES = "receives"

MODULE = "distributed.shuffle"

RUNS_FOR_OTHERS = frozenset({SENDS, BARRIER})
"""Roles of tasks whose own result means nothing."""


@dataclass(slots=True, frozen=True)
class Place:
    """Part of a task in shuffles: its role, and the barrier of each shuffle that it names, by the shuffle's id.

    The ids are tokens of Dask's, other ones in each process: as arguments they count as what they stand for.
    """

    role: str
    ids: Mapping[str, Key]


def is_barrier(node: object) -> bool:
    """Whether *node* is the barrier of a shuffle; distributed is not imported for that."""
    return type(node).__name__ == "P2PBarrierTask" and type(node).__module__ == "distributed.shuffle._core"


def is_side_effect(func: Any) -> bool:
    """Whether *func* acts on the state of a shuffle."""
    module = getattr(func, "__module__", None)
    if not isinstance(module, str):
        return False
    if module.startswith(MODULE):
        return True
    return module.startswith("dask.dataframe") and getattr(func, "__name__", "").endswith("_transfer")


def places(specs: Mapping[Key, GraphNode]) -> dict[Key, Place]:
    """Return the part of each task that takes part in a shuffle."""
    ids = {key: str(node.spec.id) for key, node in specs.items() if is_barrier(node)}  # type: ignore[attr-defined]
    if not ids:
        return {}
    found: dict[Key, Place] = {}
    above: dict[Key, dict[str, Key]] = {}
    below: dict[Key, dict[str, Key]] = {}
    for barrier, name in ids.items():
        stack = list(specs[barrier].dependencies)
        while stack:
            dep = stack.pop()
            above.setdefault(dep, {})[name] = barrier
            if type(specs.get(dep)) is Alias:  # optimising leaves aliases where it renames
                stack += specs[dep].dependencies
    for key, node in specs.items():
        for barrier in node.dependencies & ids.keys():
            below.setdefault(key, {})[ids[barrier]] = barrier
    for key, named in below.items():
        found[key] = Place(RECEIVES, named)
    for key, named in above.items():
        # What receives from one shuffle and sends in the next cannot be served: the next one needs it to run.
        found[key] = Place(SENDS, named | below.get(key, {}))
    for barrier, name in ids.items():
        found[barrier] = Place(BARRIER, {name: barrier})
    return found


def incomplete(
    specs: Mapping[Key, GraphNode], taking_part: Mapping[Key, Place], misses: set[Key], hits: Iterable[Key]
) -> set[Key]:
    """Return those of *hits* that belong to a shuffle that has to run for one of *misses*.

    Shuffles whose data is received by one task are one: a join of two is served whole, or both run.
    """
    barriers = {key for key, place in taking_part.items() if place.role == BARRIER}
    received = {key: barriers & specs[key].dependencies for key in taking_part}
    served = {key for key in hits if received.get(key)}
    if not served:
        return set()
    running = barriers & misses
    grew = True
    while grew:
        grew = False
        for named in received.values():
            if named & running and not named <= running:
                running |= named
                grew = True
    return {key for key in served if received[key] & running}
