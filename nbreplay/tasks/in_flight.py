"""Tasks that are computed, or in memory, when an equal one is submitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from nbreplay.digest import Fingerprint
from nbreplay.tasks.entries import Session
from nbreplay.tasks.shape import Key

if TYPE_CHECKING:
    from nbreplay.tasks.scheduler_plugin import TaskCachePlugin


class InFlight(Mapping[Fingerprint, Key]):
    """Tasks that run now, or whose result is in memory, by P; looked at one by one, since there may be many.

    Those of another store are another notebook's: its results would not be kept in ours.
    """

    def __init__(self, plugin: TaskCachePlugin, session: Session) -> None:
        self.store = session.ledger.store
        self.keys_by_print = plugin.in_flight
        self.entries = plugin.entries
        self.states = plugin.scheduler.tasks

    def __getitem__(self, provenance: Fingerprint) -> Key:
        key = self.keys_by_print[provenance]
        ts = self.states.get(key)
        if ts is None or ts.state not in ("waiting", "processing", "queued", "no-worker", "memory"):
            raise KeyError(provenance)
        entry = self.entries.get(key)
        if entry is None or entry.provenance != provenance:  # its key may be another task's now
            raise KeyError(provenance)
        if entry.session.ledger.store is not self.store:
            raise KeyError(provenance)
        # What was read from files, in it or above, may be something else by now, and P does not say so.
        if entry.refused or (entry.lineage != "" if ts.state == "memory" else entry.paths):
            raise KeyError(provenance)
        return key

    def __iter__(self) -> Iterator[Fingerprint]:
        return (Fingerprint(p) for p in self.keys_by_print)

    def __len__(self) -> int:
        return len(self.keys_by_print)
