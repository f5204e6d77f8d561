"""Which of the live values changed since the last look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbreplay.fingerprint import Walk
from nbreplay.namespace.background import running
from nbreplay.namespace.capture import Stopped
from nbreplay.namespace.handles import kind_of
from nbreplay.namespace.hooks import names_of_hooks
from nbreplay.namespace.known import Known
from nbreplay.namespace.live import Live
from nbreplay.namespace.looking import ATOMS, look, same, small
from nbreplay.namespace.manifest import is_definition
from nbreplay.namespace.touched import Touched
from nbreplay.serialize.standin import StandIn


class Changes:
    """A search for what changed: the smallest values by a quick look, what the cell touched by a walk.

    Attributes
    ----------
    values : dict of str to object
        Every loaded node, definitions that were just met included.
    looked : dict of str to Known or None
        Nodes that were walked, with what was known of them before.
    deleted : set of str
        Nodes that are gone.
    left : set of str
        Definitions that some value referred to before and does not now.
    """

    def __init__(self, live: Live, stop: Callable[[], bool]) -> None:
        self._live = live
        self._stop = stop
        self.values: dict[str, Any] = {}
        self.looked: dict[str, Known | None] = {}
        self.deleted: set[str] = set()
        self.left: set[str] = set()
        self._figures: dict[int, Walk] = {}

    def find(self, touched: Touched) -> None:
        """Look at all that could have changed.

        Raises
        ------
        Stopped, WalkStopped
            The caller's *stop* said so.
        """
        live = self._live
        self.values = live.values()
        found = live.results.mean(touched.names) | names_of_hooks(live)
        wanted = live.reach(found, members=True) | live.dirty
        steady = small(live)
        everything = (
            bool(touched.everything or live.all_dirty or running(live.user_ns))
            or any(known.opaque for node, known in live.known.items() if node in wanted)
            # A collection of garbage calls it at any time.
            or any(isinstance(each, type) and "__del__" in vars(each) for each in live.session.objects.values())
        )
        for node, value in self.values.items():
            known = live.known.get(node)
            if known is None or known.value is not value:
                self._walk(node, value)
                continue
            if type(value) in ATOMS:
                continue
            suspect = everything or node in wanted or is_definition(node)
            suspect |= node in steady and not known.opaque
            if not suspect or same(live, node, known, value):
                continue
            if everything or node in wanted or not _moves_alone(known):
                self._walk(node, value)
        self.follow_definitions()
        self._miss()

    def follow_definitions(self) -> None:
        """Look at definitions that were met first, and again at what holds one that changed."""
        live = self._live
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
                for node, known in (live.known.items() if changed else ())
                if node not in self.looked and node in self.values and not changed.isdisjoint(known.definitions)
            ]
            for node in holders:
                self._walk(node, self.values[node])
            if not holders and not live.session.fresh:
                return

    def _walk(self, node: str, value: Any) -> None:
        if self._stop():
            raise Stopped
        if type(value) is StandIn and self._live.state(node) is not None:
            return
        before = self._live.known.get(node)
        self.looked[node] = before
        known = look(self._live, node, value, self._stop, self._figures)
        if before is not None:
            self.left |= set(before.definitions) - set(known.definitions)

    def _miss(self) -> None:
        """Find what is gone, and forget it."""
        live = self._live
        self.deleted = {node for node in live.states if node not in self.values and node not in live.unloaded}
        for node in self.deleted:
            known = live.known.get(node)
            self.left |= set(known.definitions) if known is not None else {node}
            live.forget(node)


def _moves_alone(known: Known) -> bool:
    """Whether a value holds something alive elsewhere: that a future finishes is no doing of the cell that ends.

    Taken for that cell's, the result would come back with it, also when the cell that made the future ran anew.
    """
    held = known.held.values() if isinstance(known.held, dict) else ()
    return any(kind_of(each) is not None for each in held)
