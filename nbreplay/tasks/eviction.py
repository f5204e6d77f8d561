"""Which results go when room is needed: the cheapest to recompute per byte first, and never what is promised.

A result is promised when a load of it was handed to a cluster, or when a kept name of a notebook (a future, a
persisted collection) stands for it. Loads of large results touch their files, so that those are young; who is alone
with the store need not care.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nbreplay.errors import StoreError
from nbreplay.records import CellRun, TaskRun, blob_refs, from_bytes, to_bytes
from nbreplay.store import Place, Store
from nbreplay.store.prune import GRACE_S
from nbreplay.tasks.parts import PARTS, TaskParts

LARGEST_BOUND_BYTES = 20 << 30
SHARE_OF_DISK = 4
"""A store takes at most this part (one in so many) of what is free, its own bytes counted as free."""

EVICTED = "it was pruned"

_NAMES = re.compile(rb"[0-9a-f]{32}")


def bound_bytes(path: Path, used_bytes: int, setting: int | None) -> int:
    """Return how large the store at *path* may be: *setting*, or what its disk allows."""
    if setting is not None:
        return setting
    try:
        free = shutil.disk_usage(path).free
    except OSError:
        return LARGEST_BOUND_BYTES
    return min(LARGEST_BOUND_BYTES, (free + used_bytes) // SHARE_OF_DISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What may go as a whole: the records at *places* and the blobs that only they need.

    *seconds* is what it would take to compute it again, *used_at* when it was used last, as the clock had it then.
    """

    kind: str
    name: str
    places: tuple[Place, ...]
    blobs: frozenset[str]
    seconds: float = 0.0
    used_at: float = 0.0
    slim: tuple[TaskRun, ...] = ()


@dataclass(slots=True)
class Inventory:
    """What a store holds: bytes by blob, how many candidates and fixed records need each, and the candidates."""

    sizes: dict[str, int] = field(default_factory=dict)
    used_at: dict[str, float] = field(default_factory=dict)
    needs: Counter[str] = field(default_factory=Counter)
    candidates: list[Candidate] = field(default_factory=list)
    unreadable: int = 0

    def kept(self) -> set[str]:
        """Return the digests of all blobs that some record needs."""
        return {digest for digest, count in self.needs.items() if count > 0}

    def bytes_of(self, candidate: Candidate) -> float:
        """Return the candidate's share of the bytes it needs."""
        return sum(self.sizes.get(digest, 0) / max(1, self.needs[digest]) for digest in candidate.blobs)

    def drop(self, candidate: Candidate) -> int:
        """Let *candidate* need nothing any more; return the bytes that nobody needs then."""
        freed = 0
        for digest in candidate.blobs:
            self.needs[digest] -= 1
            if not self.needs[digest]:
                freed += self.sizes.get(digest, 0)
        return freed

    def reachable_bytes(self) -> int:
        """Return the bytes of all blobs that some record needs."""
        return sum(self.sizes.get(digest, 0) for digest in self.kept())


def look(store: Store) -> Inventory:
    """Return what is in *store*: cell runs are fixed, results of tasks may go unless a kept name stands for one."""
    found = Inventory()
    _files(store.path, found)
    pinned: set[str] = set()
    for stored in store.scan("cell"):
        try:
            run = from_bytes(CellRun, stored.body)
        except ValueError:
            found.unreadable += 1
            continue
        need(found, run)
        pinned |= stood_for(store, run)
    _tasks(store, found, pinned)
    _texts(store, found)
    return found


def need(found: Inventory, record: object) -> frozenset[str]:
    """Count what *record* needs once; return its blobs."""
    refs = {ref.digest: ref.size_bytes for ref in blob_refs(record)}
    for digest, size_bytes in refs.items():
        found.sizes.setdefault(digest, size_bytes)  # small: in a journal
        found.needs[digest] += 1
    return frozenset(refs)


def _texts(store: Store, found: Inventory) -> None:
    """Keep the code and values that tell why a task runs; there is one of each version."""
    for stored in store.scan(PARTS):
        try:
            rows = from_bytes(TaskParts, stored.body).rows
        except ValueError:
            found.unreadable += 1
            continue
        for *_, text in rows:
            if text:
                found.needs[text] += 1


def _files(path: Path, found: Inventory) -> None:
    for folder in (path / "blobs").glob("??"):
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_file(follow_symlinks=False) or entry.name.startswith("."):
                    continue
                state = entry.stat(follow_symlinks=False)
                found.sizes[entry.name] = state.st_size
                found.used_at[entry.name] = state.st_mtime


