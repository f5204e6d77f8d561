"""Settings: one frozen dataclass, each field with its unit and its default."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

MiB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set; its readers are traitlets in kernels and options on the command line.

    Attributes
    ----------
    store : Path or None
        Folder of the store; default beside the notebook.
    small_blob_bytes : int
        Blobs up to this size live in a journal, larger ones in a file of their own.
    commit_before_reply_bytes : int
        A checkpoint with at most this many new bytes is committed before the cell's reply.
    small_unit_bytes, small_total_bytes : int
        Names up to the first size, together up to the second, are looked at after every cell, named or not.
    inline_result_bytes : int
        Task results up to this size are handed to the scheduler as data instead of a load task.
    scheduler_transfer_bytes : int
        Results up to this size travel through the scheduler from workers that do not see the store's folder.
    store_max_bytes : int or None
        The store's size from which on results of tasks are evicted, or not kept any more. None: the smaller of 20 GiB
        and a quarter of what is free on its disk.
    verify_tasks : float
        Share (0 to 1) of the tasks that would be served that are run instead, and compared with what is recorded.
    compress_ratio : float
        zstd is used when a probe of 1 MiB shrinks by more than this factor.
    nondeterministic : str
        ``restore`` serves nondeterministic cells as recorded when nothing before them changed; ``run`` runs them.
    verify_bytes : int
        Values up to this size are loaded again in another process while the kernel is idle, and compared; 0: none are.
    verify_idle_s : float
        Seconds without a cell after which that begins.
    max_value_bytes : int
        Values above this size are not kept: recomputed where they are needed. 0: no limit.
    backlog_bytes : int
        What may wait in memory, on top of the user's own, until it is written; beyond that the next cell waits.
    racy_s : float
        A file changed within this many seconds of its stat is hashed again, however its stat looks.
    """

    store: Path | None = None
    small_blob_bytes: int = 64 * 1024
    commit_before_reply_bytes: int = MiB
    small_unit_bytes: int = 16 * 1024
    small_total_bytes: int = 256 * 1024
    inline_result_bytes: int = 64 * 1024
    scheduler_transfer_bytes: int = 64 * MiB
    store_max_bytes: int | None = None
    verify_tasks: float = 0.0
    compress_ratio: float = 1.5
    nondeterministic: str = "restore"
    verify_bytes: int = MiB
    verify_idle_s: float = 1.0
    max_value_bytes: int = 0
    backlog_bytes: int = 128 * MiB
    racy_s: float = 2.0

    def but(self, **changes: object) -> Settings:
        """Return a copy with *changes*."""
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]  # names are checked by replace


def store_beside(notebook: Path) -> Path:
    """Return the folder of *notebook*'s store when nothing else is said: ``climate.ipynb`` has ``climate.nbreplay``."""
    return notebook.with_name((notebook.stem if notebook.suffix == ".ipynb" else notebook.name) + ".nbreplay")
