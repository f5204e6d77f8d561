"""What the fingerprint of a task was made from, as it is recorded for those who ask why it ran. Imports no Dask."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = "task-parts"
"""Kind of these records."""

Row = tuple[str, str, str, str]
"""Label, name, digest, and the digest of the blob that holds its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskParts:
    """One version of a task's code: *rows* are its parts, *call* the arguments that it was once called with."""

    name: str
    rows: tuple[Row, ...] = ()
    call: tuple[str, ...] = ()
