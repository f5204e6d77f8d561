"""Runs that hold in their folder only: they asked where they are, and what they left names that place."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from nbreplay.records import OutputMessage

_ASKS = frozenset({"cwd", "getcwd", "getcwdb", "abspath", "absolute", "realpath", "resolve", "pwd"})
"""What code says that wants an absolute path. Libraries do so, too, on their own account, for what they open."""


def bound_to(
    root: Path, words: Collection[str], streams: Iterable[bytes | memoryview], outputs: Iterable[OutputMessage]
) -> str:
    """Return the folder *root* if a cell of these *words* asked for it and left its name, else "".

    Parameters
    ----------
    root : Path
        The notebook's folder.
    words : collection of str
        The identifiers in the cell's code.
    streams, outputs : iterable
        What it left: pickled values, and what it showed.
    """
    if _ASKS.isdisjoint(words):
        return ""
    name = str(root)
    data = name.encode()
    left = any(data in bytes(stream) for stream in streams) or any(name in shown.content for shown in outputs)
    return name if left else ""
