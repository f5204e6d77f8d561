"""From the live namespace to units: what changed in a cell, and its bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable

from nbreplay.digest import Digest
from nbreplay.fingerprint import WalkStopped
from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace.ambient import INITIAL, RNG
from nbreplay.namespace.capture import Capture, Stopped
from nbreplay.namespace.changes import Changes
from nbreplay.namespace.definitions import forget_unused, redefine
from nbreplay.namespace.dumping import Dumping
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import is_definition, is_name
from nbreplay.namespace.owed import say
from nbreplay.namespace.results import is_result, number_of
from nbreplay.namespace.sharing import Sharing
from nbreplay.namespace.touched import CellNames, Touched
from nbreplay.records import Group


class Capturing:
    """One capture. The order matters: values, definitions, sharing, units; ambient state is looked at last."""

    def __init__(self, live: Live, touched: Touched, cell: CellNames, boundary: str, stop: Callable[[], bool]) -> None:
        self.live = live
        self.touched = touched
        self.cell = cell
        self.capture = Capture(boundary=boundary)
        self.changes = Changes(live, stop)
        self.sharing = Sharing(live, self.changes, stop)
        self.dumping = Dumping(live, self.changes, self.capture, stop)
        self.dumping.reached = live.states.keys() if touched.everything else touched.names

    def run(self) -> Capture:
        """Return what changed.

        Raises
        ------
        Stopped
            *stop* said so. What was seen until then is kept as seen; nothing counts as kept.
        """
        session = self.live.session
        session.stamp = self.capture.boundary
        session.fresh.clear()
        try:
            self.changes.find(self.touched)
            self._group_and_dump()
        except WalkStopped:
            raise Stopped from None
        self._conclude()
        return self.capture

    def _group_and_dump(self) -> None:
        """Partition what changed into covariables, and pickle those that need it."""
        live, changes = self.live, self.changes
        suspects = self.sharing.suspects()
        groups: dict[tuple[str, ...], Digest] = {}
        done: set[str] = set()
        while True:
            todo = [node for node in suspects if node in changes.values and node not in done and node in live.known]
            if not todo:
                break
            for node in sorted(todo):
                if node in done:
                    continue
                component = live.partition.component(node)
                done |= component
                names = tuple(sorted(filter(is_name, component)))
                digest = self.sharing.joint(names) if len(names) > 1 else None
                if digest is not None:
                    groups[names] = digest
                if self.sharing.needs_unit(component, names, digest):
                    self.dumping.dump(tuple(sorted(component)), digest)
            # A dump may meet a definition that no walk saw.
            changes.follow_definitions()
            suspects |= {node for node in changes.looked if node not in done and is_definition(node)}
        done |= changes.deleted
        old = {members: each for members, each in live.groups.items() if done.isdisjoint(members)}
        self.capture.all_groups = {**old, **groups}

    def _conclude(self) -> None:
        """Say of the whole what changed."""
        live, capture, deleted = self.live, self.capture, self.changes.deleted
        redefine(live, capture)
        self.dumping.touch_holes()
        unused = forget_unused(live, capture, self.changes.left)
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
        capture.unforeseen = self._unforeseen(changed)
        self._modules()
        self._ambient()
        if live.dirty or live.owed:
            say(live, capture)
        capture.problems = tuple(self.dumping.problems)

    def _unforeseen(self, changed: set[str]) -> str:
        live, states = self.live, self.capture.states
        if self.touched.everything or live.all_dirty or live.owed:
            return ""
        foreseen = live.reach(live.results.mean(self.touched.names), members=True) | live.dirty
        redefined = set(filter(is_definition, states))
        for name in sorted(changed - foreseen):
            known = live.known.get(name)
            if name not in live.states or name in live.unloaded:
                continue
            if known is not None and (known.opaque or not redefined.isdisjoint(known.definitions)):
                continue  # what cannot be looked into seems to change all the time; instances change with their class
            if name not in states or states[name].digest != live.states[name].digest:
                return name
        return ""

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
        seeds = {"seed", "set_state", "setstate", "manual_seed", "set_rng_state"} & words
        capture.unseeded = tuple(
            key for key in capture.ambient if key.startswith(RNG) and before.get(key) == INITIAL and not seeds
        )
