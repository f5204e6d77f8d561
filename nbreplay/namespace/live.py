"""What is known of the live namespace: its names, their values as last seen, the units that hold them."""

from __future__ import annotations

import logging
import re
import threading
import weakref
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import getrefcount
from types import BuiltinFunctionType, CellType, FunctionType, ModuleType
from typing import Any

from nbreplay.config import Settings
from nbreplay.digest import Digest, combine
from nbreplay.fingerprint import Mode, Walk, walk
from nbreplay.namespace.ambient import Ambient
from nbreplay.namespace.covariable import Partition
from nbreplay.namespace.manifest import is_definition
from nbreplay.namespace.probes import probes
from nbreplay.records import BufferRef, Group, NameState, Unit, ValueRef
from nbreplay.serialize.functions import frozen, importable, plain
from nbreplay.serialize.sampler import Sampler
from nbreplay.serialize.session import Session
from nbreplay.serialize.standin import StandIn

logger = logging.getLogger(__name__)

RELEASED = object()
"""In the place of a value that is not held any more: it will be looked at again in any case."""

SMALL_COUNT = 1000
"""Objects in small names together; at about 3 us each, what may be looked at after every cell."""

_INPUTS = re.compile(r"_i{1,3}|_i\d+")
_RESULT = re.compile(r"_\d+")
_ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, ModuleType, BuiltinFunctionType, type(Ellipsis)}
)


class Stopped(Exception):  # it is no error
    """A capture that was asked to stop; nothing of it counts."""


@dataclass(slots=True, eq=False)
class Known:
    """A value as it was last seen.

    *ids* are the objects that link names, in the order of the walk, *held* keeps them from being used again. *kept_ids*
    are those it had when its unit was made, *kept_definitions* the definitions: equal ones may take their
    place. *token* is a quick way to see that a definition did not change.
    """

    value: Any
    digest: Digest
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    held: Any
    definitions: tuple[str, ...]
    globals: tuple[str, ...]
    opaque: tuple[str, ...]
    count: int
    size_bytes: int
    kept_ids: tuple[int, ...] | None = None
    kept_definitions: tuple[str, ...] | None = None
    token: Any = None
    chunks: Mapping[tuple[int, int], bytes] = field(default_factory=dict)


class Quick:
    """Samples of small names: as long as one is the same, its name did not change.

    C takes them several times faster than a walk; when a sample differs, a walk finds out what that means.
    """

    def __init__(self, session: Session) -> None:
        self._sampler = Sampler(session)
        self._samples: dict[str, object] = {}

    def take(self, node: str, value: Any, *, small: bool) -> None:
        """Note how *node* looks now."""
        sample = self._sampler.sample(value) if small else None
        if sample is None:
            self._samples.pop(node, None)
        else:
            self._samples[node] = sample

    def same(self, node: str, value: Any) -> bool:
        """Whether *node* certainly looks as it did when it was taken."""
        sample = self._samples.get(node)
        return sample is not None and self._sampler.sample(value) == sample

    def has(self, node: str) -> bool:
        """Whether *node* has a sample."""
        return node in self._samples

    def drop(self, node: str) -> None:
        """*node* is gone."""
        self._samples.pop(node, None)


