"""What a cell showed, as messages: to bytes and back, joined, renumbered, and made harmless.

Pure: nothing here knows a socket. The kernel takes messages at their source and hands them in as they were sent.

Notes
-----
JupyterLab trusts the outputs of a cell once it was executed, so a stranger's HTML or JavaScript that a kernel sends
again gets past the sanitiser that guards an opened notebook. :func:`harmless` is what such outputs pass through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from nbreplay.digest import Buffer
from nbreplay.records import OutputMessage

SHOWN = frozenset({"stream", "display_data", "update_display_data", "execute_result", "error", "clear_output"})
"""Types of IOPub messages that are a cell's outputs."""

PAYLOAD = "payload"
"""Type of what a cell put into its reply (a page of help, text for the next cell): kept beside its messages."""

WIDGET = "application/vnd.jupyter.widget-view+json"

_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*\Z")
_PASSIVE_IMAGES = frozenset({"image/png", "image/jpeg"})
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m\Z")
# Escape sequences, longest forms first: CSI, the string commands (a title, a clipboard write), any other escape, and
# control characters except tab, line feed and carriage return. What is left cannot join into a new sequence, because
# each escape character goes or stays with a whole colour.
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x1b\\|\x07|\x9c|\Z)|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    re.DOTALL,
)


def encode(
    msg_type: str, content: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, buffers: Sequence[Buffer] = ()
) -> OutputMessage:
    """Return the message as it is kept."""
    return OutputMessage(
        msg_type=msg_type,
        content=json.dumps(content, default=str, separators=(",", ":")),
        metadata=json.dumps(metadata or {}, default=str, separators=(",", ":")),
        buffers=tuple(bytes(buffer) for buffer in buffers),
    )


def content_of(message: OutputMessage) -> dict[str, Any]:
    """Return the content of *message*.

    Raises
    ------
    ValueError
        It is not a JSON object.
    """
    content = json.loads(message.content)
    if not isinstance(content, dict):
        raise ValueError(f"the content of a {message.msg_type} message is not an object")  # data, not misuse
    return content


def encode_messages(messages: Iterable[OutputMessage]) -> bytes:
    """Return *messages* as bytes."""
    return msgspec.msgpack.encode(list(messages))


def decode_messages(data: Buffer) -> list[OutputMessage]:
    """Return the messages that *data* holds.

    Raises
    ------
    ValueError
        *data* does not hold messages.
    """
    return msgspec.msgpack.decode(data, type=list[OutputMessage])


def join_streams(messages: Iterable[OutputMessage]) -> list[OutputMessage]:
    """Return *messages* with consecutive text of one stream as one message.

    How text was cut depends on timers; joined, two runs that show the same are the same.
    """
    joined: list[OutputMessage] = []
    texts: list[str] = []
    name = ""

    def close() -> None:
        if texts:
            joined.append(encode("stream", {"name": name, "text": "".join(texts)}))
            texts.clear()

    for message in messages:
        if message.msg_type != "stream":
            close()
            joined.append(message)
            continue
        content = content_of(message)
        if content["name"] != name:
            close()
            name = content["name"]
        texts.append(content["text"])
    close()
    return joined


def numbered(message: OutputMessage, execution_count: int) -> dict[str, Any]:
    """Return the content of *message* as the run with number *execution_count* shows it."""
    content = content_of(message)
    if message.msg_type == "execute_result":
        content["execution_count"] = execution_count
    return content


def result_text(messages: Iterable[OutputMessage]) -> str | None:
    """Return the plain text of the last result among *messages*, if one was shown."""
    text = None
    for message in messages:
        if message.msg_type == "execute_result":
            text = content_of(message).get("data", {}).get("text/plain", text)
    return text


def plain_text(text: str) -> str:
    """Return *text* without control sequences other than colours."""
    return _CONTROL.sub(lambda match: match[0] if _COLOUR.match(match[0]) else "", text)


def harmless(messages: Iterable[OutputMessage]) -> tuple[list[OutputMessage], tuple[str, ...]]:
    """Return of *messages* only what cannot act, and the names of what was left out.

    Plain text, stream text and bitmap images stay; everything else goes: HTML, SVG, LaTeX, scripts, widgets, payloads,
    unknown MIME types, control sequences.
    """
    kept: list[OutputMessage] = []
    dropped: set[str] = set()
    for message in join_streams(_well_formed(messages, dropped)):
        make = _HARMLESS.get(message.msg_type)
        made = make(content_of(message), dropped) if make else None
        if make is None:
            dropped.add(message.msg_type)
        elif made is not None:
            kept.append(encode(message.msg_type, made))
        if message.buffers:
            dropped.add("buffers")
    return kept, tuple(sorted(dropped))


def dropped_line(dropped: Sequence[str]) -> OutputMessage:
    """Return the line that says what :func:`harmless` left out."""
    text = f"nbreplay: not shown, since this store is not trusted: {', '.join(dropped)}\n"
    return encode("stream", {"name": "stderr", "text": text})


def _well_formed(messages: Iterable[OutputMessage], dropped: set[str]) -> Iterable[OutputMessage]:
    for message in messages:
        try:
            content = content_of(message)
        except ValueError:
            dropped.add(message.msg_type)
            continue
        known = content.get("name") in ("stdout", "stderr") and isinstance(content.get("text"), str)
        if message.msg_type == "stream" and not known:
            dropped.add("stream")
            continue
        yield message


def _stream(content: dict[str, Any], dropped: set[str]) -> dict[str, Any]:
    kept = plain_text(content["text"])
    if kept != content["text"]:
        dropped.add("control sequences")
    return {"name": content["name"], "text": kept}


def _clear(content: dict[str, Any], dropped: set[str]) -> dict[str, Any]:
    return {"wait": bool(content.get("wait"))}


def _bundle(content: dict[str, Any], dropped: set[str]) -> dict[str, Any] | None:
    data: dict[str, str] = {}
    metadata: dict[str, dict[str, float]] = {}
    given = _object(content.get("metadata"))
    for mime, value in _object(content.get("data")).items():
        if mime == "text/plain" and isinstance(value, str):
            data[mime] = plain_text(value)
            if data[mime] != value:
                dropped.add("control sequences")
        elif mime in _PASSIVE_IMAGES and isinstance(value, str) and _BASE64.match(value):
            data[mime] = value
            sizes = _object(given.get(mime))
            if sizes:
                numbers = (int, float)
                metadata[mime] = {k: v for k, v in sizes.items() if k in ("width", "height") and isinstance(v, numbers)}
        else:
            dropped.add(str(mime))
    if not data:
        return None
    made: dict[str, Any] = {"data": data, "metadata": metadata}
    if "execution_count" in content:
        made["execution_count"] = content["execution_count"]
    if "transient" in content:
        display_id = _object(content["transient"]).get("display_id")
        made["transient"] = {"display_id": display_id} if isinstance(display_id, str) else {}
    return made


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_HARMLESS: dict[str, Callable[[dict[str, Any], set[str]], dict[str, Any] | None]] = {
    "stream": _stream,
    "clear_output": _clear,
    "display_data": _bundle,
    "update_display_data": _bundle,
    "execute_result": _bundle,
}
