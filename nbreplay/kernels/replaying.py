"""Recorded outputs, sent again for the current request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import comm

from nbreplay.records import OutputMessage
from nbreplay.replay.outputs import PAYLOAD, WIDGET, numbered, result_text


def replay(kernel: Any, messages: Sequence[OutputMessage], execution_count: int) -> list[str]:
    """Send *messages* as outputs of the request that *kernel* is at; return what could not be shown as it was.

    Raises
    ------
    ValueError
        A message is damaged; nothing was sent.
    """
    contents = [numbered(message, execution_count) for message in messages]
    problems: list[str] = []
    for message, content in zip(messages, contents, strict=True):
        if message.msg_type == PAYLOAD:
            _put_payload(kernel.shell, content)
            continue
        if _drop_dead_widget(content):
            problems.append("a widget is shown as text; run its cell to have it live")
        kernel.session.send(
            kernel.iopub_socket,
            message.msg_type,
            content,
            parent=kernel.get_parent("shell"),
            ident=_topic(kernel, message.msg_type, content),
            buffers=list(message.buffers),
        )
    _note_in_history(kernel.shell, messages, execution_count)
    return problems


def _put_payload(shell: Any, content: dict[str, Any]) -> None:
    if content.get("source") == "ask_exit":
        shell.ask_exit()  # as the cell did: the kernel ends after the reply
    else:
        shell.payload_manager.write_payload(content)


def _drop_dead_widget(content: dict[str, Any]) -> bool:
    """Leave only the text of a widget whose comm is gone; say whether that was so."""
    data = content.get("data")
    view = data.get(WIDGET) if isinstance(data, dict) else None
    if view is None:
        return False
    model_id = view.get("model_id") if isinstance(view, dict) else None
    if model_id in comm.get_comm_manager().comms:
        return False
    del content["data"][WIDGET]
    return True


def _topic(kernel: Any, msg_type: str, content: dict[str, Any]) -> bytes:
    if msg_type == "stream":
        return f"stream.{content.get('name')}".encode()
    if msg_type in ("execute_result", "error"):
        topic: bytes = kernel._topic(msg_type)
        return topic
    return b"display_data"


def _note_in_history(shell: Any, messages: Sequence[OutputMessage], execution_count: int) -> None:
    """Let ``%history -o`` show the result, as after a run."""
    text = result_text(messages)
    if text is not None and shell.history_manager is not None:
        shell.history_manager.output_hist_reprs[execution_count] = text
