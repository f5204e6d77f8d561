"""Whether a recorded run holds now: every input compared by digest, nothing loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from nbreplay.digest import Digest
from nbreplay.namespace.ambient import INITIAL, RNG
from nbreplay.namespace.manifest import is_definition
from nbreplay.records import CellRun, FileState, Group, NameState

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


class Present(Protocol):
    """The state that a recorded run is compared with."""

    @property
    def states(self) -> Mapping[str, NameState]:
        """Every live user name, loaded or not."""

    @property
    def definitions(self) -> Mapping[str, NameState]:
        """Every live class and function of the notebook, by lineage."""

    def group_of(self, names: Collection[str]) -> tuple[Group, ...]:
        """Return the covariables of more than one name that hold any of *names*."""

    def ambient_digests(self) -> Mapping[str, Digest]:
        """Return the ambient state, by key."""

    def changed_file(self, files: Mapping[str, FileState]) -> str | None:
        """Return the first of *files* that is not as recorded."""

    def version(self, module: str) -> str:
        """Return the version of the distribution that *module* belongs to ("" if there is none)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first input that is not as it was: of which *kind*, its name, and both digests where there are any."""

    kind: str
    name: str
    before: str = ""
    after: str = ""


def first_difference(run: CellRun, present: Present, *, in_place: bool = False) -> Difference | None:
    """Return what keeps *run* from holding now, or None if it holds.

    *in_place* says that the state is the very one that the run saw, not one that looks like it.
    """
    checks: tuple[Callable[[CellRun, Present], Difference | None], ...] = (
        _python,
        _names,
        _sharing,
        _definitions,
        *((_holders,) if not in_place else ()),
        _ambient,
        _files,
        _packages,
    )
    for check in checks:
        difference = check(run, present)
        if difference is not None:
            return difference
    return None


def _python(run: CellRun, present: Present) -> Difference | None:
    if run.python != PYTHON:
        return Difference("python", "Python", run.python, PYTHON)
    return None


def _names(run: CellRun, present: Present) -> Difference | None:
    states = present.states
    for name, before in run.reads.names.items():
        state = states.get(name)
        after = None if state is None else state.digest
        if after != before:
            return Difference("name", name, before or "", after or "")
        if state is not None and state.hole is not None:
            return Difference("hole", name, before or "", state.hole.reason)
    if run.reads.everything:
        for name in states:
            if name not in run.reads.names:
                return Difference("name", name, "", states[name].digest)
    return None


def _sharing(run: CellRun, present: Present) -> Difference | None:
    """What the run changed in place, or saw under two names, must be shared now by the same names in the same way."""
    if not run.reads.groups:
        return None
    now = {group.names: group.digest for group in present.group_of([n for g in run.reads.groups for n in g.names])}
    for group in run.reads.groups:
        if len(group.names) > 1 and now.get(group.names) != group.digest:
            return Difference("sharing", ", ".join(group.names), group.digest, now.get(group.names, ""))
        if len(group.names) == 1 and any(group.names[0] in names for names in now):
            return Difference("sharing", group.names[0], "", "shared now")
    return None


def _definitions(run: CellRun, present: Present) -> Difference | None:
    """Names must be of one class or function where they were when the run was recorded, and apart where they were.

    What the run wrote refers to definitions by lineage: those must be live, and in the place that they had.
    """
    now: dict[str, str] = {}
    for name, before in run.reads.definitions.items():
        state = present.states.get(name)
        after = () if state is None else state.definitions
        if len(before) != len(after) or any(now.setdefault(b, a) != a for b, a in zip(before, after, strict=True)):
            return Difference("definition", name)
    if len(set(now.values())) < len(now):
        return Difference("definition", next(iter(run.reads.definitions)))
    made = f"{run.restored_from or run.boundary}/"
    written = {node for node in run.writes.names if is_definition(node)}
    needed = written.union(
        *(unit.needs for unit in run.writes.units), *(s.definitions for s in run.writes.names.values())
    )
    for lineage in sorted(needed):
        own = lineage in written and lineage.startswith(made)
        if not own and (now.get(lineage, lineage) != lineage or lineage not in present.definitions):
            return Difference("definition", _name_of(lineage, run))
    return None


def _holders(run: CellRun, present: Present) -> Difference | None:
    """Nobody but the names that the run wrote may hold definitions that it changed or made anew.

    In the state that the run itself saw, whoever held them was looked at when it was recorded.
    """
    written = {node for node in run.writes.names if is_definition(node)}
    for name, state in present.states.items() if written else ():
        if name not in run.writes.names and name not in run.writes.deleted and written & {*state.definitions}:
            return Difference("definition", name)
    return None


def _name_of(lineage: str, run: CellRun) -> str:
    """Return a name that reached *lineage* when *run* was recorded."""
    reached = [name for name, lineages in run.reads.definitions.items() if lineage in lineages]
    return reached[0] if reached else next(iter(run.writes.names), lineage)


def _ambient(run: CellRun, present: Present) -> Difference | None:
    now = present.ambient_digests()
    keys = {*run.reads.ambient, *(key for key in now if not key.startswith(RNG))}
    for key in sorted(keys):
        # What nobody had looked at yet was as it is when a process starts.
        before, after = run.reads.ambient.get(key, INITIAL), now.get(key, INITIAL)
        if after != before:
            return Difference("ambient", key, before, after)
    return None


def _files(run: CellRun, present: Present) -> Difference | None:
    changed = present.changed_file(run.files_read)
    if changed is not None:
        return Difference("file", changed)
    unkept = {
        path: state
        for path, state in run.files_written.items()
        if state.blob is None and state.digest is not None and not state.folder
    }
    changed = present.changed_file(unkept)
    return None if changed is None else Difference("written file", changed)


def _packages(run: CellRun, present: Present) -> Difference | None:
    for module, before in _modules(run):
        after = present.version(module)
        if before != after:
            return Difference("package", module, before, after)
    return None


def _modules(run: CellRun) -> Iterable[tuple[str, str]]:
    return dict.fromkeys(module for unit in run.writes.units for module in unit.modules)
