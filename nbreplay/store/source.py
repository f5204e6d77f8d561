"""Content of a blob, whole or in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from nbreplay.digest import Buffer


@runtime_checkable
class Source(Protocol):
    """Bytes that are written piece by piece; each piece is asked for once, in order, when it is about to be written."""

    def __len__(self) -> int:
        """Return the count of all bytes."""

    def sample(self, start: int, stop: int) -> Buffer:
        """Return some bytes to judge by whether compression pays; asked before the pieces."""

    def pieces(self) -> Iterable[Buffer]:
        """Give all bytes, in order."""


class Whole:
    """What is in memory and stays as it is."""

    def __init__(self, view: memoryview) -> None:
        self._view = view

    def __len__(self) -> int:
        return len(self._view)

    def sample(self, start: int, stop: int) -> memoryview:
        return self._view[start:stop]

    def pieces(self) -> Iterable[memoryview]:
        return (self._view,)
