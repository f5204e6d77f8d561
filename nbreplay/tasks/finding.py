"""Looks up which records a graph may be served from, in few and large batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dask._task_spec import GraphNode

from nbreplay.digest import Fingerprint
from nbreplay.records import TaskRun
from nbreplay.tasks.provenance import Known, Print, placed
from nbreplay.tasks.shape import Key, Shape, stages
from nbreplay.tasks.shuffles import RUNS_FOR_OTHERS

Lookup = Callable[[Sequence[Fingerprint]], list[list[TaskRun]]]
"""From fingerprints to the usable records of each, newest first."""

Again = Callable[[Fingerprint], bool]
"""Whether the task of this P is to be run although its result is recorded, to be compared with it."""

AHEAD = 32
"""Tasks whose records are asked for at least, once the wanted keys were not enough; doubled each time. A graph that is
one long chain would be asked for one by one else.
"""


class Finder:
    """Looks up the records of what may be needed, from the wanted keys up to the first that needs no more looking."""

    def __init__(
        self,
        prints: Mapping[Key, Print],
        specs: Mapping[Key, GraphNode],
        lookup: Lookup,
        root: Path | str,
        again: Again | None = None,
        known: Mapping[Key, Known] | None = None,
    ) -> None:
        self.known = known or {}
        self.prints = prints
        self.specs = specs
        self.lookup = lookup
        self.root = root
        self.again = again
        self._fetched: dict[Key, list[TaskRun]] = {}
        self.inside: dict[Key, list[TaskRun]] = {}
        """Of fused tasks that were recorded as other tasks were fused: the records of the steps inside."""

    def find(self, wanted: Iterable[Key]) -> dict[Key, list[TaskRun]]:
        """Return the records of each key that was looked at."""
        found: dict[Key, list[TaskRun]] = {}
        prints, specs, fetched = self.prints, self.specs, self._fetched
        frontier = [key for key in dict.fromkeys(wanted) if key in prints]
        ahead = 0
        while frontier:
            missing = [key for key in frontier if key not in fetched]
            if missing:
                self._fetch(self._with_above(missing, ahead))
                ahead = max(AHEAD, 2 * ahead)
            above: dict[Key, None] = {}
            for key in frontier:
                runs = found[key] = self._whole(key, fetched[key])
                shape = prints[key].shape
                is_sampled = bool(runs) and self.again is not None and self.again(runs[0].provenance)
                is_part = shape is not None and shape.role in RUNS_FOR_OTHERS
                if is_sampled or is_part or not runs or not _ends_here(runs):
                    for dep in specs[key].dependencies:
                        if dep in prints and dep not in found:
                            above[dep] = None
            frontier = [key for key in above if key not in found]
        return found

    def _whole(self, key: Key, runs: list[TaskRun]) -> list[TaskRun]:
        """Return those of *runs* that tell of all files that *key*, which may be fused, would write.

        A record whose ancestors wrote files may stand for the last step of *key* alone. What the steps before it wrote
        is in their own records then, if there are any.
        """
        if not any(run.effects for run in runs):
            return runs
        shape = self.prints[key].shape
        program = shape.program if shape is not None else ""
        if not program:
            return runs
        whole = [run for run in runs if run.program == program or not run.effects]
        if whole or shape is None:
            return whole
        inside = self._steps(shape)
        if inside is None:
            return []
        self.inside[key] = inside
        return [run for run in runs if not run.program]

    def _steps(self, shape: Shape) -> list[TaskRun] | None:
        """Return the records of the steps before the last, None if one has none or they may have read files."""
        above = [self.prints[d].provenance if d in self.prints else self.known[d].provenance for d in shape.deps]
        done = stages(shape, [bytes.fromhex(p or "") for p in above])
        names = [Fingerprint(p.hex()) for p, step in zip(done, shape.steps, strict=True) if step[1] is not None][:-1]
        found: list[TaskRun] = []
        for name, here in zip(self.lookup(names), self.lookup([placed(n, self.root) for n in names]), strict=True):
            usable = (run for run in [*name, *here] if not run.lineage and not (run.effects and run.program))
            run = next(usable, None)
            if run is None:
                return None
            found.append(run)
        return found

    def _with_above(self, keys: list[Key], least: int) -> list[Key]:
        """Return *keys* and, until there are *least*, what is above them and has yet to be asked for."""
        if len(keys) >= least:
            return keys
        batch = dict.fromkeys(keys)
        level = keys
        while level and len(batch) < least:
            above: list[Key] = []
            for key in level:
                for dep in self.specs[key].dependencies:
                    if dep in self.prints and dep not in batch and dep not in self._fetched:
                        batch[dep] = None
                        above.append(dep)
            level = above
        return list(batch)

    def _fetch(self, keys: list[Key]) -> None:
        asked: list[Key] = []
        names: list[Fingerprint] = []
        for key in keys:
            self._fetched[key] = []
            one = self.prints[key]
            if one.provenance is None or one.shape is None or one.shape.kind != "task":
                continue
            asked.append(key)
            names.append(one.provenance)
            if one.paths:
                asked.append(key)
                names.append(placed(one.provenance, self.root))
        for key, runs in zip(asked, self.lookup(names) if names else (), strict=True):
            if runs:
                self._fetched[key] += runs


def _ends_here(runs: list[TaskRun]) -> bool:
    """Whether a record needs nothing above it: kept, and no file was read or written on the way to it."""
    return bool(runs) and all(
        run.result is not None and not run.lineage and not run.effects and not run.files_read for run in runs
    )
