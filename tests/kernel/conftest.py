"""Real kernel processes, and a client that says what a request brought."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from nbreplay.kernels.install import install

SHOWN = {"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"}
TIMEOUT_S = 60


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kernel)


@dataclass
class Answer:
    """What one request brought: its reply, and its outputs in their order, text of one stream joined."""

    reply: dict[str, Any]
    outputs: list[dict[str, Any]] = field(default_factory=list)
    execute_input: dict[str, Any] | None = None

    @property
    def content(self):
        return self.reply["content"]

    @property
    def ok(self):
        return self.content["status"] == "ok"

    @property
    def cell(self):
        """The cell object in the reply's metadata, None if there is none."""
        return self.reply["metadata"].get("nbreplay")

    @property
    def state(self):
        return self.cell and self.cell["state"]

    def text(self, name="stdout"):
        return "".join(o["text"] for o in self.outputs if o["type"] == "stream" and o["name"] == name)

    @property
    def result(self):
        found = [o["data"].get("text/plain") for o in self.outputs if o["type"] == "execute_result"]
        return found[-1] if found else None

    @property
    def shown(self):
        """Outputs without what legitimately differs between runs."""
        return [{k: v for k, v in o.items() if k != "execution_count"} for o in self.outputs]


class Kernel:
    """One kernel process and its client."""

    def __init__(self, manager, client):
        self.manager = manager
        self.client = client
        self.held = {"shell": [], "iopub": []}

    def send(self, code, *, metadata=None, **options):
        """Send an execute request without waiting; return its message id."""
        session = self.client.session
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
            **options,
        }
        header = session.msg_header("execute_request")
        if "subshell_id" in options:
            header["subshell_id"] = content.pop("subshell_id")
        message = session.msg("execute_request", content, header=header, metadata=metadata or {})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def answer(self, message_id, timeout=TIMEOUT_S):
        """Wait for the reply and the idle status of *message_id*."""
        reply, outputs, echo, idle = None, [], None, False
        deadline = time.monotonic() + timeout
        while reply is None or not idle:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {'idle' if reply else 'reply'} within {timeout} s")
            if reply is None:
                reply = self._take("shell", message_id)
            message = self._take("iopub", message_id)
            if message is None:
                continue
            kind, content = message["header"]["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                idle = True
            elif kind == "execute_input":
                echo = content
            elif kind in SHOWN:
                last = outputs[-1] if outputs else {}
                if kind == "stream" and last.get("type") == "stream" and last["name"] == content["name"]:
                    last["text"] += content["text"]
                else:
                    outputs.append({"type": kind, **content})
        return Answer(reply, outputs, echo)

    def _take(self, channel, message_id):
        """Return the next message of *message_id*; those of other requests wait for their turn."""
        held = self.held[channel]
        for i, message in enumerate(held):
            if message["parent_header"].get("msg_id") == message_id:
                return held.pop(i)
        try:
            message = getattr(self.client, f"get_{channel}_msg")(timeout=0.05)
        except queue.Empty:
            return None
        if message["parent_header"].get("msg_id") == message_id:
            return message
        held.append(message)
        return None

    def run(self, code, *, timeout=TIMEOUT_S, **options):
        """Execute *code* and wait for all it brings."""
        return self.answer(self.send(code, **options), timeout)

    def run_all(self, *cells):
        return [self.run(cell) for cell in cells]

    def probe(self, expression):
        """Return the repr of *expression*, without leaving a trace in history or records."""
        answer = self.run("", silent=True, store_history=False, user_expressions={"x": expression})
        value = answer.content["user_expressions"]["x"]
        return value["data"]["text/plain"] if value["status"] == "ok" else f"{value['ename']}: {value['evalue']}"

    def interrupt(self):
        os.kill(self.manager.provisioner.pid, signal.SIGINT)

    def kill(self):
        os.kill(self.manager.provisioner.pid, signal.SIGKILL)

    @property
    def alive(self):
        return self.manager.is_alive()

    def stop(self):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel()


@pytest.fixture(scope="session")
def specs(tmp_path_factory):
    """A kernelspec manager that knows our two kernels as `nbreplay install` writes them, and plain ipykernel."""
    home = tmp_path_factory.mktemp("jupyter")
    install(prefix=home)
    kernels = home / "share" / "jupyter" / "kernels"
    plain = kernels / "python3"
    plain.mkdir()
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (plain / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Plain", "language": "python"}))
    return KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)


def launch(specs, name, cwd, env):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("NBREPLAY", "JPY_", "PYTEST"))}
    options = {"cwd": str(cwd), "env": {**environ, **env}, "extra_arguments": ["--HistoryManager.hist_file=:memory:"]}
    for left in (2, 1, 0):
        manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
        manager.start_kernel(**options)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=TIMEOUT_S)
        except RuntimeError:  # it died: somebody took a port that was free when the manager looked for one
            client.stop_channels()
            if not left:
                raise
        else:
            return Kernel(manager, client)


@pytest.fixture(scope="session")
def launched(specs):
    """Start a kernel in a folder, with that folder's key; whoever called stops it."""

    def launched(name, folder, **env):
        return launch(specs, name, folder, {"NBREPLAY_KEY_FILE": str(folder / "key"), **env})

    return launched


@pytest.fixture
def start(launched, tmp_path):
    """Start kernels in this test's folder: ``start("audit")``; they are stopped at its end."""
    started = []

    def start(kind="audit", cwd=None, **env):
        started.append(launched(kind if kind == "python3" else f"nbreplay-{kind}", cwd or tmp_path, **env))
        return started[-1]

    yield start
    for kernel in started:
        kernel.stop()


@pytest.fixture(scope="module")
def audit(launched, tmp_path_factory):
    """An Audit kernel shared by the tests of a module."""
    kernel = launched("nbreplay-audit", tmp_path_factory.mktemp("audit"))
    yield kernel
    kernel.stop()
