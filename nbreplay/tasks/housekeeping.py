"""Dask's housekeeping draws from a generator of its own in our kernels.

Clients, an in-process scheduler and Tornado draw jitter, samples and tie-breaks from Python's global generator, when
nobody controls it. In a kernel that would look as if every cell that uses a cluster had drawn random numbers; and a
seeded notebook would give other numbers each time.
"""

from __future__ import annotations

import random
from types import ModuleType

from nbreplay.files.imports import when_imported

_own = random.Random()

MODULES = (
    "dask.sizeof",
    "distributed.chaos",
    "distributed.client",
    "distributed.comm.core",
    "distributed.protocol.compression",
    "distributed.scheduler",
    "distributed.utils_comm",
    "distributed.worker",
    "tornado.ioloop",
)


def install() -> None:
    """Follow the imports of :data:`MODULES`; imports nothing."""
    for name in MODULES:
        when_imported(name, _separate)


def _separate(module: ModuleType) -> None:
    if getattr(module, "random", None) is random:
        module.random = _own  # type: ignore[attr-defined]  # it offers all that they call: random, choice, uniform ...
