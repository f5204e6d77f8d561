"""A whole store loaded again, run by run, in a process of its own, and compared with what was said of it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nbreplay.errors import NbreplayError
from nbreplay.namespace import Manifest
from nbreplay.records import CellRun, Doubt
from nbreplay.replay.checker import Checker
from nbreplay.replay.reader import StoreReader
from nbreplay.replay.verify import doubts_of, part_of_run, write_doubts
from nbreplay.store import Store

NOTHING_LEFT = "its process ended: too little memory, or a library that crashes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deep:
    """What came of it: *doubts* with the run that each is of, *failed* runs that could not be compared, and counts.

    Doubts that were noted earlier are among them. *note* says why new ones could not be noted in the store, "" if they
    were.
    """

    compared: int
    doubts: tuple[tuple[CellRun, Doubt], ...]
    failed: tuple[tuple[CellRun, str], ...]
    note: str


def verify_deep(store: Path, told: Callable[[int, int], None]) -> Deep:
    """Compare everything that the runs in *store* kept; *told* is called with (runs done, runs in all).

    What is not what it was is noted in the store: it is recomputed from then on.
    """
    compared = 0
    doubts: list[tuple[CellRun, Doubt]] = []
    failed: list[tuple[CellRun, str]] = []
    with StoreReader(Store.open(store, create=False, read_only=True)) as reader:
        known = [(run, doubt) for doubt in reader.doubts() if (run := reader.run_of(doubt)) is not None]
        runs = [run for run in reader.runs() if reader.lineage.trusted(run.boundary)]
        checker = Checker(store, memory_bytes=None)
        manifests = _Manifests(reader)
        try:
            for number, run in enumerate(runs, 1):
                told(number, len(runs))
                part = part_of_run(manifests.at(run), run)
                if part is None:
                    continue
                answer = checker.differing([part], [str(store.parent), *sys.path])
                if answer is None:
                    failed.append((run, NOTHING_LEFT))
                    continue
                compared += len(part.names)
                doubts += [(run, doubt) for doubt in doubts_of(part, answer[0])]
        finally:
            checker.close()
    return Deep(compared=compared, doubts=(*known, *doubts), failed=tuple(failed), note=_note(store, doubts))


class _Manifests:
    """States after runs; the one before is remembered, since runs mostly follow one another."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._last: tuple[str, Manifest] | None = None

    def at(self, run: CellRun) -> Manifest:
        """Return the state after *run*."""
        if self._last is not None and self._last[0] == run.parent:
            manifest = self._last[1].after(run.writes)
        else:
            manifest = self._reader.manifest(run.boundary)
        self._last = (run.boundary, manifest)
        return manifest


def _note(store: Path, doubts: list[tuple[CellRun, Doubt]]) -> str:
    if not doubts:
        return ""
    try:
        opened = Store.open(store, create=False)
    except NbreplayError as e:
        return str(e)
    try:
        return write_doubts(opened, [doubt for _, doubt in doubts])
    finally:
        opened.close()
