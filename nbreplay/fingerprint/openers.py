"""Who writes what: openers by type, chosen once for each type that is met.

An *opener* writes an object's own bytes and returns its parts, which the walk then writes; while a part is written an
opener that is a generator waits, so it can write between parts and after them. The modules beside this one fill the
tables when they are imported, which the first walk does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any

from nbreplay.fingerprint import packages

if TYPE_CHECKING:
    from nbreplay.fingerprint.walker import Walker

Parts = Iterable[Any] | None
Opener = Callable[["Walker", Any], Parts]

OPENERS: dict[type, Opener] = {}
"""Openers by exact type."""

CHOOSERS: list[Callable[[type], Opener | None]] = []
"""Asked in turn for the opener of a type that is not in :data:`OPENERS`."""

FINISHERS: list[Callable[[Walker], Iterable[Any]]] = []
"""Parts that are written after everything else."""

_chosen: dict[type, Opener] = {}

_MODULES = (
    "containers",
    "mappings",
    "buffers",
    "callables",
    "modules",
    "classes",
    "wrappers",
    "atoms",
    "arrays",
    "frames",
    "compiled",
    "tensors",
    "instances",
    "resources",
)
"""What fills the tables, in this order: a later chooser may take what an earlier one left."""


def opener_of(cls: type) -> Opener:
    """Return the opener of *cls*, remembered for classes that stay as they are."""
    opener = OPENERS.get(cls) or _chosen.get(cls)
    if opener is not None:
        return opener
    opener = _choose(cls)
    # An installed class stays as it is; one of the notebook's may be patched, and goes.
    if cls.__module__ != "__main__" and packages.installed(cls.__module__) is not None:
        _chosen[cls] = opener
    return opener


def _choose(cls: type) -> Opener:
    for choose in CHOOSERS:
        opener = choose(cls)
        if opener is not None:
            return opener
    raise TypeError(f"no opener for {cls}")


def forget_choices() -> None:
    """Choose openers anew: a type was registered."""
    _chosen.clear()


@cache
def fill() -> None:
    """Import what fills the tables, once; only now, since those modules need this one."""
    for name in _MODULES:
        importlib.import_module(f"nbreplay.fingerprint.{name}")
