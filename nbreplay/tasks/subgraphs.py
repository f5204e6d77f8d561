"""The graph inside of a fused task."""

from __future__ import annotations

from collections.abc import Iterator

from dask._task_spec import Alias, GraphNode, Task, TaskRef
from dask.typing import Key


def postorder(graph: dict[Key, GraphNode], out_key: Key, given: dict[Key, int]) -> Iterator[Key]:
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
