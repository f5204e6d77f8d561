"""Counting: which of a cell's tasks ran, were served, or were not needed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nbreplay.records import FileState, TaskCounts

STATES = ("executed", "hit", "pruned", "refused", "cancelled")


@dataclass
class Tally:
    """The tasks of one cell. ``executed + hit + pruned + cancelled = total`` at every moment; a task that is not
    finished counts as executed until it turns out otherwise."""

    label: str
    names: dict[str, Counter[str]] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    files_read: dict[str, FileState] = field(default_factory=dict)
    files_written: dict[str, FileState] = field(default_factory=dict)
    wanted: dict[object, str] = field(default_factory=dict)
    unfinished: int = 0
    compared: int = 0
    differing: list[str] = field(default_factory=list)

    def add(self, name: str, state: str) -> None:
        """Count one more submitted task, in *state*."""
        counter = self.names.setdefault(name, Counter())
        counter["total"] += 1
        counter[state] += 1

    def move(self, name: str, before: str, after: str) -> None:
        """Count a task that was counted as *before* as *after*."""
        counter = self.names.setdefault(name, Counter())
        counter[before] -= 1
        counter[after] += 1

    def refuse(self, name: str, reason: str) -> None:
        """Count one of the executed tasks as refused, too."""
        self.names.setdefault(name, Counter())["refused"] += 1
        self.say(f"{name}: not cacheable: {reason}")

    def compare(self, name: str, *, same: bool) -> None:
        """Count a task that was run to be compared with its record."""
        self.compared += 1
        if not same:
            self.differing.append(name)

    def say(self, row: str) -> None:
        """Add a row for `why`; each is said once."""
        if row not in self.why and len(self.why) < 200:
            self.why.append(row)

    def read(self, states: dict[str, FileState]) -> None:
        """Note files that a task read, unless a task of this cell had written them."""
        for path, state in states.items():
            if path not in self.files_written:
                self.files_read.setdefault(path, state)

    def wrote(self, states: dict[str, FileState]) -> None:
        """Note files that a task wrote."""
        self.files_written |= states

    def by_name(self) -> dict[str, TaskCounts]:
        """Return the counts, by the name of the task."""
        return {name: counts(counter) for name, counter in self.names.items()}

    def counts(self) -> TaskCounts:
        """Return the counts of all."""
        return counts(sum(self.names.values(), Counter()))


def counts(counter: Counter[str]) -> TaskCounts:
    """Return *counter* as a record."""
    return TaskCounts(total=counter["total"], **{state: counter[state] for state in STATES})
