"""Wrappers of functions of ``os`` that look at files without raising an audit event.

They are installed in our kernels and workers only. Each has the name, the signature and the pickle of what it wraps
(it is found under the same name in the same module), and does nothing of its own when nobody listens.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from _thread import get_ident
from collections.abc import Callable
from types import BuiltinFunctionType, ModuleType
from typing import Any

from nbreplay.files import audit, runs
from nbreplay.files.callers import by_installed
from nbreplay.files.paths import path_of
from nbreplay.files.scope import Scope

_QUIET = ("posixpath", "ntpath", "linecache", "inspect", "shutil", "tempfile", "warnings", "traceback", "tokenize")
"""They look at parts of a path, or at source files for a traceback; the result shows in what is opened next."""

_QUIET_FILES = frozenset(
    (
        *(os.path.join(os.path.dirname(os.__file__), name + ".py") for name in _QUIET),
        *(f"<frozen {name}>" for name in (*_QUIET, "os", "site", "importlib._bootstrap_external")),
    )
)
_CAPABILITIES = ("supports_dir_fd", "supports_fd", "supports_follow_symlinks", "supports_effective_ids")

_installed = [False]
_lock = threading.Lock()


def install() -> None:
    """Wrap once per process."""
    with _lock:
        if _installed[0]:
            return
        _installed[0] = True
    for name in ("stat", "lstat"):
        _replace(os, name, _looker(getattr(os, name), "stat"))
    _replace(os, "access", _looker(os.access, "exists"))
    for name in ("exists", "isfile", "isdir", "lexists"):
        _replace(os.path, name, _looker(getattr(os.path, name), "exists"))
    _replace(os.path, "getsize", _looker(os.path.getsize, "stat"))
    for name in ("getmtime", "getctime", "getatime"):
        _replace(os.path, name, _clock(getattr(os.path, name)))

    threading.Thread.start = _starter(threading.Thread.start)  # type: ignore[method-assign, assignment]


def _starter(original: Callable[[threading.Thread], None]) -> Callable[[threading.Thread], None]:
    @functools.wraps(original)
    def start(self: threading.Thread) -> None:
        if runs.active and (scope := runs.current()) is not None:
            runs.adopt(scope, self)
        original(self)

    return start


def _replace(module: ModuleType, name: str, wrapper: Callable[..., Any]) -> None:
    """Put *wrapper* wherever its original can be found by name, so that it pickles as the original did."""
    original = wrapper.__wrapped__  # type: ignore[attr-defined]
    home = sys.modules.get(original.__module__)
    if home is None or isinstance(original, BuiltinFunctionType):
        wrapper.__module__ = module.__name__  # the import system looks into `posix` itself: left as it is
    elif getattr(home, name, None) is original:
        setattr(home, name, wrapper)
    for capability in _CAPABILITIES:
        functions: set[Any] = getattr(os, capability, set())
        if original in functions:
            functions.add(wrapper)
    setattr(module, name, wrapper)


def _looker(original: Callable[..., Any], aspect: str) -> Callable[..., Any]:
    active, busy = runs.active, runs.busy

    @functools.wraps(original)
    def look(path: Any, *args: Any, **kwargs: Any) -> Any:
        if not active or type(path) is int:
            return original(path, *args, **kwargs)
        ident = get_ident()
        if ident in busy or (ident not in active and runs.inherited(ident) is None):
            return original(path, *args, **kwargs)
        caller = sys._getframe(1).f_code.co_filename
        if caller not in _QUIET_FILES and kwargs.get("dir_fd") is None:
            runs.tell(_looked, (path, aspect))
        busy.add(ident)  # what the original calls in turn is the same look
        try:
            return original(path, *args, **kwargs)
        finally:
            busy.discard(ident)

    return look


def _looked(scope: Scope, name: Any, aspect: str) -> None:
    key = (name, aspect) if type(name) is str else None
    if key is not None and key in scope.memo:
        return
    path = path_of(name)
    if path is None:
        return
    if scope.counted(path) and not audit.outside(scope, path):
        scope.read(path, aspect, weak=by_installed())
    if key is not None:
        scope.memo.add(key)


def _clock(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def look(filename: Any) -> Any:
        if runs.active:
            runs.tell(_timed, (filename,))
        return original(filename)

    return look


def _timed(scope: Scope, name: Any) -> None:
    path = path_of(name)
    if path is not None and scope.counted(path) and not audit.outside(scope, path):
        scope.mark("it read the time of a file")
        scope.read(path, "stat")
