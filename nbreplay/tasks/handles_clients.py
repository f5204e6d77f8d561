"""Clients and clusters as recipes, and back."""

from __future__ import annotations

import threading
from typing import Any

from nbreplay.digest import combine
from nbreplay.errors import ClusterUnfit, Uncacheable
from nbreplay.files import unseen
from nbreplay.tasks import handles_default, handles_target
from nbreplay.tasks.handles_quiet import undisturbed
from nbreplay.tasks.handles_recipes import (
    Made,
    Remaking,
    adopt,
    class_name,
    find_class,
    live,
    made,
    module_loaded,
)

NESTED = "nbreplay nested handle"
"""Marks a cluster inside a client's recipe; kept inert, so that reading a recipe starts nothing."""

_lock = threading.RLock()


class ClientKind:
    """``distributed.Client`` and what derives from it."""

    kind = "dask client"

    def recognises(self, obj: object) -> bool:
        module = module_loaded("distributed.client")
        return module is not None and isinstance(obj, module.Client)

    def token(self, obj: Any) -> bytes:
        """Which class, open or closed: neither its address nor its workers are inputs of anything."""
        return combine("dask client", class_name(type(obj)), str(is_open(obj))).encode()

    def recipe(self, obj: Any) -> dict[str, Any]:
        return client_recipe(obj)

    def remake(self, recipe: dict[str, Any]) -> object:
        return remake_client(recipe)


class ClusterKind:
    """``LocalCluster`` and all other clusters."""

    kind = "dask cluster"

    def recognises(self, obj: object) -> bool:
        module = module_loaded("distributed.deploy.cluster")
        return module is not None and isinstance(obj, module.Cluster)

    def token(self, obj: Any) -> bytes:
        note = made(obj)
        calls = repr(note.calls) if note is not None else ""
        return combine("dask cluster", class_name(type(obj)), str(is_open(obj)), calls).encode()

    def recipe(self, obj: Any) -> dict[str, Any]:
        return cluster_recipe(obj)

    def remake(self, recipe: dict[str, Any]) -> object:
        return remake_cluster(recipe)


def is_open(obj: Any) -> bool:
    """Say whether a client or cluster has not been closed."""
    status = getattr(obj, "status", None)
    return str(getattr(status, "name", status)) not in ("closed", "closing", "failed")


# ---------------------------------------------------------------- recipes


def client_recipe(client: Any) -> dict[str, Any]:
    """Return how to make *client* again; plain values only."""
    note = made(client)
    if note is None:
        raise Uncacheable("a Dask client that was made before anybody could note how")
    if client.asynchronous and is_open(client):
        raise Uncacheable("an asynchronous Dask client; it lives in its event loop")
    recipe = _recipe(client, note)
    args, kwargs = list(note.args), dict(note.kwargs)
    start = args[0] if args else kwargs.get("address")
    cluster = _cluster_at(start)
    if cluster is not None:
        nested = (NESTED, cluster_recipe(cluster))
        if args:
            args[0] = nested
        else:
            kwargs["address"] = nested
    elif start is None and getattr(client, "cluster", None) is not None:
        inner = made(client.cluster)
        recipe["cluster_calls"] = inner.calls if inner is not None else []
    return recipe | {"args": tuple(args), "kwargs": kwargs}


def cluster_recipe(cluster: Any) -> dict[str, Any]:
    """Return how to make *cluster* again."""
    for client in list(module_loaded("distributed.client").Client._instances):  # type: ignore[union-attr]
        if client.cluster is cluster and client._start_arg is None:
            return {"cluster_of": client_recipe(client)}
    note = made(cluster)
    if note is None:
        raise Uncacheable("a Dask cluster that was made before anybody could note how")
    if cluster.asynchronous and is_open(cluster):
        raise Uncacheable("an asynchronous Dask cluster; it lives in its event loop")
    return _recipe(cluster, note) | {"args": note.args, "kwargs": note.kwargs, "calls": note.calls}


def _recipe(obj: Any, note: Made) -> dict[str, Any]:
    return {"uid": note.uid, "class": class_name(type(obj)), "open": is_open(obj), "left_out": list(note.left_out)}


def _cluster_at(start: Any) -> Any:
    """Return the cluster of this process that a client's first argument means."""
    module = module_loaded("distributed.deploy.cluster")
    if module is None or start is None:
        return None
    if isinstance(start, module.Cluster):
        return start
    for cluster in list(module_loaded("distributed.deploy.spec").SpecCluster._instances):  # type: ignore[union-attr]
        if isinstance(start, str) and is_open(cluster) and cluster.scheduler_address == start and made(cluster):
            return cluster
    return None


