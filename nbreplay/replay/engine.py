"""What a kernel talks to: one engine for both kernels, with one policy.

The kernel calls, on its main thread and never nested::

    decision = engine.begin(request)      # Repeat may have served it: state and files are in place, outputs to replay
    ...                                   # otherwise the user's code runs here
    status = engine.finish(outcome=..., outputs=..., stop=...)

Nothing here may fail the user's cell: trouble with the store ends in ``saved: false`` and a reason.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbreplay.config import Settings
from nbreplay.fingerprint import Mode, cell_fingerprint, walk
from nbreplay.fingerprint.openers import fill
from nbreplay.fingerprint.packages import installed
from nbreplay.namespace import cell_names
from nbreplay.records import CellVisit, OutputMessage
from nbreplay.replay import serve
from nbreplay.replay.commands import Commands
from nbreplay.replay.commit import Committed, Job
from nbreplay.replay.explain import Reason, why_it_runs
from nbreplay.replay.match import Difference
from nbreplay.replay.request import CellRequest, CellStatus, Decision, Outcome, Policy, Served
from nbreplay.replay.running import Running, record_outside
from nbreplay.replay.session import Session
from nbreplay.replay.start import NotebookFile, boundary_before_first

logger = logging.getLogger(__name__)

ALWAYS, SKIP = "nbreplay-always", "nbreplay-skip"


def warm() -> None:
    """Import what the first cell needs, in whatever thread; nothing else is changed."""
    fill()
    walk([0], mode=Mode.VALUE)
    installed("numpy")  # the first look at installed distributions reads many files
    importlib.import_module("nbreplay.serialize.units")
    importlib.import_module("concurrent.futures")


class Engine:
    """Records cell runs and, under Repeat, lets recorded ones stand in for running.

    Parameters
    ----------
    shell_ns : dict
        The user's namespace, live; it is never replaced.
    policy : Policy
        Audit or Repeat.
    store_path : Path
        Folder of the store; made at the first write.
    notebook : Path or None
        The notebook file, where it is known: it maps cell ids to numbers.
    root : Path
        The notebook's folder: paths below it are kept relative.
    settings : Settings
    shell : InteractiveShell or None
        For ambient state that IPython holds.
    """

    def __init__(
        self,
        *,
        shell_ns: dict[str, Any],
        policy: Policy,
        store_path: Path,
        notebook: Path | None,
        root: Path,
        settings: Settings,
        shell: object = None,
    ) -> None:
        self.session = Session(
            shell_ns=shell_ns, policy=policy, store_path=store_path, root=root, settings=settings, shell=shell
        )
        self.session.on_settled = self._settled
        self.notebook = NotebookFile(notebook)
        self.enabled = True
        self.visits: list[CellVisit] = []
        self.commands = Commands(self)
        self._running: Running | None = None
        self._served: tuple[CellRequest, Served, float] | None = None
        self._started = False
        self._undisturbed = True
        """Whether every cell so far was served, or none ran: what comes next sees what it saw when recorded."""

    # ------------------------------------------------------------ a cell

    def begin(self, request: CellRequest, stop: Callable[[], bool] = lambda: False) -> Decision:
        """Decide on *request*, and make ready what it needs: served, or ready to run.

        Raises
        ------
        KeyboardInterrupt
            *stop* said so while something was waited for; :meth:`finish` may be called all the same.
        """
        began = time.perf_counter()
        session = self.session
        session.idle.busy(True)
        session.heed()
        session.collect()
        if not self.enabled:
            session.committer.make_room(None, stop)
            return Decision(serve=None, reason="off")
        session.notice_new_store()
        unsure, session.interrupted = session.interrupted and bool(session.tracker.pending), False
        if not unsure:
            record_outside(session, stop)
        code = cell_fingerprint(request.source)
        position = request.position or self.notebook.number_of(request.cell_id)
        if not self._started:
            self._started = True
            if session.policy.serves:
                self._start(code, request, position)
        reason = Reason("audit runs everything")
        blocked: Difference | None = None
        if session.policy.serves:
            if ALWAYS in request.tags:
                reason = Reason(f"tagged {ALWAYS}")
            elif unsure:
                reason = Reason("an earlier checkpoint was interrupted")
            elif SKIP not in request.tags:
                if session.committer.pending(code):
                    session.settle(stop)  # it ran just now: its record may stand in for it
                found = serve.find(session, code, undisturbed=self._undisturbed)
                if found.run is not None:
                    session.settle(stop)  # what it replaces may be on its way into the store
                    served = serve.apply(session, found.run, request, foreign=found.foreign)
                    if served is not None:
                        self._served = (request, served, began)
                        return Decision(serve=served, reason=found.reason)
                blocked = found.blocked
                reason = why_it_runs(
                    code,
                    request.source,
                    cell_id=request.cell_id,
                    position=position,
                    lineage=session.lineage,
                    present=session.now,
                )
                if found.reason:
                    reason = Reason(found.reason)
        self._undisturbed = False
        names = cell_names(request.transformed, session.tracker.states)
        self._running = Running(
            session, request, code, position, names, reason, blocked is not None, began, stop, unsure
        )
        return Decision(serve=None, reason=reason.text)

    def finish(self, *, outcome: Outcome, outputs: list[OutputMessage], stop: Callable[[], bool]) -> CellStatus:
        """Record what *begin* started, and say what became of it."""
        try:
            return self._finish(outcome, outputs, stop)
        finally:
            self.session.idle.busy(False)

    def _finish(self, outcome: Outcome, outputs: list[OutputMessage], stop: Callable[[], bool]) -> CellStatus:
        if self._served is not None:
            request, served, began = self._served
            self._served = None
            status = self._finish_served(request, served, began)
        elif self._running is not None:
            running, self._running = self._running, None
            status = running.finish(outcome, outputs, skip=SKIP in running.request.tags, stop=stop)
            request = running.request
        else:
            state = "executed" if outcome == "ok" else "failed"
            reason = "interrupted before it ran" if self.enabled else "recording is off"
            return CellStatus(
                state=state, reason=reason, saved=False, saved_reason="interrupted" if self.enabled else "off"
            )
        self._visit(request, status)
        return status

    def touch(self, reason: str) -> None:
        """Something else than a recorded cell ran: any name may have changed. Callable from any thread."""
        self.session.tracker.mark_touched(reason)

    # ------------------------------------------------------------ helpers

    def _start(self, code: Any, request: CellRequest, position: int | None) -> None:
        session = self.session
        boundary = boundary_before_first(
            code, cell_id=request.cell_id, position=position, cells=self.notebook.cells(), lineage=session.lineage
        )
        if boundary is None or not session.lineage.trusted(boundary):
            return
        with contextlib.suppress(LookupError):  # a run on the way was forgotten: start empty
            session.tracker.restore(session.manifest(boundary))
            session.boundary = boundary

    def _finish_served(self, request: CellRequest, served: Served, began: float) -> CellStatus:
        overhead_s = time.perf_counter() - began
        run = served.run
        reason = "nondeterministic: " + ", ".join(run.marks) if run.marks else "its inputs hold"
        if served.foreign:
            reason += "; somebody else's record, taken as data"
        position = self.notebook.number_of(request.cell_id)
        saved_reason = serve.record(self.session, request, run, position, foreign=served.foreign)
        return CellStatus(
            state="restored",
            reason=reason,
            index=request.position or self.notebook.number_of(request.cell_id) or run.position,
            cell_id=request.cell_id,
            recorded_s=run.run_s,
            overhead_s=overhead_s,
            saved=not saved_reason,
            saved_reason=saved_reason,
        )

    def _visit(self, request: CellRequest, status: CellStatus) -> None:
        session = self.session
        visit = CellVisit(
            session=session.run,
            number=len(self.visits) + 1,
            kernel=session.policy.value,
            boundary=session.boundary or "",
            state=status.state,
            reason=status.reason,
            detail=status.detail,
            cell_id=request.cell_id,
            position=status.index,
            source=request.source,
            run_s=status.run_s,
            recorded_s=status.recorded_s,
            overhead_s=status.overhead_s,
            bytes_written=status.bytes_written,
            saved=status.saved,
            saved_reason=status.saved_reason,
            tasks=status.tasks,
            task_rows=status.task_rows,
            wall_time=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        )
        self.visits.append(visit)
        if SKIP not in request.tags:
            session.committer.visit(visit)

    def settle(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait for what is written behind the replies; the visits of those cells then tell how it ended."""
        self.session.settle(stop)

    def _settled(self, job: Job, committed: Committed) -> None:
        """Say of the visit that led to the boundary of *job* what became of it."""
        for index in range(len(self.visits) - 1, -1, -1):
            visit = self.visits[index]
            if visit.saved == "pending" and visit.boundary == job.boundary:
                saved = committed.run is not None
                self.visits[index] = settled = dataclasses.replace(
                    visit,
                    saved=saved,
                    saved_reason=committed.reason,
                    bytes_written=committed.bytes_written,
                    boundary=job.boundary if saved else "",
                )
                self.session.committer.visit(settled)
                return

    def started_at_boundary(self) -> None:
        """A restore chose where to begin: the first request is not a hint any more, and nothing disturbed the state."""
        self._started = True
        self._undisturbed = True

    def close(self) -> None:
        """Wait for the writer, then let go of everything."""
        self.settle()
        self.session.close()
