"""What stands for lazy and persisted Dask collections in digests: their graphs, without keys.

A graph is written as bytes: its nodes in the order of discovery from the outputs, a reference by number. So neither
random keys nor tokens matter. What bytes cannot stand for (functions, arrays, futures) is numbered and handed on, each
object once, to be looked at like any other value. The bytes are made once per graph.
"""

from __future__ import annotations

import struct
import uuid
import weakref
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from nbreplay.digest import combine
from nbreplay.files import unseen

MANY = 200_000
"""Nodes; a larger graph is not looked through (it would take over a second): its collection equals only itself."""

_unique: dict[int, tuple[weakref.ref[Any], str]] = {}
_written: dict[int, tuple[weakref.ref[Any], tuple[Hashable, ...], tuple[str, list[Any]]]] = {}


def collection_parts(obj: Any) -> tuple[Any, ...]:
    """Return plain values that stand for the collection *obj*: type, graph, and what it says of its contents."""
    cls = type(obj)
    name = f"{cls.__module__}:{cls.__qualname__}"
    with unseen():
        if hasattr(cls, "expr"):
            return (name, expr_parts(obj.expr))
        graph = obj.__dask_graph__()
        if len(graph) > MANY:
            return (name, only_itself(obj))
        outputs = tuple(_flat(obj.__dask_keys__()))
        # Through the class: an attribute of a Delayed is another Delayed.
        says = ("chunks", "dtype", "npartitions")
        extras = [getattr(obj, part) for part in says if hasattr(cls, part)]
        kept = getattr(obj, "__dict__", {})
        return (name, *_parts_once(graph, outputs), extras, [kept.get("_meta"), kept.get("_length")])


def only_itself(obj: Any) -> str:
    """Return a name that nothing but *obj* has, for as long as it lives."""
    at = id(obj)
    known = _unique.get(at)
    if known is not None and known[0]() is obj:
        return known[1]
    name = uuid.uuid4().hex
    with suppress(TypeError):  # without weak references it cannot be told from a later one: a new name each time
        _unique[at] = (weakref.ref(obj, lambda _: _unique.pop(at, None)), name)
    return name


def _flat(keys: Any) -> Iterable[Hashable]:
    if isinstance(keys, list):
        for key in keys:
            yield from _flat(key)
    else:
        yield keys


def _parts_once(graph: Any, outputs: tuple[Hashable, ...]) -> tuple[str, list[Any]]:
    """As :func:`graph_parts`; the answer is kept with *graph*, which Dask never changes."""
    known = _written.get(id(graph))
    if known is not None and known[0]() is graph and known[1] == outputs:
        return known[2]
    parts = graph_parts(graph, outputs)
    at = id(graph)
    try:
        there = weakref.ref(graph, lambda _: _written.pop(at, None))
    except TypeError:  # a plain dict: it may be changed, and it cannot be watched
        return parts
    _written[at] = (there, outputs, parts)
    return parts


# ---------------------------------------------------------------- graphs


def graph_parts(graph: Mapping[Any, Any], outputs: Iterable[Hashable]) -> tuple[str, list[Any]]:
    """Return the digest of the structure that *outputs* need, and the objects that it refers to by number."""
    writer = _Writer()
    # A layered graph finds a key by asking its layers in turn; all keys are wanted here.
    writer.graph(dict(graph), list(outputs), {}, 0)
    return combine("dask graph", b"".join(writer.out)), writer.objects


