"""A running cluster looked at from outside: can it take part in caching, and is it what this process is?

What runs there is sent by value: a scheduler or a worker without nbreplay must be able to say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cloudpickle

import nbreplay
from nbreplay.tasks import shim

TIMEOUT_S = 10.0
"""Seconds to wait for the scheduler, and for its answers."""
PACKAGES = ("dask", "distributed", "cloudpickle", "msgpack", "numpy", "pandas", "nbreplay")
"""Packages whose versions have to be one and the same, for values to travel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs, where, how bad it is, and what to do."""

    what: str
    where: str
    required: str
    found: str
    severity: Literal["blocks", "recompute", "note"]
    remedy: str


def survey(address: str, store: Path | None) -> list[Difference]:
    """Return what keeps the cluster at *address* from taking part, or takes something away; with *store*, who sees it.

    Nothing is installed there, and nothing is left behind.
    """
    from distributed import Client

    try:
        client = Client(address, timeout=TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as e:
        reason = f"{type(e).__name__}: {e}".strip(": ")
        remedy = "check the address and the network, or let the notebook make its own cluster"
        return [_difference("scheduler", address, "an answer", reason, "blocks", remedy)]
    try:
        return list(_differences(client, store))
    finally:
        client.close()


def _differences(client: Any, store: Path | None) -> Iterator[Difference]:
    path = str(store.absolute()) if store is not None else ""
    cloudpickle.register_pickle_by_value(shim)
    try:
        scheduler = client.run_on_scheduler(shim.look, path, PACKAGES)
        workers = client.run(shim.look, path, PACKAGES, on_error="return")
    finally:
        cloudpickle.unregister_pickle_by_value(shim)
    if not workers:
        yield _difference("workers", client.scheduler.address, "one or more", "none", "blocks", "start workers")
    here = shim.look(path, PACKAGES)
    yield from _compared("the scheduler", scheduler, here, path)
    for address, seen in workers.items():
        if isinstance(seen, BaseException):
            problem = f"{type(seen).__name__}: {seen}"
            yield _difference("worker", address, "an answer", problem, "note", "see its log")
        else:
            yield from _compared(f"worker {address}", seen, here, path)


def _compared(where: str, seen: dict[str, Any], here: dict[str, Any], path: str) -> Iterator[Difference]:
    if seen["python"] != here["python"]:
        remedy = "functions do not travel between minor versions of Python: use one"
        yield _difference("Python", where, here["python"], seen["python"], "blocks", remedy)
    for package in PACKAGES[:-1]:
        if seen["versions"][package] != here["versions"][package]:
            found = seen["versions"][package] or "not installed"
            required = here["versions"][package] or "not installed"
            yield _difference(package, where, required, found, "note", "install the same version on both sides")
    version = seen["versions"]["nbreplay"]
    if version != nbreplay.__version__:
        found = version or "not installed"
        remedy = "install it there; until then results are not kept by workers, and graphs are planned by the client"
        yield _difference("nbreplay", where, nbreplay.__version__, found, "recompute", remedy)
    if path and not seen["sees"]:
        remedy = "put the store on a folder that all see (--store); small results travel through the scheduler"
        yield _difference("store", where, f"sees {path}", "does not", "recompute", remedy)


def _difference(
    what: str, where: str, required: str, found: str, severity: Literal["blocks", "recompute", "note"], remedy: str
) -> Difference:
    return Difference(what=what, where=where, required=required, found=found, severity=severity, remedy=remedy)
