"""What becomes of the notebook's classes and functions: other versions of them, and those that nothing needs."""

from __future__ import annotations

import dataclasses

from nbreplay.digest import combine
from nbreplay.namespace.capture import Capture
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import is_definition, is_name


def redefine(live: Live, capture: Capture) -> None:
    """A definition changed: what is not loaded and refers to it is another value now, in the same unit."""
    changed = {
        lineage: capture.states[lineage].digest
        for lineage in filter(is_definition, capture.states)
        if lineage in live.definitions and live.definitions[lineage].digest != capture.states[lineage].digest
    }
    if not changed:
        return
    for node in live.unloaded:
        state = live.state(node)
        unit = live.units.get(state.unit or "") if state is not None else None
        if state is None or unit is None:
            continue
        new = [changed[lineage] for lineage in unit.needs if lineage in changed]
        if new:
            digest = combine("redefined", state.digest, *new)
            capture.states[node] = dataclasses.replace(state, digest=digest)


def forget_unused(live: Live, capture: Capture, left: set[str]) -> set[str]:
    """Return the lineages that nothing refers to any more, and forget them; there are none unless some were *left*."""
    if not left:
        return set()
    used = _used(live, capture)
    unused = {node for node in live.definitions if node not in used}
    for node in [node for node in live.session.objects if node not in used]:
        live.forget(node)
        live.session.forget(node)
        capture.states.pop(node, None)
    for node in unused:
        live.unloaded.discard(node)
    return unused


def _used(live: Live, capture: Capture) -> set[str]:
    """Return all nodes that a name reaches, through what its value refers to and what lies in the same unit."""
    needs = {pending.uid: pending.dumped.needs for pending in capture.units}
    beside: dict[str, set[str]] = {}  # definitions by the unit that holds them, alone or together with names
    for node in {*live.definitions, *filter(is_definition, capture.states)}:
        place = (capture.states.get(node) or live.definitions[node]).unit
        beside.setdefault(place or "", set()).add(node)
    used: set[str] = set()
    front = {node for node in (*live.states, *capture.states) if is_name(node)}
    while front:
        after: set[str] = set()
        for node in front:
            known = live.known.get(node)
            if known is not None:
                after |= set(known.definitions)
            state = capture.states.get(node) or live.state(node)
            if state is not None and state.unit is not None:
                unit = live.units.get(state.unit)
                after |= needs.get(state.unit, set()) | beside.get(state.unit, set())
                after.update(unit.needs if unit is not None else ())
        used |= front
        front = after - used
    return used
