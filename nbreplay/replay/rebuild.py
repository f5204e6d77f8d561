"""Making again what could not be kept, or is damaged: the runs that touched it, in a namespace apart.

Every run that made, advanced or changed the value is run again, in order, each with the inputs it had. What it shows
goes nowhere, and no name of the user's but the one that is wanted is changed. A run with effects outside its namespace
is never run again by itself: the user is told which cell to run.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import logging
import threading
from collections.abc import Collection, Iterator
from typing import Any

from nbreplay.fingerprint import Mode, walk
from nbreplay.namespace import Tracker, cell_names
from nbreplay.records import CellRun
from nbreplay.replay.session import Session
from nbreplay.serialize.standin import StandIn

logger = logging.getLogger(__name__)


_HOSTS = frozenset({"IPython", "ipykernel", "tornado", "zmq", "nbreplay", "asyncio"})
"""Whose threads a kernel has."""


class CannotRebuild(Exception):
    """Why a value is not made again by itself."""


def rebuild(session: Session, names: Collection[str], unloaded: Collection[str]) -> list[str]:
    """Make those of *names* again that did not come back whole; return what could not be made, in words for the user.

    Parameters
    ----------
    session : Session
        The live session; its tracker has just brought *names* to life.
    names : collection of str
        Names that the next cell reads.
    unloaded : collection of str
        Those that were not loaded before: only they can have come back broken.
    """
    tracker = session.tracker
    problems = []
    done: set[str] = set()
    for name in sorted(names):
        state = tracker.states.get(name)
        value = tracker.user_ns.get(name)
        broken = type(value) is StandIn or (name in unloaded and state is not None and state.hole is not None)
        if state is None or not broken or name in done or not name.isidentifier():
            continue
        together = {name, *(each for group in tracker.group_of([name]) for each in group.names if each.isidentifier())}
        try:
            made = _make(session, name, together)
        except CannotRebuild as e:
            problems.append(f"{name} could not be made again: {e}")
            continue
        tracker.user_ns.update(made)
        done |= together
    return problems


def _make(session: Session, name: str, together: set[str]) -> dict[str, Any]:
    runs = _runs(session, name)
    for run in runs:
        _check(run)
    if session.shell is None:
        raise CannotRebuild("there is no shell to read its cells with")
    kept: dict[str, Any] = {}
    with _set_aside(session.tracker.user_ns) as apart:
        _run_all(session, runs, together, apart, kept)
        if name not in kept:
            raise CannotRebuild(f"{_cell(runs[-1])} did not make it this time")
        _check_classes(session, kept, apart)
    return kept


@contextlib.contextmanager
def _set_aside(namespace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Empty *namespace* inside: what is made there, a generator say, has the live one as its globals ever after.

    Other threads of the user's would look names up meanwhile.
    """
    others = [each.name for each in threading.enumerate() if not _is_hosts(each)]
    if others:
        raise CannotRebuild(f"the thread {others[0]} runs, and may use the names meanwhile; run its cell")
    held = dict(namespace)
    try:
        namespace.clear()
        namespace.update({"__name__": "__main__", "__builtins__": builtins, "__doc__": None})
        yield namespace
    finally:
        namespace.clear()
        namespace.update(held)


def _is_hosts(thread: threading.Thread) -> bool:
    """Whether *thread* belongs to the kernel, which runs no code of the user's in it."""
    if thread is threading.main_thread() or thread.name.startswith("nbreplay-"):
        return True
    places = (type(thread).__module__, getattr(getattr(thread, "_target", None), "__module__", None))
    return any(str(place).partition(".")[0] in _HOSTS for place in places)


def _run_all(
    session: Session, runs: list[CellRun], together: set[str], apart: dict[str, Any], kept: dict[str, Any]
) -> None:
    """Run *runs* in the namespace *apart*; what they made of *together* is *kept*."""
    tracker = Tracker(apart, session.store, run=session.run, settings=session.settings)
    tracker.root = session.root
    for run in runs:
        try:
            tracker.restore(session.manifest(run.parent))
        except LookupError:
            raise CannotRebuild(f"what {_cell(run)} saw is not in the store any more") from None
        tracker.leave_ambient()
        tracker.take_definitions(session.tracker)
        apart.update(kept)
        _run(session, tracker, run, together)
        kept.clear()
        kept.update({each: apart[each] for each in together if each in apart})


def _runs(session: Session, name: str) -> list[CellRun]:
    state = session.tracker.states[name]
    if state.hole is not None and state.hole.touched_by:
        boundaries = list(state.hole.touched_by)
    else:
        boundaries = [(state.unit or "").rpartition("/")[0]]
    runs = []
    for boundary in boundaries:
        known = session.lineage.get(boundary)
        if known is None or not known.own:
            raise CannotRebuild("the cell that made it is not recorded here")
        runs.append(known.run)
    return runs


def _check(run: CellRun) -> None:
    """Refuse runs that reach outside: running them again could do harm, or give something else."""
    why = ""
    if run.outcome != "ok" or not run.source:
        why = "it did not end well"
    elif run.files_written:
        why = "it writes files"
    elif run.marks:
        why = run.marks[0].removeprefix("never: ")
    elif any(key.startswith("rng:") for key in run.reads.ambient):
        why = "it draws random numbers"
    elif run.writes.ambient:
        why = f"it changes what the process has: {next(iter(run.writes.ambient))}"
    elif run.tasks.total:
        why = "it runs tasks on a cluster"
    if why:
        raise CannotRebuild(f"{_cell(run)} would have to run, and {why}; run it again yourself")


def _run(session: Session, tracker: Tracker, run: CellRun, together: set[str]) -> None:
    try:
        source = session.shell.transform_cell(run.source)
        tree = ast.parse(source)
        code = compile(tree, f"<{_cell(run)}>", "exec")
    except (SyntaxError, ValueError) as e:
        raise CannotRebuild(f"{_cell(run)} cannot be run apart: {e}") from None
    if "get_ipython" in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}:
        raise CannotRebuild(f"{_cell(run)} uses a magic; run it again yourself")
    names = cell_names(source, tracker.states)
    held = {each: tracker.user_ns[each] for each in together if each in tracker.user_ns}
    problems = tracker.bring(tracker.touched(names))
    tracker.user_ns.update(held)
    lost = [each for each in names.loads if type(tracker.user_ns.get(each)) is StandIn]
    if lost:
        raise CannotRebuild(f"{_cell(run)} needs {lost[0]}: {'; '.join(problems)}")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            exec(code, tracker.user_ns)  # the user's own cell, from an own record, as it ran before
    except Exception as e:
        raise CannotRebuild(f"{_cell(run)} raised {type(e).__name__}: {e}") from e


def _check_classes(session: Session, kept: dict[str, Any], apart: dict[str, Any]) -> None:
    """Refuse instances of classes that were made apart: there would be two of a class that is one."""
    for value in kept.values():
        found = walk(value, mode=Mode.NAMESPACE, home=apart)
        for each in found.definitions:
            if isinstance(each, type) and each.__module__ == "__main__" and not session.tracker.knows(each):
                raise CannotRebuild(f"its class {each.__qualname__} would be another object; run its cell")


def _cell(run: CellRun) -> str:
    return f"cell {run.position}" if run.position is not None else "the cell that made it"
