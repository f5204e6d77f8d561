"""Dask's locks, events, queues, variables and semaphores: a name on the scheduler, and a value where it can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbreplay.digest import combine
from nbreplay.errors import Uncacheable
from nbreplay.files import unseen
from nbreplay.tasks.handles_default import quiet
from nbreplay.tasks.handles_graphs import only_itself
from nbreplay.tasks.handles_recipes import Remaking, class_name, find_class, module_loaded

_NAMED = {
    "distributed.lock": ("Lock",),
    "distributed.event": ("Event",),
    "distributed.queues": ("Queue",),
    "distributed.variable": ("Variable",),
    "distributed.semaphore": ("Semaphore",),
    "distributed.multi_lock": ("MultiLock",),
}
_BOUND = {
    "distributed.client": ("as_completed",),
    "distributed.actor": ("Actor", "BaseActorFuture"),
    "distributed.pubsub": ("Pub", "Sub"),
}
_VALUE_TIMEOUT_S = 1.0


def _is_one_of(obj: object, table: Mapping[str, tuple[str, ...]]) -> bool:
    for kind in type(obj).__mro__:
        names = table.get(kind.__module__)
        if names is not None and kind.__name__ in names:
            return True
    return False


class NamedKind:
    """What lives on the scheduler under a name."""

    kind = "dask name"

    def recognises(self, obj: object) -> bool:
        return module_loaded("distributed") is not None and _is_one_of(obj, _NAMED)

    def token(self, obj: Any) -> bytes:
        return combine("dask name", class_name(type(obj)), str(getattr(obj, "name", ""))).encode()

    def recipe(self, obj: Any) -> dict[str, Any]:
        kind = type(obj).__name__
        recipe: dict[str, Any] = {"class": class_name(type(obj)), "name": getattr(obj, "name", None), "extra": {}}
        if kind == "MultiLock":
            recipe["name"] = list(obj.names)
        elif kind == "Queue":
            recipe["extra"] = {"maxsize": obj.maxsize}
        elif kind == "Semaphore":
            recipe["extra"] = {"max_leases": obj.max_leases}
        elif kind in ("Variable", "Event"):
            recipe |= _read(obj, kind)
        return recipe

    def remake(self, recipe: dict[str, Any]) -> object:
        cls: Any = find_class(recipe["class"])
        with Remaking(), unseen():
            made = cls(recipe["name"], **recipe["extra"]) if cls.__name__ != "Semaphore" else _semaphore(cls, recipe)
            if "value" in recipe:
                made.set(recipe["value"])
            elif recipe.get("set"):
                made.set()
        return made


def _semaphore(cls: Any, recipe: dict[str, Any]) -> Any:
    return cls(name=recipe["name"], **recipe["extra"])


def _read(obj: Any, kind: str) -> dict[str, Any]:
    """Return the value of a variable, or whether an event is set, if the scheduler says so at once."""
    from distributed.client import Future

    try:
        with unseen(), quiet():
            if kind == "Event":
                return {"set": bool(obj.is_set())}
            value = obj.get(timeout=_VALUE_TIMEOUT_S)
            return {} if isinstance(value, Future) else {"value": value}
    except Exception:  # noqa: BLE001  # no value yet, or no scheduler to ask: the name is what is kept
        return {}


class BoundKind:
    """What cannot be made again: it is tied to work in flight, or to state in a worker."""

    kind = "dask bound"

    def recognises(self, obj: object) -> bool:
        return module_loaded("distributed") is not None and _is_one_of(obj, _BOUND)

    def token(self, obj: Any) -> bytes:
        return combine("dask bound", only_itself(obj)).encode()

    def recipe(self, obj: Any) -> object:
        raise Uncacheable(f"a Dask {type(obj).__name__} is tied to what its cluster does; run the cell that makes it")

    def remake(self, recipe: object) -> object:
        raise Uncacheable("a handle that cannot be made again")