# ---------------------------------------------------------------- and back


def remake_client(recipe: dict[str, Any]) -> Any:
    """Return the client of *recipe*: the live one if there is one, else made now. Closed ones are made closed."""
    if recipe.get("problem"):
        raise ClusterUnfit(
            f"the recorded Dask client could not be kept: {recipe['problem']}; run the cell that makes it"
        )
    with _lock, Remaking(), unseen(), undisturbed():
        client = live(recipe["uid"])
        if client is not None and is_open(client) == recipe["open"]:
            return _settle(client)
        if client is not None and not recipe["open"]:
            client.close()
            return client
        cls = find_class(recipe["class"])
        note = _note(recipe)
        if not recipe["open"]:
            client = _closed_client(cls)
            adopt(client, note)
            return client
        target = handles_target.chosen()
        if target is not None:
            args, kwargs = [handles_target.start_of(target)], {}
        else:
            args, kwargs = [_unnest(value) for value in recipe["args"]], dict(recipe["kwargs"])
            if "address" in kwargs:
                kwargs["address"] = _unnest(kwargs["address"])
        note.args, note.kwargs = tuple(args), kwargs
        client = _make(cls, tuple(args), kwargs, recipe)
        adopt(client, note)
        for method, call_args, call_kwargs in recipe.get("cluster_calls", ()) if target is None else ():
            getattr(client.cluster, method)(*call_args, **call_kwargs)
        return _settle(client)


def remake_cluster(recipe: dict[str, Any]) -> Any:
    """Return the cluster of *recipe*."""
    if "cluster_of" in recipe:
        return remake_client(recipe["cluster_of"]).cluster
    with _lock, Remaking(), unseen(), undisturbed():
        cluster = live(recipe["uid"])
        if cluster is not None and is_open(cluster) == recipe["open"]:
            return cluster
        if cluster is not None and not recipe["open"]:
            cluster.close()
            return cluster
        cls = find_class(recipe["class"])
        note = _note(recipe)
        note.args, note.kwargs, note.calls = recipe["args"], recipe["kwargs"], list(recipe["calls"])
        if not recipe["open"]:
            cluster = _closed_cluster(cls, recipe["kwargs"])
            adopt(cluster, note)
            return cluster
        cluster = _make(cls, recipe["args"], recipe["kwargs"], recipe)
        adopt(cluster, note)
        for method, args, kwargs in recipe["calls"]:
            getattr(cluster, method)(*args, **kwargs)
        return cluster


def _settle(client: Any) -> Any:
    handles_default.made_again(client)
    return client


def _note(recipe: dict[str, Any]) -> Made:
    return Made(uid=recipe["uid"], left_out=list(recipe["left_out"]))


def _unnest(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) == 2 and value[0] == NESTED:
        return remake_cluster(value[1])
    return value


def _make(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any], recipe: dict[str, Any]) -> Any:
    try:
        return cls(*args, **kwargs)
    except Exception as e:
        missing = f" (not kept: {', '.join(recipe['left_out'])})" if recipe["left_out"] else ""
        raise ClusterUnfit(
            f"the recorded {cls.__name__} could not be made again: {type(e).__name__}: {e}{missing}; "
            "run the cell that makes it"
        ) from e


def _closed_client(cls: type) -> Any:
    """Return a client that is closed and never was open here."""
    import dask

    client: Any = object.__new__(cls)
    client.__dict__["start"] = lambda **kwargs: None
    with dask.config.set({"distributed.client.preload": [], "scheduler-address": None}):
        module = module_loaded("distributed.client")
        assert module is not None
        module.Client.__init__(client, set_as_default=False)
    del client.__dict__["start"]
    client.status = "closed"
    return client


def _closed_cluster(cls: type, kwargs: dict[str, Any]) -> Any:
    """Return a cluster that is closed; what does not need it open works as on one that was."""
    from distributed.core import Status
    from distributed.deploy.cluster import Cluster

    base: Any = Cluster
    cluster: Any = object.__new__(cls)
    base.__init__(cluster, asynchronous=False, name=f"closed-{cls.__name__}")
    cluster.__dict__ |= {
        "workers": {},
        "worker_spec": {},
        "scheduler": None,
        "processes": kwargs.get("processes", True),
    }
    cluster.status = Status.closed
    return cluster
