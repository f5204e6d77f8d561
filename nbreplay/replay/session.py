"""What one kernel process knows of its notebook while it lives: store, runs, namespace, tasks, files."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from nbreplay.config import Settings
from nbreplay.errors import NbreplayError
from nbreplay.files import FileDigests, Watch
from nbreplay.fingerprint.packages import stamp_by
from nbreplay.namespace import Manifest, Tracker, handles
from nbreplay.records import CellRun, Doubt, from_bytes
from nbreplay.replay.commit import CELL, Committed, Committer, Job
from nbreplay.replay.default_client import follow_default_client
from nbreplay.replay.idle import IdleCheck
from nbreplay.replay.late import Late
from nbreplay.replay.lineage import Known, Lineage
from nbreplay.replay.local_modules import LocalModules
from nbreplay.replay.present import Now
from nbreplay.replay.request import Policy
from nbreplay.replay.verify import doubted, doubted_state, read_doubts, write_doubts
from nbreplay.store import Store
from nbreplay.tasks import KernelCache, install
from nbreplay.tasks.handles import register
from nbreplay.tasks.process_options import state_by

logger = logging.getLogger(__name__)


class Session:
    """The parts that a cell run passes through, made once per kernel process.

    *problem* says what is wrong with the store, if anything is: the notebook then runs as under a plain kernel.
    """

    def __init__(
        self,
        *,
        shell_ns: dict[str, Any],
        policy: Policy,
        store_path: Path,
        root: Path,
        settings: Settings,
        shell: object = None,
    ) -> None:
        self.policy = policy
        self.settings = settings
        self.root = root
        self.store_path = store_path
        self.run = secrets.token_hex(6)
        self.number = 0
        self.boundary: str | None = None
        self.problem = ""
        self.doubts: dict[str, Doubt] = {}
        """What this session found to be kept as something else than it was."""
        self.interrupted = False
        """The user interrupted a capture: the next cell does not wait for the same again before it runs."""
        self.store = self._open(store_path, settings)
        self.lineage = Lineage(read_runs(self.store) if self.store is not None else ())
        self._restarts = self.store.restarts if self.store is not None else 0
        self._shell_ns = shell_ns
        self.shell: Any = shell
        register(handles.register)
        follow_default_client()
        self.digests = FileDigests(settings.racy_s)
        self.watch = Watch(self.digests, ignore=(store_path,))
        self.watch.install()
        self.cache = KernelCache(
            self.store, serve=policy.serves, record=True, root=root, settings=settings, log=self.tell
        )
        install(self.cache)
        self.local_modules = LocalModules(self.digests, root)
        stamp_by(self.local_modules.stamp)
        state_by(lambda: self.tracker.options())
        self.committer = Committer(self.store, settings.backlog_bytes)
        self.idle = IdleCheck(store_path, limit_bytes=settings.verify_bytes, idle_s=settings.verify_idle_s)
        self.late = Late()
        self.on_settled: Callable[[Job, Committed], None] = lambda job, committed: None
        """Told of every boundary that was written behind its reply, or was not."""

    @cached_property
    def tracker(self) -> Tracker:
        """The namespace's tracker, made when first asked for: what is there then is taken as the kernel's own."""
        tracker = Tracker(self._shell_ns, self.store, run=self.run, settings=self.settings, shell=self.shell)
        tracker.root = self.root
        return tracker

    @cached_property
    def now(self) -> Now:
        """The present, as recorded runs are compared with it."""
        return Now(self.tracker, self.digests, self.root)

    def _open(self, path: Path, settings: Settings) -> Store | None:
        try:
            return Store.open(path, settings=settings)
        except (NbreplayError, OSError) as e:
            self.tell(f"nothing is recorded: {e}")
            return None

    def notice_new_store(self) -> None:
        """If the store's folder was deleted or moved, and begun anew: what comes next is a full boundary of its own."""
        if self.store is None or self.store.restarts == self._restarts:
            return
        self._restarts = self.store.restarts
        self.lineage = Lineage()
        self.boundary = None
        self.tracker.start_over("the store's folder was deleted")

    def tell(self, problem: str) -> None:
        """Note a problem for the status; the newest stands."""
        self.problem = problem

    def next_boundary(self) -> str:
        """Return the name of the state after the run that is starting."""
        return f"{self.run}:{self.number + 1}"

    def took(self, run: CellRun, *, own: bool = True) -> None:
        """*run* is in the store and led to the present state."""
        self.lineage.add(Known(run, own))
        self.boundary = run.boundary
        self.idle.add(run, self.lineage)

    # ------------------------------------------------------------ boundaries on their way into the store

    def commit(self, job: Job, *, behind: bool) -> Committed | None:
        """Write the boundary of *job* and go on from it; None: it is written behind the reply, and taken as written."""
        writable = self.store is not None and self.store.writable
        committed = self.committer.commit(job, behind=behind and writable)  # else it fails at once: nothing to wait for
        if committed is None:
            self.tracker.accept(job.capture)
            self.number += 1
            self.boundary = job.boundary
            return None
        if committed.run is not None:
            self.tracker.accept(job.capture)
            self.number += 1
            self.took(committed.run)
            return committed
        self.tell(f"not saved: {committed.reason}")
        if writable:
            self.tracker.drop(job.capture)  # room may come back: what is saved next includes these changes
            return committed
        # Nothing will be written, but what holds now is still known by digest: serving goes on.
        self.tracker.accept(job.capture)
        self.number += 1
        self.boundary = f"{self.run}:{self.number}"
        return committed

    def collect(self) -> None:
        """Take notice of what was written behind a reply meanwhile, or could not be."""
        self._settled(self.committer.collect())

    def settle(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait for all that is written behind a reply.

        Raises
        ------
        KeyboardInterrupt
            *stop* said so; the writes go on, and are settled another time.
        """
        self._settled(self.committer.settle(stop))
        self.late.look(self)

    def _settled(self, done: list[tuple[Job, Committed]]) -> None:
        failed = False
        for job, committed in done:
            if committed.run is not None:
                self.tracker.landed(job.capture)
                self.lineage.add(Known(committed.run, True))
                self.idle.add(committed.run, self.lineage)
            else:
                if not failed:  # what came after it stands on nothing, either
                    failed = True
                    self.boundary = job.parent
                    self.tell(f"not saved: {committed.reason}")
                self.tracker.drop(job.capture)
            self.on_settled(job, committed)

    def heed(self) -> None:
        """Make holes of what was found, meanwhile, to be kept as something else than it was."""
        found = {doubt.unit: doubt for doubt in self.idle.found()}
        if not found:
            return
        self.doubts.update(found)
        self.lineage.replace(lambda run: doubted(run, found))
        self.tracker.change_states(lambda node, state: doubted_state(node, state, found))
        problem = write_doubts(self.store, found.values())
        for doubt in found.values():
            logger.warning("%s: %s; it is made again where it is needed", ", ".join(doubt.names), doubt.reason)
        if problem:
            self.tell(f"not noted that {len(found)} values are not what they were: {problem}")

    def manifest(self, boundary: str | None) -> Manifest:
        """Return the whole state at *boundary*, folded from the runs that led there."""
        manifest = Manifest()
        for run in self.lineage.chain(boundary):
            manifest = manifest.after(run.writes)
        return manifest

    def counts(self) -> Mapping[str, int]:
        """Return sizes that the status shows."""
        return {"runs": len(self.lineage), "store_bytes": self.store.size_bytes() if self.store is not None else 0}

    def close(self) -> None:
        """Let go of the cluster's plugins and of the store, after what is behind is written."""
        self.idle.close()
        self.settle()
        self.committer.close()
        self.cache.close()
        if self.store is not None:
            self.store.close()


def read_runs(store: Store) -> list[Known]:
    """Return the recorded cell runs of *store*; a record that cannot be read is left out."""
    doubts = read_doubts(store)
    runs = []
    for stored in store.scan(CELL):
        try:
            runs.append(Known(doubted(from_bytes(CellRun, stored.body), doubts), stored.own))
        except ValueError:
            continue  # written by a later version, or damaged: a miss
    return runs
