"""What a bench gives: every single run, the figures, the machine; as JSON and as tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from rich.text import Text

from nbreplay.bench.figures import PUBLISHED, Figures, Spread, geometric_mean
from nbreplay.bench.measure import Sample, total
from nbreplay.errors import RunFailed
from nbreplay.report.tables import seconds, size

AIMS = {"no change": 100.0, "touched": 20.0, "change": 5.0, "audit": 1.05}
"""Speed-ups to reach at least, and the audit's factor to keep below."""


@dataclass(slots=True, kw_only=True)
class Results:
    """All runs so far, of the workloads *titles* (by name), on *machine*."""

    machine: dict[str, Any]
    size: str
    seed: int
    titles: dict[str, str]
    measured: dict[str, str]
    published: Sequence[str] = ()
    samples: list[Sample] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def figures(self, name: str) -> Figures:
        """Return the figures of one workload."""
        return Figures([sample for sample in self.samples if sample.workload == name])

    @property
    def wrong(self) -> list[Sample]:
        """The runs that were wrong; a peer that is wrong is a finding, not a failure."""
        return [s for s in self.samples if s.problems and s.condition in ("plain", "audit", "repeat", "ideal")]

    def check(self) -> None:
        """Raise RunFailed if a run was wrong."""
        if self.wrong:
            raise RunFailed(f"{len(self.wrong)} runs were wrong, see the crosses; their times do not count")

    @property
    def names(self) -> list[str]:
        """The workloads that means are taken over: the published five if all were measured, else all."""
        known = [name for name in self.titles if self.figures(name).samples]
        return [name for name in self.published if name in known] if {*self.published} <= {*known} else known

    def summary(self) -> dict[str, Any]:
        """Return the figures that aims are set for."""
        each = {name: self.figures(name) for name in self.names}

        def mean(values: Sequence[Spread | None]) -> float | None:
            return geometric_mean(value.median for value in values if value)

        ideal = [f.over_ideal(self.measured[name]) for name, f in each.items() if self.measured.get(name)]
        served = [share for f in each.values() if (share := f.share_served()) is not None]
        hits = [share for f in each.values() if (share := f.hit_rate()) is not None]
        cell_ms = [spread.median for f in each.values() if (spread := f.restored_cell_ms())]
        return {
            "over": self.names,
            "no_change": mean([f.repeated() for f in each.values()]),
            "no_change_without_cluster": mean([f.repeated_without_cluster() for f in each.values()]),
            "no_change_touched": mean([f.repeated_and_touched() for f in each.values()]),
            "change": mean([f.changed(self.measured[name]) for name, f in each.items() if self.measured.get(name)]),
            "all_changes": mean([f.changed(change) for f in each.values() for change in f.changes]),
            "worst_over_allowed": max((spread.median for spread in ideal if spread), default=None),
            "audit": mean([f.audited() for f in each.values()]),
            "memory": mean([f.memory() for f in each.values()]),
            "restored_cell_ms": max(cell_ms, default=None),
            "share_served": sum(served) / len(served) if served else None,
            "hit_rate": sum(hits) / len(hits) if hits else None,
            "wrong": len(self.wrong),
            "published": PUBLISHED,
        }

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "machine": self.machine,
            "size": self.size,
            "seed": self.seed,
            "workloads": self.titles,
            "measured_change": self.measured,
            "summary": self.summary(),
            "notes": self.notes,
            "samples": [dataclasses.asdict(sample) for sample in self.samples],
        }


def times_table(results: Results) -> Table:
    """Return a row for each workload: without change, and after the measured change."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    table.add_column("workload", no_wrap=True)
    for header in (
        "plain",
        "cluster",
        "audit",
        "repeat",
        "faster",
        "edit",
        "plain ",
        "repeat ",
        "ideal",
        "faster ",
        "tasks run",
        "store",
    ):
        table.add_column(header, justify="left" if header == "edit" else "right", overflow="fold")
    for name, title in results.titles.items():
        figures = results.figures(name)
        change = results.measured.get(name, "")
        if not figures.samples:
            continue
        audits = figures.of("audit")
        table.add_row(
            title,
            _range(figures.time("plain")),
            _middle(figures.time("plain", name="cluster")),
            _factor(figures.audited(), 2),
            _range(figures.time("repeat")),
            _factor(figures.repeated()),
            change,
            _range(figures.time("plain", change)) if change else "",
            _range(figures.time("repeat", change)) if change else "",
            _range(figures.time("ideal", change)) if change else "",
            _factor(figures.changed(change)) if change else "",
            _tasks(figures.of("repeat", change)) if change else "",
            size(audits[-1].store_bytes) if audits else "",
        )
    return table


def changes_table(results: Results) -> Table:
    """Return a row for each edit of each workload: what ran against what had to, and the speed-up."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for header in ("workload", "edit", "cells run", "tasks run", "served", "plain", "repeat", "faster", "right"):
        table.add_column(
            header, justify="left" if header in ("workload", "edit", "cells run") else "right", no_wrap=True
        )
    for name, title in results.titles.items():
        figures = results.figures(name)
        for change in figures.changes:
            runs = [s for s in figures.samples if s.condition == "repeat" and s.change == change]
            tasks = total(runs[0].tasks)
            table.add_row(
                title,
                change,
                ", ".join(map(str, runs[0].ran)) or "none",
                str(tasks.executed),
                str(tasks.hit + tasks.pruned),
                _middle(figures.time("plain", change) or figures.time("plain")),
                _middle(figures.time("repeat", change)),
                _factor(figures.changed(change)),
                Text("✘", style="bold red") if any(run.problems for run in runs) else Text("✔", style="green"),
            )
            title = ""
    return table


