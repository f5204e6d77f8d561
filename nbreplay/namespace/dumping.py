"""Covariables to units that are pickled and not written, with what is said of each name."""

from __future__ import annotations

import array
import dataclasses
import sys
from collections.abc import Callable, Collection
from typing import Any

from nbreplay.digest import Digest
from nbreplay.namespace import handles
from nbreplay.namespace.capture import Capture, PendingUnit, Stopped
from nbreplay.namespace.changes import Changes
from nbreplay.namespace.confidential import credential_in
from nbreplay.namespace.known import RELEASED
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import is_definition
from nbreplay.namespace.results import is_result
from nbreplay.records import Hole, NameState
from nbreplay.serialize.attached import ATTACHED, attached_dicts
from nbreplay.serialize.buffers import changed_chunks, is_few
from nbreplay.serialize.dump import DumpedUnit, dump_unit
from nbreplay.serialize.standin import type_name

RESULT_MAX_BYTES = 16 << 20
"""A result above this that no name holds is not kept: it was shown, and is rarely used again."""


class Dumping:
    """Adds units, and the states of their names, to a capture; what could not be kept goes to *problems*."""

    def __init__(self, live: Live, changes: Changes, capture: Capture, stop: Callable[[], bool]) -> None:
        self.live = live
        self.changes = changes
        self.capture = capture
        self.stop = stop
        self.problems: list[str] = []
        self.reached: Collection[str] = ()
        """Names that the run could reach."""
        self._number = 0

    def dump(self, members: tuple[str, ...], digest: Digest | None) -> None:
        """Pickle the covariable of *members*, whose joint digest is *digest* if it has several names."""
        live = self.live
        if self._too_large(members) or self._over_limit(members):
            return
        self._number += 1
        uid = f"{self.capture.boundary}/{self._number}"
        values = {node: self.changes.values[node] for node in members}
        inline = frozenset(filter(is_definition, members))

        chunks = {place: each for node in members for place, each in live.known[node].chunks.items()}
        try:
            attached = attached_dicts(each for node in members for each in (live.known[node].held or {}).values())
        except TypeError as e:
            for node, value in values.items():
                touched_by = self._touched_by(node, value)
                self._state(node, None, Hole(type_name=type_name(value), reason=str(e), touched_by=touched_by))
                self.problems.append(f"{node}: {e}")
            return
        together = {**values, ATTACHED: attached} if attached else values
        owners = self._owners(members)
        dumped = dump_unit(together, live.session, inline=inline, poll=self._poll, chunks=chunks, owners=owners)
        holes = self._holes(values, inline, dumped)
        secret = "" if inline else credential_in(values, dumped.stream)
        if secret:
            for node, value in values.items():
                touched_by = self._touched_by(node, value)
                holes[node] = Hole(type_name=type_name(value), reason=secret, touched_by=touched_by)
                self.problems.append(f"{node}: {secret}, and is not kept")
        kept: str | None = uid if dumped.how != "none" and not secret else None
        content = digest or live.known[members[0]].digest
        if kept is not None:
            self._plan(dumped)
            self.capture.units.append(PendingUnit(uid, members, dumped, content))
        for node in members:
            self._state(node, kept, holes.get(node))

    def _owners(self, members: tuple[str, ...]) -> tuple[Any, ...]:
        """Return what *members* hold whose memory Arrow may view; its buffers do not tell whose they are."""
        if "pyarrow" not in sys.modules:
            return ()
        held = (each for node in members for each in (self.live.known[node].held or {}).values())
        return tuple(each for each in held if type(each) in (bytearray, array.array))

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

    def _over_limit(self, members: tuple[str, ...]) -> bool:
        """Whether the user does not want values of this size to be kept; they become holes."""
        limit = self.live.settings.max_value_bytes
        largest = max(self.live.known[node].size_bytes for node in members)
        if not limit or largest <= limit:
            return False
        for node in members:
            known = self.live.known[node]
            reason = f"{largest >> 20} MiB, above the limit of {limit >> 20} MiB (max_value_bytes)"
            touched_by = self._touched_by(node, known.value)
            self._state(node, None, Hole(type_name=type_name(known.value), reason=reason, touched_by=touched_by))
            self.problems.append(f"{node}: {reason}")
        return True

    def _holes(self, values: dict[str, Any], inline: frozenset[str], dumped: DumpedUnit) -> dict[str, Hole]:
        """Return which of *values* reach an object that could not be kept."""
        if not dumped.refused:
            return {}
        found = {}
        for node, value in values.items():
            refused = dumped.refused
            if len(values) > 1:
                refused = dump_unit({node: value}, self.live.session, inline=inline, poll=self._poll).refused
            if refused:
                found[node] = Hole(
                    type_name=refused[0].type_name,
                    reason=refused[0].reason,
                    touched_by=self._touched_by(node, value),
                )
                self.problems.append(f"{node}: {refused[0].type_name} could not be kept ({refused[0].reason})")
        return found

    def _touched_by(self, node: str, value: Any) -> tuple[str, ...]:
        """Return the runs that touched what *node* holds: those before, if it is the same object, and this one."""
        state = self.live.state(node)
        before = self.changes.looked.get(node)
        if state is None or (before is not None and before.value is not value and before.value is not RELEASED):
            return (self.capture.boundary,)
        # What was kept until now was made by the run that wrote it.
        earlier = state.hole.touched_by if state.hole is not None else ((state.unit or "").rpartition("/")[0],)
        # What cannot be looked into seems to change all the time; only who could reach it touched it.
        return (*earlier, self.capture.boundary) if node in self.reached else earlier

    def touch_holes(self) -> None:
        """Note that this run could reach holes: that what they hold was changed may not show."""
        for node in sorted(self.reached):
            state = self.live.states.get(node)
            if state is None or state.hole is None or node in self.capture.states or node not in self.changes.values:
                continue
            touched_by = (*state.hole.touched_by, self.capture.boundary)
            hole = dataclasses.replace(state.hole, touched_by=touched_by)
            self.capture.states[node] = dataclasses.replace(state, hole=hole)

    def _plan(self, dumped: DumpedUnit) -> None:
        """Decide which chunks are written: those that differ from what was captured of the same place before."""
        new_bytes = len(dumped.stream)
        for held in (*dumped.memories, *dumped.others):
            patched: frozenset[int] = frozenset()
            before = self.live.plans.get(held.place) if held.place is not None else None
            if before is not None and len(before[0]) == len(held.chunks):
                changed = changed_chunks(held.chunks, before[0])
                patched = before[1] | changed
                if is_few(patched, held.chunks):
                    held.only = frozenset(changed)
                    held.lease.only(held.only)
                else:
                    patched = frozenset()
            if held.place is not None:
                self.live.plans[held.place] = (held.chunks, patched)
            new_bytes += held.lease.live_bytes
        self.capture.new_bytes += new_bytes

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
            summary=summary(known.value) if uid is not None else "",
            definitions=known.definitions,
        )

    def _poll(self) -> None:
        """Called by a dump now and then."""
        if self.stop():
            raise Stopped


def summary(value: Any) -> str:
    """Return a few words about *value* without running code of its class."""
    kind = type(value)
    if kind in (bool, int, float, complex, type(None)):
        return repr(value)[:60]
    if kind is str:
        return repr(value[:60])
    if kind in (list, dict, tuple, set, frozenset, bytes, bytearray):
        return f"{len(value)} items" if kind not in (bytes, bytearray) else f"{len(value)} bytes"
    if kind.__module__ == "functools" and kind.__name__ == "_lru_cache_wrapper":
        return "what it remembers is not kept"
    if kind.__module__.partition(".")[0] in ("numpy", "pandas"):
        shape = getattr(value, "shape", None)
        dtype = getattr(value, "dtype", "")
        return f"{shape} {dtype}".strip() if shape is not None else ""
    return ""