@dataclass(slots=True)
class Live:
    """The state that tracking works on. *states* has names and results, *definitions* lineages of notebook code."""

    user_ns: dict[str, Any]
    own: dict[str, Any]
    settings: Settings
    shell: Any
    session: Session
    ambient: Ambient
    quick: Quick
    states: dict[str, NameState] = field(default_factory=dict)
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
    translated: dict[str, tuple[Digest, Digest]] = field(default_factory=dict)
    """Digests that a value had when it was just loaded, and as recorded: libraries rebuild caches, reorder
    attributes."""
    memory: dict[tuple[int, int], tuple[BufferRef, bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, user_ns: dict[str, Any], settings: Settings, shell: Any, root: Path) -> Live:
        """Return the state of a namespace in which no user's cell ran yet."""
        session = Session(user_ns)
        return cls(user_ns, dict(user_ns), settings, shell, session, Ambient(probes(root), root), Quick(session))

    # ------------------------------------------------------------ names

    def values(self) -> dict[str, Any]:
        """Return every loaded node: names of the user's, results, definitions."""
        own = self.own
        found = {}
        for name, value in self.user_ns.items():
            if name in own and own[name] is value:
                continue
            if not isinstance(name, str) or (name.startswith("_") and self._is_ipythons(name, value)):
                continue
            found[name] = value
        for number, value in self.results().items():
            found[f"Out[{number}]"] = value
        found.update(self.session.objects)
        return found

    def results(self) -> dict[int, Any]:
        """Return what IPython keeps of the cells' results, by execution count."""
        results = self.user_ns.get("_oh")
        if not isinstance(results, dict):
            return {}
        return {number: value for number, value in results.items() if isinstance(number, int)}

    def latest_results(self) -> list[str]:
        """Return the nodes of the results, newest first."""
        numbers = sorted((int(name[4:-1]) for name in self.states if name.startswith("Out[")), reverse=True)
        return [f"Out[{number}]" for number in numbers]

    def mean(self, names: Iterable[str]) -> set[str]:
        """Return *names* with IPython's names for results replaced by the results they mean."""
        found = set()
        for name in names:
            if not name.startswith(("_", "O")) or name in self.states:
                found.add(name)
            elif name in ("Out", "_oh"):
                found.update(self.latest_results())
            elif name in ("_", "__", "___"):
                latest = self.latest_results()
                if len(name) <= len(latest):
                    found.add(latest[len(name) - 1])
                else:
                    found.add(name)
            elif _RESULT.fullmatch(name):
                found.add(f"Out[{name[1:]}]")
            else:
                found.add(name)
        return found

    def _is_ipythons(self, name: str, value: Any) -> bool:
        if _INPUTS.fullmatch(name):
            return isinstance(value, str)
        if name in ("_", "__", "___"):
            hook = getattr(self.shell, "displayhook", None)
            results = self.results().values()
            return (
                value is getattr(hook, name, RELEASED)
                or any(value is each for each in results)
                or (isinstance(value, str) and value == "")
            )
        if _RESULT.fullmatch(name):
            return self.results().get(int(name[1:]), RELEASED) is value
        return name in ("_exit_code", "_dh", "_ih", "_oh")

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
        elif node.startswith("Out["):
            number = int(node[4:-1])
            results = self.user_ns.get("_oh")
            value = results.pop(number, RELEASED) if isinstance(results, dict) else RELEASED
            for name in (f"_{number}", "_", "__", "___"):
                if value is not RELEASED and self.user_ns.get(name, RELEASED) is value:
                    del self.user_ns[name]
        else:
            self.user_ns.pop(node, None)

    def bind(self, node: str, value: Any) -> None:
        """Put *value* into the namespace as *node*."""
        self.unloaded.discard(node)
        if is_definition(node):
            if self.session.objects.get(node) is not value:
                self.session.register(node, value)
        elif node.startswith("Out["):
            number = int(node[4:-1])
            results = self.user_ns.setdefault("_oh", {})
            if isinstance(results, dict):
                results[number] = value
            self.user_ns[f"_{number}"] = value
        else:
            self.user_ns[node] = value

    def align_results(self) -> None:
        """Bind IPython's names of the last results to those they mean, where they are loaded.

        Cells that were restored moved them on, without IPython's knowing.
        """
        results = self.results()
        hook = getattr(self.shell, "displayhook", None)
        for place, node in enumerate(self.latest_results()[:3]):
            name = "_" * (place + 1)
            value = results.get(int(node[4:-1]), RELEASED)
            bound = self.user_ns.get(name, "")
            if value is RELEASED or bound is value or name in self.states or not self._is_ipythons(name, bound):
                continue
            self.user_ns[name] = value
            if hook is not None:
                setattr(hook, name, value)

    def forget(self, node: str) -> None:
        """Forget what was seen of *node*."""
        self.known.pop(node, None)
        self.translated.pop(node, None)
        self.quick.drop(node)
        self.partition.drop(node)

    # ------------------------------------------------------------ looking

    def look(self, node: str, value: Any, stop: Callable[[], bool] | None) -> Known:
        """Walk *value* and return what was seen; the partition follows."""
        found = walk(value, mode=Mode.NAMESPACE, home=self.user_ns, stop=stop)
        before = self.known.get(node)
        linked, lineages = self._definitions(found)
        hidden, weak = hidden_state(found.objects.values())
        linked += weak
        digest = combine("hidden", found.digest, hidden) if hidden else found.digest
        loaded = self.translated.get(node)
        if loaded is not None and loaded[0] == digest:
            digest = loaded[1]
        known = Known(
            value=value,
            digest=digest,
            ids=(*shareable(found.objects), *linked),
            spans=tuple(found.spans),
            held=found.objects,
            definitions=lineages,
            globals=tuple(sorted(found.globals)),
            opaque=tuple(dict.fromkeys(found.opaque)),
            count=found.count,
            size_bytes=found.size_bytes,
            kept_ids=None if before is None else before.kept_ids,
            kept_definitions=None if before is None else before.kept_definitions,
            token=token_of(value),
            chunks=found.chunks,
        )
        self.known[node] = known
        # Definitions are referred to in a pickle, not held: a sample would not show that they changed.
        small = found.size_bytes <= self.settings.small_unit_bytes and known.token is None and not is_definition(node)
        self.quick.take(node, value, small=small and type(value) not in _ATOMS and not isinstance(value, type))
        self.partition.put(node, known.ids, known.spans)
        return known

    def _definitions(self, found: Walk) -> tuple[list[int], tuple[str, ...]]:
        """Give lineages to the notebook's code in a walk; return functions that link names, and the lineages."""
        session = self.session
        linked = []
        lineages: dict[str, None] = {}
        for each in sorted(found.definitions, key=lambda each: not isinstance(each, type)):  # methods' owners first
            if importable(each):
                continue
            if isinstance(each, type):
                lineages[session.adopt(each)] = None
            elif id(each) in session.methods and session.lineage(each) is None:
                continue
            elif plain(each):
                lineages[session.adopt(each)] = None
            else:
                linked.append(id(each))
        return linked, tuple(lineages)

    def small(self) -> set[str]:
        """Return the names that are looked at after every cell: the smallest ones, within limits together."""
        settings = self.settings
        found = set()
        total_bytes = count = 0
        for node, known in sorted(self.known.items(), key=lambda item: item[1].count):
            if known.size_bytes > settings.small_unit_bytes:
                continue
            total_bytes += known.size_bytes
            count += known.count
            if total_bytes > settings.small_total_bytes or count > SMALL_COUNT:
                break
            found.add(node)
        return found

    def same(self, node: str, known: Known, value: Any) -> bool:
        """Whether *value* certainly is as it was, seen without a walk."""
        if known.value is not value:
            return False
        if type(value) in _ATOMS or type(value) is StandIn:
            return True
        if known.token is not None:
            return bool(known.token == token_of(value))
        return not known.opaque and self.quick.same(node, value)

    # ------------------------------------------------------------ sharing

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
                    after.update(state.globals)
            if members:
                for group in self.groups:
                    if not front.isdisjoint(group):
                        after.update(group)
            front = self.mean(after) - found
        return found


# ---------------------------------------------------------------- what a walk does not show


def shareable(objects: dict[int, object]) -> list[int]:
    """Return the ids of those of *objects* that somebody else holds, too: a walk makes temporary ones on its way."""
    return [ident for ident, count in _reference_counts(objects) if count > _ALONE]


def _reference_counts(objects: dict[int, object]) -> list[tuple[int, int]]:
    return [(ident, getrefcount(each)) for ident, each in objects.items()]


_ALONE = _reference_counts({0: object()})[0][1]
"""References to an object that only the dict of a walk holds, as counted here."""


_HIDDEN: dict[type, Callable[[Any], object]] = {
    threading.Event: lambda value: value.is_set(),
    threading.Semaphore: lambda value: value._value,
    threading.BoundedSemaphore: lambda value: value._value,
    type(threading.Lock()): lambda value: value.locked(),
    weakref.ref: lambda value: value() is None,
    weakref.WeakSet: len,
    weakref.WeakKeyDictionary: len,
    weakref.WeakValueDictionary: lambda value: sorted(map(str, value.keys())),
}


def hidden_state(objects: Iterable[object]) -> tuple[str, list[int]]:
    """Return the state of locks and weak references among *objects* as text, and the ids of what the latter refer to.

    A weak reference links: its referent must be in the same unit, else the restored one would refer to a copy.
    """
    text = []
    weak: list[int] = []
    for each in objects:
        look = _HIDDEN.get(type(each))
        if look is None:
            continue
        text.append(f"{type(each).__name__}:{look(each)}")
        if type(each) is weakref.ref:
            referents = [each()]
        elif isinstance(each, weakref.WeakValueDictionary):
            referents = list(each.values())
        elif isinstance(each, weakref.WeakSet | weakref.WeakKeyDictionary):
            referents = list(each)
        else:
            referents = []
        weak += [id(referent) for referent in referents if referent is not None]
    return " ".join(text), weak


# ---------------------------------------------------------------- quick looks


def token_of(value: Any) -> Any:
    """Return something that is equal as long as a function or class is certainly as it was; None: look properly.

    It holds the parts themselves: an id that is used again would be equal by accident.
    """
    if type(value) is FunctionType:
        return _Token(_parts(value)) if plain(value) else None
    if type(value) is type and not importable(value):
        parts: list[Any] = [value.__bases__]
        for name, each in vars(value).items():
            inner = getattr(each, "__func__", each) if isinstance(each, staticmethod | classmethod) else each
            parts += (name, each)
            if type(inner) is FunctionType:
                if not _steady(inner):
                    return None
                parts += _parts(inner)
            elif type(inner) is property:
                for accessor in (inner.fget, inner.fset, inner.fdel):
                    if type(accessor) is not FunctionType and accessor is not None:
                        return None
                    if accessor is not None:
                        if not _steady(accessor):
                            return None
                        parts += _parts(accessor)
            elif not frozen(inner) and not type(inner).__name__.endswith("descriptor") and name not in _SET_BY_PYTHON:
                return None
        return _Token(parts)
    return None


_SET_BY_PYTHON = frozenset({"__annotations__", "__static_attributes__", "__firstlineno__"})


def _steady(function: FunctionType) -> bool:
    """Whether all of a method can be compared by identity; a cell for ``super()`` holds the class itself."""
    if function.__closure__ is None:
        return plain(function)
    return all(_holds_class(cell) for cell in function.__closure__) and not function.__dict__


def _holds_class(cell: CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, type)
    except ValueError:
        return False


def _parts(function: FunctionType) -> list[Any]:
    return [
        function.__code__,
        function.__defaults__,
        function.__kwdefaults__ and tuple(function.__kwdefaults__.items()),
        function.__doc__,
        function.__name__,
    ]


class _Token:
    """Parts that are compared by identity, tuples of them by their items'."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Token)
            and len(self.parts) == len(other.parts)
            and all(_same(a, b) for a, b in zip(self.parts, other.parts, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # it is only compared


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    return type(a) is tuple and type(b) is tuple and len(a) == len(b) and all(map(_same, a, b))
