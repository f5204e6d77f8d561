"""The two kernels: ipykernel's, with a turn around each execute request."""

# mypy: disable-error-code="no-untyped-call"
# ipykernel is not annotated: every call of a base class's method would need an ignore.

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ipykernel.ipkernel import IPythonKernel
from traitlets import Type

from nbreplay.kernels.magics import NBReplayMagics
from nbreplay.kernels.notebook import find_place
from nbreplay.kernels.paths import add_notebook_folder, without_notebook_folder
from nbreplay.kernels.replaying import replay
from nbreplay.kernels.settings import NBReplay
from nbreplay.kernels.shell import NBReplayShell
from nbreplay.kernels.status import cell_object
from nbreplay.kernels.turns import Turns

if TYPE_CHECKING:
    from nbreplay.replay.engine import Engine

logger = logging.getLogger(__name__)

_COMMS = ("comm_open", "comm_msg", "comm_close")


class NBReplayKernel(IPythonKernel):
    """Base of both kernels: the same engine, one policy each."""

    policy: ClassVar[str]
    shell_class = Type(NBReplayShell)
    shell: Any  # the base class allows None, for kernels that are being made
    session: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.turns = Turns(
            self._make_engine,
            self.session.tap,
            lambda served, count: replay(self, served.outputs, count),
            self._nowhere,
        )
        self.shell.turns = self.turns
        self.shell.register_magics(NBReplayMagics(self.shell, self.turns))
        self._statuses: dict[str, dict[str, Any]] = {}
        for name in _COMMS:
            self.shell_handlers[name] = self._touching(self.shell_handlers[name])

    def _make_engine(self) -> Engine:
        # Not at start: a kernel answers first. And not from the notebook's folder, whatever modules are there.
        with without_notebook_folder():
            from nbreplay.replay.engine import Engine
            from nbreplay.replay.request import Policy

        settings = NBReplay(parent=self).settings()
        place = find_place(os.environ, self.shell.user_ns, Path.cwd(), settings.store)
        return Engine(
            shell_ns=self.shell.user_ns,
            policy=Policy[self.policy.upper()],
            store_path=place.store,
            notebook=place.notebook,
            root=place.root,
            settings=settings,
            shell=self.shell,
        )

    @contextlib.contextmanager
    def _nowhere(self) -> Iterator[None]:
        """Send what this thread prints or shows as nobody's output; other threads' goes where it belongs."""
        tokens = self.shell.set_thread_parent({})
        try:
            yield
        finally:
            self.shell.reset_thread_parent(tokens)

    def _touching(self, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return *handler* of comm messages, which may run a widget's callback, as one that touches all names.

        Comm messages come on any thread, in the middle of cells: touched before, so that a capture that runs meanwhile
        notices, and after.
        """

        def handle(*args: Any) -> Any:
            self.turns.touch("a widget's callback ran")
            try:
                return handler(*args)
            finally:
                self.turns.touch("a widget's callback ran")

        return handle

    async def execute_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Answer a request; an interrupt that hits the machinery around the code is answered, too.

        Without a reply the client would wait for ever. From the end of the turn on, interrupts only raise a flag, so
        one that comes out here came before the reply was sent.
        """
        try:
            await super().execute_request(stream, ident, parent)
        except KeyboardInterrupt:
            content = self._interrupted()
            metadata = self.finish_metadata(parent, self.init_metadata(parent), content)
            self.session.send(stream, "execute_reply", content, parent, metadata=metadata, ident=ident)

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        allow_stdin: bool = False,
        *,
        cell_meta: dict[str, Any] | None = None,
        cell_id: str | None = None,
    ) -> dict[str, Any]:
        """Run a request's code with a turn around it; called by ipykernel, for subshells on their threads."""

        async def run() -> dict[str, Any]:
            reply: dict[str, Any] = await super(NBReplayKernel, self).do_execute(
                code, silent, store_history, user_expressions, allow_stdin, cell_meta=cell_meta, cell_id=cell_id
            )
            return reply

        request = self.get_parent("shell")["header"]["msg_id"]
        if not self.turns.here():
            return await self._run_on_subshell(run, request, recorded=store_history and not silent)
        turn = self.turns.open(code, request=request, silent=silent, store_history=store_history, metadata=cell_meta)
        reply: dict[str, Any] = {}
        try:
            if (turn.recorded or turn.only_ours) and code.strip():
                self.turns.prepare()
            add_notebook_folder()
            reply = await run()
        except KeyboardInterrupt:  # behind the cell's code: without a reply the client would wait for ever
            reply = self._interrupted()
        finally:
            # No await from here on: an interrupt that met one would end the kernel.
            status = self.turns.close(turn, reply)
            if status is not None:
                self._statuses[request] = status
        return reply

    async def _run_on_subshell(self, run: Callable[[], Any], request: str, *, recorded: bool) -> dict[str, Any]:
        self.turns.touch("a subshell's cell ran")
        try:
            reply: dict[str, Any] = await run()
            return reply
        finally:
            self.turns.touch("a subshell's cell ran")
            if recorded:
                self._statuses[request] = cell_object("executed", saved_reason="it ran on a subshell")

    def _interrupted(self) -> dict[str, Any]:
        self.shell.showtraceback()
        return {
            "status": "error",
            "ename": "KeyboardInterrupt",
            "evalue": "",
            "traceback": self.shell._last_traceback or [],
            "execution_count": self.shell.execution_count - 1,
            "user_expressions": {},
            "payload": [],
        }

    def finish_metadata(
        self, parent: dict[str, Any], metadata: dict[str, Any], reply_content: dict[str, Any]
    ) -> dict[str, Any]:
        """Put the cell's status into the metadata of its reply; called also for requests that were not run."""
        metadata = super().finish_metadata(parent, metadata, reply_content)
        status = self._statuses.pop(parent["header"]["msg_id"], None)
        if status is None and reply_content.get("status") == "aborted":
            given = parent.get("metadata") or {}
            status = cell_object("skipped", "a cell before it failed", cell_id=given.get("cellId"))
        if status is not None:
            metadata["nbreplay"] = status
        return metadata


class AuditKernel(NBReplayKernel):
    """Runs everything, and records it."""

    policy = "audit"


class RepeatKernel(NBReplayKernel):
    """Runs what has to run, and records it; the rest comes from records."""

    policy = "repeat"
