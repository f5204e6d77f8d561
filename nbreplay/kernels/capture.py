"""Outputs taken at their source: what goes out on IOPub for one request, in its order.

All outputs (the stream objects, the display publisher, the displayhook, tracebacks, matplotlib's figures, text of
worker processes that reaches the kernel's stdout) leave through the session's ``send``; text of forked children comes
in through a pipe of the IOPub thread. A request is known by its message id, so what a thread of an older cell shows
stays with that cell.
"""

# mypy: disable-error-code="no-untyped-call"
# ipykernel is not annotated: every call of a base class's method would need an ignore.

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream
from jupyter_client.session import Session

from nbreplay.records import OutputMessage
from nbreplay.replay.outputs import SHOWN, encode, join_streams

logger = logging.getLogger(__name__)

Message = tuple[str, dict[str, Any], dict[str, Any], tuple[Any, ...]]


class Tap:
    """Collects the outputs of one request at a time; its methods may be called from any thread."""

    def __init__(self) -> None:
        self.request = ""
        self._seen: list[Message] = []

    def open(self, request: str) -> None:
        """Collect from now on what is sent for the message id *request*."""
        self._seen = []
        self.request = request

    def close(self) -> list[OutputMessage]:
        """Stop, and return what was sent, streams joined."""
        self.request = ""
        seen, self._seen = self._seen, []
        return join_streams(encode(*message) for message in seen)

    def saw(self, message: dict[str, Any], buffers: Sequence[Any] | None = None) -> None:
        """Take note of *message*, which was just sent."""
        if not self.request or message["header"]["msg_type"] not in SHOWN:
            return
        parent = message.get("parent_header") or {}
        if parent.get("msg_id") != self.request:
            return
        buffers = buffers or message.get("buffers") or ()
        # Encoding waits for the end of the cell: contents are not changed once they were sent.
        self._seen.append((message["header"]["msg_type"], message["content"], message["metadata"], tuple(buffers)))


class TappedSession(Session):
    """A session that tells its tap what it sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tap = Tap()

    def send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        *args: Any,
        **kwargs: Any,
    ) -> dict[str, Any] | None:
        """Send a message as the base class does, and let the tap see it; called from any thread."""
        message: dict[str, Any] | None = super().send(
            stream, msg_or_type, content, parent, ident, buffers, *args, **kwargs
        )
        if message is not None and self.tap.request:
            self.tap.saw(message, buffers)
        return message


def flush_streams() -> None:
    """Return when what was printed so far was sent, of both streams; one after the other they would be waited for."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, OutStream)]
    thread = streams[0].pub_thread if len(streams) == 2 else None
    if thread is None or thread is not streams[1].pub_thread or not thread.thread.is_alive():
        sys.stdout.flush()
        sys.stderr.flush()
        return
    sent = threading.Event()
    for stream in streams:
        thread.schedule(stream._flush)
    thread.schedule(sent.set)
    sent.wait(streams[0].flush_timeout)


def tap_pipe(thread: IOPubThread, session: TappedSession) -> None:
    """Let *session*'s tap see what forked children send through the pipe of *thread*."""
    pipe = getattr(thread, "_pipe_in", None)
    if pipe is None:
        return

    def receive(frames: list[bytes]) -> None:
        # On the IOPub thread, once for each message of a child; an exception here must not keep it from clients.
        try:
            if session.tap.request and frames[0] == thread._pipe_uuid:
                _, parts = session.feed_identities(frames[1:])
                session.tap.saw(session.deserialize(parts))
        except Exception:  # a host boundary
            logger.debug("a child's output was not understood", exc_info=True)
        thread._handle_pipe_msg(frames)

    thread.io_loop.add_callback(pipe.on_recv, receive)
