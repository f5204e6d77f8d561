"""The scheduler's side: plans each graph that arrives, serves what is recorded, records what is finished.

Hooks run on the scheduler's loop, which logs and swallows what they raise. So everything that can fail is done before
the scheduler's state is touched, and an error only means that the graph runs as it is; it is counted and told.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakValueDictionary

from distributed import SchedulerPlugin
from distributed.protocol.serialize import ToPickle

from nbreplay.config import Settings
from nbreplay.errors import NbreplayError
from nbreplay.records import from_bytes
from nbreplay.store import Store
from nbreplay.tasks.entries import Entry, Session
from nbreplay.tasks.finishing import Finishing
from nbreplay.tasks.ledger import Ledger
from nbreplay.tasks.planning import Planning
from nbreplay.tasks.quiet import Quiet
from nbreplay.tasks.report import Stored
from nbreplay.tasks.rewind import Rewind
from nbreplay.tasks.shape import Key

logger = logging.getLogger(__name__)

NAME = "nbreplay"

MARK_TIMEOUT_S = 30.0
"""Seconds to wait for a graph that is being materialised before a cell's counts are given without it."""


class TaskCachePlugin(SchedulerPlugin):
    """One per scheduler, whoever registers it; whoever asks for a client gets a :class:`Session` in it.

    Several may ask for one client, a script's block in a notebook's kernel for instance: the last has its graphs.
    """

    name = NAME
    idempotent = True
    here: ClassVar[WeakValueDictionary[str, TaskCachePlugin]] = WeakValueDictionary()
    """Plugins of schedulers in this process, by the scheduler's id."""

    def __init__(self) -> None:
        self.scheduler: Any = None
        self._marks: dict[str, int] = {}
        self._gone: set[str] = set()
        self.sessions: dict[str, Session] = {}
        self._askers: dict[str, list[str]] = {}
        self.entries: dict[Key, Entry] = {}
        self.in_flight: dict[str, Key] = {}
        self.errors = 0
        self.quiet = Quiet()
        self.finishing = Finishing(self)
        self.planning = Planning(self)
        self.rewind = Rewind(self)

    def __reduce__(self) -> tuple[type[TaskCachePlugin], tuple[()]]:
        return TaskCachePlugin, ()

    async def start(self, scheduler: Any) -> None:
        """Take the scheduler. Called once, when the plugin is registered."""
        self.scheduler = scheduler
        self.here[scheduler.id] = self
        scheduler.stream_handlers |= {
            "nbreplay-label": self.on_label,
            "nbreplay-mark": self.on_mark,
            "nbreplay-data": self.on_data,
            "nbreplay-stored": self.on_stored,
            "nbreplay-broken": self.on_broken,
        }
        scheduler.handlers |= {
            "nbreplay_join": self.join,
            "nbreplay_leave": self.leave_when_stored,
            "nbreplay_tell": self.tell,
            "nbreplay_prints": self.prints,
        }
        self.quiet.install()

    async def close(self) -> None:
        """Record what is waiting, and let go of the stores. Called when the scheduler closes."""
        self.quiet.remove()
        for asker in list(self.sessions):
            self.leave(asker)

    # ------------------------------------------------------------ what clients say

    def join(
        self,
        client: str,
        store: str,
        root: str,
        *,
        serve: bool,
        record: bool,
        workers_fit: bool = True,
        settings: dict[str, Any] | None = None,
        asker: str = "",
    ) -> str:
        """A client asks for the cache, or *asker* for it. Return "" or why it cannot have it."""
        chosen = Settings().but(**(settings or {}))
        asker = asker or client
        known = self.sessions.get(asker)
        if known is not None and str(known.ledger.store.path) == store:
            self._gone.discard(asker)
            self._no_more_graphs(client, asker)
            self._askers.setdefault(client, []).append(asker)
            known.serve, known.record, known.workers_fit = serve, record, workers_fit
            known.tallies.clear()
            return ""
        if known is not None:
            self.leave(asker)
        if not Path(store).is_dir():
            return f"the scheduler does not see {store}"
        try:
            ledger = Ledger(Store.open(Path(store), settings=chosen), Path(root), chosen)
        except (NbreplayError, OSError) as error:
            return str(error)
        self.sessions[asker] = Session(client, ledger, serve, record, workers_fit)
        self._askers.setdefault(client, []).append(asker)
        return ""

    def session_of(self, client: str) -> Session | None:
        """Return the session that a client's graphs belong to now."""
        askers = self._askers.get(client)
        return self.sessions[askers[-1]] if askers else None

    def leave_when_stored(self, client: str, asker: str = "") -> None:
        """Let *asker* go as soon as none of its results is being written."""
        asker = asker or client
        session = self.sessions.get(asker)
        if session is None:
            return
        self._no_more_graphs(session.client, asker)
        if self.finishing.waiting(session):
            self._gone.add(asker)
        else:
            self.leave(asker)

    def _no_more_graphs(self, client: str, asker: str) -> None:
        askers = self._askers.get(client, [])
        if asker in askers:
            askers.remove(asker)
        if not askers:
            self._askers.pop(client, None)

    def leave(self, asker: str) -> None:
        """Whoever asked is gone; what the tasks have yet to tell is not kept."""
        self._gone.discard(asker)
        session = self.sessions.pop(asker, None)
        if session is None:
            return
        self._no_more_graphs(session.client, asker)
        self.finishing.flush(session)
        for key in [key for key, entry in self.entries.items() if entry.session is session and entry.promise is None]:
            self.drop(key)
        try:
            session.ledger.close()
            session.ledger.store.close()
        except Exception:
            logger.warning("the store was not closed well", exc_info=True)

    def on_label(self, client: str, label: str) -> None:
        """A client's next graphs are of this cell. Comes in the client's stream, so before them."""
        session = self.session_of(client)
        if session is not None:
            session.label = label

    def on_data(self, client: str, digests: list[tuple[Key, str]]) -> None:
        """A client has scattered data, and says what it is."""
        session = self.session_of(client)
        if session is not None:
            for key, digest in digests:
                self.planning.scattered(session, key, digest)

    def on_mark(self, client: str, mark: int) -> None:
        """A client has sent *mark* marks; all graphs that it sent before are planned by now."""
        self._marks[client] = mark

    async def tell(
        self, client: str, label: str, mark: int = 0, stored_s: float = 0.0, asker: str = ""
    ) -> dict[str, Any]:
        """Return the counts of a cell, once all graphs that were sent before *mark* are planned.

        With *stored_s*, first wait so long, at most, for results that are being written.
        """
        session = self.sessions.get(asker or client)
        if session is None:
            return {}
        end = time.monotonic() + MARK_TIMEOUT_S
        while self._marks.get(client, 0) < mark and time.monotonic() < end:
            await asyncio.sleep(0.001)
        end = time.monotonic() + stored_s
        while self.finishing.waiting(session) and time.monotonic() < end:
            await asyncio.sleep(0.01)
        if stored_s:
            await asyncio.get_running_loop().run_in_executor(None, session.ledger.settle, stored_s)
        tally = session.tally(label)
        problems = session.ledger.take_problems()
        tally.problems += [problem for problem in problems if problem not in tally.problems]
        return {"tally": ToPickle(copy.deepcopy(tally)), "errors": self.errors}

    def prints(self, keys: list[Key]) -> list[str]:
        """Return P of each of *keys*, "" where there is none."""
        found = (self.entries.get(key) for key in keys)
        return [entry.provenance or "" if entry is not None else "" for entry in found]

    # ------------------------------------------------------------ what workers say

    def on_stored(self, worker: str, stored: bytes) -> None:
        """A worker has written a result, or not."""
        self._guard(self.finishing.stored, from_bytes(Stored, stored))
        for asker in list(self._gone):
            self._guard(self.leave_when_stored, asker)

    def on_broken(self, worker: str, key: Key, reason: str, unseen: bool = False) -> None:
        """A worker could not load a result; the task comes back to us as rescheduled next.

        *unseen* says that the worker does not see the store's folder.
        """
        self.rewind.reasons[key] = reason
        if unseen:
            self.rewind.unseen.add(key)

    # ------------------------------------------------------------ hooks of the scheduler

    def update_graph(
        self,
        scheduler: Any,
        *,
        client: str,
        keys: set[Key],
        tasks: list[Key],
        annotations: Any,
        priority: Any,
        stimulus_id: str,
        **kwargs: Any,
    ) -> None:
        """A graph has arrived: every task exists, the new ones are ``released``, no transition was made."""
        session = self.session_of(client)
        if session is not None:
            self._guard(self.planning.graph, session, keys, tasks, stimulus_id)

    def transition(self, key: Key, start: str, finish: str, *args: Any, stimulus_id: str, **kwargs: Any) -> None:
        """A task has changed its state; what follows from that was decided, and not done yet."""
        entry = self.entries.get(key)
        if entry is None:
            return
        if finish == "memory":
            self._guard(self.finishing.memory, key, entry, kwargs.get("metadata"), str(kwargs.get("worker", "")))
        elif finish == "released":
            if start == "processing" and entry.promise is not None and stimulus_id.startswith("reschedule"):
                self._guard(self.rewind.broken, key, entry)
        elif finish == "erred":
            self._guard(self.finishing.erred, entry, kwargs.get("cause") == key)
        elif finish == "waiting":
            if not self.scheduler.tasks[key].waiting_on:
                self._guard(self.finishing.ready, key)
        elif finish == "forgotten":
            self._guard(self.finishing.forgotten, key, entry)

    def remove_client(self, scheduler: Any, client: str) -> None:
        """A client has gone; what its workers are still writing is waited for."""
        for asker in list(self._askers.get(client, ())):
            self._guard(self.leave_when_stored, asker)

    def remove_worker(self, scheduler: Any, worker: str, *, stimulus_id: str, **kwargs: Any) -> None:
        """A worker has gone; what it was writing is waited for if it can still tell, and not for ever."""
        cut_off = stimulus_id.startswith("handle-worker-cleanup")  # its stream has ended
        self._guard(lambda: self.finishing.worker_lost(worker, cut_off=cut_off))

    def restart(self, scheduler: Any) -> None:
        """Everything is forgotten by now; clients stay."""
        for key in list(self.entries):
            self.drop(key)
        self.in_flight.clear()

    # ------------------------------------------------------------

    def drop(self, key: Key) -> None:
        """Forget what is known of *key*."""
        entry = self.entries.pop(key, None)
        provenance = (entry.provenance or entry.strayed) if entry is not None else ""
        if self.in_flight.get(provenance) == key:
            del self.in_flight[provenance]
        self.quiet.forget(key)

    def _guard(self, act: Callable[..., None], *args: Any) -> None:
        """Run *act*; an error costs the cache, never the user's graph."""
        try:
            act(*args)
        except Exception as error:
            self.errors += 1
            logger.warning("the task cache failed, tasks run without it", exc_info=True)
            for session in self.sessions.values():
                problem = f"task cache: {type(error).__name__}: {error}"
                if problem not in session.ledger.problems:
                    session.ledger.problems.append(problem)
