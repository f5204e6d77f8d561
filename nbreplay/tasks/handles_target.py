"""Another cluster in place of the recorded one: an address, or a kind of cluster with its arguments.

It is told by the environment (``NBREPLAY_CLUSTER``), since the kernel that makes handles again is another process than
the command that was given the choice. What is made for it replaces every client that is *made again*; a cell that runs
and makes a client makes its own.
"""

from __future__ import annotations

import importlib
import json
import os
from typing import Any

from nbreplay.errors import ClusterUnfit

VARIABLE = "NBREPLAY_CLUSTER"
KINDS = {
    "local": ("distributed", "LocalCluster", ""),
    "slurm": ("dask_jobqueue", "SLURMCluster", "dask-jobqueue"),
    "pbs": ("dask_jobqueue", "PBSCluster", "dask-jobqueue"),
    "sge": ("dask_jobqueue", "SGECluster", "dask-jobqueue"),
    "lsf": ("dask_jobqueue", "LSFCluster", "dask-jobqueue"),
    "htcondor": ("dask_jobqueue", "HTCondorCluster", "dask-jobqueue"),
    "kubernetes": ("dask_kubernetes.operator", "KubeCluster", "dask-kubernetes"),
}
"""Kind of cluster to (module, class, package to install)."""
_ONCE = ("n_workers", "jobs")
"""Arguments that dask-jobqueue takes as a number to scale to."""

_made: list[Any] = []


def chosen() -> dict[str, Any] | None:
    """Return the cluster that the user named: ``{"address": ...}`` or ``{"kind": ..., arguments}``; None if none was.

    Raises
    ------
    ClusterUnfit
        What the environment says is neither.
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return None
    if not text.startswith("{"):
        return {"address": text}
    try:
        plain = json.loads(text)
    except ValueError as e:
        raise ClusterUnfit(f"{VARIABLE} is no JSON ({e})") from e
    if not isinstance(plain, dict) or not ("address" in plain or plain.get("kind") in KINDS):
        raise ClusterUnfit(f"{VARIABLE} names no kind of cluster; known are {', '.join(KINDS)}")
    return plain


def start_of(target: dict[str, Any]) -> Any:
    """Return what a client is given to reach *target*: an address, or a cluster, made once per process.

    Raises
    ------
    ClusterUnfit
        The package that knows this kind of cluster is not installed, or the cluster cannot be made.
    """
    if "address" in target:
        return target["address"]
    if _made and getattr(_made[0].status, "name", "") not in ("closed", "closing", "failed"):
        return _made[0]
    module, name, package = KINDS[target["kind"]]
    try:
        cls = getattr(importlib.import_module(module), name)
    except ImportError as e:
        raise ClusterUnfit(f"a {target['kind']} cluster needs the package {package}; install it ({e})") from e
    arguments = {key: value for key, value in target.items() if key != "kind"}
    scale = next((arguments.pop(key) for key in _ONCE if key in arguments and package), None)
    try:
        cluster = cls(**arguments)
        if scale is not None:
            cluster.scale(scale)
    except Exception as e:
        raise ClusterUnfit(f"the {target['kind']} cluster cannot be made: {type(e).__name__}: {e}") from e
    _made[:] = [cluster]
    return cluster
