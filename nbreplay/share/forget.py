"""Records taken out of a store, with what only they hold."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterator
from pathlib import Path

from nbreplay.errors import StoreUnwritable
from nbreplay.records import BlobRef, CellRun, CellVisit, TaskRun, from_bytes
from nbreplay.store import Place, Store

_KINDS: dict[str, type[CellRun] | type[TaskRun]] = {"cell": CellRun, "task": TaskRun}


def forget(store: Path, boundaries: Collection[str]) -> tuple[int, str]:
    """Remove the runs that led to *boundaries*; return how many, and why their bytes are not gone yet (empty: gone).

    A forgotten run is not found any more from then on, also by processes that live. Its bytes can be removed only when
    none of them writes to the store: such a process may be about to record the same content.
    """
    with Store.open(store, create=False) as opened:
        places: list[Place] = []
        theirs: set[str] = set()
        others: set[str] = set()
        cells: set[object] = set()
        unknown = False
        for kind, form in _KINDS.items():
            for stored in opened.scan(kind):
                try:
                    run = from_bytes(form, stored.body)
                except ValueError:
                    unknown = True
                    continue
                if not isinstance(run, CellRun) or run.boundary not in boundaries:
                    others.update(blobs_of(run))
                else:
                    theirs.update(blobs_of(run))
                    places.append(stored.place)
                    cells |= {run.cell_id, run.position} - {None}
        count = len(places)
        places += _visits(opened, boundaries, cells)
        opened.forget(places)
        if unknown:
            return count, "some records cannot be read by this version, and may need the same bytes"
        try:
            left = opened.prune(others).journals_kept
        except StoreUnwritable as e:
            left = str(e)
        if not left:
            for digest in theirs - others:
                with contextlib.suppress(OSError):
                    opened.blobs().path(digest).unlink()  # younger than prune's grace time; a journal held the others
        return count, left


def _visits(store: Store, boundaries: Collection[str], cells: Collection[object]) -> Iterator[Place]:
    """Yield where the visits of *cells* are: they hold the source of what ran, and its difference to the one before."""
    for stored in store.scan("visit"):
        try:
            visit = from_bytes(CellVisit, stored.body)
        except ValueError:
            continue
        if visit.boundary in boundaries or visit.cell_id in cells or visit.position in cells:
            yield stored.place


def blobs_of(record: object) -> Iterator[str]:
    """Yield the digests of all blobs that *record* refers to, wherever in it."""
    if isinstance(record, BlobRef):
        yield record.digest
    elif dataclasses.is_dataclass(record):
        for field in dataclasses.fields(record):
            yield from blobs_of(getattr(record, field.name))
    elif isinstance(record, dict):
        for value in record.values():
            yield from blobs_of(value)
    elif isinstance(record, (list, tuple)):
        for value in record:
            yield from blobs_of(value)
