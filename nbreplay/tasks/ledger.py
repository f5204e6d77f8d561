"""The task records of one store, as planners see them: look up, load, keep, drop.

Everything that is appended goes through one background thread, in order, in batches: no event loop waits for a disk.
What was handed in is found again at once, before it is on disk.
"""

from __future__ import annotations

import dataclasses
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from dask._task_spec import DataNode, Task

from nbreplay.config import Settings
from nbreplay.digest import Fingerprint
from nbreplay.errors import NbreplayError, StoreError
from nbreplay.files import FileDigests, holds_now, put_back
from nbreplay.records import FileState, TaskRun, from_bytes, to_bytes
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.store import Store
from nbreplay.tasks.load import blob_refs, gather_small, make_load, write_inline
from nbreplay.tasks.provenance import placed
from nbreplay.tasks.report import Inline
from nbreplay.tasks.shape import Key

logger = logging.getLogger(__name__)

KIND = "task"


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
        self._fresh: defaultdict[bytes, list[TaskRun]] = defaultdict(list)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="nbreplay-ledger")
        self._last: Future[None] | None = None

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
        if not keys:
            return []
        found: list[list[TaskRun]] = []
        for key, stored in zip(keys, self.store.find_many(KIND, keys), strict=True):
            runs = list(self._fresh.get(key, ())) if self._fresh else []
            for one in stored:
                if not one.own:
                    continue
                try:
                    runs.insert(0, from_bytes(TaskRun, one.body))
                except ValueError:
                    logger.debug("a task record cannot be read", exc_info=True)
            found.append([run for run in reversed(runs) if self.usable(run)] if runs else [])
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

    def load_task(self, key: Key, run: TaskRun, *, rewindable: bool = True) -> Task | None:
        """Return a task *key* that loads the result of *run*, or None (and forget *run*) if that cannot be."""
        assert run.result is not None
        try:
            small = max(self.settings.small_blob_bytes, self.settings.inline_result_bytes)
            given = gather_small(run.result, self.store.get, small)
        except StoreError as error:
            self.drop(run, str(error))
            return None
        return make_load(key, run.result, given, str(self.store.path), rewindable=rewindable)

    def drop(self, run: TaskRun, reason: str) -> None:
        """Serve *run* no more: its result cannot be had."""
        self._dropped.add(_name(run))
        logger.warning("a stored result of %s cannot be used (%s), it is computed again", run.name, reason)
        self.problems.append(f"a stored result of {run.name} cannot be used ({reason}); it was computed again")

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

    def keep(self, run: TaskRun, inline: Inline | None = None) -> None:
        """Record *run*; a result that came *inline* is put first. Returns at once."""
        self._last = self._thread.submit(self._keep, run, inline)

    def _keep(self, run: TaskRun, inline: Inline | None) -> None:
        try:
            for old in self.lookup([run.provenance])[0] if run.provenance else ():
                if old.lineage != run.lineage or old.content != run.content:
                    continue
                if old.result_digest is not None and old.result_digest != run.result_digest:
                    self.problems.append(f"{run.name} gave another result for the same inputs; the first is kept")
                    return
                if old.result is not None or (run.result is None and inline is None):
                    return
            if inline is not None:
                run = dataclasses.replace(run, result=write_inline(inline, self.store.put, run.result_digest))
            keys = [b"P" + bytes.fromhex(run.provenance)] if run.provenance else []
            if run.content:
                keys.append(b"K" + bytes.fromhex(run.content))
            self.store.append(KIND, to_bytes(run), keys)
            for key in keys:
                self._fresh[key].append(run)
        except Exception as error:
            logger.warning("the run of task %s was not recorded", run.name, exc_info=True)
            self.problems.append(f"the run of {run.name} was not recorded: {error}")

    def settle(self, timeout_s: float | None = None) -> None:
        """Wait until all that was handed in is recorded."""
        if self._last is not None:
            self._last.result(timeout_s)

    def close(self) -> None:
        """Record what is waiting, and stop. The store is not closed."""
        self._thread.shutdown(wait=True)


def _name(run: TaskRun) -> str:
    return f"{run.provenance}{run.lineage}{run.result_digest}"
