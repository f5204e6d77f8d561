"""One execute request after another: begin, serve or run, finish.

The shell and the kernel are called by IPython and ipykernel and hand on to here; the replay engine is called from here,
only on the main thread, for a cell of the user's, never for a cell that runs within another. An error of the engine's
is said once on stderr and in the status, and never fails the cell.

=============================================  =====================================================================
request                                        what is done
=============================================  =====================================================================
cell                                           begin, served or run, finish
cell with a syntax error                       begin and finish, failed
``silent``, or ``store_history`` false         run; the namespace is marked as touched
only ``%nbreplay`` lines                       run; not recorded
white space                                    nothing; ``empty``
behind an error                                nothing; ``skipped``
on a subshell (another thread)                 run; touched before and after, so that a capture meanwhile notices
=============================================  =====================================================================
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nbreplay.foreign import Interrupted, Overdue
from nbreplay.kernels import interrupts
from nbreplay.kernels.capture import Tap, flush_streams
from nbreplay.kernels.status import cell_object
from nbreplay.replay.outputs import PAYLOAD, encode

if TYPE_CHECKING:
    from nbreplay.replay.engine import Engine
    from nbreplay.replay.request import Outcome, Served

logger = logging.getLogger(__name__)

_OUR_MAGIC = re.compile(r"\s*%nbreplay\b")
_INTERRUPTS = ("KeyboardInterrupt", "CancelledError")


@dataclass
class Turn:
    """One execute request on the main thread."""

    source: str
    request: str
    recorded: bool
    only_ours: bool = False
    touches: str = ""
    cell_id: str | None = None
    position: int | None = None
    tags: tuple[str, ...] = ()
    begun: bool = False
    served: Served | None = None
    transformed: str | None = None
    execution_count: int = 0
    problems: list[str] = field(default_factory=list)

    def unrecorded(self, state: str, reason: str, saved_reason: str = "") -> dict[str, Any]:
        """Return the status of this cell, of which no record speaks."""
        return cell_object(state, reason, index=self.position, cell_id=self.cell_id, saved_reason=saved_reason)


class Turns:
    """What happens around the cells of one kernel.

    Parameters
    ----------
    make_engine : Callable[[], Engine]
        Called once, at the first cell of the user's.
    tap : Tap
        Where outputs are taken.
    replay : Callable[[Served, int], list[str]]
        Sends recorded outputs; returns what could not be shown.
    quiet : Callable[[], ContextManager]
        Keeps what is printed on this thread (by a user's ``__reduce__``, by a warning) out of the cell's outputs.
    """

    def __init__(
        self,
        make_engine: Callable[[], Engine],
        tap: Tap,
        replay: Callable[[Served, int], list[str]],
        quiet: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._quiet = quiet
        self._make_engine = make_engine
        self._tap = tap
        self._replay = replay
        self._engine: Engine | None = None
        self._no_engine = ""
        self._said: set[str] = set()
        self._pid = os.getpid()
        self.turn: Turn | None = None
        self.depth = 0

    # ------------------------------------------------------------ called by the kernel

    def here(self) -> bool:
        """Whether this is the kernel's own process and main thread."""
        return threading.current_thread() is threading.main_thread() and os.getpid() == self._pid

    def open(
        self, source: str, *, request: str, silent: bool, store_history: bool, metadata: Mapping[str, Any] | None
    ) -> Turn:
        """Begin the turn of an execute request."""
        metadata = metadata if isinstance(metadata, Mapping) else {}
        given = metadata.get("nbreplay")
        position = given.get("position") if isinstance(given, Mapping) else None
        cell_id = metadata.get("cellId")
        tags = metadata.get("tags")
        lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        ours = [bool(_OUR_MAGIC.match(line)) for line in lines]
        only_ours = bool(lines) and all(ours)
        turn = Turn(
            source=source,
            request=request,
            recorded=store_history and not silent and not only_ours,
            only_ours=only_ours,
            cell_id=cell_id if isinstance(cell_id, str) else None,
            position=position if isinstance(position, int) else None,
            tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        )
        if any(ours):
            turn.tags = (*turn.tags, "nbreplay-always")  # what it shows is about now
        if not turn.recorded and not only_ours:
            turn.touches = "code ran that is not in the history"
        self.turn, self.depth = turn, 0
        if turn.recorded:
            self._tap.open(request)
        return turn

    def close(self, turn: Turn, reply: Mapping[str, Any] | None) -> dict[str, Any] | None:
        """End *turn* when its code has run; return the status of the cell, None if it was no cell."""
        if os.getpid() != self._pid:  # a child that the cell forked, and that came out of it
            return None
        stop = interrupts.until_reply()
        self.turn, self.depth = None, 0
        if turn.source == "" or turn.source.isspace():
            self._tap.close()
            return turn.unrecorded("empty", "no code")
        if not turn.recorded:
            if turn.touches:
                self.touch(turn.touches)
                return None
            return turn.unrecorded("skipped", "%nbreplay is not recorded")
        status: dict[str, Any] | None = self._guarded(turn, lambda engine: self._finish(engine, turn, reply, stop))
        self._tap.close()
        if status is None:
            ok = reply is not None and reply.get("status") == "ok"
            status = turn.unrecorded("executed" if ok else "failed", "", "; ".join(turn.problems) or self._no_engine)
        self._say_what_is_lost(status)
        return status

    def touch(self, reason: str) -> None:
        """Say that anything in the namespace may have changed; from any thread."""
        if self._engine is not None and os.getpid() == self._pid:
            try:
                self._engine.touch(reason)
            except Exception:
                logger.exception("the engine failed in touch")

    # ------------------------------------------------------------ called by the shell

    def begin(self, transformed: str, execution_count: int) -> bool:
        """Begin the cell of this turn; return whether a record stands in for its run, and was replayed."""
        turn = self.turn
        if turn is None or turn.begun or not turn.recorded or self.depth != 1:
            return False
        turn.begun = True
        turn.execution_count = execution_count
        turn.transformed = transformed
        with interrupts.held() as stop:
            turn.served = self._guarded(turn, lambda engine: self._begin(engine, turn, stop))
            if turn.served is None:
                return False
            self._replay_served(turn, turn.served)
            stop.raised = False  # it is done: there is nothing left to interrupt
        return True

    # ------------------------------------------------------------ called by the magic

    def engine(self) -> Engine:
        """Return the engine, made on first use.

        Raises
        ------
        RuntimeError
            It could not be made; the message says why.
        """
        self.prepare()
        if self._engine is None:
            raise RuntimeError(self._no_engine)
        return self._engine

    def prepare(self) -> None:
        """Make the engine, once."""
        if self._engine is not None or self._no_engine:
            return
        try:
            with interrupts.held(), self._quiet():
                self._engine = self._make_engine()
        except Exception as e:
            self._no_engine = f"nothing is recorded in this kernel: {type(e).__name__}: {e}"
            logger.exception("the engine could not be made")

    def shut(self) -> None:
        """Let the engine write what it holds, and close it."""
        if self._engine is not None and os.getpid() == self._pid:
            self._engine.close()

    # ------------------------------------------------------------ within

    def _begin(self, engine: Engine, turn: Turn, stop: interrupts.Flag) -> Served | None:
        from nbreplay.replay.request import CellRequest

        decision = engine.begin(
            CellRequest(
                source=turn.source,
                transformed=turn.transformed or turn.source,
                cell_id=turn.cell_id,
                position=turn.position,
                tags=turn.tags,
                execution_count=turn.execution_count,
            ),
            stop=stop,
        )
        return decision.serve

    def _replay_served(self, turn: Turn, served: Served) -> None:
        try:
            problems = self._replay(served, turn.execution_count)
        except Exception as e:
            # The state is restored already: the cell stands, and what is missing of its outputs is said.
            logger.exception("outputs could not be replayed")
            problems = [f"outputs could not be shown again: {type(e).__name__}: {e}"]
        for problem in dict.fromkeys(problems):
            self._say(problem)

    def _finish(
        self, engine: Engine, turn: Turn, reply: Mapping[str, Any] | None, stop: interrupts.Flag
    ) -> dict[str, Any] | None:
        if turn.problems:
            engine.touch("a cell ran that could not be recorded")
            return None
        if not turn.begun:  # its code never started: a syntax error
            turn.begun = True
            self._begin(engine, turn, interrupts.Flag())
        flush_streams()
        outputs = self._tap.close()
        outputs += [encode(PAYLOAD, payload) for payload in (reply or {}).get("payload", ())]
        if turn.served is not None:
            outputs = list(turn.served.outputs)
        status = engine.finish(outcome=_outcome(reply), outputs=outputs, stop=stop)
        return status.as_json()

    def _guarded(self, turn: Turn, call: Callable[[Engine], Any]) -> Any:
        """Return what *call* returns; None if it failed, which is noted, or if there is no engine."""
        self.prepare()
        if self._engine is None:
            return None
        try:
            with self._quiet():
                return call(self._engine)
        except (Interrupted, Overdue):  # out of a value's own code: whoever holds the signal back hands it on
            turn.problems.append("interrupted")
            return None
        except Exception as e:  # a host boundary: the cell must run as if we were not there
            logger.exception("the engine failed")
            turn.problems.append(f"{type(e).__name__}: {e}")
            return None

    def _say_what_is_lost(self, status: Mapping[str, Any]) -> None:
        """Say on stderr, once for each reason, that a boundary is not saved: this one, or one behind its reply."""
        lost = []
        if status.get("saved") is False and status.get("state") not in ("failed", "skipped", "empty"):
            lost.append(f"not saved: {status.get('saved_reason')}")
        if self._engine is not None:
            lost.append(self._engine.session.problem)
        for text in lost:
            chosen = any(word in text for word in ("interrupt", "not saved: off", "not saved: tagged"))
            if text.startswith("not saved: ") and not chosen and text not in self._said:
                self._said.add(text)
                self._say(text)

    def _say(self, text: str) -> None:
        print(f"nbreplay: {text}", file=sys.stderr, flush=True)


def _outcome(reply: Mapping[str, Any] | None) -> Outcome:
    if reply is not None and reply.get("status") == "ok":
        return "ok"
    return "interrupted" if reply is not None and reply.get("ename") in _INTERRUPTS else "error"
