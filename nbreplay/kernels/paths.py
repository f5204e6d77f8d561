"""The notebook's folder on ``sys.path``, late.

Notes
-----
Kernels start with ``-P``: otherwise a file ``ipykernel_launcher.py`` beside a notebook would be run before any cell.
IPython then leaves the folder out altogether, and ``import helper`` would fail; so it is put in when the first code of
the user's runs, where IPython would have put it: behind the standard library.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath


def add_notebook_folder() -> None:
    """Put the working folder before the first site-packages entry of ``sys.path``, if it is not there yet."""
    if "" in sys.path:
        return
    places = (i for i, entry in enumerate(sys.path) if PurePath(entry).name in ("site-packages", "dist-packages"))
    sys.path.insert(next(places, 0), "")


@contextmanager
def without_notebook_folder() -> Iterator[None]:
    """Import our own modules as if the working folder were not on ``sys.path``."""
    at = sys.path.index("") if "" in sys.path else None
    if at is not None:
        del sys.path[at]
    try:
        yield
    finally:
        if at is not None:
            sys.path.insert(at, "")
