"""State that every Python process has: its folder, search path, environment, limits and warning filters."""

from __future__ import annotations

import gc
import locale
import os
import re
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbreplay.credentials import CREDENTIAL
from nbreplay.namespace.ambient import Probe

_NOISE = frozenset({"_", "PWD", "OLDPWD", "COLUMNS", "LINES", "SHLVL", "PYTHONHASHSEED"})
"""Variables that shells and terminals set as they go."""

_OF_CLUSTERS = frozenset(
    {"MALLOC_TRIM_THRESHOLD_=65536", "MKL_NUM_THREADS=1", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"}
)
"""What Dask puts into the environment for the worker processes that it starts."""
_SCRATCH = "dask-scratch-space"


def probes(root: Path) -> list[Probe]:
    """Return the probes; paths below *root*, the notebook's folder, are kept relative to it."""

    def portable(path: str) -> str:
        try:
            return "./" + Path(path).relative_to(root).as_posix()
        except ValueError:
            return path

    def local(path: str) -> str:
        return str(root / path[2:]) if path.startswith("./") else path

    return [
        Probe(key="cwd", raw=lambda: portable(os.getcwd()), apply=lambda value, _: os.chdir(local(value))),
        Probe(
            key="sys.path",
            raw=lambda: [path for path in sys.path if _SCRATCH not in path],
            encode=lambda raw, initial: _path_difference(raw, initial, portable),
            apply=_put_path(local),
        ),
        Probe(
            key="environ",
            raw=_environ,
            encode=_environ_difference,
            apply=_put_environ,
            words=frozenset({"os", "environ", "putenv", "setenv", "set_env", "env"}),
        ),
        Probe(
            key="recursion limit",
            raw=sys.getrecursionlimit,
            apply=lambda value, _: sys.setrecursionlimit(value),
            words=frozenset({"setrecursionlimit"}),
        ),
        Probe(
            key="umask",
            raw=_umask,
            apply=_put_umask,
            words=frozenset({"umask"}),
        ),
        Probe(
            key="time zone",
            raw=lambda: list(time.tzname),
            apply=lambda value, _: time.tzset(),
            words=frozenset({"tzset"}),
        ),
        Probe(
            key="locale",
            raw=_locale,
            apply=lambda value, _: _put_locale(value),
            words=frozenset({"setlocale"}),
        ),
        Probe(
            key="interpreter",
            raw=_interpreter,
            apply=lambda value, _: _put_interpreter(value),
            words=frozenset({"setswitchinterval", "set_int_max_str_digits", "set_threshold", "disable", "enable"}),
        ),
        Probe(
            key="warnings",
            raw=lambda: list(warnings.filters),
            encode=lambda raw, _: _filters(raw),
            apply=_put_filters,
            words=frozenset({"warnings", "filterwarnings"}),
        ),
    ]


def _umask() -> int:
    """Return the mask of new files' rights: it can only be asked for by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _put_umask(value: int, _: Any) -> None:
    os.umask(value)


_CATEGORIES = ("LC_COLLATE", "LC_CTYPE", "LC_MESSAGES", "LC_MONETARY", "LC_NUMERIC", "LC_TIME")


def _locale() -> dict[str, str]:
    return {name: locale.setlocale(getattr(locale, name)) for name in _CATEGORIES if hasattr(locale, name)}


def _put_locale(value: dict[str, str]) -> None:
    for name, each in value.items():
        locale.setlocale(getattr(locale, name), each)


def _interpreter() -> list[Any]:
    digits = getattr(sys, "get_int_max_str_digits", int)()
    return [sys.getswitchinterval(), digits, list(gc.get_threshold()), gc.isenabled()]


def _put_interpreter(value: list[Any]) -> None:
    interval, digits, threshold, collects = value
    sys.setswitchinterval(interval)
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(digits)
    gc.set_threshold(*threshold)
    (gc.enable if collects else gc.disable)()


def _path_difference(raw: list[str], initial: list[str], portable: Callable[[str], str]) -> dict[str, Any]:
    """Paths that a cell put before, after, and took out: the rest belongs to the process."""
    known = set(initial)
    first = next((number for number, path in enumerate(raw) if path in known), len(raw))
    return {
        "before": [portable(path) for path in raw[:first]],
        "after": [portable(path) for path in raw[first:] if path not in known],
        "without": [portable(path) for path in initial if path not in raw],
    }


def _put_path(local: Callable[[str], str]) -> Callable[[dict[str, Any], list[str]], None]:
    def put(value: dict[str, Any], initial: list[str]) -> None:
        without = {local(path) for path in value["without"]}
        middle = [path for path in initial if path not in without]
        sys.path[:] = [local(path) for path in [*value["before"], *middle, *value["after"]]]

    return put


_environ_seen: list[tuple[object, dict[str, str]]] = []
"""The environment as it was last looked at, and what of it counts: it is looked at after every cell."""


def _environ() -> dict[str, str]:
    now = (getattr(os.environ, "_data", None) or dict(os.environ), len(_OF_CLUSTERS))
    if _environ_seen and _environ_seen[0][0] == now:
        return _environ_seen[0][1]
    found = _counting()
    _environ_seen[:] = [((dict(now[0]), now[1]), found)]
    return found


def _counting() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _NOISE
        and f"{name}={value}" not in _OF_CLUSTERS
        and not CREDENTIAL.search(name)
        and not name.startswith(("JPY_", "NBREPLAY", "__DASK"))
    }


def _environ_difference(raw: dict[str, str], initial: dict[str, str]) -> dict[str, str | None]:
    changed: dict[str, str | None] = {name: value for name, value in raw.items() if initial.get(name) != value}
    return {**changed, **{name: None for name in initial if name not in raw}}


def _put_environ(value: dict[str, str | None], initial: dict[str, str]) -> None:
    for name in _environ().keys() - value.keys():
        if name not in initial:
            del os.environ[name]
    for name, text in {**initial, **value}.items():
        if text is None:
            os.environ.pop(name, None)
        elif os.environ.get(name) != text:
            os.environ[name] = text


def _filters(filters: list[Any]) -> list[tuple[Any, ...]]:
    return [
        (
            action,
            getattr(message, "pattern", message),
            f"{category.__module__}:{category.__qualname__}",
            getattr(module, "pattern", module),
            line,
        )
        for action, message, category, module, line in filters
    ]


def _put_filters(value: list[tuple[Any, ...]], _: Any) -> None:
    made = []
    for action, message, category, module, line in value:
        where, _, name = category.partition(":")
        kind: Any = sys.modules.get(where)
        for part in name.split("."):
            kind = getattr(kind, part, None)
        if isinstance(kind, type) and issubclass(kind, Warning):
            pattern = None if message is None else re.compile(message, re.IGNORECASE)
            made.append((action, pattern, kind, None if module is None else re.compile(module), line))
    warnings.filters[:] = made  # type: ignore[index]  # typeshed says Sequence, it is a list
    if hasattr(warnings, "_filters_mutated"):
        warnings._filters_mutated()
