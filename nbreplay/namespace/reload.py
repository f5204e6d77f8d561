"""What was kept, loaded again in another namespace and compared by structure with what was said of it."""

from __future__ import annotations

import builtins
import dataclasses
import logging
import sys
import types
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from nbreplay.config import Settings
from nbreplay.namespace.live import Live
from nbreplay.namespace.loader import Loader, inexact
from nbreplay.namespace.looking import look
from nbreplay.namespace.manifest import Manifest, is_definition
from nbreplay.namespace.restore import restore
from nbreplay.records import BlobRef, Group, NameState, Unit
from nbreplay.serialize.standin import StandIn

logger = logging.getLogger(__name__)

DIFFERS = "what was kept of it is something else when it is loaded again"
APART = "what it shares with other names is not shared any more when they are loaded again"

_PLACE = ("MemoryError", "OSError", "FileNotFoundError", "PermissionError", "ImportError", "ModuleNotFoundError")
"""Errors that say something of the process that loads, or of the moment, not of what was kept."""

_SAME = frozenset(
    f"nbreplay.serialize.{name}"
    for name in ("session", "functions", "classes", "arrays", "array_views", "object_arrays", "frames", "of_tables")
)
"""Modules of ours whose functions, named in a stream, make exactly what there was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a boundary: *names* to be compared, and all that loading them needs.

    *whole* says whether everything is there that code of theirs could look up while it is loaded.
    """

    names: tuple[str, ...]
    states: dict[str, NameState]
    groups: tuple[Group, ...]
    units: tuple[Unit, ...]
    modules: tuple[tuple[str, str], ...]
    whole: bool = True


def part_of(manifest: Manifest, names: Iterable[str], limit_bytes: int | None = None) -> Part | None:
    """Return what it takes to load *names* of *manifest*; those above *limit_bytes* are left out, and handles are.

    None: nothing is left to be compared.
    """

    def fits(node: str) -> bool:
        state = manifest.states.get(node)
        unit = manifest.units.get(state.unit or "") if state is not None else None
        if state is None or unit is None or state.handle or unit.foreign:
            return False
        members = [manifest.states.get(each) for each in unit.names]
        size = sum(member.size_bytes for member in members if member is not None)
        return all(not (member and member.handle) for member in members) and (
            limit_bytes is None or size <= limit_bytes
        )

    wanted = tuple(name for name in names if fits(name) and manifest.states[name].hole is None)
    if not wanted:
        return None
    whole = True
    found: set[str] = set()
    front = set(wanted)
    while front:
        found |= front
        after: set[str] = set()
        for node in front:
            state = manifest.states[node]
            unit = manifest.units[state.unit or ""]
            after.update(each for each in unit.names if each in manifest.states)
            after.update(unit.needs)
            after.update(state.globals)
            after.update(state.definitions)
        missing = {node for node in after - found if not fits(node)}
        whole = whole and not any(node in manifest.states or is_definition(node) for node in missing)
        front = after - found - missing
    return Part(
        names=wanted,
        states={node: manifest.states[node] for node in sorted(found)},
        groups=tuple(group for group in manifest.groups if set(group.names) <= found),
        units=tuple({uid: manifest.units[uid] for node in found if (uid := manifest.states[node].unit)}.values()),
        modules=manifest.modules,
        whole=whole,
    )


def differing(part: Part, get: Callable[[BlobRef], memoryview]) -> dict[str, str]:
    """Load *part* in a namespace of its own and return which of its names are not what they were, and why not.

    In a process that is for nothing else: loading runs code, and ``__main__`` becomes another module.
    """
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = main
    live = Live.of(main.__dict__, Settings(), None, Path.cwd())
    units = {unit.uid: unit for unit in part.units}
    restore(live, Manifest(states=part.states, groups=part.groups, units=units, modules=part.modules))
    live.pending_ambient.clear()
    loader = Loader(live, get)
    problems = loader.bring(part.states)
    live.translated.clear()
    values = live.values()
    found: dict[str, str] = {}
    rebuilt = {node for unit in part.units if _rebuilt(unit) for node in unit.names}
    # A class that is made again may differ in what only its metaclass sees; so do its instances then, honest or not.
    others = {
        node
        for node in filter(is_definition, part.states)
        if node not in values or not _same(live, node, values[node], part.states[node])
    }
    rebuilt |= {node for node, state in part.states.items() if not others.isdisjoint(state.definitions)}
    for name in part.names:
        if name not in values or type(values[name]) is StandIn:
            problem = next((each for each in problems if each.startswith(f"{name} ")), "it cannot be loaded")
            if part.whole and not any(each in problem for each in _PLACE):
                found[name] = problem
        elif name not in rebuilt and not _same(live, name, values[name], part.states[name]):
            found[name] = DIFFERS
    for group in part.groups:
        if not rebuilt.isdisjoint(group.names) or not found.keys().isdisjoint(group.names):
            continue
        if any(part.states[name].hole is not None for name in group.names):
            continue
        seen = [name for name in group.names if name in live.known]
        if seen and not set(seen) <= live.partition.component(seen[0]):
            found |= dict.fromkeys(set(group.names) & set(part.names), APART)
    return found


def _rebuilt(unit: Unit) -> bool:
    """Whether libraries, or we, make something again that is as good but need not look the same: not comparable."""
    known = unit.modules
    ours = {name for name, _ in known if name.startswith("nbreplay.")}
    rest = tuple((name, version) for name, version in known if name not in ours)
    return not ours <= _SAME or inexact(dataclasses.replace(unit, modules=rest))


def _same(live: Live, node: str, value: object, state: NameState) -> bool:
    """Whether *value* looks as *state* says; what cannot be seen is not said to differ."""
    try:
        known = look(live, node, value)
    except Exception:  # looking runs code of the value's class
        logger.debug("%s cannot be looked at", node, exc_info=True)
        return False
    return bool(known.opaque) or known.digest == state.digest
