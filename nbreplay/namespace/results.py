"""The results of cells, and IPython's names for them: ``Out``, ``_oh``, ``_``, ``__``, ``___``, ``_7``.

A result is the node ``Out[n]``, whatever else it is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from nbreplay.namespace.known import RELEASED
from nbreplay.records import NameState

LATEST = ("_", "__", "___")
"""Names of the last three results, newest first."""

_INPUTS = re.compile(r"_i{1,3}|_i\d+")
_NUMBERED = re.compile(r"_\d+")
_CELLS_MOST = 100_000
"""Cells that a restore tells IPython of: a record can say any number."""


def node_of(number: int | str) -> str:
    """Return the node of a result by its execution count."""
    return f"Out[{number}]"


def is_result(node: str) -> bool:
    """Whether *node* is a result."""
    return node.startswith("Out[")


def number_of(node: str) -> int:
    """Return the execution count of the result *node*."""
    return int(node[4:-1])


class Results:
    """The results in a namespace.

    Parameters
    ----------
    user_ns : dict
        The live namespace.
    shell : object
        IPython's shell, None if there is none; its display hook holds the last results, too.
    states : mapping of str to NameState
        What is known of every name, kept up to date by somebody else.
    """

    def __init__(self, user_ns: dict[str, Any], shell: Any, states: Mapping[str, NameState]) -> None:
        self._user_ns = user_ns
        self.shell = shell
        self._states = states

    def values(self) -> dict[int, Any]:
        """Return what IPython keeps of the cells' results, by execution count."""
        held = self._user_ns.get("_oh")
        if not isinstance(held, dict):
            return {}
        return {number: value for number, value in list(held.items()) if isinstance(number, int)}

    def latest(self) -> list[str]:
        """Return the nodes of the results, newest first, loaded or not."""
        return [node_of(number) for number in sorted(map(number_of, filter(is_result, self._states)), reverse=True)]

    def bind(self, node: str, value: Any) -> None:
        """Keep *value* where IPython would."""
        number = number_of(node)
        held = self._user_ns.setdefault("_oh", {})
        if isinstance(held, dict):
            held[number] = value
        self._user_ns[f"_{number}"] = value

    def unbind(self, node: str) -> None:
        """Let go of a result, under all its names."""
        number = number_of(node)
        held = self._user_ns.get("_oh")
        value = held.pop(number, RELEASED) if isinstance(held, dict) else RELEASED
        for name in (f"_{number}", *LATEST):
            if value is not RELEASED and self._user_ns.get(name, RELEASED) is value:
                del self._user_ns[name]

    def recall(self, sources: Mapping[int, str]) -> None:
        """Let IPython know cells that ran before, by execution count, where this session did not get so far itself.

        The next cell gets the number after them.
        """
        history = getattr(self.shell, "history_manager", None)
        if history is None:
            return
        parsed, raw = history.input_hist_parsed, history.input_hist_raw
        ahead = len(parsed) - self.shell.execution_count  # 1 in a cell that is in the history itself
        last = max((number for number in sources if 0 <= number - len(parsed) < _CELLS_MOST), default=0)
        for number in range(len(parsed), last + 1):
            source = sources.get(number, "")
            raw.append(source)
            parsed.append(self.shell.transform_cell(source).rstrip("\n"))
            self._user_ns[f"_i{number}"] = source
        if last:
            self.shell.execution_count = len(parsed) - ahead
            history._i00, history._i, history._ii = (*raw[:0:-1], "", "", "")[:3]

    def mean(self, names: Iterable[str]) -> set[str]:
        """Return *names* with IPython's names for results replaced by the results they mean."""
        found: set[str] = set()
        for name in names:
            found.update(self._meant(name))
        return found

    def _meant(self, name: str) -> list[str]:
        if not name.startswith(("_", "O")) or name in self._states:
            return [name]
        if name in ("Out", "_oh"):
            return self.latest()
        if name in LATEST:
            return self.latest()[len(name) - 1 : len(name)] or [name]
        return [node_of(name[1:]) if _NUMBERED.fullmatch(name) else name]

    def is_ipythons(self, name: str, value: Any) -> bool:
        """Whether IPython, not a cell, bound *name* to *value*."""
        if _INPUTS.fullmatch(name):
            return isinstance(value, str)
        if name in LATEST:
            hook = getattr(self.shell, "displayhook", None)
            return (
                value is getattr(hook, name, RELEASED)
                or any(value is each for each in self.values().values())
                or (isinstance(value, str) and value == "")
            )
        if _NUMBERED.fullmatch(name):
            return self.values().get(int(name[1:]), RELEASED) is value
        return name in ("_exit_code", "_dh", "_ih", "_oh")

    def align(self) -> None:
        """Bind IPython's names of the last results to those they mean, where they are loaded.

        Cells that were restored moved them on, without IPython's knowing.
        """
        values = self.values()
        hook = getattr(self.shell, "displayhook", None)
        for name, node in zip(LATEST, self.latest(), strict=False):
            value = values.get(number_of(node), RELEASED)
            bound = self._user_ns.get(name, "")
            if value is RELEASED or bound is value or name in self._states or not self.is_ipythons(name, bound):
                continue
            self._user_ns[name] = value
            if hook is not None:
                setattr(hook, name, value)
