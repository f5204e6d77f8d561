"""Futures as recipes: the fingerprint of the task and the digest of its result, never the bare key."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from nbreplay.digest import Digest, Fingerprint, combine
from nbreplay.errors import Uncacheable
from nbreplay.files import unseen
from nbreplay.tasks.handles_clients import client_recipe, is_open, remake_client
from nbreplay.tasks.handles_default import default_client, keep
from nbreplay.tasks.handles_graphs import only_itself
from nbreplay.tasks.handles_quiet import undisturbed
from nbreplay.tasks.handles_recipes import Remaking, live, module_loaded

if TYPE_CHECKING:
    from nbreplay.records import TaskRun
    from nbreplay.tasks.kernel_cache import KernelCache

logger = logging.getLogger(__name__)

VALUE_BYTES = 64 << 20
"""A result that has no fingerprint (scattered, nondeterministic) is kept with the future up to this size."""

SMALL_BYTES = 1 << 20

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
        """What it holds, once that is known; until then it equals only itself, since its task may do anything."""
        if obj.status in ("error", "cancelled", "lost"):
            exception = obj._state.exception if obj.status == "error" else None
            return combine("dask future", obj.status, type(exception).__name__, str(exception)).encode()
        content = identity(obj)[1] if obj.status == "finished" or _FROM in obj.__dict__ else None
        if content is None and obj.status == "finished":
            content = _content_of_value(obj)
        if content is None:
            return combine("dask future", "itself", only_itself(obj)).encode()
        return combine("dask future", content).encode()

    def recipe(self, obj: Any) -> dict[str, Any]:
        return future_recipe(obj)

    def remake(self, recipe: dict[str, Any]) -> object:
        return remake_future(recipe)


# ---------------------------------------------------------------- what the task cache knows


def _cache() -> KernelCache | None:
    from nbreplay import tasks

    return tasks.current()


def identity(future: Any) -> tuple[Fingerprint | None, Digest | None]:
    """Return P of the future's task and C of its result, as far as they are known without looking at it."""
    known = future.__dict__.get(_FROM)
    if known is not None:
        return known[0], known[1]
    cache, client = _cache(), future.client
    if cache is None or client is None:
        return None, None
    try:
        plugin = module_loaded("nbreplay.tasks.scheduler_plugin")
        here = plugin.TaskCachePlugin.here if plugin is not None else {}
        scheduler = here.get(client._scheduler_identity.get("id", ""))
        if scheduler is not None:  # in this process: no need to ask by message
            entry = scheduler.entries.get(future.key)
            refused = entry is None or bool(entry.refused)
            return (None if refused else entry.provenance), None if entry is None else entry.digest
        return cache.fingerprint_of(future.key), None
    except Exception:
        logger.debug("no fingerprint of %r", future.key, exc_info=True)
        return None, None


def _content_of_value(future: Any) -> Digest | None:
    """Return C of a finished future that nobody has a record of, by looking at its result."""
    from nbreplay.fingerprint import Mode, walk

    found = _value(future, future.client, limit_bytes=VALUE_BYTES)
    if "value" not in found:
        return None
    seen = walk(found["value"], mode=Mode.VALUE)
    if seen.refusals:
        return None
    future.__dict__[_FROM] = (identity(future)[0], seen.digest)
    return seen.digest


def _records(provenance: Fingerprint) -> list[TaskRun]:
    """Return the records of *provenance* whose result is kept, newest first."""
    cache = _cache()
    if cache is None or cache.ledger is None:
        return []
    from nbreplay.tasks.planner import placed

    found = cache.ledger.lookup([provenance, placed(provenance, cache.root)])
    return [run for runs in found for run in runs if run.result is not None]


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
    recipe["content"] = content
    if provenance is not None:
        recipe["provenance"] = provenance
        if future.status == "pending" or (content is not None and _choose(provenance, content) is not None):
            return recipe
    if future.status != "finished":
        raise Uncacheable(f"a Dask future that waits for a task without fingerprint ({future.key!r})")
    # Results that are on their way to the store are kept in the recipe as well while they are small.
    found = _value(future, client, limit_bytes=VALUE_BYTES if provenance is None else SMALL_BYTES)
    if "value" not in found and provenance is None:
        raise Uncacheable(f"a Dask future whose task has no fingerprint, and {found['problem']}")
    return recipe | found


def _value(future: Any, client: Any, *, limit_bytes: int) -> dict[str, Any]:
    """Return the result itself as *value*, or the *problem* with that."""
    if client is None or not is_open(client) or client.asynchronous:
        return {"problem": "its client is closed"}
    try:
        with unseen():
            sizes = client.sync(client.scheduler.nbytes, keys=[future.key], summary=False)
            if not sizes:
                return {"problem": "its result is gone"}
            if max(sizes.values()) > limit_bytes:
                return {"problem": f"its result is over {limit_bytes >> 20} MiB"}
            return {"value": client.gather(future)}
    except Exception as e:  # noqa: BLE001  # whatever a cluster in trouble raises: a hole with this reason
        return {"problem": f"{type(e).__name__}: {e}"}


def remake_future(recipe: dict[str, Any]) -> Any:
    """Return a future on a task that loads the result, on the client that stands for the recorded one here."""
    with _lock, Remaking(), unseen(), undisturbed():
        client = _client_for(recipe["client"])
        if not is_open(client):
            return _dead(client, recipe["key"], "cancelled")
        if recipe["status"] in ("error", "cancelled", "lost"):
            return _dead(client, recipe["key"], recipe["status"], recipe.get("exception"))
        key = recipe["key"]
        run = _choose(recipe["provenance"], recipe["content"]) if "provenance" in recipe else None
        # What was scattered or has no record is here itself, and is data now.
        if run is not None:
            cache = _cache()
            graph = cache.load_graph(run, key) if cache is not None else None
            if graph is not None:
                future = _submit(client, *graph)
                future.__dict__[_FROM] = (recipe["provenance"], run.result_digest)
                return future
        if "value" in recipe:
            from dask._task_spec import DataNode

            future = _submit(client, key, DataNode(key, recipe["value"]))
            if recipe.get("content") is not None:
                future.__dict__[_FROM] = (recipe.get("provenance"), recipe["content"])
            return future
        raise Uncacheable(f"the result of the Dask future {key!r} is not kept; run the cell that makes it")


def _client_for(recipe: dict[str, Any]) -> Any:
    """Return the recorded client if it lives, else the default one, else the recorded one made again.

    A cell that makes the client may have run again since: what was computed with the client of that time is used with
    the one of now, and must be on its cluster.
    """
    client = live(recipe["uid"]) if "uid" in recipe else None
    if client is not None or not recipe.get("open"):
        return remake_client(recipe)
    keep()
    default = default_client()
    return default if default is not None and is_open(default) else remake_client(recipe)


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
