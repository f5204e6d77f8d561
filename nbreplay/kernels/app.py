"""The application that either kernel runs in."""

# mypy: disable-error-code="no-untyped-call"
# ipykernel is not annotated: every call of a base class's method would need an ignore.

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import threading
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.profiledir import ProfileDir
from jupyter_client.session import Session

from nbreplay.kernels.capture import TappedSession, tap_pipe
from nbreplay.kernels.kernel import AuditKernel, RepeatKernel
from nbreplay.kernels.paths import add_notebook_folder
from nbreplay.kernels.settings import NBReplay

KERNELS = {"audit": AuditKernel, "repeat": RepeatKernel}
OFF = ("off", "0", "no", "false")
"""Values of the variable ``NBREPLAY`` that make both kernels plain ipykernel."""


class NBReplayApp(IPKernelApp):
    """ipykernel's application with a session that outputs are taken from."""

    # The classes that can be configured; ours after those of the base class, under whose names its options stand.
    classes = [IPythonKernel, ZMQInteractiveShell, ProfileDir, Session, NBReplay]  # noqa: RUF012  # a trait's default

    def _session_default(self) -> TappedSession:
        return TappedSession(parent=self)

    def init_iopub(self, context: Any) -> None:
        """Start the thread that sends outputs; forked children send through it, too."""
        super().init_iopub(context)
        tap_pipe(self.iopub_thread, self.session)

    def init_kernel(self) -> None:
        """Make the kernel, and send our log where the application's goes: never into a cell."""
        logger = logging.getLogger("nbreplay")
        logger.handlers[:] = self.log.handlers
        logger.propagate = False
        super().init_kernel()

    def start(self) -> None:
        """Answer requests until the kernel is shut down, then let the engine end what it writes."""
        try:
            super().start()
        finally:
            if self.kernel is not None:
                self.kernel.turns.shut()


def _warm() -> None:
    """Import the engine while the kernel starts and the client shakes hands: the first cell need not wait for it."""
    with contextlib.suppress(Exception):  # the first cell tries again, and says what is wrong
        importlib.import_module("nbreplay.replay.engine").warm()


def launch(policy: str) -> None:
    """Run the kernel with *policy*, ``audit`` or ``repeat``; returns when it is shut down."""
    if os.environ.get("NBREPLAY", "").strip().lower() in OFF:
        _launch_plain()
        return
    threading.Thread(target=_warm, name="nbreplay-warm", daemon=True).start()
    app = NBReplayApp.instance(kernel_class=KERNELS[policy])
    app.initialize()
    app.start()


def _launch_plain() -> None:
    app = IPKernelApp.instance()
    app.initialize()
    shell: Any = app.shell
    events = shell.events

    def first() -> None:
        add_notebook_folder()
        with contextlib.suppress(ValueError):
            events.unregister("pre_execute", first)

    events.register("pre_execute", first)
    app.start()
