"""Going to another boundary, lazily: names are unbound, and load when a cell reaches them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from nbreplay.namespace.ambient import INITIAL
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import Manifest, is_definition, is_name, merge_groups
from nbreplay.records import Group, NameState, Writes


def apply(live: Live, writes: Writes, rename: dict[str, str]) -> None:
    """Take the effects of a restored cell: names are unbound, and load when something reaches them.

    *rename* says which number a result has here.
    """

    def now(node: str) -> str:
        return rename.get(node, node)

    for unit in writes.units:
        live.units[unit.uid] = unit
    states = {now(node): state for node, state in writes.names.items()}
    for old, new in rename.items():
        if old in writes.names:
            live.keys[new] = old
    _unload(live, _stale(live, states), states)
    for node in writes.deleted:
        live.unbind(node)
        live.set_state(node, None)
        live.unloaded.discard(node)
    groups = tuple(Group(names=tuple(sorted(map(now, each.names))), digest=each.digest) for each in writes.groups)
    before = tuple(Group(names=names, digest=digest) for names, digest in live.groups.items())
    renamed = Writes(names=states, deleted=writes.deleted, groups=groups)
    live.groups = {group.names: group.digest for group in merge_groups(before, renamed)}
    _need(live, writes.modules)
    for key, ref in writes.ambient.items():
        live.pending_ambient[key] = ref
        live.ambient_refs[key] = ref
    digests = {**live.ambient.digests(), **{key: ref.content or INITIAL for key, ref in writes.ambient.items()}}
    live.ambient.set_logical(digests)


def restore(live: Live, manifest: Manifest) -> list[str]:
    """Go to a boundary; what is loaded and the same there stays. Return the names that were removed."""
    removed = []
    live.units.update(manifest.units)
    for node in live.values():
        if node not in manifest.states and is_name(node):
            removed.append(node)
    for node in [*live.states, *live.definitions, *removed]:
        if node not in manifest.states:
            live.unbind(node)
            live.set_state(node, None)
            live.unloaded.discard(node)
    changed = {
        node: state
        for node, state in manifest.states.items()
        if live.all_dirty or node in live.dirty or not _equal(live.state(node), state)
    }
    _unload(live, _stale(live, changed), manifest.states)
    live.groups = {group.names: group.digest for group in manifest.groups}
    live.dirty.clear()
    live.all_dirty = ""
    _need(live, manifest.modules)
    before = dict(live.ambient.digests())
    after = {key: ref.content or INITIAL for key, ref in manifest.ambient.items()}
    for key in {*after, *(key for key, digest in before.items() if digest != INITIAL)}:
        if before.get(key, INITIAL) != after.get(key, INITIAL) or key in live.pending_ambient:
            live.pending_ambient[key] = manifest.ambient.get(key)
    live.ambient_refs = dict(manifest.ambient)
    live.ambient.set_logical(after)
    return sorted(removed)


def _stale(live: Live, states: Mapping[str, NameState]) -> set[str]:
    """Return what must be unloaded when *states* take effect.

    With a node go all that its new unit holds, since they share objects, and with a definition all that refers to
    it: a class is one object, everywhere.
    """
    stale = set(states)
    while True:
        units = {states[node].unit for node in stale if node in states} - {None}
        lineages = set(filter(is_definition, stale))
        more = {
            node
            for node, state in [*live.states.items(), *live.definitions.items()]
            if node not in stale and states.get(node, state).unit in units
        }
        more |= {
            node
            for node, known in live.known.items()
            if node not in stale
            and not lineages.isdisjoint(known.definitions)
            and (live.state(node) is not None or node in states)
        }
        if not more:
            return stale
        stale |= more


def _unload(live: Live, stale: Iterable[str], states: Mapping[str, NameState]) -> None:
    for node in stale:
        live.unbind(node)
        state = states.get(node) or live.state(node)
        if state is not None:
            live.set_state(node, state)
            live.unloaded.add(node)


def _need(live: Live, modules: Iterable[tuple[str, str]]) -> None:
    """Import *modules* before the next value is loaded."""
    for name, version in modules:
        if name not in live.modules:
            live.modules[name] = live.pending_modules[name] = version


def _equal(now: NameState | None, then: NameState) -> bool:
    return now is not None and (now.unit, now.digest) == (then.unit, then.digest)
