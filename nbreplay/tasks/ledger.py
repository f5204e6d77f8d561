"""The task records of one store, as planners see them: look up, load, keep, drop.

Everything that is appended goes through one background thread, in order, in batches: no event loop waits for a disk.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import xxhash
from dask._task_spec import DataNode, GraphNode, Task

from nbreplay.config import Settings
from nbreplay.digest import Digest, Fingerprint
from nbreplay.errors import BlobMissing, NbreplayError, StoreError
from nbreplay.files import FileDigests, holds_now, put_back
from nbreplay.records import BlobRef, FileState, TaskDiffers, TaskRun, from_bytes, to_bytes
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.store import Store
from nbreplay.tasks.eviction import task_keys
from nbreplay.tasks.explaining import Explainer, arguments_of, reasons
from nbreplay.tasks.finding import Again
from nbreplay.tasks.load import blob_refs, gather, make_load, write_inline
from nbreplay.tasks.provenance import placed
from nbreplay.tasks.report import Inline
from nbreplay.tasks.room import Room
from nbreplay.tasks.sending import Sending
from nbreplay.tasks.shape import Key, Shape

if TYPE_CHECKING:
    from nbreplay.tasks.planner import Plan

logger = logging.getLogger(__name__)

KIND = "task"
DIFFERS = "differs"

NAMED = 5
"""Tasks that one message names."""

RECORD_BYTES = 1000
"""About what a record takes beside its result."""


class Ledger:
    """Task records of *store*, for a notebook in the folder *root*.

    *problems* collects, in words for the user, what could not be kept or put back.
    """

    def __init__(self, store: Store, root: Path, settings: Settings | None = None) -> None:
        self.store = store
        self.root = root
        self.settings = settings or Settings()
        self.problems: list[str] = []
        self.digests = FileDigests(self.settings.racy_s)
        self._dropped: set[str] = set()
        self._broken: list[tuple[str, str]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nbreplay-ledger")
        self._last: Future[None] | None = None
        self._room = Room(store, self.settings.store_max_bytes)
        self._sending = Sending(self.settings.scheduler_transfer_bytes)
        self._seed = secrets.randbits(64)
        self.explainer = Explainer(store)
        share = self.settings.verify_tasks
        self.again: Again | None = None if share <= 0 else lambda provenance: self._is_sampled(provenance, share)
        """Whether a task is run although it is recorded; another sample in each process."""
        self.send = False
        """Whether results are sent with the tasks that load them: the workers do not see the store."""

    # ------------------------------------------------------------ finding

    def lookup(self, prints: Sequence[Fingerprint]) -> list[list[TaskRun]]:
        """Return, for each P, the records that may be used, newest first."""
        return self._find([b"P" + bytes.fromhex(p) for p in prints])

    def by_content(self, content: Fingerprint) -> list[TaskRun]:
        """Return the kept results of this K that hold in this place, newest first; their files have been looked at."""
        keys = [b"K" + bytes.fromhex(content), b"K" + bytes.fromhex(placed(content, self.root))]
        runs = [run for found in self._find(keys) for run in found]
        return [run for run in runs if run.result is not None and self.holds(run.files_read, {})]

    def _find(self, keys: Sequence[bytes]) -> list[list[TaskRun]]:
        return [[run for run in found if self.usable(run)] for found in self._read(keys)]

    def _read(self, keys: Sequence[bytes]) -> list[list[TaskRun]]:
        """Return the records of each key, newest first: this user's, and of others those that are only data."""
        found: list[list[TaskRun]] = []
        for stored in self.store.find_many(KIND, keys) if keys else ():
            runs = []
            for one in reversed(stored):
                try:
                    run = from_bytes(TaskRun, one.body)
                except ValueError:
                    logger.debug("a task record cannot be read", exc_info=True)
                    continue
                if one.own or _is_data(run):
                    runs.append(run)
            found.append(runs)
        return found

    def usable(self, run: TaskRun) -> bool:
        """Whether *run* may be served, as far as its record says."""
        if run.nondeterministic or (self._dropped and _name(run) in self._dropped):
            return False
        return all(s.blob is not None or s.digest is None or s.folder for s in run.files_written.values())

    def holds(self, states: Mapping[str, FileState], overlay: Mapping[str, FileState]) -> bool:
        """Whether files are now as *states* say, *overlay* being what they will be first."""
        now: dict[str, FileState] = {}
        for path, state in states.items():
            coming = overlay.get(path)
            if coming is None:
                now[path] = state
            elif coming.digest != state.digest:
                return False
        return holds_now(now, self.root, self.digests) is None

    # ------------------------------------------------------------ serving

    def load_task(self, key: Key, run: TaskRun, *, rewindable: bool = True, send: bool | None = None) -> Task | None:
        """Return a task *key* that loads the result of *run*, or None (and forget *run*) if that cannot be.

        With *send* the result goes with the task (default: as this ledger does).
        """
        assert run.result is not None
        send = self.send if send is None else send
        small = max(self.settings.small_blob_bytes, self.settings.inline_result_bytes)
        blobs = blob_refs(run.result)
        try:
            if send and (problem := self._too_much(blobs)):
                self.drop(run, problem)
                return None
            given = gather(run.result, self.store.get, math.inf if send else small)
            folder = self.store.blobs()
            missing = next((b for b in blobs if b.digest not in given and not folder.promise(b.digest)), None)
            if missing is not None:
                raise BlobMissing(missing.digest, str(self.store.path))
            if send and (problem := self._sending.take(given, sum(map(len, given.values())))):
                self.drop(run, problem)
                return None
        except StoreError as error:
            self.drop(run, str(error))
            return None
        return make_load(key, run.result, given, str(self.store.path), rewindable=rewindable)

    def _too_much(self, blobs: Sequence[BlobRef]) -> str:
        size_bytes = sum(blob.size_bytes for blob in blobs)
        limit = self.settings.scheduler_transfer_bytes
        return "its workers do not see the store, and it is too large to be sent" if size_bytes > limit else ""

    def _is_sampled(self, provenance: Fingerprint, share: float) -> bool:
        return xxhash.xxh3_64_intdigest(provenance.encode(), self._seed) < share * 2**64

    def expecting(self, run: TaskRun) -> dict[str, Any]:
        """Return what an order says that runs a task to compare it with *run*; nothing if *run* cannot be had."""
        if run.result is None or run.result_digest is None:
            return {}
        try:
            small = max(self.settings.small_blob_bytes, self.settings.inline_result_bytes)
            given = gather(run.result, self.store.get, small)
        except StoreError:
            return {}
        return {"expect": run.result_digest, "expected": to_bytes(run.result), "given": dict(given)}

    def drop(self, run: TaskRun, reason: str) -> None:
        """Serve *run* no more: its result cannot be had. The user is told once for all that break together."""
        self._dropped.add(_name(run))
        level = logging.INFO if self._broken else logging.WARNING
        logger.log(level, "a stored result of %s cannot be used (%s), it is computed again", run.name, reason)
        self._broken.append((run.name, reason))

    def take_problems(self) -> list[str]:
        """Return what there is to be told, once."""
        problems, self.problems = self.problems, []
        broken, self._broken = self._broken, []
        if len(broken) == 1:
            name, reason = broken[0]
            problems.append(f"a stored result of {name} cannot be used ({reason}); it was computed again")
        elif broken:
            names = list(dict.fromkeys(name for name, _ in broken))
            named = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
            what = f"{len(broken)} stored results of {named} cannot be used"
            problems.append(f"{what} (the first: {broken[0][1]}); they were computed again")
        return list(dict.fromkeys(problems))

    def inline(self, key: Key, run: TaskRun) -> DataNode | None:
        """As :meth:`load_task`, for workers that cannot import us: the value itself, if it may travel."""
        assert run.result is not None
        if sum(blob.size_bytes for blob in blob_refs(run.result)) > self.settings.scheduler_transfer_bytes:
            self._dropped.add(_name(run))
            return None
        try:
            return DataNode(key, codecs.load(run.result, self.store.get, trust=Trust.OWN))
        except Exception as error:  # noqa: BLE001  # anything a user's object, or a cluster, may raise
            self.drop(run, str(error))
            return None

    def put_back(self, runs: Sequence[TaskRun]) -> bool:
        """Put files back that *runs* wrote, where they are missing or changed. False: not all could be, *runs* are
        dropped.
        """
        states: dict[str, FileState] = {}
        for run in runs:
            states |= run.files_written
        if not states:
            return True
        try:
            problems = put_back(states, self.root, self.store.get, digests=self.digests)
        except (OSError, NbreplayError) as error:
            problems = [str(error)]
        for run in runs if problems else ():
            self.drop(run, f"files could not be put back: {problems[0]}")
        return not problems

    # ------------------------------------------------------------ keeping

    def strays(self, run: TaskRun) -> TaskRun | None:
        """Return the first record of what *run* computed if that had another result; it is noted that they differ."""
        if run.result_digest is None:
            return None
        for old in self._recorded(run):
            if old.result_digest is None or old.result_digest == run.result_digest:
                continue
            if old.lineage == run.lineage and (not run.content or not old.content or old.content == run.content):
                self.differ(run.name, old, run.result_digest)
                return old
        return None

    def _recorded(self, run: TaskRun) -> list[TaskRun]:
        """Return the records of the inputs of *run*, oldest first, also those that are not served."""
        return [each for records in self._read(task_keys(run)) for each in reversed(records)]

    def differ(self, name: str, first: TaskRun, digest: Digest) -> None:
        """Note that a task gave another result than its first *run*, which stays."""
        self.problems.append(f"{name} gave another result for the same inputs; the first is kept")
        differing = TaskDiffers(
            name=name,
            provenance=first.provenance,
            first=first.result_digest or Digest(""),
            other=digest,
            wall_time=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        )
        self._last = self._thread.submit(self._note, differing)

    def _note(self, differing: TaskDiffers) -> None:
        try:
            if self.store.writable:
                self.store.append(DIFFERS, to_bytes(differing))
        except Exception:
            logger.warning("a difference was not noted", exc_info=True)

    def refuse(self, run: TaskRun) -> None:
        """Take back the record of *run*, which turned out to mean nothing. Returns at once."""
        self._dropped.add(_name(run))
        self._last = self._thread.submit(self._refuse, run)

    def _refuse(self, run: TaskRun) -> None:
        try:
            places = {
                stored.place
                for found in self.store.find_many(KIND, task_keys(run))
                for stored in found
                if _name(from_bytes(TaskRun, stored.body)) == _name(run)
            }
            self.store.forget(places)
        except Exception as error:
            logger.warning("the run of task %s could not be taken back", run.name, exc_info=True)
            self.problems.append(f"the run of {run.name} could not be taken back: {error}")

    def keep(
        self, run: TaskRun, inline: Inline | None = None, small: Mapping[str, bytes] = MappingProxyType({})
    ) -> None:
        """Record *run*; a result that came *inline*, or *small* blobs of it, are put first. Returns at once."""
        self._last = self._thread.submit(self._keep, run, inline, small)

    def _keep(self, run: TaskRun, inline: Inline | None, small: Mapping[str, bytes]) -> None:
        try:
            for old in self.lookup([run.provenance])[0] if run.provenance else ():
                if old.lineage != run.lineage or old.content != run.content:
                    continue
                if old.result_digest is not None and old.result_digest != run.result_digest:
                    return  # it was found to differ when it was learnt
                if old.result is not None or (run.result is None and inline is None):
                    return
            full = self._room.take(0) if inline is not None else ""
            if full:
                run, inline = dataclasses.replace(run, not_kept=full), None
            if inline is not None:
                run = dataclasses.replace(run, result=write_inline(inline, self.store.put, run.result_digest))
            for digest, data in small.items():
                self.store.put(data, digest=Digest(digest))
            self.store.append(KIND, to_bytes(run), task_keys(run))
            if run.result is not None:
                self._dropped.discard(_name(run))
            self._room.take(RECORD_BYTES + self._room.bytes_of(run.result))
        except Exception as error:
            logger.warning("the run of task %s was not recorded", run.name, exc_info=True)
            self.problems.append(f"the run of {run.name} was not recorded: {error}")

    # ------------------------------------------------------------ explaining

    def why(self, made: Plan, nodes: Mapping[Key, GraphNode]) -> list[str]:
        """Return why tasks of a plan run that could have been served. It never raises: it only tells."""
        try:
            return reasons(self, made, nodes)
        except Exception:
            logger.warning("why tasks run could not be found out", exc_info=True)
            return []

    def keep_parts(self, shape: Shape, node: GraphNode | None) -> None:
        """Record what the fingerprint of a task was made from, that :meth:`why` can tell. Returns at once."""
        if self.explainer.has_room(shape):
            call = arguments_of(node)
            if self.explainer.is_new(shape, call):
                self._last = self._thread.submit(self._keep_parts, shape, call)

    def _keep_parts(self, shape: Shape, call: tuple[str, ...]) -> None:
        try:
            self.explainer.keep(shape, call)
        except Exception:
            logger.warning("the parts of task %s were not recorded", shape.name, exc_info=True)

    # ------------------------------------------------------------ the end

    def settle(self, timeout_s: float | None = None) -> None:
        """Wait until all that was handed in is recorded."""
        if self._last is not None:
            self._last.result(timeout_s)

    def close(self) -> None:
        """Record what is waiting, and stop. The store is not closed."""
        self._thread.shutdown(wait=True)


def _is_data(run: TaskRun) -> bool:
    """Whether somebody else's record can be used without unpickling anything, or writing files."""
    return not run.files_written and (run.result is None or run.result.codec in codecs.DATA_CODECS)


def _name(run: TaskRun) -> str:
    return f"{run.provenance}{run.lineage}{run.result_digest}"
