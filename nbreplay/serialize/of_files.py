"""Open files: made again at their position if the file is still the same, and never truncated."""

from __future__ import annotations

import gc
import io
import os
import sys
from pathlib import Path
from typing import Any

from nbreplay.digest import digest_bytes
from nbreplay.serialize.functions import Reduced

HASHED_MAX_BYTES = 16 << 20
"""A larger file is known by its size and time of change."""

_NEWLINES = ("", "\n", "\r", "\r\n")


def reduce_file(dump: Any, value: Any) -> Reduced:
    """A file as ``open`` gives it, of whatever layer."""
    for name in ("stdin", "stdout", "stderr"):
        if value is getattr(sys, f"__{name}__"):
            return standard_stream, (f"__{name}__",)
    path, mode = getattr(value, "name", None), _mode(value)
    how = _how(value)
    if value.closed:
        return make_closed, (type(value).__name__, str(path), mode, how)
    if not isinstance(path, str) or not value.seekable():
        raise TypeError(f"an open file that cannot be opened again ({path!r})")
    if value.writable():
        value.flush()
    position = value.tell()
    place = os.path.abspath(path)
    if os.fstat(value.fileno()).st_ino != os.stat(place).st_ino:
        raise TypeError(f"an open file that is not {path} any more")
    return reopen, (type(value).__name__, _portable(place), path, mode, how, position, _state(place, value.readable()))


def reduce_stream(dump: Any, value: Any) -> Reduced:
    """What the kernel shows output by is that of the kernel."""
    for name in ("stdout", "stderr"):
        if value is getattr(sys, name):
            return standard_stream, (name,)
    raise TypeError("a stream of another kernel")


def reduce_closed(dump: Any, value: Any) -> Any:
    """A StringIO or BytesIO: pickle does it while it is open."""
    return (make_closed_buffer, (type(value),)) if value.closed else NotImplemented


def _mode(value: Any) -> str:
    mode = getattr(value, "mode", None)
    if not isinstance(mode, str):  # a buffer has its raw file's
        mode = value.raw.mode
    return mode


def _how(value: Any) -> dict[str, Any]:
    if not isinstance(value, io.TextIOWrapper):
        return {}
    newline = _newline(value)
    return {
        "encoding": value.encoding,
        "errors": value.errors,
        "newline": newline,
        "buffering": 1 if value.line_buffering else -1,
    }


def _newline(value: io.TextIOWrapper) -> str | None:
    """Return the *newline* that a file was opened with: what stands behind its encoder or decoder, if any."""
    held = gc.get_referents(value)
    coders = [i for i, each in enumerate(held) if "Incremental" in type(each).__name__ or hasattr(each, "decode")]
    coders = [i for i in coders if not isinstance(held[i], str | bytes)]
    after = held[coders[-1] + 1] if coders and coders[-1] + 1 < len(held) else None
    return after if isinstance(after, str) and after in _NEWLINES else None


def _state(path: str, content: bool) -> tuple[int, int, str]:
    """Return size, time of change and, if *content* counts and is not large, digest of a file."""
    stat = os.stat(path)
    counts = content and stat.st_size <= HASHED_MAX_BYTES
    return stat.st_size, stat.st_mtime_ns, digest_bytes(Path(path).read_bytes()) if counts else ""


def _portable(path: str) -> tuple[str, str]:
    """Return *path* as it is, and as it is from the working folder: that may be another one when it is opened."""
    try:
        return path, Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path, ""


# ---------------------------------------------------------------- named in streams


def standard_stream(name: str) -> Any:
    return getattr(sys, name)


def make_closed(kind: str, path: str, mode: str, how: dict[str, Any]) -> Any:
    text = kind == "TextIOWrapper"
    made: Any = open(os.devnull, mode.replace("x", "w") if text else _binary(mode), **(how if text else {}))  # noqa: SIM115
    made = made.raw if kind == "FileIO" else made
    raw = made.buffer.raw if text else made.raw if kind != "FileIO" else made
    raw.name = path
    made.close()
    return made


def make_closed_buffer(kind: Any) -> Any:
    made = kind()
    made.close()
    return made


def reopen(
    kind: str,
    place: tuple[str, str],
    name: str,
    mode: str,
    how: dict[str, Any],
    position: int,
    state: tuple[int, int, str],
) -> Any:
    path = place[1] if place[1] and os.path.exists(place[1]) else place[0]
    size_bytes, mtime_ns, digest = state
    stat = os.stat(path)
    same = digest_bytes(Path(path).read_bytes()) == digest if digest else stat.st_size == size_bytes
    if not same or (not digest and size_bytes > HASHED_MAX_BYTES and stat.st_mtime_ns != mtime_ns):
        raise OSError(f"{name} is not the file that was open")
    text = kind == "TextIOWrapper"
    made: Any = open(  # noqa: SIM115  # it is the user's open file
        path,
        mode if text else _binary(mode),
        **(how if text else {"buffering": 0} if kind == "FileIO" else {}),
        opener=lambda path, flags: os.open(path, flags & ~(os.O_TRUNC | os.O_EXCL), 0o666),
    )
    raw = made.buffer.raw if text else made.raw if kind != "FileIO" else made
    raw.name = name
    made.seek(position)
    return made


def _binary(mode: str) -> str:
    return mode if "b" in mode else mode + "b"


BY_NAME = {
    "_io:TextIOWrapper": reduce_file,
    "_io:BufferedReader": reduce_file,
    "_io:BufferedWriter": reduce_file,
    "_io:BufferedRandom": reduce_file,
    "_io:FileIO": reduce_file,
    "_io:StringIO": reduce_closed,
    "_io:BytesIO": reduce_closed,
    "ipykernel.iostream:OutStream": reduce_stream,
}
