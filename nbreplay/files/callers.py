"""Who acts, when an event comes: told from the frames that led to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

from nbreplay.files.paths import installed

_OWN_PACKAGES = frozenset({"distributed", "tornado", "zmq", "ipykernel", "jupyter_client", "nbreplay"})
"""Dask's and Jupyter's machinery, and ours."""


def _frames() -> Iterator[FrameType]:
    """Yield the frames that led to the event, innermost first, ours left out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith("nbreplay.files"):
            yield frame
        frame = frame.f_back


def by_import_of_installed() -> bool:
    """Say whether an installed package is being imported and acts on its own (reads its settings, finds libraries)."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return True
        if not (name.startswith(installed()) or name.startswith("<frozen") or name == "<string>"):
            return False
    return False


def by_installed() -> bool:
    """Say whether an installed package acts, which the user's code has called."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if not name.startswith("<frozen") and frame.f_globals.get("__name__", "").partition(".")[0] not in (
            sys.stdlib_module_names
        ):
            return name.startswith(installed())
    return False


def by_own_packages(others: frozenset[str] = frozenset()) -> bool:
    """Say whether Dask's or Jupyter's own machinery acts, not the user's code."""
    for frame in _frames():
        if frame.f_code.co_filename.startswith("<frozen"):
            continue
        top = frame.f_globals.get("__name__", "").partition(".")[0]
        if top not in sys.stdlib_module_names:
            return top in _OWN_PACKAGES or top in others
    return False


def caller_file() -> str:
    """Return the file of the code that acts."""
    frame = next(_frames(), None)
    return frame.f_code.co_filename if frame is not None else ""


def may_exist() -> bool:
    """Say whether ``os.makedirs`` or ``Path.mkdir`` was told not to mind a folder that is there."""
    for frame in _frames():
        if frame.f_code.co_name in ("makedirs", "mkdir"):
            if frame.f_locals.get("exist_ok"):
                return True
        else:
            return False
    return False
