"""From single runs to figures: medians with their range, and ratios taken within a round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nbreplay.bench.measure import Sample, total

PUBLISHED = {"no change": 18.4, "change": 2.08, "hits": 0.75}
"""Speed-ups and the hit rate of the system of this name at CCGrid 2026, over its five notebooks."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, minimum and maximum of *count* values."""

    median: float
    least: float
    most: float
    count: int


def spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of *values*, None if there are none."""
    found = sorted(values)
    return Spread(statistics.median(found), found[0], found[-1], len(found)) if found else None


def geometric_mean(values: Iterable[float]) -> float | None:
    """Return the geometric mean, None of nothing."""
    found = [value for value in values if value > 0]
    return math.exp(sum(map(math.log, found)) / len(found)) if found else None


class Figures:
    """The figures of one workload, from its samples."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    def of(self, condition: str, change: str = "") -> list[Sample]:
        """Return the runs of *condition* after *change* that were right."""
        return [s for s in self.samples if s.condition == condition and s.change == change and s.times]

    def time(self, condition: str, change: str = "", name: str = "wall") -> Spread | None:
        """Return the spread of a time, in seconds."""
        return spread(sample.times[name] for sample in self.of(condition, change))

    def ratio(
        self,
        over: tuple[str, str],
        under: tuple[str, str],
        time: Callable[[dict[str, float]], float] = lambda times: times["wall"],
    ) -> Spread | None:
        """Return the spread of time *over* to time *under*, each taken within a round."""
        first = {sample.round: time(sample.times) for sample in self.of(*over)}
        second = {sample.round: time(sample.times) for sample in self.of(*under)}
        return spread(first[n] / max(second[n], 1e-6) for n in first.keys() & second.keys())

    @property
    def changes(self) -> list[str]:
        """The changes that were run, in order."""
        return list(dict.fromkeys(s.change for s in self.samples if s.condition == "repeat" and s.change))

    def repeated(self) -> Spread | None:
        """Return the speed-up of a repeat without change."""
        return self.ratio(("plain", ""), ("repeat", ""))

    def repeated_without_cluster(self) -> Spread | None:
        """Return the same without the start of clusters, on both sides."""
        return self.ratio(("plain", ""), ("repeat", ""), lambda times: times["wall"] - times["cluster"])

    def repeated_and_touched(self) -> Spread | None:
        """Return the same when every final value is read at the end, on both sides."""
        return self.ratio(("plain", ""), ("repeat", ""), lambda times: times["wall"] + times["touch"])

    def audited(self) -> Spread | None:
        """Return the time of the audit over that of the plain run."""
        return self.ratio(("audit", ""), ("plain", ""))

    def changed(self, change: str) -> Spread | None:
        """Return the speed-up of a repeat after *change* over a plain run of the edited notebook."""
        plain = "" if not self.of("plain", change) else change
        return self.ratio(("plain", plain), ("repeat", change))

    def ideal(self, change: str) -> Spread | None:
        """Return the speed-up of the ideal run after *change*: what a repeat could have at best, less its own cost."""
        return self.ratio(("plain", change), ("ideal", change))

    def over_ideal(self, change: str) -> Spread | None:
        """Return the time of the repeat over 1.15 x the ideal + 0.5 s: at most 1 is the aim."""
        first = {sample.round: sample.times["wall"] for sample in self.of("repeat", change)}
        second = {sample.round: sample.times["wall"] for sample in self.of("ideal", change)}
        return spread(first[n] / (1.15 * second[n] + 0.5) for n in first.keys() & second.keys())

    def share_served(self) -> float | None:
        """Return which part of the tasks that need not run did not, over all changes: 1 is all of them."""
        spared, possible = 0, 0
        for change in self.changes:
            for sample in self.of("repeat", change)[:1]:
                tasks = total(sample.tasks)
                spared += tasks.hit + tasks.pruned
                possible += tasks.executed + tasks.hit + tasks.pruned - (sample.needed or 0)
        return spared / possible if possible else None

    def hit_rate(self) -> float | None:
        """Return hits and pruned tasks over all tasks of the cells that ran, over all changes, as it was published."""
        spared, count = 0, 0
        for change in self.changes:
            for sample in self.of("repeat", change)[:1]:
                tasks = total(sample.tasks)
                spared += tasks.hit + tasks.pruned
                count += tasks.executed + tasks.hit + tasks.pruned
        return spared / count if count else None

    def memory(self) -> Spread | None:
        """Return the peak memory of the audit's processes over that of the plain run's, within a round."""
        first = {sample.round: sample.peak_bytes for sample in self.of("audit")}
        second = {sample.round: sample.peak_bytes for sample in self.of("plain")}
        both = [n for n in first.keys() & second.keys() if first[n] and second[n]]
        return spread(first[n] / second[n] for n in both)

    def restored_ms(self) -> Spread | None:
        """Return the milliseconds that a restored cell costs in the kernel."""
        return spread(ms for sample in self.of("repeat") for ms in sample.restored_ms)

    def restored_cell_ms(self) -> Spread | None:
        """Return the milliseconds of a repeat without change by cell, the client's part and the first cell included."""
        return spread(s.times["wall"] * 1000 / s.cells for s in self.of("repeat") if s.cells)
