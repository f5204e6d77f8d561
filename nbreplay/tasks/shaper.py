"""Makes the program of a graph node (:mod:`~nbreplay.tasks.shape`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from types import NoneType
from typing import Any

import xxhash
from dask._task_spec import (
    Alias,
    DataNode,
    Dict,
    GraphNode,
    List,
    Set,
    Task,
    TaskRef,
    Tuple,
    _execute_subgraph,
)
from dask.typing import Key
from dask.utils import key_split

from nbreplay.tasks.literal import Literals
from nbreplay.tasks.shape import Coded, Coder, Shape, Step, data_leaf
from nbreplay.tasks.sharing import Sharing, share_memory
from nbreplay.tasks.shuffles import BARRIER, Place, is_barrier, is_side_effect
from nbreplay.tasks.subgraphs import postorder

CONTAINERS: dict[type, bytes] = {List: b"L", Tuple: b"U", Set: b"E", Dict: b"M"}
BUFFERS = frozenset({"numpy", "pandas", "pyarrow"})
"""Libraries whose values hold memory; whether two share it is asked of the memory."""

PLAIN = frozenset({int, str, float, bool, NoneType, bytes})
"""Types of arguments that cannot change and refer to nothing."""

FREE = frozenset({"id", "disk", "parts_out"})
"""Fields of a shuffle's description that do not count for what arrives in one of its parts."""

_digest = xxhash.xxh3_128_digest
_REFS = [b"R" + n.to_bytes(4, "little") for n in range(64)]
_COUNTS = [n.to_bytes(4, "little") for n in range(64)]


class Shaper:
    """Makes shapes for the nodes of one submitted graph.

    Parameters
    ----------
    coder : Coder
        Identities of callables and values; memoises for the time of one submission.
    literals : Literals
        Encoder of plain arguments; knows the folder that paths are relative to.
    """

    def __init__(self, coder: Coder, literals: Literals) -> None:
        self.coder = coder
        self.literals = literals

    def shape(self, key: Key, node: GraphNode, place: Place | None = None) -> Shape:
        """Return the program of *node*, which has its *place* in a shuffle, if any."""
        name = key_split(key)
        kind = type(node)
        if kind is Task and place is None:
            made = self._plain(name, node)  # type: ignore[arg-type]  # its type was just looked at
            if made is not None:
                return made
        if kind is Alias:
            return Shape("alias", name, deps=(node.target,))  # type: ignore[attr-defined]  # as above
        building = _Building(self, place, node.dependencies)
        if kind is DataNode:
            building.data(node.value)  # type: ignore[attr-defined]  # as above
            return building.finish("data", name)
        building.node(node)
        return building.finish("task", name)

    def _plain(self, name: str, node: Task) -> Shape | None:
        """Return what :class:`_Building` would make of a call on plain arguments and other tasks; None: it is none."""
        func, args, kwargs = node.func, node.args, node.kwargs
        if func is _execute_subgraph or len(args) + len(kwargs) >= len(_REFS) or is_side_effect(func):
            return None
        coded = self.coder.callable(func)
        literals = self.literals
        encode = literals.append
        literals.met_path = False
        parts = [b"C", coded.digest, _COUNTS[len(args)]]
        deps: dict[Key, int] = {}
        for arg in args:
            kind = type(arg)
            if kind is TaskRef:
                parts.append(_REFS[deps.setdefault(arg.key, len(deps))])
            elif kind in PLAIN:
                encode(arg, parts)
            else:
                return None
        for word, arg in kwargs.items():
            parts.append(b"K%d:" % len(word) + word.encode("utf-8", "surrogatepass"))
            kind = type(arg)
            if kind is TaskRef:
                parts.append(_REFS[deps.setdefault(arg.key, len(deps))])
            elif kind in PLAIN:
                encode(arg, parts)
            else:
                return None
        steps: list[Step] = [(_digest(b"".join(parts)), tuple(range(len(deps))))]
        imported = (coded.digest,) if coded.by_reference else ()
        paths = literals.met_path or coded.paths
        return Shape("task", name, tuple(deps), steps, coded.refusals, paths, coded.components, imported)


