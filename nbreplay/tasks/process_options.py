"""Which options this process has that its start had not: tasks that run in it see them. Imports no Dask."""

from __future__ import annotations

from collections.abc import Callable

_states: list[Callable[[], str]] = []


def state_by(how: Callable[[], str]) -> None:
    """Let *how* say which options those are."""
    _states[:] = [how]


def state() -> str:
    """Return what stands for the options of this process; empty if they are as at its start."""
    return _states[-1]() if _states else ""
