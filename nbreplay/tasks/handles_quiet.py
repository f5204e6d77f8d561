"""Making a handle again in the middle of a cell must leave no other trace in the process.

When the notebook was recorded the cluster was made in an earlier cell, and what that did to random generators and
``sys.path`` is a part of that cell's record. Done again now, it would change the numbers that this cell draws.
"""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put random generators, ``sys.path`` and warning filters back afterwards; say nothing about ports in use."""
    numpy_random = sys.modules.get("numpy.random")
    drawn = random.getstate()
    numpy_drawn = numpy_random.get_state() if numpy_random is not None else None
    path = list(sys.path)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"(?s)Port \d+ is already in use")
            yield
    finally:
        random.setstate(drawn)
        if numpy_random is not None:
            numpy_random.set_state(numpy_drawn)
        if sys.path != path:
            sys.path[:] = path
