"""A cell whose code runs: what it may see is made ready before, what it changed is found and kept after."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nbreplay.digest import Digest, Fingerprint
from nbreplay.files import keep, merge
from nbreplay.namespace import Capture, CellNames, Stopped, Touched
from nbreplay.namespace.patches import shared_with, stored_while_imported
from nbreplay.records import CellRun, FileState, Group, OutputMessage, Reads, TaskCounts, Writes
from nbreplay.replay.commit import Committed, Job
from nbreplay.replay.explain import Reason
from nbreplay.replay.late import NEVER, UNFINISHED
from nbreplay.replay.logs import logging_changed, logging_state, names_logging
from nbreplay.replay.marks import reads_inputs, static_marks
from nbreplay.replay.match import PYTHON
from nbreplay.replay.place import bound_to
from nbreplay.replay.process_state import process_changes
from nbreplay.replay.rebuild import rebuild
from nbreplay.replay.request import CellRequest, CellStatus, Outcome, state_of_run
from nbreplay.replay.session import Session
from nbreplay.tasks import CellTasks

logger = logging.getLogger(__name__)

OUTSIDE = Fingerprint(Digest("0" * 32))
"""The fingerprint of what no cell announced: it is recorded, so that boundaries are whole, and never served."""


class Running:
    """One cell run, from just before the user's code to its record."""

    def __init__(
        self,
        session: Session,
        request: CellRequest,
        code: Fingerprint,
        position: int | None,
        names: CellNames,
        reason: Reason,
        blocked: bool,
        began: float,
        stop: Callable[[], bool],
        unsure: bool = False,
    ) -> None:
        self.session = session
        self.unsure = unsure
        self.request = request
        self.code = code
        self.position = position
        self.reason = reason
        self.blocked = blocked
        self.boundary = session.next_boundary()
        tracker = session.tracker
        self.touched: Touched = tracker.touched(names)
        self.names = names
        self.reads: Reads = tracker.reads(self.touched, names)
        session.committer.make_room(None if self.touched.everything else self.touched.names, stop)
        unloaded = {name for name in self.touched.names if not tracker.loaded(name)}
        self.problems = tracker.bring(self.touched)
        unmade = tracker.unmade(self.reads.names)
        if self.problems or unmade:
            session.settle()  # what made a hole may be on its way into the store
            self.problems = rebuild(session, self.reads.names, unloaded | unmade)
        tracker.follow_modules(request.transformed, self.touched)
        self.groups_before: tuple[Group, ...] = tracker.group_of(self.touched.names)
        self.ambient_before = dict(tracker.ambient_digests())
        session.cache.begin(self.boundary)
        self._modules_before = frozenset(session.local_modules.names)
        self._logging_before = logging_state()
        self._background = tracker.background
        self._hooks_before = tracker.hooks()
        self._watching = session.watch.scope(session.root, threads="main+children")
        self._scope = self._watching.__enter__()
        self.ready_s = time.perf_counter() - began
        self._ran = time.perf_counter()

    def finish(
        self,
        outcome: Outcome,
        outputs: list[OutputMessage],
        *,
        skip: bool,
        stop: Callable[[], bool],
    ) -> CellStatus:
        """Find what changed, write it, and say what became of the cell."""
        ended = time.perf_counter()
        run_s = ended - self._ran
        session = self.session
        self._watching.__exit__(None, None, None)
        session.late.look(session)
        tasks = session.cache.end()
        for problem in tasks.problems:
            session.tell(problem)
        committed: Committed | None
        if skip:
            session.tracker.mark_touched("a cell that is not recorded")
            committed = Committed(None, reason="tagged nbreplay-skip")
        else:
            committed = self._commit(outcome, outputs, tasks, run_s, stop)
        overhead_s = self.ready_s + time.perf_counter() - ended
        state = state_of_run(outcome, tasks.counts)
        if skip and outcome == "ok":
            state = "skipped"
        elif self.blocked and outcome == "ok":
            state = "blocked"
        return CellStatus(
            state=state,
            reason=self.reason.text,
            detail=(*self.reason.detail, *self.problems),
            index=self.position,
            cell_id=self.request.cell_id,
            run_s=run_s,
            overhead_s=overhead_s,
            bytes_written=committed.bytes_written if committed is not None else 0,
            saved="pending" if committed is None else committed.run is not None,
            saved_reason="" if committed is None else committed.reason,
            tasks=tasks.counts,
            task_rows=tuple(tasks.why),
            compared=tasks.compared,
            differing=tuple(tasks.differing),
        )

    def _commit(
        self,
        outcome: Outcome,
        outputs: list[OutputMessage],
        tasks: CellTasks,
        run_s: float,
        stop: Callable[[], bool],
    ) -> Committed | None:
        session = self.session
        tracker = session.tracker
        session.collect()  # if an earlier boundary was not saved, this one includes its changes
        try:
            capture: Capture = tracker.capture(self.touched, boundary=self.boundary, stop=stop)
        except Stopped:
            session.interrupted = True
            tracker.mark_touched("its checkpoint was interrupted")
            return Committed(None, reason="interrupted while it was saved")
        except Exception as e:  # a host boundary: saving must not fail the user's cell
            logger.warning("the namespace could not be captured", exc_info=True)
            tracker.mark_touched("its checkpoint failed")
            return Committed(None, reason=f"the namespace could not be captured: {type(e).__name__}: {e}")
        seen = self._scope.seen()
        files_read, files_written = merge(
            ((seen.reads, seen.writes), (tasks.files_read, tasks.files_written)),
        )
        for path, state in self._modules_used().items():
            if path not in files_written:
                files_read[path] = state
        marks = self._marks(seen.refusals, seen.marks, tasks, capture)
        occurrence = sum(
            1
            for known in session.lineage.of_code(self.code)
            if known.run.run == session.run and known.run.boundary != self.boundary
        ) + session.committer.pending(self.code)
        reads = self._reads(capture)
        streams = [pending.dumped.stream for pending in capture.units]
        folder = bound_to(session.root, self.names.words, streams, outputs)
        parent, number = session.boundary, session.number + 1

        def files() -> dict[str, FileState]:
            return keep(files_written, session.root, session.store.put) if session.store is not None else files_written

        def build(*, writes: Writes, outputs: Any, files: dict[str, FileState], bytes_written: int) -> CellRun:
            return CellRun(
                boundary=self.boundary,
                parent=parent,
                run=session.run,
                number=number,
                code=self.code,
                source=self.request.source,
                outcome=outcome,
                cell_id=self.request.cell_id,
                position=self.position,
                occurrence=occurrence,
                execution_count=self.request.execution_count,
                reads=reads,
                writes=writes,
                files_read=files_read,
                files_written=files,
                outputs=outputs,
                run_s=run_s,
                overhead_s=self.ready_s,
                bytes_written=bytes_written,
                tasks=tasks.counts,
                task_names=dict(tasks.by_name),
                marks=marks,
                state=state_of_run(outcome, tasks.counts),
                reason=self.reason.text,
                python=PYTHON,
                wall_time=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
                folder=folder,
            )

        job = Job(
            capture=capture,
            boundary=self.boundary,
            parent=parent,
            code=self.code,
            files=files if files_written else None,
            write=lambda: tracker.write(capture),
            outputs=outputs,
            build=build,
        )
        return session.commit(job, behind=capture.new_bytes > session.settings.commit_before_reply_bytes)

    def _modules_used(self) -> dict[str, FileState]:
        """Return the files of local modules that the cell could reach, as they were loaded."""
        modules = self.session.local_modules
        modules.refresh()
        return modules.used_by(self.session.tracker.objects(self.touched.names))

    def _reads(self, capture: Capture) -> Reads:
        """Return what the run saw: what it changed in place counts with all that shared it before."""
        changed = set(capture.changed)
        groups = {group.names: group for group in self.reads.groups}
        shared = {name for group in self.groups_before for name in group.names}
        for group in self.groups_before:
            if changed.intersection(group.names):
                groups[group.names] = group
        for name, digest in self.reads.names.items():
            if digest is not None and name in changed and name not in shared:
                groups[(name,)] = Group(names=(name,), digest=digest)
        names, definitions = dict(self.reads.names), dict(self.reads.definitions)
        # Instances change with their class, though the cell names only that: what they were before counts.
        for name in sorted(changed.difference(self.touched.names, names)):
            state = self.session.tracker.states.get(name)
            if state is not None:
                groups.update((group.names, group) for group in self.session.tracker.group_of([name]))
                names[name] = state.digest
                definitions[name] = state.definitions
        after = self.session.tracker.ambient_digests()
        ambient = dict(self.reads.ambient)
        for key, digest in self.ambient_before.items():
            if key.startswith("rng:"):
                # A generator's state is an input if, and only if, it moved.
                ambient.pop(key, None)
                if after.get(key) != digest:
                    ambient[key] = digest
        return replace(self.reads, names=names, groups=tuple(groups.values()), ambient=ambient, definitions=definitions)

    def _marks(self, refusals: list[str], seen: list[str], tasks: CellTasks, capture: Capture) -> tuple[str, ...]:
        marks = [*seen, *tasks.marks, *static_marks(self.request.transformed, self.session.tracker.user_ns)]
        marks += [f"unseeded {key[4:]}" for key in capture.unseeded]
        outside = self._shared_outside(capture)
        if tasks.unfinished:
            refusals = [*refusals, UNFINISHED]
            self.session.late.note(self.boundary)
        elsewhere = self._runs_elsewhere(capture)
        if elsewhere:
            refusals = [*refusals, elsewhere]
        unbound = self.reads.names.keys() - self.session.tracker.states.keys()
        if reads_inputs(self.request.transformed, unbound, bool(self.touched.everything)):
            refusals = [*refusals, "it reads the text of cells"]
        set_up = process_changes(self.request.transformed, self.session.tracker.user_ns)
        if set_up:
            refusals = [*refusals, *set_up]
        if outside:
            # Served, the name would be an object of its own, and what holds it outside would not see its changes.
            refusals = [*refusals, outside]
        if self.unsure:
            refusals = [*refusals, "what it read may have been changed by a cell whose checkpoint was interrupted"]
        if capture.carried:
            # Its record also holds what an earlier cell did: served alone, it would bring that along.
            refusals = [*refusals, f"{capture.carried[0]} may have been changed by a cell that was not saved"]
        return tuple(dict.fromkeys([*(NEVER + refusal for refusal in refusals), *marks]))

    def _runs_elsewhere(self, capture: Capture) -> str:
        """Return why not only the cell's own code made what is recorded, or will run without it; "" if it did."""
        tracker = self.session.tracker
        background = self._background or tracker.background
        if background:
            return background
        before = {id(hook) for hook in self._hooks_before}
        hooks = tracker.hooks()
        if {id(hook) for hook in hooks} != before:
            return "it changes what Python or a library calls by itself"
        shared = sorted(tracker.shared_with_hooks().intersection(capture.changed)) if hooks else []
        if shared:
            return f"{shared[0]} is also in what Python or a library calls by itself"
        if capture.unforeseen:
            return f"it changed {capture.unforeseen}, to which its code does not lead"
        return ""

    def _shared_outside(self, capture: Capture) -> str:
        """Return what the cell left in places that no record brings back, or shares with them; "" if nothing."""
        names = self.session.tracker.linking(capture.changed)
        set_up = stored_while_imported(self.request.transformed, self.session.tracker.user_ns, self._modules_before)
        if set_up:
            return f"it imports the module {set_up} and changes it"
        loose = self.session.tracker.loose_figure()
        if loose:
            return loose
        reached = (self.session.tracker.user_ns.get(name) for name in self.touched.names)
        quiet = not names_logging(self.request.transformed, reached)
        return shared_with(names, self.session.local_modules.names) or logging_changed(
            self._logging_before, self._logging_before if quiet else logging_state(), names
        )


