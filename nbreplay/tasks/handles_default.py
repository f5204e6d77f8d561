"""Dask's default client, as a promise: the recorded one is made again when somebody first asks for it.

A cell such as ``x.compute()`` names no client and needs the one that was current. A cell that asks Dask nothing starts
no cluster.
"""

from __future__ import annotations

import atexit
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from nbreplay.digest import combine
from nbreplay.errors import Uncacheable
from nbreplay.files.imports import when_imported
from nbreplay.tasks.handles_recipes import class_name, live, made, module_loaded, remaking, when_new_default

_promise: list[dict[str, Any]] = []
_lock = threading.RLock()
_quiet = threading.local()

_LOCAL_SCHEDULERS = frozenset(
    {"sync", "synchronous", "single-threaded", "threads", "threading", "processes", "multiprocessing"}
)


def follow() -> None:
    """Hook into the two places that all of Dask asks; imports nothing."""
    when_imported("distributed.client", _follow_client)
    when_imported("dask.base", _follow_base)
    when_new_default(_user_made)


def default_client() -> Any:
    """Return the default client there is, without keeping any promise."""
    module = module_loaded("distributed.client")
    if module is None:
        return None
    with quiet():
        return module._get_global_client()


class DefaultClient:
    """The ambient state *which client is the default*, for the registry of ambient states."""

    name = "dask.default_client"

    def ready(self) -> bool:
        """Say whether there can be any."""
        return module_loaded("distributed.client") is not None or bool(_promise)

    def capture(self) -> dict[str, Any] | None:
        """Return the recipe of the default client, None if there is none. The promised one counts."""
        from nbreplay.tasks.handles_clients import client_recipe, is_open

        if _promise:
            return _promise[-1]
        client = default_client()
        if client is None or not is_open(client) or made(client) is None:
            return None
        try:
            return client_recipe(client)
        except Uncacheable as e:  # then whoever asks for it is told why, instead of getting another one
            return {"uid": "", "class": class_name(type(client)), "problem": str(e)}

    def digest(self) -> bytes:
        """Whether there is one is an input of what runs; which address and how many workers it has is not."""
        if _promise:
            return combine("dask default client", _promise[-1]["class"]).encode()
        client = default_client()
        name = "" if client is None else f"{type(client).__module__}:{type(client).__qualname__}"
        return combine("dask default client", name).encode()

    def apply(self, recipe: dict[str, Any] | None) -> None:
        """Make the recorded client the default, now if it is alive, else when it is asked for."""
        promise(recipe)


def promise(recipe: dict[str, Any] | None) -> None:
    """As :meth:`DefaultClient.apply`."""
    from nbreplay.tasks.handles_clients import is_open

    with _lock:
        _promise.clear()
        client = live(recipe["uid"]) if recipe is not None else None
        if client is not None and is_open(client):
            _set_default(client)
            return
        current = default_client()
        while current is not None:  # of another boundary: alive, but nobody's default here
            _unset_default(current)
            following = default_client()
            current = following if following is not current else None
        if recipe is not None:
            _promise.append(recipe)


def made_again(client: Any) -> None:
    """A recorded client lives again: if it is the promised one, it is the default now."""
    with _lock:
        note = made(client)
        if _promise and note is not None and _promise[-1]["uid"] == note.uid:
            _promise.clear()
            _set_default(client)


def _user_made(client: Any) -> None:
    """The user's own code made a client: whatever was promised, this is the default now."""
    if getattr(client, "_set_as_default", False):
        _promise.clear()


def keep() -> None:
    """Make the promised client, if there is one.

    Raises
    ------
    ClusterUnfit
        It cannot be made. Computing in the kernel's threads instead would be the wrong place, silently.
    """
    from nbreplay.tasks.handles_clients import remake_client

    with _lock:
        if _promise:
            with quiet():
                remake_client(_promise[-1])  # fulfils it, by made_again


@contextmanager
def quiet() -> Iterator[None]:
    """Asking on this thread keeps no promise meanwhile."""
    before = getattr(_quiet, "on", False)
    _quiet.on = True
    try:
        yield
    finally:
        _quiet.on = before


def _asked() -> bool:
    """Say whether the one who asks on this thread is a user of Dask, not Dask at work."""
    if not _promise or getattr(_quiet, "on", False) or remaking():
        return False
    return not threading.current_thread().name.startswith(("IO loop", "Worker-", "Dask-", "nbreplay"))


def _follow_client(module: ModuleType) -> None:
    # At exit Dask asks for the default client in order to close it; what is registered later is called before.
    atexit.register(_promise.clear)
    original = module._get_global_client

    @functools.wraps(original)
    def get_global_client() -> Any:
        if _promise and _asked() and not module._current_client.get():
            keep()
        return original()

    module._get_global_client = get_global_client  # type: ignore[attr-defined]


def _follow_base(module: ModuleType) -> None:
    original = module.get_scheduler

    @functools.wraps(original)
    def get_scheduler(*args: Any, **kwargs: Any) -> Any:
        if not _promise:
            return original(*args, **kwargs)
        named = kwargs.get("scheduler", args[1] if len(args) > 1 else None)
        if _is_local(named, module):
            with quiet():
                return original(*args, **kwargs)
        if _asked() and not (named is None and module.config.get("scheduler", None)):
            keep()
        return original(*args, **kwargs)

    module.get_scheduler = get_scheduler  # type: ignore[attr-defined]
    for name in ("dask", "dask.delayed", "dask.multiprocessing", "dask.dataframe.core"):
        other = module_loaded(name)
        if other is not None and getattr(other, "get_scheduler", None) is original:
            other.get_scheduler = get_scheduler  # type: ignore[attr-defined]


def _is_local(named: Any, module: ModuleType) -> bool:
    """Say whether a scheduler of this process was asked for by name; Dask would look for a client even so."""
    if isinstance(named, str):
        return named.lower() in _LOCAL_SCHEDULERS
    return named is not None


# ---------------------------------------------------------------- Dask's own bookkeeping


def _set_default(client: Any) -> None:
    import dask

    module = module_loaded("distributed.client")
    assert module is not None
    module._set_global_client(client)
    if dask.config.get("scheduler", None) != "dask.distributed":
        client._set_config = dask.config.set(scheduler="dask.distributed")


def _unset_default(client: Any) -> None:
    module = module_loaded("distributed.client")
    assert module is not None
    module._del_global_client(client)
    configured: Callable[..., Any] | None = getattr(client, "_set_config", None)
    if configured is not None and default_client() is None:
        from contextlib import suppress

        with suppress(AttributeError, KeyError):
            configured.__exit__(None, None, None)  # type: ignore[attr-defined]
        del client._set_config
