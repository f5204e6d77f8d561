"""The whole state at a boundary, folded from what each cell run wrote. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from nbreplay.records import Group, NameState, Unit, ValueRef, Writes


def is_definition(node: str) -> bool:
    """Whether *node* is the lineage of a class or function, not a name."""
    return "/d" in node


def is_name(node: str) -> bool:
    """Whether *node* is a name of the user's (a result ``Out[n]`` counts)."""
    return "/d" not in node


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every name at a boundary, and the units that hold their values.

    *states* has the user's names, the results ``Out[n]``, and under their lineages the notebook's classes and functions
    (see :func:`is_definition`): those are no names and belong to whatever refers to them.
    """

    states: Mapping[str, NameState] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    units: Mapping[str, Unit] = field(default_factory=dict)
    ambient: Mapping[str, ValueRef] = field(default_factory=dict)
    modules: tuple[tuple[str, str], ...] = ()
    deleted: tuple[str, ...] = ()

    def after(self, writes: Writes) -> Manifest:
        """Return the state after a cell run that wrote *writes*."""
        states = {**self.states, **writes.names}
        for name in writes.deleted:
            states.pop(name, None)
        units = {**self.units, **{unit.uid: unit for unit in writes.units}}
        used = {state.unit for state in states.values()}
        return Manifest(
            states=states,
            groups=merge_groups(self.groups, writes),
            units={uid: unit for uid, unit in units.items() if uid in used},
            ambient={**self.ambient, **writes.ambient},
            modules=tuple(dict.fromkeys((*self.modules, *writes.modules))),
            deleted=tuple(name for name in dict.fromkeys((*self.deleted, *writes.deleted)) if name not in states),
        )

    def names(self) -> Iterator[str]:
        """Yield the user's names."""
        return filter(is_name, self.states)


def merge_groups(groups: tuple[Group, ...], writes: Writes) -> tuple[Group, ...]:
    """Return the covariables of more than one name after *writes*: those it says, and those it leaves alone."""
    gone = {*writes.names, *writes.deleted, *(name for group in writes.groups for name in group.names)}
    kept = [group for group in groups if gone.isdisjoint(group.names)]
    return tuple(kept + [group for group in writes.groups if len(group.names) > 1])