def stood_for(store: Store, run: CellRun) -> set[str]:
    """Return the names (P and C) of results for which handles that *run* wrote may stand."""
    holding = {state.unit for state in run.writes.names.values() if state.handle}
    found: set[str] = set()
    for unit in run.writes.units:
        if unit.uid in holding:
            try:
                stream = store.get(unit.value.stream)
            except StoreError:
                continue  # it cannot be restored either
            found |= {name.decode() for name in _NAMES.findall(bytes(stream))}
    return found


def _tasks(store: Store, found: Inventory, pinned: Collection[str]) -> None:
    groups: defaultdict[frozenset[str], list[tuple[Place, TaskRun, bool]]] = defaultdict(list)
    written: dict[str, float] = {}
    for stored in store.scan("task"):
        try:
            run = from_bytes(TaskRun, stored.body)
        except ValueError:
            found.unreadable += 1
            continue
        blobs: frozenset[str] = frozenset(ref.digest for ref in blob_refs(run))
        if blobs:
            groups[blobs].append((stored.place, run, stored.own))
            name = stored.place.journal
            if name not in written:
                written[name] = _changed_at(store.path / "journals" / f"{name}.nbj")
    for blobs, members in groups.items():
        for _, run, _ in members[:1]:
            need(found, run)
        if any(run.provenance in pinned or run.result_digest in pinned for _, run, _ in members):
            continue
        found.candidates.append(
            Candidate(
                kind="task",
                name=members[0][1].name,
                places=tuple(place for place, _, _ in members),
                blobs=blobs,
                seconds=max(max(run.compute_s, run.chain_s) for _, run, _ in members),
                used_at=last_used(found, blobs) or max(written[place.journal] for place, _, _ in members),
                slim=tuple(slim(run) for _, run, own in members if own and not run.files_written),
            )
        )


def _changed_at(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()


def slim(run: TaskRun) -> TaskRun:
    """Return what stays of *run* without its result: what it was, and what it read."""
    return dataclasses.replace(run, result=None, not_kept=EVICTED)


def cheapest(found: Inventory, candidates: Iterable[Candidate], free_bytes: int) -> list[Candidate]:
    """Return what goes so that *free_bytes* become free: least seconds per byte first, oldest first among equals.

    They are dropped from *found*.
    """
    score = {id(each): each.seconds / max(1.0, found.bytes_of(each)) for each in candidates}
    chosen: list[Candidate] = []
    for each in sorted(candidates, key=lambda each: (score[id(each)], each.used_at)):
        if free_bytes <= 0:
            break
        free_bytes -= found.drop(each)
        chosen.append(each)
    return chosen


def is_young(found: Inventory, candidate: Candidate, grace_s: float = GRACE_S) -> bool:
    """Whether somebody may have promised *candidate*, or its bytes are in a journal that lives."""
    used_at = last_used(found, candidate.blobs)
    return used_at is None or time.time() - used_at < grace_s


def last_used(found: Inventory, blobs: Iterable[str]) -> float | None:
    """Return when the largest of *blobs* that is a file was used last; small ones may be others', too."""
    files = [digest for digest in blobs if digest in found.used_at]
    return found.used_at[max(files, key=lambda digest: found.sizes[digest])] if files else None


def forget(store: Store, victims: Iterable[Candidate]) -> None:
    """Let the records of *victims* not be found any more; of one's own task runs stays what they were."""
    victims = list(victims)
    store.append_many("task", [(to_bytes(run), task_keys(run)) for each in victims for run in each.slim])
    store.forget(place for each in victims for place in each.places)


def task_keys(run: TaskRun) -> list[bytes]:
    """Return the keys by which the record of *run* is found: its P and its K."""
    return [tag + bytes.fromhex(name) for tag, name in ((b"P", run.provenance), (b"K", run.content)) if name]


def evict(store: Store, to_bytes_left: int) -> int:
    """Free room in a store that lives: results that nobody can have promised go until *to_bytes_left* are left.

    Return the bytes that the store holds then.
    """
    found = look(store)
    held = sum(found.sizes.values())
    if found.unreadable:
        return held  # they may need anything
    old = [each for each in found.candidates if not is_young(found, each)]
    before = found.kept()
    victims = cheapest(found, old, held - to_bytes_left)
    if not victims:
        return held
    forget(store, victims)
    return held - store.remove_blobs(before - found.kept())
