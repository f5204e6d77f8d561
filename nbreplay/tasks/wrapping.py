"""The wrapper around Dask's own schedulers: light, since it is put in place when Dask is imported."""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any

logger = logging.getLogger(__name__)

MODULES = ("dask.local", "dask.threaded", "dask.multiprocessing")
"""Where the one function is called that all of Dask's own schedulers end in."""


def install() -> None:
    """Wrap the schedulers, once per process; without a cache the wrapper only calls on."""
    original: Any = sys.modules["dask.local"].get_async
    if getattr(original, "nbreplay", False):
        return

    @functools.wraps(original)
    def get_async(submit: Any, num_workers: Any, dsk: Any, result: Any, *args: Any, **kwargs: Any) -> Any:
        dsk, kwargs = _through_cache(dsk, result, kwargs)
        return original(submit, num_workers, dsk, result, *args, **kwargs)

    get_async.nbreplay = True  # type: ignore[attr-defined]
    for name in MODULES:
        if name in sys.modules:
            setattr(sys.modules[name], "get_async", get_async)  # noqa: B010  # some only import it


def _through_cache(dsk: Any, result: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    from nbreplay.tasks import current

    cache = current()
    if cache is None or cache.store is None or not (cache.serve or cache.record):
        return dsk, kwargs
    try:
        from nbreplay.tasks.local import planned

        return planned(cache, dsk, result, kwargs)
    except Exception as error:
        logger.warning("a graph runs without the task cache", exc_info=True)
        cache.problem(f"a graph ran without the task cache: {type(error).__name__}: {error}")
        return dsk, kwargs
