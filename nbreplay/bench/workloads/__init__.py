"""The notebooks, by name: the five of the published evaluation first."""

from __future__ import annotations

import importlib

from nbreplay.bench.model import Workload

PUBLISHED = ("dv5", "mapreduce", "dconv", "rag", "ctrend")
NAMES = (*PUBLISHED, "climate", "helpers", "futures", "ocean")


def workload(name: str) -> Workload:
    """Return the workload called *name*."""
    made: Workload = importlib.import_module(f"nbreplay.bench.workloads.{name}").WORKLOAD
    return made
