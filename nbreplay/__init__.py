"""NBReplay: record a distributed notebook once, and never compute the same thing twice.

Layers, each importing only from those below it::

    cli                       6   the command nbreplay
    kernels                   5b  Jupyter's face
    share, report             5a  packages and trust; what people look at
    replay                    4   cell runs: record, match, restore, explain
    namespace, tasks          3   cells' names and checkpoints; Dask graphs and plugins
    serialize, fingerprint,   2   values to bytes; identity of code and values;
    store, files                  bytes on disk; what was read and written beside the store
    config, records           1   settings; the frozen records that are kept or sent
    digest, errors            0

The life of a cell run: the kernel hands the request to the replay engine. Under *Repeat* the engine looks for a
recorded run of the same code whose inputs hold now, by digest; if there is one it applies its writes lazily, replays
its outputs and the code does not run. Otherwise the names that the cell can reach are brought to life, the cell runs,
Dask graphs that it submits pass through the task cache, and afterwards what changed is written and one record is
appended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nbreplay.errors import NbreplayError, Uncacheable

if TYPE_CHECKING:
    from nbreplay.files.external import run
    from nbreplay.fingerprint import fingerprint, volatile
    from nbreplay.replay.reader import open_store
    from nbreplay.tasks import task_cache

__version__ = "0.1.0"

__all__ = ["NbreplayError", "Uncacheable", "fingerprint", "open_store", "run", "task_cache", "volatile"]

_HOMES = {
    "fingerprint": "nbreplay.fingerprint",
    "open_store": "nbreplay.replay.reader",
    "run": "nbreplay.files.external",
    "task_cache": "nbreplay.tasks",
    "volatile": "nbreplay.fingerprint",
}


def __getattr__(name: str) -> object:
    """Import the homes of public names on first use: ``import nbreplay`` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
