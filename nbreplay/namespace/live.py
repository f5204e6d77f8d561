"""What is known of the live namespace: its names, their values as last seen, the units that hold them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbreplay.config import Settings
from nbreplay.digest import Digest
from nbreplay.fingerprint import TEXT_NAME
from nbreplay.namespace.ambient import Ambient
from nbreplay.namespace.covariable import Partition
from nbreplay.namespace.known import RELEASED, Known
from nbreplay.namespace.manifest import Manifest, is_definition
from nbreplay.namespace.owed import Owed
from nbreplay.namespace.probes import probes
from nbreplay.namespace.quick import Quick
from nbreplay.namespace.results import Results, is_result, node_of
from nbreplay.records import BufferRef, Group, NameState, Unit, ValueRef
from nbreplay.serialize.session import Session
from nbreplay.serialize.standin import StandIn


@dataclass(slots=True)
class Live:
    """The state that tracking works on. *states* has names and results, *definitions* lineages of notebook code."""

    user_ns: dict[str, Any]
    own: dict[str, Any]
    settings: Settings
    session: Session
    ambient: Ambient
    quick: Quick
    states: dict[str, NameState]
    results: Results
    definitions: dict[str, NameState] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    groups: dict[tuple[str, ...], Digest] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)
    unloaded: set[str] = field(default_factory=set)
    partition: Partition = field(default_factory=Partition)
    keys: dict[str, str] = field(default_factory=dict)
    """Under which key a result that was renamed is in its unit."""
    dirty: set[str] = field(default_factory=set)
    """Names whose last change was not kept."""
    all_dirty: str = ""
    ambient_refs: dict[str, ValueRef] = field(default_factory=dict)
    pending_ambient: dict[str, ValueRef | None] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    pending_modules: dict[str, str] = field(default_factory=dict)
    unmade: dict[str, Any] = field(default_factory=dict)
    """What was loaded with a hole in it and not made again since, by name."""
    translated: dict[str, tuple[Digest, Digest]] = field(default_factory=dict)
    """Digests that a value had when it was just loaded, and as recorded: libraries rebuild caches, reorder
    attributes."""
    memory: dict[tuple[int, int], tuple[BufferRef, bytes]] = field(default_factory=dict)
    """What was last written of the memory at a place, with its chunks; the writer's."""
    plans: dict[tuple[int, int], tuple[bytes, frozenset[int]]] = field(default_factory=dict)
    """What was last captured of it: its chunks, and which of them are kept apart; ahead of *memory* by the backlog."""
    owed: Owed = field(default_factory=Owed)
    """What records that were not kept said, besides names (those are *dirty*)."""

    @classmethod
    def of(cls, user_ns: dict[str, Any], settings: Settings, shell: Any, root: Path) -> Live:
        """Return the state of a namespace in which no user's cell ran yet."""
        session = Session(user_ns)
        states: dict[str, NameState] = {}
        live = cls(
            user_ns=user_ns,
            own=dict(user_ns),
            settings=settings,
            session=session,
            ambient=Ambient(probes(root), root),
            quick=Quick(session),
            states=states,
            results=Results(user_ns, shell, states),
        )
        return live

    # ------------------------------------------------------------ names

    def values(self) -> dict[str, Any]:
        """Return every loaded node: names of the user's, results, definitions."""
        own = self.own
        found = {}
        for name, value in list(self.user_ns.items()):  # threads of the user's may bind names meanwhile
            if (name in own and own[name] is value) or name == "__warningregistry__":
                continue
            if not isinstance(name, str):
                continue
            if name.startswith("_") and (
                (type(value) is str and name.startswith("_i") and name[2:].isdecimal())  # most of them: inputs
                or self.results.is_ipythons(name, value)
            ):
                continue
            found[name] = value
        for number, value in self.results.values().items():
            found[node_of(number)] = value
        found.update(self.session.objects)
        return found

    def state(self, node: str) -> NameState | None:
        """Return what is known of a name or definition at the last boundary."""
        return self.definitions.get(node) if is_definition(node) else self.states.get(node)

    def set_state(self, node: str, state: NameState | None) -> None:
        """Change what is known of *node*; None: it is gone."""
        table = self.definitions if is_definition(node) else self.states
        if state is None:
            table.pop(node, None)
        else:
            table[node] = state

    def unbind(self, node: str) -> None:
        """Take *node* out of the namespace; its state stays."""
        self.forget(node)
        if is_definition(node):
            self.session.forget(node)
        elif is_result(node):
            self.results.unbind(node)
        else:
            self.user_ns.pop(node, None)

    def bind(self, node: str, value: Any) -> None:
        """Put *value* into the namespace as *node*."""
        self.unloaded.discard(node)
        if is_definition(node):
            if self.session.objects.get(node) is not value:
                self.session.register(node, value)
        elif is_result(node):
            self.results.bind(node, value)
        else:
            self.user_ns[node] = value

    def forget(self, node: str) -> None:
        """Forget what was seen of *node*."""
        self.known.pop(node, None)
        self.translated.pop(node, None)
        self.quick.drop(node)
        self.partition.drop(node)

    def release(self, names: Iterable[str]) -> None:
        """Let go of the values of *names*: a cell may free them, which their code, or who refers to them weakly, sees.

        They are looked at again after it.
        """
        for name in names:
            known = self.known.get(name)
            if known is None:
                continue
            known.value = RELEASED
            known.held = None
            for lineage in known.definitions:
                definition = self.known.get(lineage)
                if definition is not None:
                    definition.held = None

    def start_over(self, reason: str) -> None:
        """Forget all boundaries: the next capture is a full one. What is not loaded gets a stand-in that says why."""
        for node in sorted(self.unloaded):
            state = self.state(node)
            self.bind(node, StandIn(state.type_name if state is not None else "value", reason))
        for table in (self.states, self.definitions, self.units, self.groups, self.known, self.keys):
            table.clear()
        self.forget_memory()
        self.partition = Partition()
        self.ambient_refs.clear()
        self.modules.clear()
        self.dirty.clear()
        self.all_dirty = reason

    def forget_memory(self) -> None:
        """What was written of memory before counts no more: the next capture of it is a whole one."""
        self.memory.clear()
        self.plans.clear()

    # ------------------------------------------------------------ the last boundary

    def manifest(self) -> Manifest:
        """Return the whole state as of the last boundary."""
        states = {**self.states, **self.definitions}
        used = {state.unit for state in states.values()}
        return Manifest(
            states=states,
            groups=tuple(Group(names=names, digest=digest) for names, digest in self.groups.items()),
            units={uid: unit for uid, unit in self.units.items() if uid in used},
            ambient=dict(self.ambient_refs),
            modules=tuple(self.modules.items()),
        )

    def group_of(self, names: Collection[str]) -> tuple[Group, ...]:
        """Return the covariables of more than one name that hold any of *names*."""
        wanted = set(names)
        return tuple(
            Group(names=members, digest=digest)
            for members, digest in self.groups.items()
            if not wanted.isdisjoint(members)
        )

    def reach(self, names: Iterable[str], *, members: bool) -> set[str]:
        """Return what code that names *names* can reach through the code in their values.

        With *members*, what shares objects with it, too.
        """
        found: set[str] = set()
        front = set(names)
        while front:
            found |= front
            after: set[str] = set()
            for name in front:
                state = self.states.get(name)
                if state is not None:
                    after.update(each for each in state.globals if not each.startswith(TEXT_NAME))
                    after.update(
                        word for each in state.globals if (word := each.removeprefix(TEXT_NAME)) in self.states
                    )
            if members:
                for group in self.groups:
                    if not front.isdisjoint(group):
                        after.update(group)
            front = self.results.mean(after) - found
        return found