def peers_table(results: Results, peers: Sequence[str]) -> Table:
    """Return a row for each workload and peer."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for header in ("workload", "peer", "recording", "no change", "edit", "right", "says"):
        table.add_column(
            header, justify="right" if header in ("recording", "no change", "edit") else "left", overflow="fold"
        )
    for name, title in results.titles.items():
        figures = results.figures(name)
        for peer in peers:
            runs = [s for s in figures.samples if s.condition.startswith(peer)]
            if not runs:
                continue
            notes = list(dict.fromkeys(text for run in runs for text in (run.note, *run.problems[:1]) if text))
            change = results.measured.get(name, "")
            table.add_row(
                title, peer,
                _factor(figures.ratio((f"{peer}-record", ""), ("plain", "")), 2),
                _factor(figures.ratio(("plain", ""), (f"{peer}-repeat", ""))),
                _factor(figures.ratio(("plain", change), (f"{peer}-repeat", change))) if change else "",
                Text("✘", style="bold red") if any(run.problems for run in runs) else Text("✔", style="green"),
                "; ".join(notes)[:160],
            )  # fmt: skip
            title = ""
    return table


def summary_lines(results: Results) -> list[str]:
    """Return the figures with an aim, beside it and beside what was published."""
    found = results.summary()
    over = "the published five" if {*results.published} == {*found["over"]} else f"{len(found['over'])} workloads"
    lines = [f"Geometric means over {over}; ratios are taken within a round."]

    def line(text: str, value: float | None, shown: str, aim: str) -> None:
        if value is not None:
            lines.append(f"  {text:<48} {shown:>8}   {aim}")

    def factor(value: float | None, digits: int = 1) -> str:
        return "" if value is None else f"{value:.{0 if value >= 100 else digits}f}x"

    line("repeat without change", found["no_change"], factor(found["no_change"]), "aim >= 100x, published 18.4x")
    value = found["no_change_without_cluster"]
    line("  without the start of clusters", value, factor(value), "")
    value = found["no_change_touched"]
    line("  and every final value read", value, factor(value), "aim >= 20x")
    line("repeat after the measured edit", found["change"], factor(found["change"]), "aim >= 5x, published 2.08x")
    line("repeat after every edit", found["all_changes"], factor(found["all_changes"]), "")
    value = found["worst_over_allowed"]
    line("slowest against 1.15 x ideal + 0.5 s", value, factor(value, 2), "aim <= 1x")
    line("audit against plain", found["audit"], factor(found["audit"], 3), "aim <= 1.05x")
    value = found["memory"]
    line("peak memory of the audit against plain", value, factor(value, 2), "")
    value = found["restored_cell_ms"]
    line("slowest restored cell, milliseconds", value, "" if value is None else f"{value:.1f}", "aim <= 10")
    value = found["share_served"]
    line("tasks served of those that need not run", value, "" if value is None else f"{value:.0%}", "aim 100 %")
    value = found["hit_rate"]
    line("tasks served of all, as published", value, "" if value is None else f"{value:.0%}", "published 75 %")
    lines.append(f"  {'wrong runs':<48} {found['wrong']:>8}   aim 0")
    return lines


def _range(value: Spread | None) -> str:
    if value is None:
        return ""
    if value.count == 1:
        return seconds(value.median)
    return f"{seconds(value.median)} ({_bare(value.least)}-{_bare(value.most)})"


def _bare(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _middle(value: Spread | None) -> str:
    return "" if value is None else seconds(value.median)


def _factor(value: Spread | None, digits: int = 1) -> str:
    return "" if value is None else f"{value.median:.{0 if value.median >= 100 else digits}f}x"


def _tasks(samples: Sequence[Sample]) -> str:
    if not samples:
        return ""
    tasks = total(samples[0].tasks)
    return f"{tasks.executed} of {tasks.executed + tasks.hit + tasks.pruned}"
