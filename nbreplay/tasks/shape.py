"""What a graph node computes, as a small program over its inputs, without keys or tokens.

A node becomes *steps* in the order in which they run. A step has a digest of its code and literal arguments, and refers
to inputs by number: ``n >= 0`` is the n-th dependency of the node, ``~n`` is step *n*. A fused task is expanded into
the steps that it holds, so that fusion does not change what its parts are called: the fingerprint of a fused task is
that of the last task in it. Running the program on the fingerprints of the dependencies gives P, on the digests of
their values gives K (:func:`evaluate`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import xxhash
from dask._task_spec import (
    Alias,
    DataNode,
    Dict,
    GraphNode,
    List,
    NestedContainer,
    Set,
    Task,
    TaskRef,
    Tuple,
    _execute_subgraph,
)
from dask.typing import Key
from dask.utils import key_split

from nbreplay.tasks.literal import Literals
from nbreplay.tasks.sharing import Sharing, share_memory

VERSION = b"nbreplay task 1\n"
"""Of the algorithm: two versions never share a fingerprint."""

CONTAINERS: dict[type, bytes] = {List: b"L", Tuple: b"U", Set: b"E", Dict: b"M"}
SIDE_EFFECTS = "distributed.shuffle"
BUFFERS = frozenset({"numpy", "pandas", "pyarrow"})
"""Libraries whose values hold memory; whether two share it is asked of the memory."""


Step = tuple[bytes, tuple[int, ...] | None]
"""Digest of code and literal arguments, and what it refers to; or the leaf of data, and None."""


class Coded(NamedTuple):
    """A callable's, or a value's, digest (16 bytes), and why it must not be cached."""

    digest: bytes
    refusals: tuple[str, ...] = ()
    components: tuple[tuple[str, str, str, str], ...] = ()
    by_reference: bool = False  # code of modules that every process imports for itself


class Coder(Protocol):
    """Gives identities to callables and to values that are not plain literals."""

    def callable(self, func: Callable[..., Any]) -> Coded:
        """Return the transitive identity of *func*."""

    def value(self, value: object) -> Coded:
        """Return the identity of the content of *value*."""


@dataclass(slots=True)
class Shape:
    """The program of one node. *kind* is ``task``, ``alias`` (adds nothing) or ``data`` (computes nothing)."""

    kind: str
    name: str
    deps: tuple[Key, ...] = ()
    steps: list[Step] = field(default_factory=list)
    refusals: tuple[str, ...] = ()
    paths: bool = False
    components: tuple[tuple[str, str, str, str], ...] = ()
    by_reference: bool = False

    def own(self) -> bytes:
        """Return the digest of the program itself: equal in two processes if they would run the same code."""
        parts = [local + b"%d" % len(inputs or ()) for local, inputs in self.steps]
        return xxhash.xxh3_128_digest(b"".join(parts))


def data_leaf(digest: bytes) -> bytes:
    """Return the fingerprint of data whose content has *digest*."""
    return xxhash.xxh3_128_digest(b"data:" + digest)


def evaluate(shape: Shape, leaves: Sequence[bytes]) -> bytes:
    """Run the program of *shape* on the 16-byte identities of its dependencies."""
    if shape.kind == "alias":
        return leaves[0]
    done: list[bytes] = []
    for local, inputs in shape.steps:
        if inputs is None:  # data: its own identity, not that of a computation
            done.append(local)
            continue
        parts = [VERSION, local]
        parts += [leaves[n] if n >= 0 else done[~n] for n in inputs]
        done.append(xxhash.xxh3_128_digest(b"".join(parts)))
    return done[-1]


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

    def shape(self, key: Key, node: GraphNode) -> Shape:
        """Return the program of *node*."""
        name = key_split(key)
        if type(node) is Alias:
            return Shape("alias", name, deps=(node.target,))
        if type(node) is DataNode:
            building = _Building(self)
            building.data(node.value)
            return building.finish("data", name)
        building = _Building(self)
        building.node(node)
        return building.finish("task", name)


class _Building:
    """One program while it grows."""

    def __init__(self, shaper: Shaper) -> None:
        self.shaper = shaper
        self.deps: dict[Key, int] = {}
        self.steps: list[Step] = []
        self.refusals: list[str] = []
        self.components: list[tuple[str, str, str, str]] = []
        self.paths = False
        self.by_reference = False

    def finish(self, kind: str, name: str) -> Shape:
        return Shape(
            kind,
            name,
            tuple(self.deps),
            self.steps,
            tuple(dict.fromkeys(self.refusals)),
            self.paths,
            tuple(self.components),
            self.by_reference,
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
        if not isinstance(node, Task) or (type(node) is not Task and type(node) not in CONTAINERS):
            kind = type(node)
            self.refusals.append(f"a graph node of a type of its own ({kind.__module__}.{kind.__qualname__})")
            self.steps.append((b"?", tuple(self._ref(d, inner) for d in sorted(node.dependencies, key=str))))
            return ~(len(self.steps) - 1)
        if node.func is _execute_subgraph:
            return self._fused(node, inner)
        inputs: list[int] = []
        parts: list[bytes] = []
        if type(node) is Task:
            parts += (b"C", self._callable(node.func))
            parts.append(len(node.args).to_bytes(4, "little"))
            for arg in node.args:
                self._argument(arg, parts, inputs, inner)
            for word, arg in node.kwargs.items():
                parts.append(b"K%d:" % len(word) + word.encode("utf-8", "surrogatepass"))
                self._argument(arg, parts, inputs, inner)
            self._sharing([*node.args, *node.kwargs.values()], parts)
        else:
            self._argument(node, parts, inputs, inner)
        self.steps.append((xxhash.xxh3_128_digest(b"".join(parts)), tuple(inputs)))
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
        for key in _postorder(graph, out_key, inner):
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
        else:
            self._literal(arg, parts)

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
            parts += (b"F", self._callable(arg))
        else:
            parts += (b"V", self._value(arg))

    def _value(self, value: object) -> bytes:
        return self._take(self.shaper.coder.value(value))

    def _callable(self, func: Callable[..., Any]) -> bytes:
        if getattr(func, "__module__", None) and str(func.__module__).startswith(SIDE_EFFECTS):
            self.refusals.append("part of a peer-to-peer shuffle")
        return self._take(self.shaper.coder.callable(func))

    def _take(self, coded: Coded) -> bytes:
        if coded.refusals:
            self.refusals.extend(coded.refusals)
        if coded.components:
            self.components.extend(coded.components)
        self.by_reference |= coded.by_reference
        return coded.digest


def _postorder(graph: dict[Key, GraphNode], out_key: Key, given: dict[Key, int]) -> Iterator[Key]:
    """Yield the inner keys that *out_key* needs, each after its dependencies. Never recurses: chains can be long."""
    done: set[Key] = set(given)
    stack: list[tuple[Key, bool]] = [(out_key, False)]
    while stack:
        key, ready = stack.pop()
        if key in done or key not in graph:
            continue
        if ready:
            done.add(key)
            yield key
            continue
        stack.append((key, True))
        # Order of discovery must not come from keys: the arguments' order is the order.
        stack.extend((dep, False) for dep in reversed(list(_references(graph[key]))))


def _references(node: object) -> Iterator[Key]:
    """Yield the keys that *node* refers to, in the order of its arguments."""
    stack = [node]
    while stack:
        here = stack.pop()
        if isinstance(here, Alias):
            yield here.target
        elif isinstance(here, TaskRef):
            yield here.key
        elif isinstance(here, Task):
            stack.extend(reversed([*here.args, *here.kwargs.values()]))


__all__ = ["Coded", "Coder", "Key", "NestedContainer", "Shape", "Shaper", "data_leaf", "evaluate"]
