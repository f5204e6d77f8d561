"""Giving room back: what no record needs, then what the user named, then what is cheapest to compute again.

While somebody else has the store open, only results of tasks that nobody can have been promised go, and what no record
needs; runs of cells stay, since a live kernel may stand at any of their boundaries. Alone, runs of cells go that were
superseded: the newest run of each cell stays, with all that came before it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbreplay.digest import Fingerprint
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun, from_bytes
from nbreplay.replay.lineage import Lineage
from nbreplay.replay.session import read_runs
from nbreplay.store import Place, Store
from nbreplay.store.prune import GRACE_S
from nbreplay.tasks.eviction import (
    Candidate,
    Inventory,
    bound_bytes,
    cheapest,
    forget,
    is_young,
    look,
    need,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asked for: a bound in bytes (None: the default), an age in seconds, the notebook's own cells."""

    max_bytes: int | None = None
    older_s: float | None = None
    keep_codes: Collection[Fingerprint] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the table: what goes, how many, their bytes, the seconds it would take to compute them again."""

    what: str
    why: str
    count: int
    size_bytes: int
    seconds: float = 0.0


@dataclass(slots=True)
class Pruning:
    """What goes, before it does; afterwards, what was done."""

    held_bytes: int
    bound_bytes: int
    alone: bool
    rows: list[Row] = field(default_factory=list)
    victims: list[Candidate] = field(default_factory=list)
    left: str = ""

    @property
    def size_bytes(self) -> int:
        """Bytes of all that goes."""
        return sum(row.size_bytes for row in self.rows)


def prune(folder: Path, wish: Wish, *, dry_run: bool) -> Pruning:
    """Prune the store *folder* as *wish* says, or only say what would go.

    Raises
    ------
    StoreUnwritable
        It could not be done, or not all of it; nothing that is needed is gone.
    """
    with Store.open(folder, create=False) as store, store.alone() as alone:
        store.refresh()
        found = look(store)
        held = store.size_bytes()
        made = Pruning(held, bound_bytes(folder, held, wish.max_bytes), alone)
        if found.unreadable:
            made.left = f"{found.unreadable} records cannot be read by this version, and may need anything"
            return made
        _plan(store, found, wish, made)
        if not dry_run:
            forget(store, made.victims)
            kept = store.prune(found.kept(), grace_s=0.0 if alone else GRACE_S)
            made.left = kept.journals_kept
        return made


def _plan(store: Store, found: Inventory, wish: Wish, made: Pruning) -> None:
    unneeded = found.sizes.keys() - found.kept()
    young = set() if made.alone else {d for d in unneeded if time.time() - found.used_at.get(d, 0.0) < GRACE_S}
    gone = [found.sizes[digest] for digest in unneeded - young]
    if gone:
        made.rows.append(Row(what="values", why="no record needs them", count=len(gone), size_bytes=sum(gone)))
    here = [each for each in found.candidates if made.alone or not is_young(found, each)]
    if made.alone:
        here += _superseded(store, found, wish.keep_codes)
    if wish.keep_codes is not None:
        named = [each for each in here if each.kind == "cells"]
        here = [each for each in here if each.kind != "cells"]
        _take(found, made, named, "not of the notebook as it is")
    if wish.older_s is not None:
        limit = time.time() - wish.older_s
        old = [each for each in here if each.used_at < limit]
        here = [each for each in here if each.used_at >= limit]
        _take(found, made, old, "not used for so long")
    excess = made.held_bytes - made.size_bytes - made.bound_bytes
    if excess > 0:
        _report(made, *_cheapest(found, here, excess), "cheapest to compute again, by the byte")


def _take(found: Inventory, made: Pruning, chosen: Iterable[Candidate], why: str) -> None:
    chosen = list(chosen)
    _report(made, chosen, [found.drop(each) for each in chosen], why)


def _cheapest(found: Inventory, here: list[Candidate], excess: int) -> tuple[list[Candidate], list[int]]:
    """Return what goes, and the bytes that each of it gives."""
    before = found.needs.copy()
    chosen = cheapest(found, here, excess)
    freed = []
    for each in chosen:  # once more, one by one: what two of them share is counted with the second
        before.subtract(each.blobs)
        freed.append(sum(found.sizes.get(digest, 0) for digest in each.blobs if not before[digest]))
    return chosen, freed


def _report(made: Pruning, chosen: list[Candidate], freed: list[int], why: str) -> None:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for each, size_bytes in zip(chosen, freed, strict=True):
        what = f"results of {each.name}" if each.kind == "task" else each.name
        counts[what] += 1 if each.kind == "task" else len(each.places)
        sizes[what] += size_bytes
        seconds[what] += each.seconds  # type: ignore[assignment]  # a Counter adds up any number
    made.victims += chosen
    made.rows += [
        Row(what=what, why=why, count=counts[what], size_bytes=sizes[what], seconds=seconds[what])
        for what in sorted(counts, key=lambda what: -sizes[what])
    ]


# ---------------------------------------------------------------- runs of cells


def _superseded(store: Store, found: Inventory, codes: Collection[Fingerprint] | None) -> list[Candidate]:
    """Return the runs of cells that may go, each bundle without the rest: no kept run comes after one of them.

    With *codes* those that are no cell's of the notebook may go as well, newest or not.
    """
    lineage = Lineage(read_runs(store))
    kept = _kept(lineage, codes)
    places: dict[str, list[Place]] = {}
    needed: dict[str, frozenset[str]] = {}
    for stored in store.scan("cell"):
        run = from_bytes(CellRun, stored.body)
        if run.boundary not in kept:
            places.setdefault(run.boundary, []).append(stored.place)
            needed[run.boundary] = needed.get(run.boundary, frozenset()) | _once(found, run)
    bundles: dict[str, list[CellRun]] = {}
    tops: dict[str, str] = {}
    for known in reversed(list(lineage.newest_first())):  # parents before what follows them
        run = known.run
        if run.boundary in kept:
            continue
        top = tops.get(run.parent or "", run.boundary)
        tops[run.boundary] = top
        bundles.setdefault(top, []).append(run)
    candidates = []
    for runs in bundles.values():
        blobs = frozenset().union(*(needed[run.boundary] for run in runs))
        for digest in blobs:
            found.needs[digest] += 1
        candidates.append(
            Candidate(
                kind="cells",
                name="runs of cells that were superseded" if codes is None else "runs of cells",
                places=tuple(place for run in runs for place in places[run.boundary]),
                blobs=blobs,
                seconds=sum(run.run_s for run in runs if not run.restored_from),
                used_at=max(_time(run) for run in runs),
            )
        )
    return candidates


def _once(found: Inventory, run: CellRun) -> frozenset[str]:
    """Take back what *run* was counted for: the bundle that it is in counts for all of its runs."""
    blobs = need(found, run)
    for digest in blobs:
        found.needs[digest] -= 2
    return blobs


def _kept(lineage: Lineage, codes: Collection[Fingerprint] | None) -> set[str]:
    """Return the boundaries that stay: of the newest run of each cell, and all before them."""
    newest: dict[object, str] = {}
    for known in lineage.newest_first():
        run = known.run
        if codes is not None:
            if run.code in codes:
                newest.setdefault(run.code, run.boundary)
        elif run.source:
            newest.setdefault(run.cell_id or run.code, run.boundary)
    if codes is None:
        newest |= {tip: tip for tip in lineage.tips()[:1]}
    kept: set[str] = set()
    stack: list[str | None] = list(newest.values())
    while stack:
        here = stack.pop()
        if not here or here in kept:
            continue
        kept.add(here)
        known_here = lineage.get(here)
        if known_here is not None:
            stack += [known_here.run.parent, known_here.run.restored_from]  # its values may be those of that run
    return kept


def _time(run: CellRun) -> float:
    try:
        return datetime.strptime(run.wall_time, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return 0.0


def codes_of(sources: Iterable[str]) -> set[Fingerprint]:
    """Return the fingerprints of cells with *sources*."""
    return {cell_fingerprint(source) for source in sources if source.strip()}
