"""Futures as recipes: the fingerprint of the task and the digest of its result, never the bare key."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from nbreplay.digest import Digest, Fingerprint, combine
from nbreplay.errors import Uncacheable
from nbreplay.files import unseen
from nbreplay.tasks.handles_clients import client_recipe, is_open, remake_client
from nbreplay.tasks.handles_recipes import Remaking, module_loaded

if TYPE_CHECKING:
    from nbreplay.records import TaskRun
    from nbreplay.tasks.kernel_cache import KernelCache

logger = logging.getLogger(__name__)

VALUE_BYTES = 64 << 20
"""A result that has no fingerprint (scattered, nondeterministic) is kept with the future up to this size."""

_FROM = "_nbreplay_from"
"""On a restored future: the (P, C) that it had, since its task now is one that loads."""

_lock = threading.RLock()


class FutureKind:
    """``distributed.Future``."""

    kind = "dask future"

    def recognises(self, obj: object) -> bool:
        module = module_loaded("distributed.client")
        return module is not None and isinstance(obj, module.Future)

    def token(self, obj: Any) -> bytes:
        """The task's fingerprint and, once it is known, the result's digest; the key where there is no better name."""
        state = "error" if obj.status in ("error", "cancelled", "lost") else ""
        provenance, content = identity(obj)
        if provenance is None:
            return combine("dask future by key", str(obj.key), state).encode()
        return combine("dask future", provenance, content or "", state).encode()

    def recipe(self, obj: Any) -> dict[str, Any]:
        return future_recipe(obj)

    def remake(self, recipe: dict[str, Any]) -> object:
        return remake_future(recipe)


# ---------------------------------------------------------------- what the task cache knows


def _cache() -> KernelCache | None:
    from nbreplay import tasks

    return tasks.current()


def fingerprint_of(key: Any) -> Fingerprint | None:
    """Return P of the task that the future *key* stands for, None if it has none."""
    cache = _cache()
    try:
        return cache.fingerprint_of(key) if cache is not None else None
    except Exception:
        logger.debug("no fingerprint of %r", key, exc_info=True)
        return None


def identity(future: Any) -> tuple[Fingerprint | None, Digest | None]:
    """Return P of the future's task and C of its result, as far as they are known."""
    known = future.__dict__.get(_FROM)
    if known is not None:
        return known[0], known[1]
    provenance = fingerprint_of(future.key)
    return provenance, None if provenance is None else _content(provenance)


def _records(provenance: Fingerprint) -> list[TaskRun]:
    """Return the records of *provenance* whose result is kept, newest first."""
    cache = _cache()
    if cache is None or cache.ledger is None:
        return []
    from nbreplay.tasks.planner import placed

    found = cache.ledger.lookup([provenance, placed(provenance, cache.root)])
    return [run for runs in found for run in runs if run.result is not None]


def _content(provenance: Fingerprint) -> Digest | None:
    """Return the digest of the result, if all records of *provenance* agree on it."""
    found = {run.result_digest for run in _records(provenance)}
    return found.pop() if len(found) == 1 else None


def _choose(provenance: Fingerprint, content: Digest | None) -> TaskRun | None:
    """Return the record that holds what the future stood for; None in any doubt."""
    runs = _records(provenance)
    if content is not None:
        return next((run for run in runs if run.result_digest == content), None)
    if len({run.result_digest for run in runs}) != 1 or runs[0].lineage or runs[0].files_read:
        return None  # files may have changed since, and it is not known which content the future saw
    return runs[0]


# ---------------------------------------------------------------- recipes


def future_recipe(future: Any) -> dict[str, Any]:
    """Return how to make *future* again.

    Raises
    ------
    Uncacheable
        It cannot be: it waits for a task without fingerprint, its data are lost, or its client is gone.
    """
    client = future.client
    if client is None:
        raise Uncacheable("a Dask future without a client")
    recipe = {"key": future.key, "client": client_recipe(client), "status": future.status}
    if future.status == "error":
        return recipe | {"exception": future._state.exception}
    if future.status in ("cancelled", "lost"):
        return recipe
    provenance, content = identity(future)
    if provenance is not None and (future.status == "pending" or _records(provenance)):
        return recipe | {"provenance": provenance, "content": content}
    if future.status == "finished":
        if provenance is not None:
            return recipe | {"provenance": provenance, "content": None} | _value(future, client, needed=False)
        return recipe | _value(future, client, needed=True)
    raise Uncacheable(f"a Dask future that waits for a task without fingerprint ({future.key!r})")


def _value(future: Any, client: Any, *, needed: bool) -> dict[str, Any]:
    """Return the result itself, for a future whose task cannot be named or is not stored yet."""
    problem = "its client is closed"
    if is_open(client) and not client.asynchronous:
        try:
            with unseen():
                size = client.sync(client.scheduler.nbytes, keys=[future.key], summary=False)
                if size and max(size.values()) <= VALUE_BYTES:
                    return {"value": client.gather(future, direct=None, asynchronous=False)}
            problem = f"its result is over {VALUE_BYTES >> 20} MiB" if size else "its result is gone"
        except Exception as e:  # noqa: BLE001  # whatever a cluster in trouble raises: a hole with this reason
            problem = f"{type(e).__name__}: {e}"
    if needed:
        raise Uncacheable(f"a Dask future whose task has no fingerprint, and {problem}")
    return {}


def remake_future(recipe: dict[str, Any]) -> Any:
    """Return a future on a task that loads the result, on the recorded client, which is made again for it."""
    with _lock, Remaking(), unseen():
        client = remake_client(recipe["client"])
        if not is_open(client):
            return _dead(client, recipe["key"], "cancelled")
        if recipe["status"] in ("error", "cancelled", "lost"):
            return _dead(client, recipe["key"], recipe["status"], recipe.get("exception"))
        key = recipe["key"]
        run = _choose(recipe["provenance"], recipe["content"]) if "provenance" in recipe else None
        if run is not None:
            cache = _cache()
            graph = cache.load_graph(run, key) if cache is not None else None
            if graph is not None:
                future = _submit(client, *graph)
                future.__dict__[_FROM] = (recipe["provenance"], run.result_digest)
                return future
        if "value" in recipe:
            from dask._task_spec import DataNode

            return _submit(client, key, DataNode(key, recipe["value"]))
        raise Uncacheable(f"the result of the Dask future {key!r} is not kept; run the cell that makes it")


def _submit(client: Any, key: Any, node: Any) -> Any:
    known = client.futures.get(key)
    if known is not None and known.status in ("pending", "finished"):
        from distributed.client import Future

        return Future(key, client)  # another of the same task came back before
    futures: list[Any] = client.get({key: node}, [key], sync=False)
    return futures[0]


def _dead(client: Any, key: Any, status: str, exception: BaseException | None = None) -> Any:
    """Return a future that has come to an end without a result. Its key is known to nobody else."""
    from distributed.client import Future

    future: Any = Future(key, client)
    if status == "error":
        future._state.set_error(exception, None)
    elif status == "lost":
        future._state.lose()
    else:
        future._state.cancel(reason="restored", msg="It was cancelled when it was recorded.")
    return future
