"""Samples of small values: how they pickle, and of which objects."""

from __future__ import annotations

import io
import time
from types import BuiltinFunctionType, FunctionType
from typing import Any

from nbreplay.foreign import GUARD, Overdue
from nbreplay.serialize.arrays import Memories, Memory
from nbreplay.serialize.pickler import UnitPickler
from nbreplay.serialize.session import Session

SAMPLE_MAX_S = 0.05
"""Seconds that a sample may take; small values take microseconds, but pickling runs the user's code."""

_NOT_LINKING = frozenset({tuple, str, bytes, frozenset, type, FunctionType, BuiltinFunctionType, Memory})


class Sampler:
    """Pickles small values again and again, to see whether they changed.

    A sample is the bytes and the ids of the objects in them that can change: equal samples mean equal structure made of
    the same objects. Unequal ones mean nothing: a value may pickle differently each time.
    """

    def __init__(self, session: Session) -> None:
        self._file = io.BytesIO()
        self._others: list[Any] = []
        self._pickler = UnitPickler(self._file, self._others, session, set(), None, self._poll)
        self._deadline = 0.0

    def _poll(self) -> None:
        if time.monotonic() > self._deadline:
            raise TimeoutError  # a slow reducer of the user's: a walk, which can be interrupted, is better

    def sample(self, value: Any) -> object | None:
        """Return what *value* looks like now, None if that cannot be said this way."""
        pickler, file = self._pickler, self._file
        file.seek(0)
        file.truncate()
        self._deadline = time.monotonic() + SAMPLE_MAX_S
        try:
            with GUARD:
                pickler.dump(value)
            if self._others or pickler.memories.by_place:
                return None
            ids = [ident for ident, (_, each) in pickler.memo.copy().items() if type(each) not in _NOT_LINKING]
            return file.getvalue(), ids
        except (Exception, Overdue):  # noqa: BLE001  # pickling runs the user's code
            return None
        finally:
            pickler.clear_memo()
            pickler.memories = Memories(pickler.session)
            self._others.clear()
