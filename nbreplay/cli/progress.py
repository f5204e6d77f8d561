"""Progress on stderr for what takes longer than a second; nothing where that is no terminal."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from nbreplay.report.tables import console


class _Bar:
    """One bar; a context manager that shows it."""

    def __init__(self, label: str, total: int | None) -> None:
        err = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._label = label
        self._task = self._bar.add_task(label, total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


class CellProgress(_Bar):
    """A bar over the cells of a notebook; called as headless runs call it."""

    def __init__(self, cells: int, label: str = "cell") -> None:
        super().__init__(label, cells)

    def __call__(self, number: int, cell: dict[str, Any] | None) -> None:
        """Note that cell *number* starts or, with its cell object, is done."""
        if cell is None:
            self._bar.update(self._task, description=f"{self._label} {number}")
        else:
            self._bar.update(self._task, completed=number)


class CountProgress(_Bar):
    """A bar over things whose count is known once they are met: call it with (which one, of how many)."""

    def __init__(self, label: str) -> None:
        super().__init__(label, None)

    def __call__(self, number: int, total: int) -> None:
        """Note that *number* of *total* begins."""
        self._bar.update(self._task, completed=number - 1, total=total)


class ByteProgress:
    """A bar over bytes: call it with (how many are done, of how many)."""

    def __init__(self, label: str) -> None:
        err = console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._task = self._bar.add_task(label, total=None)

    def __enter__(self) -> ByteProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """Note that *done* of *total* bytes are done."""
        self._bar.update(self._task, completed=done, total=total)
