"""What stands for lazy and persisted Dask collections in digests: their graphs, without keys.

A graph becomes a list of nodes in the order of discovery from the outputs; a reference is a number. So neither random
keys nor tokens matter, functions and data in it are looked at like any other, and futures stand for themselves.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from nbreplay.files import unseen

MANY = 50_000
"""Nodes; a larger graph is not looked through at every cell: its collection then equals itself only (a miss)."""

_unique: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()


def collection_parts(obj: Any) -> tuple[Any, ...]:
    """Return plain values that stand for the collection *obj*: graph, type, and what it says of its contents."""
    name = f"{type(obj).__module__}:{type(obj).__qualname__}"
    with unseen():
        expr = getattr(obj, "expr", None)
        if expr is not None and hasattr(expr, "operands"):
            return (name, expr_parts(expr))
        graph = obj.__dask_graph__()
        outputs = list(_flat(obj.__dask_keys__()))
        extras = tuple(getattr(obj, part, None) for part in ("chunks", "dtype", "_meta", "npartitions", "_length"))
        if len(graph) > MANY:
            return (name, only_itself(obj))
        return (name, graph_parts(graph, outputs), len(outputs), extras)


def only_itself(obj: Any) -> str:
    """Return a name that nothing but *obj* has, for as long as it lives."""
    for name, other in list(_unique.items()):
        if other is obj:
            return name
    name = uuid.uuid4().hex
    _unique[name] = obj
    return name


def _flat(keys: Any) -> Iterable[Hashable]:
    if isinstance(keys, list):
        for key in keys:
            yield from _flat(key)
    else:
        yield keys


# ---------------------------------------------------------------- graphs


def graph_parts(graph: Mapping[Any, Any], outputs: Iterable[Hashable]) -> list[Any]:
    """Return the nodes that *outputs* need as values: references by number, nothing named."""
    from dask._task_spec import Alias, GraphNode, convert_legacy_task

    nodes = {}
    keys = graph.keys()
    for key, node in graph.items():
        if not isinstance(node, GraphNode) and not _is_future(node):
            node = convert_legacy_task(key, node, keys)
        nodes[key] = node
    numbers: dict[Hashable, int] = {}
    rows: list[Any] = []
    stack: list[tuple[Hashable, bool]] = [(key, False) for key in reversed(list(outputs))]
    while stack:
        key, ready = stack.pop()
        node = nodes.get(key)
        if key in numbers:
            continue
        if not ready:
            stack.append((key, True))
            stack.extend((dep, False) for dep in reversed(list(_references(node))) if dep not in numbers and dep != key)
            continue
        if type(node) is Alias and node.target in numbers:
            numbers[key] = numbers[node.target]
            continue
        numbers[key] = len(rows)
        rows.append(_value(node, numbers) if key in nodes else ("outside", str(key)))
    return [rows, [numbers[key] for key in outputs] if isinstance(outputs, list) else []]


def _is_future(obj: Any) -> bool:
    return hasattr(obj, "key") and hasattr(obj, "bind_client")


def _references(node: Any) -> Iterable[Hashable]:
    """Yield the keys that *node* refers to, in the order of its arguments."""
    from dask._task_spec import Alias, DataNode, Task, TaskRef

    if isinstance(node, TaskRef):
        yield node.key
    elif isinstance(node, Alias):
        yield node.target
    elif isinstance(node, Task) and not isinstance(node, DataNode):
        for arg in (*node.args, *node.kwargs.values()):
            yield from _references(arg)


def _value(node: Any, numbers: Mapping[Hashable, int]) -> Any:
    """Return *node* as a plain value. Every part has a tag, so that no user's value is taken for a reference."""
    from dask._task_spec import Alias, DataNode, NestedContainer, Task, TaskRef, _execute_subgraph

    if isinstance(node, TaskRef):
        return ("ref", numbers.get(node.key, -1))
    if isinstance(node, Alias):
        return ("ref", numbers.get(node.target, -1))
    if isinstance(node, DataNode):
        return ("data", node.value)
    if not isinstance(node, Task):
        return ("data", node)
    if node.func is _execute_subgraph and isinstance(node.args[0], dict):
        inner, out_key, in_keys, *given = node.args
        return ("fused", _fused(inner, out_key, in_keys), [_value(arg, numbers) for arg in given])
    args = [_value(arg, numbers) for arg in node.args]
    kwargs = [(word, _value(arg, numbers)) for word, arg in node.kwargs.items()]
    kind = type(node).__name__ if isinstance(node, NestedContainer) else "task"
    return (kind, node.func, args, kwargs)


def _fused(inner: dict[Any, Any], out_key: Hashable, in_keys: Iterable[Hashable]) -> Any:
    from dask._task_spec import DataNode

    given = {key: DataNode(key, f"input {n}") for n, key in enumerate(in_keys)}
    return graph_parts({**inner, **given}, [out_key])


# ---------------------------------------------------------------- expressions


def expr_parts(expr: Any, seen: dict[int, int] | None = None) -> Any:
    """Return an expression (of dask.dataframe) as plain values: class and operands, caches and keys left out."""
    numbers = seen if seen is not None else {}
    if id(expr) in numbers:
        return ("again", numbers[id(expr)])
    numbers[id(expr)] = len(numbers)
    kind = f"{type(expr).__module__}:{type(expr).__qualname__}"
    names = list(getattr(type(expr), "_parameters", ()))
    operands: list[Any] = []
    for n, operand in enumerate(expr.operands):
        name = names[n] if n < len(names) else str(n)
        if "cache" in name:
            continue
        if kind.endswith(":FromGraph") and name == "keys":
            continue
        if kind.endswith(":FromGraph") and name == "layer" and isinstance(operand, Mapping):
            operands.append(
                graph_parts(operand, list(dict(zip(names, expr.operands, strict=False)).get("keys", operand)))
            )
        elif kind.endswith(":FromGraph") and name == "name_prefix":
            continue
        else:
            operands.append((name, _operand(operand, numbers)))
    return (kind, operands)


def _operand(operand: Any, numbers: dict[int, int]) -> Any:
    if hasattr(operand, "operands") and hasattr(operand, "_parameters"):
        return expr_parts(operand, numbers)
    if type(operand).__name__ == "_BackendData":
        return ("data", operand._data)
    if type(operand) in (list, tuple):
        return [type(operand).__name__, [_operand(item, numbers) for item in operand]]
    return ("value", operand)
