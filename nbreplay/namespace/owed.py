"""What the next boundary has to say because the record that said it was not kept."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbreplay.digest import Digest
from nbreplay.namespace.capture import Capture
from nbreplay.namespace.manifest import is_name
from nbreplay.records import Hole, Unit, ValueRef, Writes

if TYPE_CHECKING:
    from nbreplay.namespace.live import Live

UNKNOWN = Digest("")
"""In the place of a digest: what was kept of a name, if anything, is not what it is now."""


@dataclass(slots=True)
class Owed:
    """What is owed besides the values of names."""

    deleted: set[str] = field(default_factory=set)
    ambient: dict[str, tuple[Any, Digest]] = field(default_factory=dict)
    refs: dict[str, ValueRef] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.deleted or self.ambient or self.refs or self.modules)

    def clear(self) -> None:
        """It was said."""
        for part in (self.deleted, self.ambient, self.refs, self.modules):
            part.clear()


def owe(live: Live, capture: Capture) -> None:
    """*capture* was not kept: the next one includes what it had. It may have been accepted already."""
    uids = {pending.uid for pending in capture.units}
    for node in capture.states:
        live.dirty.add(node)
        state = live.state(node)
        if state is not None and (state.unit in uids or state is capture.states[node]):
            live.set_state(node, dataclasses.replace(state, digest=UNKNOWN))
    for uid in uids:
        live.units.pop(uid, None)
    live.owed.deleted.update(capture.deleted)
    live.owed.ambient.update(capture.ambient)
    live.owed.refs.update(capture.refs)
    live.owed.modules.update(capture.modules)
    live.forget_memory()


def owe_writes(live: Live, writes: Writes) -> None:
    """A served run was applied and its record could not be appended: the next boundary includes what it wrote."""
    live.dirty.update(writes.names)
    live.owed.deleted.update(writes.deleted)
    live.owed.refs.update(writes.ambient)
    live.owed.modules.update(writes.modules)


def say(live: Live, capture: Capture) -> None:
    """Add to *capture* what is owed and was not found to have changed again."""
    owed = live.owed
    extra: list[Unit] = []
    for node in sorted(live.dirty):
        state = live.state(node)
        if state is None or node in capture.states or node in capture.deleted:
            continue
        unit = live.units.get(state.unit or "")
        if unit is not None:
            extra.append(unit)
        elif state.unit is not None:
            hole = Hole(type_name=state.type_name, reason="its boundary was not saved")
            state = dataclasses.replace(state, unit=None, hole=hole)
        capture.states[node] = state
    known = {*live.states, *live.definitions, *capture.states}
    gone = {node for node in owed.deleted if node not in known}
    capture.deleted = tuple(dict.fromkeys((*capture.deleted, *sorted(gone))))
    capture.kept_units = tuple({unit.uid: unit for unit in extra}.values())
    capture.ambient = {**owed.ambient, **capture.ambient}
    capture.refs = {key: ref for key, ref in owed.refs.items() if key not in capture.ambient}
    capture.modules = tuple({**owed.modules, **dict(capture.modules)}.items())
    carried = [*filter(is_name, gone), *owed.ambient, *capture.refs]
    capture.carried = tuple(dict.fromkeys((*capture.carried, *carried)))
