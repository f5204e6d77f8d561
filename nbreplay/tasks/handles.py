"""Dask's handles, registered with the namespace: what stands for something alive in a cluster.

::

    handles_recipes.py    how clients and clusters were made, noted at construction
    handles_clients.py    clients and clusters, and back
    handles_default.py    the default client as a promise
    handles_futures.py    futures, on tasks that load their results
    handles_graphs.py     lazy and persisted collections in digests
    handles_quiet.py      making them leaves no other trace
    handles_names.py      locks, events, queues, variables; what cannot be kept

Nothing here imports Dask: classes are looked for only once the notebook has imported them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbreplay.tasks import handles_default, handles_recipes
from nbreplay.tasks.handles_clients import ClientKind, ClusterKind
from nbreplay.tasks.handles_default import DefaultClient, default_client, promise
from nbreplay.tasks.handles_futures import FutureKind
from nbreplay.tasks.handles_graphs import collection_parts
from nbreplay.tasks.handles_names import BoundKind, NamedKind

__all__ = ["KINDS", "DaskKind", "DefaultClient", "default_client", "follow", "promise", "register"]

_CLIENT, _CLUSTER, _FUTURE, _NAMED, _BOUND = ClientKind(), ClusterKind(), FutureKind(), NamedKind(), BoundKind()
KINDS = (_CLIENT, _CLUSTER, _FUTURE, _NAMED, _BOUND)


class DaskKind:
    """All of them as one kind, so that an object of another library is looked at once."""

    kind = "dask"

    def recognises(self, obj: object) -> bool:
        return any(base.__module__[:11] == "distributed" for base in type(obj).__mro__) and self._find(obj) is not None

    def token(self, obj: Any) -> bytes:
        found = self._find(obj)
        assert found is not None
        return bytes(found.token(obj))

    def recipe(self, obj: Any) -> tuple[str, Any]:
        found = self._find(obj)
        assert found is not None
        return found.kind, found.recipe(obj)

    def remake(self, recipe: tuple[str, Any]) -> object:
        kind, inner = recipe
        return next(found for found in KINDS if found.kind == kind).remake(inner)

    @staticmethod
    def _find(obj: object) -> Any:
        return next((found for found in KINDS if found.recognises(obj)), None)


_ATOMS: dict[str, Callable[[Any], bytes]] = {
    "distributed.client:Client": _CLIENT.token,
    "distributed.deploy.cluster:Cluster": _CLUSTER.token,
    "distributed.client:Future": _FUTURE.token,
    "distributed.lock:Lock": _NAMED.token,
    "distributed.event:Event": _NAMED.token,
    "distributed.queues:Queue": _NAMED.token,
    "distributed.variable:Variable": _NAMED.token,
    "distributed.semaphore:Semaphore": _NAMED.token,
    "distributed.multi_lock:MultiLock": _NAMED.token,
    "distributed.client:as_completed": _BOUND.token,
    "distributed.actor:Actor": _BOUND.token,
}

_COLLECTIONS = (
    "dask.array.core:Array",
    "dask.bag.core:Bag",
    "dask.bag.core:Item",
    "dask.delayed:Delayed",
    "dask.dataframe.dask_expr._collection:FrameBase",
    "dask.dataframe.dask_expr._collection:Scalar",
)

_followed = [False]


def follow() -> None:
    """Note how clients are made and watch who asks for the default one; once per process, early."""
    if not _followed[0]:
        _followed[0] = True
        handles_recipes.follow()
        handles_default.follow()


def register(add_kind: Callable[[Any], None]) -> None:
    """Hand the kind to *add_kind* (the namespace's register) and say what stands for each handle in digests.

    Called once by whoever makes the kernel's engine, before the first cell.
    """
    from nbreplay.fingerprint.atoms import InPlace, register_atom

    follow()
    add_kind(DaskKind())
    for name, token in _ATOMS.items():
        register_atom(name, token)
    for name in _COLLECTIONS:
        register_atom(name, lambda obj: InPlace("dask collection", collection_parts(obj)))