def record_outside(session: Session, stop: Callable[[], bool]) -> None:
    """Record changes that belong to no recorded cell, so that they are not taken for the next cell's.

    Raises
    ------
    KeyboardInterrupt
        *stop* said so; the changes stay pending.
    """
    tracker = session.tracker
    if not tracker.pending:
        return
    reason = tracker.pending
    touched = Touched(names=frozenset(tracker.states), everything=reason)
    boundary, parent, number = session.next_boundary(), session.boundary, session.number + 1
    try:
        capture = tracker.capture(touched, boundary=boundary, stop=stop)
    except Stopped:
        session.interrupted = True
        raise KeyboardInterrupt from None
    except Exception:  # a host boundary: the changes stay pending
        logger.warning("changes outside of cells could not be captured", exc_info=True)
        return
    if not capture.changed:
        tracker.accept(capture)
        return

    def build(*, writes: Writes, outputs: Any, files: dict[str, FileState], bytes_written: int) -> CellRun:
        return CellRun(
            boundary=boundary,
            parent=parent,
            run=session.run,
            number=number,
            code=OUTSIDE,
            source="",
            outcome="ok",
            writes=writes,
            bytes_written=bytes_written,
            tasks=TaskCounts(),
            reason=reason,
            python=PYTHON,
        )

    job = Job(
        capture=capture,
        boundary=boundary,
        parent=parent,
        code=OUTSIDE,
        files=None,
        write=lambda: tracker.write(capture),
        outputs=[],
        build=build,
    )
    session.commit(job, behind=capture.new_bytes > session.settings.commit_before_reply_bytes)
    # Often this is a second attempt at what could not be written: the next cell's boundary must not stand on it before
    # it is known to hold.
    session.settle(stop)
