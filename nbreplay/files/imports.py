"""Do something to a module once it is imported, and import nothing for it."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)

_waiting: dict[str, list[Callable[[ModuleType], None]]] = {}
_lock = threading.RLock()


def when_imported(name: str, act: Callable[[ModuleType], None]) -> None:
    """Call ``act(module)`` as soon as the module *name* is imported: now, if it is.

    *act* is called on the importing thread, after the module has run and before the import statement ends. What it
    raises is logged and goes no further.
    """
    with _lock:
        module = sys.modules.get(name)
        spec = getattr(module, "__spec__", None)
        if module is None or getattr(spec, "_initializing", False):
            _waiting.setdefault(name, []).append(act)
            if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
                sys.meta_path.insert(0, _Finder())
            return
    _call(act, module)


def _call(act: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        act(module)
    except Exception:  # a library we do not know must still import
        logger.warning("could not follow what %s does", module.__name__, exc_info=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Lets the other finders find, and runs what waits after the loader."""

    def __init__(self) -> None:
        self._inside = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _waiting or getattr(self._inside, "name", None) == fullname:
            return None
        before = getattr(self._inside, "name", None)
        self._inside.name = fullname
        try:
            spec = None
            for finder in sys.meta_path:
                find = None if finder is self else getattr(finder, "find_spec", None)
                if find is not None and (spec := find(fullname, path, target)) is not None:
                    break
        finally:
            self._inside.name = before
        loader = getattr(spec, "loader", None)
        if spec is not None and hasattr(loader, "exec_module"):
            _follow(loader, fullname)
        return spec


def _follow(loader: Any, fullname: str) -> None:
    """Have this one loader object run what waits, without its type or the module noticing."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        with suppress(AttributeError):
            del loader.exec_module
        execute(module)
        with _lock:
            acts = _waiting.pop(fullname, [])
        for act in acts:
            _call(act, module)

    try:
        loader.exec_module = exec_module
    except AttributeError:  # a loader with slots, or a class (built-in and frozen modules): not ours to follow
        logger.debug("cannot follow the import of %s", fullname)
