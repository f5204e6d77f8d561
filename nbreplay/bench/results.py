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
from nbreplay.errors import RunFailed, UsageError
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
        return list(self.published) if self.published and {*self.published} <= {*known} else known

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
            "ideal": mean([f.ideal(self.measured[name]) for name, f in each.items() if self.measured.get(name)]),
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

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Results:
        """Return what :meth:`as_json` gave; figures are computed anew.

        Raises
        ------
        UsageError
            It is something else.
        """
        try:
            return cls(
                machine=data["machine"], size=data["size"], seed=data["seed"], titles=data["workloads"],
                measured=data["measured_change"], published=data["published"], notes=data["notes"],
                samples=[Sample(**sample) for sample in data["samples"]],
            )  # fmt: skip
        except (KeyError, TypeError) as e:
            raise UsageError(f"this is not what `nbreplay bench --json` writes ({type(e).__name__}: {e})") from e

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "machine": self.machine,
            "size": self.size,
            "seed": self.seed,
            "workloads": self.titles,
            "measured_change": self.measured,
            "published": list(self.published),
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
        "plain, edited",
        "repeat, edited",
        "ideal",
        "faster, edited",
        "tasks run",
        "store",
        "memory",
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
            _factor(figures.memory(), 2),
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


def peers_of(results: Results) -> list[str]:
    """Return the peers that were measured."""
    return sorted({s.condition.rpartition("-")[0] for s in results.samples if s.condition.endswith("-repeat")})


Row = tuple[str, str, str, str]
"""What, the figure here, the aim, and what was published."""


def summary_rows(results: Results) -> list[Row]:
    """Return the figures with an aim, beside it and beside what was published; those that there are."""
    found = results.summary()

    def factor(name: str, digits: int = 1) -> str:
        value = found[name]
        return "" if value is None else f"{value:.{0 if value >= 100 else digits}f}x"

    def share(name: str) -> str:
        return "" if found[name] is None else f"{found[name]:.0%}"

    cell_ms = found["restored_cell_ms"]
    rows = [
        ("repeat without change", factor("no_change"), ">= 100x", "18.4x"),
        ("  without the start of clusters, on both sides", factor("no_change_without_cluster"), "", ""),
        ("  with every final value read at the end", factor("no_change_touched"), ">= 20x", ""),
        ("repeat after an edit, every edit", factor("all_changes"), ">= 5x", "2.08x"),
        ("repeat after the measured edit", factor("change"), "", ""),
        ("  the ideal run after that edit", factor("ideal"), "", ""),
        ("slowest against 1.15 x ideal + 0.5 s", factor("worst_over_allowed", 2), "<= 1x", ""),
        ("audit against plain", factor("audit", 3), "<= 1.05x", ""),
        ("peak memory of the audit against plain", factor("memory", 2), "", ""),
        ("slowest restored cell, milliseconds", "" if cell_ms is None else f"{cell_ms:.1f}", "<= 10", ""),
        ("tasks served of those that need not run", share("share_served"), "100%", ""),
        ("tasks served of all in cells that ran", share("hit_rate"), "", "75%"),
    ]
    return [row for row in rows if row[1]] + [("wrong runs", str(found["wrong"]), "0", "")]


def summary_lines(results: Results) -> list[str]:
    """Return :func:`summary_rows` for a terminal."""
    names = results.names
    over = "the published five" if names and {*results.published} == {*names} else f"{len(names)} workloads"
    lines = [f"Geometric means over {over}; ratios are taken within a round."]
    for text, shown, aim, published in summary_rows(results):
        says = ", ".join(
            word for word in (f"aim {aim}" if aim else "", f"published {published}" if published else "") if word
        )
        lines.append(f"  {text:<48} {shown:>8}   {says}".rstrip())
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
