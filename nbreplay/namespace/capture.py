"""What a cell changed, found and pickled, before anything of it is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nbreplay.digest import Digest
from nbreplay.records import Group, NameState, Writes
from nbreplay.serialize.dump import DumpedUnit


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
