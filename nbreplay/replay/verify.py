"""Doubts: what is in a store and is not what it was, although every byte is right. Some pickles lie.

A value that, loaded again in another process, is not what it was when it was kept becomes a hole: from then on the cell
that made it runs again where it is needed. That is a record of its own, so that it holds for everybody and for good.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Mapping

from nbreplay.errors import StoreError
from nbreplay.namespace import Manifest
from nbreplay.namespace.manifest import is_name
from nbreplay.namespace.reload import Part, part_of
from nbreplay.records import CellRun, Doubt, Hole, NameState, from_bytes, to_bytes
from nbreplay.store import Store

logger = logging.getLogger(__name__)

DOUBT = "doubt"

_HONEST = frozenset({"NoneType", "bool", "bytes", "complex", "float", "int", "module", "str"})
"""Types without code of their own."""

Doubts = Mapping[str, Doubt]
"""By unit."""


def read_doubts(store: Store) -> dict[str, Doubt]:
    """Return what is known to be something else than it was."""
    doubts = {}
    for stored in store.scan(DOUBT):
        try:
            doubt = from_bytes(Doubt, stored.body)
        except ValueError:
            continue  # of a later version
        doubts[doubt.unit] = doubt
    return doubts


def write_doubts(store: Store | None, doubts: Iterable[Doubt]) -> str:
    """Keep *doubts*; return why that could not be done, if so."""
    try:
        if store is None or not store.writable:
            return "the store is read-only"
        store.append_many(DOUBT, [(to_bytes(doubt), (doubt.unit.encode(),)) for doubt in doubts])
    except (StoreError, OSError) as e:
        return str(e)
    return ""


def doubted(run: CellRun, doubts: Doubts) -> CellRun:
    """Return *run* with holes in the place of what it wrote and is doubted."""
    names = {node: doubted_state(node, state, doubts) for node, state in run.writes.names.items()}
    if all(names[node] is state for node, state in run.writes.names.items()):
        return run
    return dataclasses.replace(run, writes=dataclasses.replace(run.writes, names=names))


def doubted_state(node: str, state: NameState, doubts: Doubts) -> NameState:
    """Return *state*, or a hole in its place."""
    doubt = doubts.get(state.unit or "")
    if doubt is None or node not in doubt.names:
        return state
    hole = Hole(type_name=state.type_name, reason=doubt.reason, touched_by=(doubt.unit.rpartition("/")[0],))
    return dataclasses.replace(state, unit=None, hole=hole)


def doubts_of(part: Part, differing: Mapping[str, str]) -> list[Doubt]:
    """Return the doubts that follow from what is *differing* in a part: a covariable is doubted as a whole."""
    found = []
    for unit in part.units:
        reasons = [differing[node] for node in unit.names if node in differing]
        if reasons:
            found.append(Doubt(unit=unit.uid, names=unit.names, reason=reasons[0]))
    return found


def part_of_run(manifest: Manifest, run: CellRun, limit_bytes: int | None = None) -> Part | None:
    """Return what *run* itself wrote, to be compared in the state that it led to, *manifest*."""
    own = {unit.uid for unit in run.writes.units}
    names = [
        node
        for node, state in run.writes.names.items()
        if state.unit in own and is_name(node) and state.type_name not in _HONEST
    ]
    return part_of(manifest, names, limit_bytes)
