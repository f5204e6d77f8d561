"""Which covariables are others than at the last boundary, and which of them need a new unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from nbreplay.digest import Digest, combine
from nbreplay.fingerprint import Mode, walk
from nbreplay.namespace.changes import Changes
from nbreplay.namespace.covariable import relative
from nbreplay.namespace.live import Live


class Sharing:
    """Compares what shares objects now with what did at the last boundary."""

    def __init__(self, live: Live, changes: Changes, stop: Callable[[], bool]) -> None:
        self.live = live
        self.changes = changes
        self.stop = stop
        self._by_unit: dict[str | None, set[str]] | None = None

    def suspects(self) -> set[str]:
        """Return the nodes whose covariable may be another one, or hold something else."""
        live = self.live
        # What was seen and not kept may look the same now as then: it is compared with the last boundary again.
        suspects = self.changes.deleted | (self.changes.values.keys() if live.all_dirty else live.dirty)
        for node, before in self.changes.looked.items():
            known = live.known[node]
            state = live.state(node)
            if (
                state is None
                or state.digest != known.digest
                or before is None
                or before.ids != known.ids
                or before.spans != known.spans
                or before.labels != known.labels
                or before.kept_ids is None
                or known.kept_definitions != known.definitions
            ):
                suspects.add(node)
        for members in live.groups:
            if not suspects.isdisjoint(members):
                suspects.update(name for name in members if name in self.changes.values)
        return suspects

    def joint(self, names: tuple[str, ...]) -> Digest:
        """Return the digest of a covariable: of all its names together, since sharing counts."""
        live = self.live
        known = [live.known[name] for name in names]
        old = live.groups.get(names)
        steady = all(
            (before := self.changes.looked.get(name, each)) is not None
            and (before.digest, before.ids, before.spans) == (each.digest, each.ids, each.spans)
            and each.kept_ids in (None, each.ids)
            for name, each in zip(names, known, strict=True)
        )
        if old is not None and steady:
            return old
        values = tuple((name, self.changes.values[name]) for name in names)
        found = walk(values, mode=Mode.NAMESPACE, home=live.user_ns, stop=self.stop)
        return combine("joint", found.digest, repr(relative((*found.spans, *found.labels))))

    def needs_unit(self, members: Iterable[str], names: tuple[str, ...], digest: Digest | None) -> bool:
        """Whether the unit of *members* does not hold them as they are; *digest* is that of their *names* together."""
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
        # Its unit holds names that it does not share objects with any more. Those whose objects are the same still
        # are in it as they were; equal objects that took their place are not.
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
                if node in self.changes.values:
                    self._by_unit.setdefault(state.unit, set()).add(node)
        return self._by_unit
