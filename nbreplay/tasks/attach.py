"""A client gets the cache: plugins into its cluster, or, if that cannot be, planning before it submits."""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import cloudpickle
from distributed.protocol import pickle

from nbreplay.tasks import shim
from nbreplay.tasks.client_plan import ClientPlanner
from nbreplay.tasks.scheduler_plugin import NAME, TaskCachePlugin
from nbreplay.tasks.tally import Tally
from nbreplay.tasks.traced import content_digest

if TYPE_CHECKING:
    from nbreplay.tasks.kernel_cache import KernelCache

logger = logging.getLogger(__name__)

NOT_TOLD = "its cluster was gone before it could be asked what the tasks read"

STACK = "_nbreplay"
"""Attribute of a client: all who have given it a cache, the last of whom plans its graphs."""
WRAPPED = ("_graph_to_futures", "_scatter", "close")

JOIN_TIMEOUT_S = 20.0
"""Seconds that installing plugins in a cluster may take before the notebook goes on without."""


class Attached:
    """One client with the cache. *mode* is ``plugin``, ``plan`` (planned here before submitting) or ``none``."""

    def __init__(self, cache: KernelCache, client: Any) -> None:
        self.cache = cache
        self.client = client
        self.name = uuid.uuid4().hex
        self.mode = "none"
        self.workers_fit = True
        self.planner: ClientPlanner | None = None
        self.scheduler_id = ""
        self._said = ""
        self._marks = 0
        self._submitted: set[str] = set()
        self._last: dict[str, Any] = {}
        self._lock = threading.RLock()

    async def install(self) -> None:
        """Put the plugins in. Runs on the client's loop while it starts; never raises."""
        client, cache = self.client, self.cache
        if cache.ledger is None:
            return
        try:
            await asyncio.wait_for(self._install(), JOIN_TIMEOUT_S)
            self.mode = "plugin"
        except Exception as error:  # noqa: BLE001  # anything a user's object, or a cluster, may raise
            cache.problem(
                f"the scheduler at {client.scheduler.address} cannot take part in caching"
                f" ({type(error).__name__}: {error}); graphs are planned before they are submitted"
            )
            self.planner = ClientPlanner(cache, client)
            self.mode = "plan"
        self._wrap()

    async def _install(self) -> None:
        client, cache = self.client, self.cache
        assert cache.store is not None
        rpc = client.scheduler
        sent_plugin = pickle.dumps(TaskCachePlugin())
        reply = await rpc.register_scheduler_plugin(plugin=sent_plugin, name=NAME, idempotent=True)
        if isinstance(reply, dict) and reply.get("status") == "error":
            raise RuntimeError(str(reply.get("exception_text", reply)))
        sent = _by_value(shim.WorkerShim()), _by_value(shim.is_fit)
        await rpc.register_worker_plugin(plugin=sent[0], name=shim.WorkerShim.name, idempotent=True)
        answers = await rpc.broadcast(msg={"op": "run", "function": sent[1], "wait": True})
        self.workers_fit = all(_is_true(answer) for answer in answers.values())
        if not self.workers_fit:
            cache.problem("workers cannot import nbreplay: small results are served, and none are stored")
        refusal = await rpc.nbreplay_join(
            client=client.id,
            store=str(cache.store.path),
            root=str(cache.root),
            serve=cache.serve,
            record=cache.record,
            workers_fit=self.workers_fit,
            settings=cache.sent_settings(),
            asker=self.name,
        )
        if refusal:
            raise RuntimeError(refusal)
        self.scheduler_id = str(client._scheduler_identity.get("id", ""))

    # ------------------------------------------------------------ what is wrapped

    def _wrap(self) -> None:
        client = self.client
        stack: list[Attached] = vars(client).setdefault(STACK, [])
        stack.append(self)
        if len(stack) > 1:
            return
        submit, scatter, close = client._graph_to_futures, client._scatter, client.close

        def graph_to_futures(expr: Any, keys: Any, *args: Any, **kwargs: Any) -> Any:
            if not stack:
                return submit(expr, keys, *args, **kwargs)
            top = stack[-1]
            with top._lock:
                expr, keys = top._before(expr, keys)
                futures = submit(expr, keys, *args, **kwargs)
            if top.planner is not None:
                top.planner.watch(futures)
            return futures

        async def scattered(data: Any, *args: Any, **kwargs: Any) -> Any:
            futures = await scatter(data, *args, **kwargs)
            for top in stack[-1:]:
                top._tell_data(data, futures)
            return futures

        def closing(*args: Any, **kwargs: Any) -> Any:
            for each in list(stack):
                each._take_leave()
            return close(*args, **kwargs)

        for name, wrapper in zip(WRAPPED, (graph_to_futures, scattered, closing), strict=True):
            setattr(client, name, wrapper)

    def _before(self, expr: Any, keys: Any) -> tuple[Any, Any]:
        label = self.cache.label
        self._submitted.add(label)
        try:
            if self.planner is not None:
                return self.planner.plan(expr, keys), keys
            if self._is_same_scheduler() and label != self._said:
                self.client._send_to_scheduler({"op": "nbreplay-label", "label": label})
                self._said = label
        except Exception as error:
            logger.warning("a graph was submitted without the task cache", exc_info=True)
            self.cache.problem(f"a graph was submitted without the task cache: {error}")
        return expr, keys

    def _is_same_scheduler(self) -> bool:
        """Whether the scheduler still is the one that has our plugin; an unknown message would cost the connection."""
        same = str(self.client._scheduler_identity.get("id", "")) == self.scheduler_id
        if not same and self.mode == "plugin":
            self.mode = "none"
            self.cache.problem("the scheduler was restarted and has lost the task cache; make a new Client")
        return same and self.mode == "plugin"

    def _tell_data(self, data: Any, futures: Any) -> None:
        if self.mode != "plugin" or not self._is_same_scheduler():
            return
        try:
            pairs = [
                (future.key, digest) for future, value in _pairs(data, futures) if (digest := content_digest(value))
            ]
            if pairs:
                self.client._send_to_scheduler({"op": "nbreplay-data", "digests": pairs})
        except Exception:
            logger.debug("scattered data has no digest", exc_info=True)

    def detach(self) -> None:
        """Take the cache from the client again, and say so to the scheduler. Whoever gave it one before goes on."""
        stack = vars(self.client).get(STACK, [])
        if self in stack:
            stack.remove(self)
        for name in () if stack else (*WRAPPED, STACK):
            vars(self.client).pop(name, None)
        if self.mode == "plugin" and self.client.status == "running" and not self.client.asynchronous:
            asked = {"client": self.client.id, "asker": self.name}
            self.client.sync(self.client.scheduler.nbreplay_leave, **asked, callback_timeout=5)
        self.mode = "none"

    # ------------------------------------------------------------ what is asked

    def tell(self, label: str, *, stored_s: float = 0.0) -> Any:
        """Return the tally of *label* from the scheduler, or None. *stored_s*: wait for results being written, at
        most.
        """
        if self.planner is not None and stored_s:
            self.planner.settle(stored_s)
        if label not in self._submitted and not stored_s:
            return None
        if self.mode != "plugin" or self.client.status != "running" or not self._is_same_scheduler():
            return self._told_last(label)
        with self._lock:
            self._marks += 1
            marks = self._marks
            self.client._send_to_scheduler({"op": "nbreplay-mark", "mark": marks})
        asked = {"client": self.client.id, "asker": self.name, "label": label, "mark": marks, "stored_s": stored_s}
        if self.client.asynchronous:
            return self._from_here(asked)
        reply = self.client.sync(self.client.scheduler.nbreplay_tell, **asked, callback_timeout=stored_s + 10)
        return _tally(reply)

    def _take_leave(self) -> None:
        """Called before the client closes: the cell that closes it may be the one that submitted."""
        label = self.cache.label
        if label in self._submitted and label not in self._last and self.client.status == "running":
            try:
                self._last[label] = self.tell(label)
            except Exception:
                logger.debug("a scheduler did not tell", exc_info=True)

    def _told_last(self, label: str) -> Any:
        """Return what was told of *label* before the client closed; what nobody told may be anything."""
        if label not in self._submitted or self.mode == "plan":
            return None
        last = self._last.get(label)
        return last if last is not None else Tally(label, refusals=[NOT_TOLD])

    def _from_here(self, asked: dict[str, Any]) -> Any:
        """An asynchronous client runs on the loop that asks: only a scheduler in this process can be looked at."""
        plugin = TaskCachePlugin.here.get(self.scheduler_id)
        if plugin is None:
            self.cache.problem("what ran in an asynchronous client's cluster is not counted")
            return None
        session = plugin.sessions.get(asked["asker"])
        return copy.deepcopy(session.tally(asked["label"])) if session is not None else None

    def prints(self, keys: Iterable[Any]) -> list[str]:
        """Return P of *keys* from the scheduler."""
        keys = list(keys)
        if self.mode != "plugin" or self.client.status != "running":
            return [""] * len(keys)
        if self.client.asynchronous:
            plugin = TaskCachePlugin.here.get(self.scheduler_id)
            return plugin.prints(keys) if plugin is not None else [""] * len(keys)
        return list(self.client.sync(self.client.scheduler.nbreplay_prints, keys=keys, callback_timeout=10))


def _tally(reply: Any) -> Any:
    if not isinstance(reply, dict) or "tally" not in reply:
        return None
    return reply["tally"]


def _by_value(thing: Any) -> bytes:
    cloudpickle.register_pickle_by_value(shim)
    try:
        return bytes(cloudpickle.dumps(thing))
    finally:
        cloudpickle.unregister_pickle_by_value(shim)


def _is_true(answer: Any) -> bool:
    if isinstance(answer, dict):
        return answer.get("status") == "OK" and bool(answer.get("result"))
    return bool(answer)


def _pairs(data: Any, futures: Any) -> list[tuple[Any, Any]]:
    if isinstance(futures, dict):
        return [(futures[key], value) for key, value in data.items()]
    if isinstance(futures, (list, tuple, set)):
        return list(zip(futures, list(data), strict=False)) if isinstance(data, (list, tuple)) else []
    return [(futures, data)]