class _Writer:
    """A graph while it is written. Every item has a tag, so nothing of the user's is taken for a reference."""

    def __init__(self) -> None:
        self.out: list[bytes] = []
        self.objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        import dask._task_spec

        self._spec: Any = dask._task_spec
        self._nodes = (self._spec.GraphNode, self._spec.TaskRef)

    def graph(
        self, graph: Mapping[Any, Any], outputs: list[Hashable], given: Mapping[Hashable, bytes], depth: int
    ) -> None:
        """Write the nodes that *outputs* need, each after what it needs; *given* are inputs and how to write them."""
        spec = self._spec

        done: dict[Hashable, bytes] = dict(given)
        stack: list[tuple[Any, bool]] = [(key, False) for key in reversed(outputs)]
        count = 0
        while stack:
            key, ready = stack.pop()
            if key in done:
                continue
            node: Any = graph.get(key)
            if not isinstance(node, spec.GraphNode) and not _is_future(node):
                node = spec.convert_legacy_task(key, node, graph.keys()) if key in graph else None
            if not ready:
                needs = [dep for dep in self.references(node) if dep not in done and dep != key]
                if needs:
                    stack.append((key, True))
                    stack.extend((dep, False) for dep in reversed(needs))
                    continue
            if type(node) is spec.Alias and node.target in done:
                done[key] = done[node.target]
                continue
            done[key] = b"r%d,%d;" % (depth, count)
            count += 1
            if key in graph:
                self.node(node, done, depth)
            else:
                self.plain(("outside", str(key)))
        self.out.append(b"=" + b"".join(done[key] for key in outputs) + b";")

    def node(self, node: Any, done: Mapping[Hashable, bytes], depth: int) -> None:
        spec = self._spec
        kind = type(node)
        if kind is spec.TaskRef:
            self.out.append(done.get(node.key, b"r?;"))
        elif kind is spec.Alias:
            self.out.append(done.get(node.target, b"r?;"))
        elif kind is spec.DataNode:
            self.out.append(b"d")
            self.argument(node.value, done, depth)
        elif not isinstance(node, spec.Task):
            self.out.append(b"d")
            self.argument(node, done, depth)
        elif node.func is spec._execute_subgraph and isinstance(node.args[0], dict):
            self._fused(node, done, depth)
        else:
            nested = kind is not spec.Task and isinstance(node, spec.NestedContainer)
            self.out.append(b"c" if nested else b"t")
            self.refer(kind if nested else node.func)
            self.out.append(b"%d,%d;" % (len(node.args), len(node.kwargs)))
            for arg in node.args:
                self.argument(arg, done, depth)
            for word, arg in node.kwargs.items():
                self.plain(word)
                self.argument(arg, done, depth)

    def _fused(self, node: Any, done: Mapping[Hashable, bytes], depth: int) -> None:
        """Write a fused task as the tasks in it. The order of its inputs means nothing: Dask sorts them by hash."""
        inner, out_key, in_keys, *args = node.args
        given: dict[Hashable, bytes] = {}
        for key, arg in zip(in_keys, args, strict=True):
            mark = len(self.out)
            self.argument(arg, done, depth)
            given[key] = b"".join(self.out[mark:])
            del self.out[mark:]
        self.out.append(b"F")
        self.graph(inner, [out_key], given, depth + 1)

    def argument(self, arg: Any, done: Mapping[Hashable, bytes], depth: int) -> None:
        if _is_future(arg):  # which is a TaskRef, too
            self.refer(arg)
        elif isinstance(arg, self._nodes):
            self.node(arg, done, depth)
        elif not self.plain(arg):
            self.refer(arg)

    def references(self, node: Any) -> list[Hashable]:
        """Return the keys that *node* refers to, in the order of its arguments."""
        spec = self._spec
        if type(node) is spec.Alias:
            return [node.target]
        if type(node) is spec.DataNode or not isinstance(node, spec.Task) or not node.dependencies:
            return []
        found: list[Hashable] = []
        for arg in (*node.args, *node.kwargs.values()) if node.kwargs else node.args:
            if type(arg) is spec.TaskRef:
                found.append(arg.key)
            elif isinstance(arg, spec.GraphNode):
                found += self.references(arg)
        return found

    def refer(self, obj: Any) -> None:
        """Write the number of an object that is looked at elsewhere."""
        number = self._numbers.get(id(obj))
        if number is None:
            number = self._numbers[id(obj)] = len(self.objects)
            self.objects.append(obj)
        self.out.append(b"o%d;" % number)

    def plain(self, value: Any) -> bool:
        """Write *value* if it is a plain constant, or a tuple or slice of such."""
        kind = type(value)
        if kind is int:
            self.out.append(b"i%d;" % value if -(1 << 62) < value < 1 << 62 else b"I%s;" % hex(value).encode())
        elif kind is str:
            data = value.encode("utf-8", "surrogatepass")
            self.out.append(b"s%d:" % len(data) + data)
        elif kind is bytes:
            self.out.append(b"b%d:" % len(value) + value)
        elif value is None or kind is bool:
            self.out.append(b"N" if value is None else b"T" if value else b"f")
        elif kind is float:
            self.out.append(b"D" + struct.pack("<d", value))
        elif kind is slice:
            return self._several(b"S", (value.start, value.stop, value.step))
        elif kind is tuple:
            return self._several(b"(%d;" % len(value), value)
        else:
            return False
        return True

    def _several(self, tag: bytes, values: tuple[Any, ...]) -> bool:
        at = len(self.out)
        self.out.append(tag)
        for value in values:
            if not self.plain(value):
                del self.out[at:]
                return False
        return True


def _is_future(obj: Any) -> bool:
    return hasattr(type(obj), "bind_client")


# ---------------------------------------------------------------- expressions


def expr_parts(expr: Any, seen: dict[int, int] | None = None) -> Any:
    """Return an expression (of dask.dataframe) as plain values: class and operands, caches and keys left out."""
    numbers = seen if seen is not None else {}
    if id(expr) in numbers:
        return ("again", numbers[id(expr)])
    numbers[id(expr)] = len(numbers)
    kind = f"{type(expr).__module__}:{type(expr).__qualname__}"
    names = [*getattr(type(expr), "_parameters", ())]
    names += [str(n) for n in range(len(names), len(expr.operands))]
    named = dict(zip(names, expr.operands, strict=False))
    if kind.endswith(":FromGraph"):
        graph, keys = named.pop("layer"), named.pop("keys", None)
        named.pop("name_prefix", None)
        return (kind, graph_parts(graph, list(_flat(keys if keys is not None else list(graph)))), list(named.items()))
    return (kind, [(name, _operand(value, numbers)) for name, value in named.items() if "cache" not in name])


def _operand(operand: Any, numbers: dict[int, int]) -> Any:
    if hasattr(type(operand), "_parameters") and hasattr(operand, "operands"):
        return expr_parts(operand, numbers)
    if type(operand).__name__ == "_BackendData":
        return ("data", operand._data)
    if type(operand) in (list, tuple):
        return [type(operand).__name__, [_operand(item, numbers) for item in operand]]
    return ("value", operand)
