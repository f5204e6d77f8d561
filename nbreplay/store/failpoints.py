"""Named places at which a fault test stops the process, or makes a write fail.

``NBREPLAY_FAIL_AT=blob.written`` kills the process (SIGKILL) the first time it comes there, ``blob.written:3`` the
third time, and ``blob.written:3=ENOSPC`` raises that OSError instead. Without the variable it costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal

POINTS = (
    "store.folder",  # the folder exists, nothing in it
    "store.described",  # store.json is there
    "blob.created",  # an empty temporary file
    "blob.written",  # all bytes in it, nothing durable
    "blob.synced",  # durable, still under its temporary name
    "blob.renamed",  # in its place
    "journal.created",  # an empty file
    "journal.headed",  # its header is there
    "journal.before",  # about to append
    "journal.half",  # half a record appended
    "journal.appended",  # committed; nothing else knows yet
    "prune.copied",  # the new journal is written, under a temporary name
    "prune.renamed",  # it is in its place, and those that it replaces are, too
    "prune.removed",  # one of those is gone
    "index.before",  # a batch is about to be written
    "index.written",  # the batch is in the index, not synced
    "index.synced",  # closing: the index is durable, its mark is not there
    "index.marked",  # closing: the mark is there
    "index.opened",  # opening: the mark was taken away again
)


class _Armed:
    """What the environment asked for."""

    def __init__(self, text: str) -> None:
        where, _, self.error = text.partition("=")
        self.name, _, count = where.partition(":")
        self.left = int(count or 1)


def _armed() -> _Armed | None:
    text = os.environ.get("NBREPLAY_FAIL_AT", "")
    return _Armed(text) if text else None


_state = _armed()


def reach(name: str) -> None:
    """Say that the place *name* is reached; returns unless a test wants it otherwise."""
    if _state is None or _state.name != name:
        return
    _state.left -= 1
    if _state.left:
        return
    if _state.error:
        raise OSError(getattr(errno, _state.error), f"asked to fail at {name}")
    os.kill(os.getpid(), signal.SIGKILL)


def is_armed(name: str) -> bool:
    """Return whether a test waits at *name*; for places that have to be prepared."""
    return _state is not None and _state.name == name


def arm(text: str) -> None:
    """Wait for *text*, as the variable would have it; for tests that fork. Empty: for nothing."""
    global _state
    _state = _Armed(text) if text else None