class _Building:
    """One program while it grows."""

    def __init__(self, shaper: Shaper, place: Place | None, above: AbstractSet[Key]) -> None:
        self.shaper = shaper
        self.place = place
        self.above = above
        self.sent: list[str] = []
        self.deps: dict[Key, int] = {}
        self.steps: list[Step] = []
        self.refusals: list[str] = []
        self.components: list[tuple[str, str, str, str]] = []
        self.imported: list[bytes] = []
        self.paths = False

    def finish(self, kind: str, name: str) -> Shape:
        return Shape(
            kind,
            name,
            tuple(self.deps),
            self.steps,
            tuple(dict.fromkeys(self.refusals)),
            self.paths,
            tuple(self.components),
            tuple(self.imported),
            self.place.role if self.place is not None else "",
        )

    def data(self, value: object) -> int:
        digest = self._value(value)
        self.steps.append((data_leaf(digest), None))
        return ~(len(self.steps) - 1)

    def node(self, node: GraphNode, inner: dict[Key, int] | None = None) -> int:
        """Append the steps of *node*; keys in *inner* are steps or inputs already. Return what its value is."""
        if type(node) is Alias:
            return self._ref(node.target, inner)
        if type(node) is DataNode:
            return self.data(node.value)
        in_shuffle = self.place is not None and self.place.role == BARRIER and is_barrier(node)
        if not isinstance(node, Task) or (type(node) is not Task and type(node) not in CONTAINERS and not in_shuffle):
            kind = type(node)
            self.refusals.append(f"a graph node of a type of its own ({kind.__module__}.{kind.__qualname__})")
            self.steps.append((b"?", tuple(self._ref(d, inner) for d in sorted(node.dependencies, key=str))))
            return ~(len(self.steps) - 1)
        if node.func is _execute_subgraph:
            return self._fused(node, inner)
        inputs: list[int] = []
        parts: list[bytes] = []
        if type(node) in CONTAINERS:
            self._argument(node, parts, inputs, inner)
        else:
            parts += (b"C", self._callable(node.func))
            parts.append(len(node.args).to_bytes(4, "little"))
            for arg in node.args:
                self._argument(arg, parts, inputs, inner)
            for word, arg in node.kwargs.items():
                parts.append(b"K%d:" % len(word) + word.encode("utf-8", "surrogatepass"))
                self._argument(arg, parts, inputs, inner)
            self._sharing([*node.args, *node.kwargs.values()], parts)
            if in_shuffle:
                self._description(node.spec, parts)  # type: ignore[attr-defined]  # a P2PBarrierTask has one
        self.steps.append((_digest(b"".join(parts)), tuple(inputs)))
        return ~(len(self.steps) - 1)

    def _fused(self, node: Task, outer: dict[Key, int] | None) -> int:
        graph, out_key, in_keys, *given = node.args
        inner: dict[Key, int] = {}
        for key, arg in zip(in_keys, given, strict=False):
            if isinstance(arg, TaskRef):
                inner[key] = self._ref(arg.key, outer)
            elif isinstance(arg, GraphNode):
                inner[key] = self.node(arg, outer)
            else:
                inner[key] = self.data(arg)
        for key in postorder(graph, out_key, inner):
            inner[key] = self.node(graph[key], inner)
        return inner[out_key]

    def _ref(self, key: Key, inner: dict[Key, int] | None) -> int:
        if inner is not None and key in inner:
            return inner[key]
        return self.deps.setdefault(key, len(self.deps))

    def _argument(self, arg: object, parts: list[bytes], inputs: list[int], inner: dict[Key, int] | None) -> None:
        kind = type(arg)
        if kind in CONTAINERS:
            members = arg.args  # type: ignore[attr-defined]  # a NestedContainer
            parts.append(CONTAINERS[kind] + len(members).to_bytes(4, "little"))
            for member in members:
                self._argument(member, parts, inputs, inner)
        elif kind is Alias:
            self._input(self._ref(arg.target, inner), parts, inputs)  # type: ignore[attr-defined]
        elif isinstance(arg, TaskRef):
            self._input(self._ref(arg.key, inner), parts, inputs)
        elif isinstance(arg, DataNode):
            parts += (b"V", self._value(arg.value))
        elif isinstance(arg, GraphNode):
            self._input(self.node(arg, inner), parts, inputs)
        elif self.place is not None and kind is str and arg in self.place.ids:
            self._shuffle(self.place, arg, parts, inputs, inner)  # type: ignore[arg-type]  # a str
        else:
            self._literal(arg, parts)

    def _shuffle(
        self, place: Place, name: str, parts: list[bytes], inputs: list[int], inner: dict[Key, int] | None
    ) -> None:
        """The id of a shuffle stands for what was sent in it, or for the one that this task sends in."""
        if place.ids[name] in self.above:
            self._input(self._ref(place.ids[name], inner), parts, inputs)
            return
        if name not in self.sent:
            self.sent.append(name)
        parts.append(b"X" + self.sent.index(name).to_bytes(4, "little"))

    def _description(self, spec: Any, parts: list[bytes]) -> None:
        """What a barrier says of its shuffle: kind, number of parts, column, chunks."""
        kind = type(spec)
        parts.append(b"P" + f"{kind.__module__}.{kind.__qualname__}:".encode())
        for each in dataclasses.fields(spec):
            if each.name not in FREE:
                parts.append(b"K%d:" % len(each.name) + each.name.encode())
                self._literal(getattr(spec, each.name), parts)

    def _sharing(self, arguments: list[object], parts: list[bytes]) -> None:
        if len(arguments) < 2 and not any(type(arg) in (list, tuple, dict) for arg in arguments):
            return
        found = Sharing(arguments)
        if found.pattern:
            parts.append(b"S%d:" % len(found.pattern) + found.pattern)
        if len(found.others) < 2:
            return
        if share_memory(found.others):
            self.refusals.append("two arguments are views of the same memory")
        rest = [each for each in found.others if type(each).__module__.partition(".")[0] not in BUFFERS]
        if len(rest) > 1:
            parts += (b"J", self._value(tuple(rest)))

    def _input(self, ref: int, parts: list[bytes], inputs: list[int]) -> None:
        if ref not in inputs:
            inputs.append(ref)
        parts.append(b"R" + inputs.index(ref).to_bytes(4, "little"))

    def _literal(self, arg: object, parts: list[bytes]) -> None:
        literals = self.shaper.literals
        if literals.encode(arg, parts):
            self.paths |= literals.met_path
        elif callable(arg):
            # It is handed on: whoever gets it may look at its name.
            self._watch_for_shuffles(arg)
            parts += (b"F", self._value(arg))
        else:
            parts += (b"V", self._value(arg))

    def _value(self, value: object) -> bytes:
        return self._take(self.shaper.coder.value(value))

    def _callable(self, func: Callable[..., Any]) -> bytes:
        self._watch_for_shuffles(func)
        return self._take(self.shaper.coder.callable(func))

    def _watch_for_shuffles(self, func: Callable[..., Any]) -> None:
        if self.place is None and is_side_effect(func):
            self.refusals.append("part of a peer-to-peer shuffle")

    def _take(self, coded: Coded) -> bytes:
        if coded.refusals:
            self.refusals.extend(coded.refusals)
        if coded.components:
            self.components.extend(coded.components)
        if coded.by_reference:
            self.imported.append(coded.digest)
        self.paths |= coded.paths
        return coded.digest
