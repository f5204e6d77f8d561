"""From the live namespace to units: what changed in a cell, and its bytes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from nbreplay.digest import Digest, combine
from nbreplay.fingerprint import Mode, WalkStopped, walk
from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace import handles
from nbreplay.namespace.ambient import INITIAL, RNG
from nbreplay.namespace.covariable import relative
from nbreplay.namespace.known import Known
from nbreplay.namespace.live import Live
from nbreplay.namespace.looking import look, same, small
from nbreplay.namespace.manifest import is_definition, is_name
from nbreplay.namespace.results import is_result, number_of
from nbreplay.namespace.touched import CellNames, Touched
from nbreplay.records import BlobRef, BufferRef, Group, Hole, NameState, Unit, ValueRef, Writes
from nbreplay.serialize import codecs
from nbreplay.serialize.dump import DumpedUnit, dump_unit
from nbreplay.serialize.standin import StandIn, type_name
from nbreplay.serialize.units import write_unit

logger = logging.getLogger(__name__)

RESULT_MAX_BYTES = 16 << 20
"""A result above this that no name holds is not kept: it was shown, and is rarely used again."""


class Stopped(Exception):  # it is no error
    """A capture that was asked to stop; nothing of it counts."""


@dataclass(slots=True)
class PendingUnit:
    """A unit that is pickled and not written."""

    uid: str
    nodes: tuple[str, ...]
    dumped: DumpedUnit
    content: Digest


@dataclass(slots=True)
class Capture:
    """What a cell changed, as found on the main thread right after it. Nothing of it is written.

    Attributes
    ----------
    changed : tuple of str
        Names (results included) that were bound, changed or deleted, or whose covariable is another one now.
    carried : tuple of str
        Those among them that an earlier cell may have changed: its checkpoint was not kept.
    new_bytes : int
        Bytes that :meth:`Tracker.write` will write at most.
    unseeded : tuple of str
        Keys (``rng:...``) of generators that moved from their initial state and that the cell did not seed.
    result : str
        The node of the cell's result, ``Out[n]``, if there is a new one.
    problems : tuple of str
        What could not be kept, in words for the user.
    """

    boundary: str
    states: dict[str, NameState] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    units: list[PendingUnit] = field(default_factory=list)
    ambient: dict[str, tuple[Any, Digest]] = field(default_factory=dict)
    modules: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()
    carried: tuple[str, ...] = ()
    new_bytes: int = 0
    unseeded: tuple[str, ...] = ()
    result: str = ""
    problems: tuple[str, ...] = ()
    all_groups: dict[tuple[str, ...], Digest] = field(default_factory=dict)
    writes: Writes | None = None


class Capturing:
    """One capture. The order matters: values, definitions, sharing, units; ambient state is looked at last."""

    def __init__(self, live: Live, touched: Touched, cell: CellNames, boundary: str, stop: Callable[[], bool]) -> None:
        self.live = live
        self.touched = touched
        self.cell = cell
        self.boundary = boundary
        self.stop = stop
        self.looked: dict[str, Known | None] = {}
        """Nodes that were walked, with what was known of them before."""
        self.values: dict[str, Any] = {}
        self.capture = Capture(boundary=boundary)
        self.problems: list[str] = []
        self._by_unit: dict[str | None, set[str]] | None = None
        self.left: set[str] = set()
        """Definitions that some value referred to before and does not now."""
        self._number = 0

    def run(self) -> Capture:
        """Return what changed.

        Raises
        ------
        Stopped
            *stop* said so. What was seen until then is kept as seen; nothing counts as kept.
        """
        live = self.live
        live.session.stamp = self.boundary
        live.session.fresh.clear()
        self.values = live.values()
        try:
            self._look()
            deleted = self._deleted()
            self._group_and_dump(deleted)
        except WalkStopped:
            raise Stopped from None
        self._finish(deleted)
        return self.capture

    # ------------------------------------------------------------ looking

    def _look(self) -> None:
        live = self.live
        wanted = live.reach(live.results.mean(self.touched.names), members=True) | live.dirty
        steady = small(live)
        everything = bool(self.touched.everything or live.all_dirty) or any(
            known.opaque for node, known in live.known.items() if node in wanted
        )
        for node, value in self.values.items():
            known = live.known.get(node)
            if known is None or known.value is not value:
                self._walk(node, value)
                continue
            suspect = everything or node in wanted or is_definition(node) or (node in steady and not known.opaque)
            if suspect and not same(live, node, known, value):
                self._walk(node, value)
        self._follow_definitions()

    def _follow_definitions(self) -> None:
        """Look at definitions that were met first, and again at what holds one that changed."""
        live = self.live
        while True:
            fresh, live.session.fresh[:] = list(live.session.fresh), []
            for lineage in fresh:
                self.values[lineage] = live.session.objects[lineage]
                self._walk(lineage, self.values[lineage])
            changed = {
                node
                for node, before in self.looked.items()
                if is_definition(node) and before is not None and before.digest != live.known[node].digest
            }
            holders = [
                node
                for node, known in live.known.items()
                if node not in self.looked and node in self.values and not changed.isdisjoint(known.definitions)
            ]
            for node in holders:
                self._walk(node, self.values[node])
            if not holders and not live.session.fresh:
                return

    def _walk(self, node: str, value: Any) -> None:
        if self.stop():
            raise Stopped
        if type(value) is StandIn and self.live.state(node) is not None:
            return
        before = self.live.known.get(node)
        self.looked[node] = before
        known = look(self.live, node, value, self.stop)
        if before is not None:
            self.left |= set(before.definitions) - set(known.definitions)

    def _deleted(self) -> set[str]:
        live = self.live
        gone = {node for node in live.states if node not in self.values and node not in live.unloaded}
        for node in gone:
            known = live.known.get(node)
            self.left |= set(known.definitions) if known is not None else {node}
            live.forget(node)
        return gone

    # ------------------------------------------------------------ sharing and units

    def _group_and_dump(self, deleted: set[str]) -> None:
        live = self.live
        # What was seen and not kept may look the same now as then: it is compared with the last boundary again.
        suspects = deleted | (self.values.keys() if live.all_dirty else live.dirty)
        for node, before in self.looked.items():
            known = live.known[node]
            state = live.state(node)
            if (
                state is None
                or state.digest != known.digest
                or before is None
                or before.ids != known.ids
                or before.spans != known.spans
                or before.kept_ids is None
                or known.kept_definitions != known.definitions
            ):
                suspects.add(node)
        for members in live.groups:
            if not suspects.isdisjoint(members):
                suspects.update(name for name in members if name in self.values)
        groups: dict[tuple[str, ...], Digest] = {}
        done: set[str] = set()
        while True:
            todo = [node for node in suspects if node in self.values and node not in done and node in live.known]
            if not todo:
                break
            for node in sorted(todo):
                if node in done:
                    continue
                component = live.partition.component(node)
                done |= component
                names = tuple(sorted(filter(is_name, component)))
                digest = self._joint(names) if len(names) > 1 else None
                if digest is not None:
                    groups[names] = digest
                if self._needs_unit(component, names, digest):
                    self._dump(tuple(sorted(component)), digest)
            # A dump may meet a definition that no walk saw.
            self._follow_definitions()
            suspects |= {node for node in self.looked if node not in done and is_definition(node)}
        done |= deleted
        old = {members: each for members, each in live.groups.items() if done.isdisjoint(members)}
        self.capture.all_groups = {**old, **groups}

    def _joint(self, names: tuple[str, ...]) -> Digest:
        """Return the digest of a covariable: of all its names together, since sharing counts."""
        live = self.live
        known = [live.known[name] for name in names]
        old = live.groups.get(names)
        steady = all(
            (before := self.looked.get(name, each)) is not None
            and (before.digest, before.ids, before.spans) == (each.digest, each.ids, each.spans)
            and each.kept_ids in (None, each.ids)
            for name, each in zip(names, known, strict=True)
        )
        if old is not None and steady:
            return old
        values = tuple((name, self.values[name]) for name in names)
        found = walk(values, mode=Mode.NAMESPACE, home=live.user_ns, stop=self.stop)
        return combine("joint", found.digest, repr(relative(found.spans)))

    def _needs_unit(self, members: Iterable[str], names: tuple[str, ...], digest: Digest | None) -> bool:
        live = self.live
        states = [live.state(node) for node in members]
        if any(
            state is None or state.digest != live.known[node].digest
            for node, state in zip(members, states, strict=True)
        ):
            return True
        if any(self._redefined(node) for node in members):
            return True
        units = {state.unit for state in states if state is not None}
        if len(units) > 1:
            return True
        if digest is not None and live.groups.get(names) not in (None, digest):
            return True
        beside = self._holders().get(units.pop(), set())
        if beside <= set(members) and (digest is None or names in live.groups):
            return False
        # Its unit holds names that it does not share objects with any more. Those whose objects are the same
        # still are in
        # it as they were; equal objects that took their place are not.
        return any(live.known[node].kept_ids != live.known[node].ids for node in members)

    def _redefined(self, node: str) -> bool:
        """Whether *node* refers to other definitions than its unit, be they equal."""
        live = self.live
        known = live.known[node]
        if known.kept_definitions is not None:
            return known.kept_definitions != known.definitions
        state = live.state(node)
        unit = live.units.get(state.unit or "") if state is not None else None
        return unit is not None and not set(known.definitions) <= {*unit.needs, *unit.names}

    def _holders(self) -> dict[str | None, set[str]]:
        """Return the loaded nodes by the unit that they were in at the last boundary."""
        if self._by_unit is None:
            self._by_unit = {}
            live = self.live
            for node, state in [*live.states.items(), *live.definitions.items()]:
                if node in self.values:
                    self._by_unit.setdefault(state.unit, set()).add(node)
        return self._by_unit

    def _dump(self, members: tuple[str, ...], digest: Digest | None) -> None:
        live = self.live
        if self._too_large(members):
            return
        self._number += 1
        uid = f"{self.boundary}/{self._number}"
        values = {node: self.values[node] for node in members}
        inline = frozenset(filter(is_definition, members))

        def poll() -> None:
            if self.stop():
                raise Stopped

        chunks = {place: each for node in members for place, each in live.known[node].chunks.items()}
        dumped = dump_unit(values, live.session, inline=inline, poll=poll, chunks=chunks)
        holes = self._holes(values, inline, dumped, poll)
        kept: str | None = uid if dumped.how != "none" else None
        content = digest or live.known[members[0]].digest
        if kept is not None:
            self.capture.units.append(PendingUnit(uid, members, dumped, content))
            self.capture.new_bytes += self._new_bytes(dumped)
        for node in members:
            self._state(node, kept, holes.get(node))

    def _too_large(self, members: tuple[str, ...]) -> bool:
        """Whether this is a large result that nothing else holds; it becomes a hole."""
        if len(members) > 1 or not is_result(members[0]):
            return False
        known = self.live.known[members[0]]
        if known.size_bytes <= RESULT_MAX_BYTES:
            return False
        reason = f"a result of {known.size_bytes >> 20} MiB that no name holds"
        self._state(members[0], None, Hole(type_name=type_name(known.value), reason=reason))
        return True

    def _holes(
        self, values: dict[str, Any], inline: frozenset[str], dumped: DumpedUnit, poll: Callable[[], None]
    ) -> dict[str, Hole]:
        """Return which of *values* reach an object that could not be kept."""
        if not dumped.refused:
            return {}
        found = {}
        for node, value in values.items():
            refused = dumped.refused
            if len(values) > 1:
                refused = dump_unit({node: value}, self.live.session, inline=inline, poll=poll).refused
            if refused:
                state = self.live.state(node)
                touched_by = state.hole.touched_by if state is not None and state.hole is not None else ()
                found[node] = Hole(
                    type_name=refused[0].type_name,
                    reason=refused[0].reason,
                    touched_by=(*touched_by, self.boundary),
                )
                self.problems.append(f"{node}: {refused[0].type_name} could not be kept ({refused[0].reason})")
        return found

    def _new_bytes(self, dumped: DumpedUnit) -> int:
        """Return how much a unit may write: chunks that did not change are not written again."""
        total = len(dumped.stream) + sum(len(held.view) for held in dumped.others)
        for held in dumped.memories:
            old = self.live.memory.get(held.place) if held.place is not None else None
            if old is None or old[0].digest != held.digest:
                total += len(held.view)
        return total

    def _state(self, node: str, uid: str | None, hole: Hole | None) -> None:
        known = self.live.known[node]
        kind = handles.kind_of(known.value)
        self.capture.states[node] = NameState(
            unit=uid,
            digest=known.digest,
            type_name=type_name(known.value),
            size_bytes=known.size_bytes,
            globals=known.globals,
            handle=kind.kind if kind is not None else "",
            hole=hole,
            summary=summary(known.value),
        )

    # ------------------------------------------------------------ the rest

    def _finish(self, deleted: set[str]) -> None:
        live, capture = self.live, self.capture
        self._redefine()
        unused = self._unused_definitions()
        capture.deleted = (*sorted(deleted), *sorted(unused))
        changed = {node for node in capture.states if is_name(node)} | deleted
        capture.changed = tuple(sorted(changed))
        suspects = live.dirty if not live.all_dirty else changed
        capture.carried = tuple(sorted(changed & suspects))
        affected = changed | {name for group in live.groups if not changed.isdisjoint(group) for name in group}
        capture.groups = tuple(
            Group(names=names, digest=digest)
            for names, digest in sorted(capture.all_groups.items())
            if not affected.isdisjoint(names)
        )
        results = [node for node in capture.states if is_result(node) and node not in live.states]
        capture.result = max(results, key=number_of, default="")
        self._modules()
        self._ambient()
        capture.problems = tuple(self.problems)

    def _redefine(self) -> None:
        """A definition changed: what is not loaded and refers to it is another value now, in the same unit."""
        live, capture = self.live, self.capture
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
                capture.states[node] = NameState(
                    **{name: getattr(state, name) for name in NameState.__dataclass_fields__ if name != "digest"},
                    digest=digest,
                )

    def _unused_definitions(self) -> set[str]:
        """Return the lineages that nothing refers to any more."""
        live, capture = self.live, self.capture
        if not self.left:
            return set()
        needs = {pending.uid: pending.dumped.needs for pending in capture.units}
        beside: dict[str, set[str]] = {}
        """Definitions by the unit that holds them together with names."""
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
        unused = {node for node in live.definitions if node not in used}
        for node in [node for node in live.session.objects if node not in used]:
            live.forget(node)
            live.session.forget(node)
            capture.states.pop(node, None)
        for node in unused:
            live.unloaded.discard(node)
        return unused

    def _modules(self) -> None:
        live = self.live
        found = []
        for name in self.cell.imports:
            if name in sys.modules and name not in live.modules:
                live.modules[name] = version_of(name)
                found.append((name, live.modules[name]))
        self.capture.modules = tuple(found)

    def _ambient(self) -> None:
        live, capture = self.live, self.capture
        before = dict(live.ambient.digests())
        words = self.cell.words
        capture.ambient = live.ambient.changes(words, bool(self.cell.imports))
        seeds = {"seed", "set_state", "setstate"} & words
        capture.unseeded = tuple(
            key for key in capture.ambient if key.startswith(RNG) and before.get(key) == INITIAL and not seeds
        )


def summary(value: Any) -> str:
    """Return a few words about *value* without running code of its class."""
    kind = type(value)
    if kind in (bool, int, float, complex, type(None)):
        return repr(value)[:60]
    if kind is str:
        return repr(value[:60])
    if kind in (list, dict, tuple, set, frozenset, bytes, bytearray):
        return f"{len(value)} items" if kind not in (bytes, bytearray) else f"{len(value)} bytes"
    if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
        shape = getattr(value, "shape", None)
        dtype = getattr(value, "dtype", "")
        return f"{shape} {dtype}".strip() if shape is not None else ""
    return ""


# ---------------------------------------------------------------- writing


def write(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Writes:
    """Write the blobs of *capture*; may run in a writer thread while no cell runs.

    Raises
    ------
    Changed
        Memory is not as it was when it was captured.
    StoreError, OSError
        The store cannot be written.
    """
    units = tuple(_units(live, capture, put))
    ambient = {}
    for key, (value, digest) in capture.ambient.items():
        ambient[key] = codecs.write(codecs.dump(value), put, content=digest)
    capture.writes = Writes(
        names=capture.states,
        deleted=capture.deleted,
        groups=capture.groups,
        units=units,
        ambient=ambient,
        modules=capture.modules,
        result=capture.result,
    )
    return capture.writes


def _units(live: Live, capture: Capture, put: Callable[..., BlobRef]) -> Iterator[Unit]:
    def wrote(place: tuple[int, int], ref: BufferRef, chunks: bytes) -> None:
        live.memory[place] = (ref, chunks)

    for pending in capture.units:
        dumped = pending.dumped
        value: ValueRef = write_unit(dumped, put, content=pending.content, previous=live.memory.get, wrote=wrote)
        yield Unit(
            uid=pending.uid,
            value=value,
            names=pending.nodes,
            needs=tuple(sorted(dumped.needs)),
            modules=tuple((name, version_of(name)) for name in sorted(dumped.modules) if name != "builtins"),
        )
