"""The watch over files of this process's task threads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from nbreplay.files import shared_watch


def scope(root: Path) -> AbstractContextManager[Any]:
    """Return a context in which what this thread does to files is noted."""
    return shared_watch().scope(root, threads="current")
