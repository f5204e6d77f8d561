"""Finds tasks that change their inputs in place, by looking at a sample of them before and after.

Such a task spoils what its siblings are given, in any Dask: whoever runs later sees the change. What they return must
not be recorded, since it depends on the order in which they ran.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from nbreplay.digest import Digest

logger = logging.getLogger(__name__)

FIRST = 2
"""So many runs of each kind of task are looked at in each process, and then one in :data:`EVERY`."""
EVERY = 50
COSTLY_S = 0.2
"""A kind of task whose inputs take longer to look at is looked at once in each process."""

UNCHANGING = (type(None), bool, int, float, complex, str, bytes, range, slice, type)


class Sample:
    """Which tasks of this process are looked at."""

    def __init__(self) -> None:
        self._runs: defaultdict[str, int] = defaultdict(int)
        self._costly: set[str] = set()
        self._changing: set[str] = set()
        self._lock = threading.Lock()

    def takes(self, name: str) -> bool:
        """Count a run of the kind *name*; return whether it is looked at."""
        with self._lock:
            count = self._runs[name]
            self._runs[name] = count + 1
        if count == 0 or name in self._changing:
            return True
        return name not in self._costly and (count < FIRST or count % EVERY == 0)

    def found(self, name: str) -> None:
        """A run of the kind *name* has changed an input: every one is looked at from now on."""
        self._changing.add(name)

    def took(self, name: str, seconds: float) -> None:
        """Looking at the inputs of *name* took so long."""
        if seconds > COSTLY_S:
            self._costly.add(name)


SAMPLE = Sample()


class Inputs:
    """What the inputs of one task were before it ran."""

    def __init__(self, values: Mapping[Any, Any]) -> None:
        began = time.perf_counter()
        self._before = {key: (value, digest) for key, value in values.items() if (digest := _digest(value))}
        self.seconds = time.perf_counter() - began

    def changed(self) -> tuple[str, ...]:
        """Return the keys, as text, of inputs that are something else now."""
        return tuple(str(key) for key, (value, digest) in self._before.items() if _digest(value) != digest)


def _digest(value: object) -> Digest | None:
    if isinstance(value, UNCHANGING):
        return None
    from nbreplay.tasks.traced import content_digest

    try:
        return content_digest(value)
    except Exception:
        logger.debug("an input has no digest", exc_info=True)
        return None
