"""Which arguments of one task are, or hold, the same object.

A task that changes one of its arguments in place gives ``f(x, x)`` another result than ``f(x, copy_of_x)``, although
all four values are equal: sharing is part of what a task computes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from dask._task_spec import GraphNode, NestedContainer, TaskRef

MAX_MEMBERS = 1000
"""Members of one container that are looked at; larger ones are looked at whole by a walk."""

_CANNOT_CHANGE = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    range,
    slice,
    frozenset,
    type(Ellipsis),
    type,
    FunctionType,
    BuiltinFunctionType,
    MethodType,
    ModuleType,
    PurePath,
)


class Sharing:
    """What is found in the arguments of one task.

    Attributes
    ----------
    pattern : bytes
        Which of the objects that can change are met again; empty if none is.
    others : list
        Objects of other kinds than plain containers, each once. Two or more may share what they hold.
    """

    def __init__(self, arguments: Iterable[Any]) -> None:
        self.others: list[Any] = []
        self._order: dict[int, int] = {}
        self._again: list[int] = []
        self._holds: list[Any] = []  # so that no id is used twice meanwhile
        for argument in arguments:
            self._look(argument, 0)
        self.pattern = b"".join(number.to_bytes(4, "little") for number in self._again)

    def _look(self, value: Any, depth: int) -> None:
        if isinstance(value, TaskRef):
            return
        if isinstance(value, GraphNode):
            if isinstance(value, NestedContainer):
                for member in value.args:
                    self._look(member, depth)
            elif hasattr(value, "value"):  # a data node
                self._look(value.value, depth)
            return
        kind = type(value)
        if kind is tuple:
            if len(value) > MAX_MEMBERS or depth > MAX_MEMBERS:
                self.others.append(value)
                return
            for member in value:
                self._look(member, depth + 1)
            return
        if isinstance(value, _CANNOT_CHANGE) or not self._is_new(value):
            return
        members = list(value.values()) if kind is dict else value if kind in (list, set) else None
        if members is None or len(members) > MAX_MEMBERS or depth > MAX_MEMBERS:
            self.others.append(value)
            return
        for member in members if kind is not set else ():
            self._look(member, depth + 1)

    def _is_new(self, value: Any) -> bool:
        self._holds.append(value)
        number = self._order.get(id(value))
        if number is None:
            self._order[id(value)] = len(self._order)
            return True
        self._again += [len(self._holds), number]
        return False


def share_memory(values: list[Any]) -> bool:
    """Whether two of *values* are arrays over the same memory."""
    arrays = [value for value in values if type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"]
    if len(arrays) < 2:
        return False
    import numpy as np

    return any(np.may_share_memory(a, b) for n, a in enumerate(arrays) for b in arrays[n + 1 :])
