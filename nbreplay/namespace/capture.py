"""What a cell changed, found and pickled, before anything of it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbreplay.digest import Digest
from nbreplay.records import Group, NameState, Unit, ValueRef, Writes
from nbreplay.serialize.dump import DumpedUnit
from nbreplay.serialize.lease import Lease


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
    unforeseen : str
        A name that changed although the cell's code does not lead to it, "" if there is none.
    problems : tuple of str
        What could not be kept, in words for the user.
    kept_units, refs
        Units and ambient state that are in the store already, and that a record which was not kept spoke of.
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
    unforeseen: str = ""
    problems: tuple[str, ...] = ()
    all_groups: dict[tuple[str, ...], Digest] = field(default_factory=dict)
    kept_units: tuple[Unit, ...] = ()
    refs: dict[str, ValueRef] = field(default_factory=dict)
    writes: Writes | None = None

    def leases(self) -> list[Lease]:
        """Return the memory that is going to be written; it is the user's until then."""
        return [lease for pending in self.units for lease in pending.dumped.leases()]

    @property
    def stream_bytes(self) -> int:
        """Bytes of the streams, which are in memory until they are written."""
        return sum(len(pending.dumped.stream) for pending in self.units)
