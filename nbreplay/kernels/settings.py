"""Settings as traitlets: ``c.NBReplay.*`` in a configuration file, ``--NBReplay.*`` on a kernel's command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from traitlets import Enum, Float, Int, TraitType, Unicode
from traitlets.config import Configurable

from nbreplay.config import Settings

_SIZES = {
    "small_blob_bytes": "Blobs up to this size live in a journal, larger ones in a file of their own.",
    "commit_before_reply_bytes": "A checkpoint with at most this many new bytes is committed before the cell's reply.",
    "small_unit_bytes": "Names up to this size are looked at after every cell, named in it or not.",
    "small_total_bytes": "All names that are looked at after every cell are together at most this large.",
    "backlog_bytes": "What may wait in memory until it is written; beyond that the next cell waits.",
    "max_value_bytes": "Values above this size are not kept, but recomputed where they are needed. 0: no limit.",
    "verify_bytes": "Values up to this size are loaded again when the kernel is idle, and compared. 0: none.",
    "inline_result_bytes": "Task results up to this size are handed to the scheduler as data.",
    "scheduler_transfer_bytes": "Results up to this size travel through the scheduler where workers see no store.",
}
_NUMBERS = {
    "compress_ratio": "zstd is used when a probe of 1 MiB shrinks by more than this factor.",
    "verify_tasks": "Share of the tasks that would be served that run, to be compared with their records.",
    "verify_idle_s": "Seconds without a cell after which values are loaded again and compared.",
    "racy_s": "A file changed within this many seconds of its stat is hashed again.",
}
_DEFAULT = Settings()


def _traits() -> dict[str, TraitType[Any, Any]]:
    traits: dict[str, TraitType[Any, Any]] = {}
    for name, text in _SIZES.items():
        traits[name] = Int(getattr(_DEFAULT, name), min=0, help=text).tag(config=True)
    for name, text in _NUMBERS.items():
        traits[name] = Float(getattr(_DEFAULT, name), min=0.0, help=text).tag(config=True)
    return traits


class NBReplay(Configurable):
    """What can be set for the two kernels."""

    store = Unicode("", help="Folder of the store; empty: NBREPLAY_STORE, else beside the notebook.").tag(config=True)
    nondeterministic = Enum(
        ["restore", "run"],
        "restore",
        help="restore: serve nondeterministic cells as recorded when nothing before them changed; run: run them.",
    ).tag(config=True)
    store_max_bytes = Int(
        None,
        allow_none=True,
        min=0,
        help="Size from which on task results are evicted, or not kept; None: 20 GiB, or a quarter of what is free.",
    ).tag(config=True)
    locals().update(_traits())

    def settings(self) -> Settings:
        """Return the settings as the layers below take them."""
        names = (*_SIZES, *_NUMBERS, "nondeterministic", "store_max_bytes")
        values = {name: getattr(self, name) for name in names}
        return Settings().but(store=Path(self.store).expanduser() if self.store else None, **values)
