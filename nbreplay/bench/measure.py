"""The conditions, round after round, interleaved; each run is compared before its time counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from nbreplay.bench.compare import against_oracle, differences
from nbreplay.bench.model import NO_CHANGE, Change, Tasks
from nbreplay.bench.runs import Run


class AnyBed(Protocol):
    """What a notebook is measured in; see :class:`nbreplay.bench.bed.Bed`."""

    def plain(self, change: Change = NO_CHANGE) -> Run: ...
    def audit(self) -> Run: ...
    def repeat(self, change: Change = NO_CHANGE) -> Run: ...
    def ideal(self) -> Run: ...
    def peer(self, condition: str, change: Change) -> Run: ...


@dataclass(slots=True, kw_only=True)
class Subject:
    """A notebook that is measured.

    *measured* is the change of every round; *once* are those that are run in the first round only, for correctness and
    one time each. *expected* are the tasks of a run from nothing. *has_oracle* is false for a notebook of the user's:
    nobody knows what has to run in it.
    """

    name: str
    title: str
    bed: AnyBed
    measured: Change | None
    once: Sequence[Change] = ()
    expected: Mapping[str, int] = field(default_factory=dict)
    has_oracle: bool = True
    has_ideal: bool = True
    peers: Sequence[str] = ()


@dataclass(slots=True, kw_only=True)
class Sample:
    """One run: its times (none if it was wrong), what ran in it, and what was wrong."""

    workload: str
    round: int
    condition: str
    change: str
    times: dict[str, float]
    clusters: int
    ran: list[int]
    cells: int
    tasks: dict[str, dict[str, int]]
    needed: int | None
    peak_bytes: int
    store_bytes: int
    restored_ms: list[float]
    problems: list[str]
    note: str = ""


Step = tuple[str, Change | None]


class Rounds:
    """All runs of one subject, over all rounds."""

    def __init__(self, subject: Subject, told: Callable[[str], None]) -> None:
        self.subject, self.told = subject, told
        self._plain: dict[str, Run] = {}

    def steps(self, number: int) -> list[Step]:
        """Return the conditions of round *number*, in order; every other round runs the other way round."""
        subject = self.subject
        steps: list[Step] = [("plain", NO_CHANGE), ("audit", None), ("repeat", NO_CHANGE)]
        if subject.measured is not None:
            steps += [("plain", subject.measured), ("repeat", subject.measured)]
            if subject.has_ideal:
                steps.append(("ideal", subject.measured))
        if number % 2:  # the audit stays before what repeats it
            later = [step for step in reversed(steps) if step[0] not in ("audit", "plain")]
            plain = [step for step in reversed(steps) if step[0] == "plain"]
            steps = [plain[0], ("audit", None), *later, *plain[1:]]
        for peer in subject.peers:
            steps += [(f"{peer}-record", NO_CHANGE), (f"{peer}-repeat", NO_CHANGE)]
            if subject.measured is not None:
                steps.append((f"{peer}-repeat", subject.measured))
        if number == 0:
            for change in subject.once:
                steps += [("plain", change)] if change.edits or change.file_edits or change.move else []
                steps.append(("repeat", change))
        return steps

    def round(self, number: int) -> Iterator[Sample]:
        """Run one round; yield each run as soon as it is compared."""
        for condition, change in self.steps(number):
            name = change.name if change is not None and change.name else ""
            self.told(f"{self.subject.title}, round {number + 1}: {condition} {name}")
            yield self._sample(number, condition, change)

    def _sample(self, number: int, condition: str, change: Change | None) -> Sample:
        bed = self.subject.bed
        if condition == "plain":
            run = bed.plain(change or NO_CHANGE)
        elif condition == "audit":
            run = bed.audit()
        elif condition == "repeat":
            run = bed.repeat(change or NO_CHANGE)
        elif condition == "ideal":
            run = bed.ideal()
        else:
            run = bed.peer(condition, change or NO_CHANGE)
        problems = list(self._problems(run, condition, change or NO_CHANGE))
        return _sample(self.subject, number, run, condition, change or NO_CHANGE, problems)

    def _problems(self, run: Run, condition: str, change: Change) -> Iterator[str]:
        right = self._plain.get(change.name)
        if condition == "plain":
            if right is None and not run.error:
                self._plain[change.name] = run
            elif right is not None:
                yield from (f"two plain runs: {difference}" for difference in differences(run, right))
            if run.error:
                yield run.error
            return
        if right is None:  # edits of nothing but what lies on the disk: the notebook is the same
            right = self._plain.get("")
        if right is None:
            yield "there is no plain run to compare it with"
            return
        if condition not in ("audit", "repeat"):
            yield from _values_only(run, right)
            return
        yield from differences(run, right)
        if condition == "repeat" and self.subject.has_oracle:
            yield from against_oracle(run, change)
        if condition == "audit" and self.subject.expected:
            got = {name: tasks.executed for name, tasks in run.tasks.items()}
            if got != dict(self.subject.expected):
                yield f"the audit executed {got} instead of {dict(self.subject.expected)}"


def _values_only(run: Run, right: Run) -> Iterator[str]:
    """Yield the names that both runs have with different values: what only one has is scaffolding."""
    if run.error:
        yield run.error
    for name in sorted(run.values.keys() & right.values.keys()):
        if run.values[name] != right.values[name]:
            yield f"the value of {name} differs"


def _sample(subject: Subject, number: int, run: Run, condition: str, change: Change, problems: list[str]) -> Sample:
    times = {name: getattr(run, f"{name}_s") for name in ("wall", "kernel", "settle", "cluster", "touch")}
    needed = sum(tasks.executed for tasks in change.tasks.values()) if subject.has_oracle else None
    return Sample(
        workload=subject.name,
        round=number,
        condition=condition,
        change=change.name,
        times={} if problems else {name: round(value, 6) for name, value in times.items()},
        clusters=run.clusters,
        ran=list(run.ran),
        cells=len(run.cells),
        tasks={name: dataclasses.asdict(tasks) for name, tasks in run.tasks.items()},
        needed=needed if condition == "repeat" else None,
        peak_bytes=run.peak_bytes,
        store_bytes=run.store_bytes,
        restored_ms=[round(c["overhead_s"] * 1000, 3) for c in run.cells if c["state"] == "restored"],
        problems=problems,
        note=run.note,
    )


def total(tasks: Mapping[str, Mapping[str, int]]) -> Tasks:
    """Return the sum over all names."""
    return Tasks(*(sum(counts[key] for counts in tasks.values()) for key in ("executed", "hit", "pruned")))
