"""The registry of ambient state: one probe per library, each a look and a way back."""

from __future__ import annotations

import functools
import os
import random
import re
import sys
import warnings
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from nbreplay.namespace.ambient import RNG, Probe

_CREDENTIAL = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH|COOKIE|PRIVATE|SIGNATURE|DSN", re.IGNORECASE)
_NOISE = frozenset({"_", "PWD", "OLDPWD", "COLUMNS", "LINES", "SHLVL", "PYTHONHASHSEED"})
_OF_CLUSTERS = frozenset(
    {"MALLOC_TRIM_THRESHOLD_=65536", "MKL_NUM_THREADS=1", "OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"}
)
"""What Dask puts into the environment for the worker processes that it starts."""
_SCRATCH = "dask-scratch-space"


def probes(root: Path) -> list[Probe]:
    """Return all probes, in the order in which they are put back; generators are last."""
    return [*_process(root), *_libraries(), *_generators()]


# ---------------------------------------------------------------- the process


def _process(root: Path) -> list[Probe]:
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
            key="warnings",
            raw=lambda: list(warnings.filters),
            encode=lambda raw, _: _filters(raw),
            apply=_put_filters,
            words=frozenset({"warnings", "filterwarnings"}),
        ),
    ]


def _path_difference(raw: list[str], initial: list[str], portable: Callable[[str], str]) -> dict[str, Any]:
    """Paths that a cell put before, after, and took out: the rest belongs to the process."""
    known = set(initial)
    first = next((number for number, path in enumerate(raw) if path in known), len(raw))
    return {
        "before": [portable(path) for path in raw[:first]],
        "after": [portable(path) for path in raw[first:] if path not in known],
        "without": [portable(path) for path in initial if path not in raw],
    }


def _put_path(local: Any) -> Any:
    def put(value: dict[str, Any], initial: list[str]) -> None:
        without = {local(path) for path in value["without"]}
        middle = [path for path in initial if path not in without]
        sys.path[:] = [local(path) for path in [*value["before"], *middle, *value["after"]]]

    return put


def _environ() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _NOISE
        and f"{name}={value}" not in _OF_CLUSTERS
        and not _CREDENTIAL.search(name)
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
    warnings._filters_mutated() if hasattr(warnings, "_filters_mutated") else None


# ---------------------------------------------------------------- libraries' options


def _libraries() -> list[Probe]:
    return [
        Probe(key="decimal", module="decimal", raw=_decimal, apply=_put_decimal, default=_decimal_default),
        Probe(key="numpy print", module="numpy", raw=_numpy_print, apply=_put_numpy_print, default=_numpy_default),
        Probe(
            key="numpy errors",
            module="numpy",
            raw=lambda: dict(sys.modules["numpy"].geterr()),
            apply=lambda value, _: sys.modules["numpy"].seterr(**value) and None,
            default=lambda: {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"},
        ),
        Probe(
            key="pandas options",
            module="pandas",
            raw=_pandas,
            apply=_put_pandas,
            default=dict,
        ),
        Probe(
            key="matplotlib",
            module="matplotlib",
            raw=_matplotlib,
            apply=_put_matplotlib,
            default=dict,
        ),
        Probe(
            key="matplotlib backend",
            module="matplotlib",
            raw=_backend,
            apply=lambda value, _: sys.modules["matplotlib"].use(value) if value else None,
            default=_backend_default,
            early=True,
        ),
        Probe(key="dask config", module="dask.config", raw=_dask, encode=_dask_difference, apply=_put_dask),
    ]


_DECIMAL = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")


def _decimal() -> dict[str, Any]:
    context = sys.modules["decimal"].getcontext()
    traps = sorted(kind.__name__ for kind, on in context.traps.items() if on)
    return {**{name: getattr(context, name) for name in _DECIMAL}, "traps": traps}


def _decimal_default() -> dict[str, Any]:
    context = sys.modules["decimal"].DefaultContext
    traps = sorted(kind.__name__ for kind, on in context.traps.items() if on)
    return {**{name: getattr(context, name) for name in _DECIMAL}, "traps": traps}


def _put_decimal(value: dict[str, Any], _: Any) -> None:
    context = sys.modules["decimal"].getcontext()
    for name in _DECIMAL:
        setattr(context, name, value[name])
    for kind in context.traps:
        context.traps[kind] = kind.__name__ in value["traps"]


_NUMPY_PRINT = ("edgeitems", "threshold", "floatmode", "precision", "suppress", "linewidth", "nanstr", "infstr", "sign")


def _numpy_print() -> dict[str, Any]:
    options = sys.modules["numpy"].get_printoptions()
    return {name: options[name] for name in (*_NUMPY_PRINT, "legacy") if name in options}


def _numpy_default() -> dict[str, Any]:
    values = (3, 1000, "maxprec", 8, False, 75, "nan", "inf", "-")
    return {**dict(zip(_NUMPY_PRINT, values, strict=True)), "legacy": False}


def _put_numpy_print(value: dict[str, Any], _: Any) -> None:
    sys.modules["numpy"].set_printoptions(**value)


_split = functools.cache(lambda key: key.split("."))


def _pandas() -> dict[str, Any]:
    """Options that are not as pandas registers them."""
    config: Any = sys.modules["pandas._config.config"]
    found = {}
    for key, option in config._registered_options.items():
        at: Any = config._global_config
        for part in _split(key):
            at = at[part]
        if at != option.defval and not callable(at):
            found[key] = at
    return found


def _put_pandas(value: dict[str, Any], _: Any) -> None:
    pandas = sys.modules["pandas"]
    for key in _pandas().keys() - value.keys():
        pandas.reset_option(key)
    for key, each in value.items():
        pandas.set_option(key, each)


def _matplotlib() -> dict[str, Any]:
    """Parameters that are not as the configuration file gave them; the backend is the kernel's matter."""
    matplotlib = sys.modules["matplotlib"]
    start = dict.items(matplotlib.rcParamsOrig)
    now = matplotlib.rcParams
    skip = ("backend", "backend_fallback", "interactive")
    return {
        key: dict.__getitem__(now, key) for key, old in start if key not in skip and dict.__getitem__(now, key) != old
    }


def _backend() -> str:
    """The backend by name; "" while none is chosen."""
    matplotlib = sys.modules["matplotlib"]
    name = dict.__getitem__(matplotlib.rcParams, "backend")
    return name if isinstance(name, str) else ""


def _backend_default() -> str:
    """The backend that an import finds: of the environment, else of the configuration file."""
    named = os.environ.get("MPLBACKEND")
    original = dict.get(sys.modules["matplotlib"].rcParamsOrig, "backend")
    return named or (original if isinstance(original, str) else "")


def _put_matplotlib(value: dict[str, Any], _: Any) -> None:
    matplotlib = sys.modules["matplotlib"]
    for key in _matplotlib().keys() - value.keys():
        matplotlib.rcParams[key] = dict.__getitem__(matplotlib.rcParamsOrig, key)
    matplotlib.rcParams.update(value)


def _dask() -> dict[str, Any]:
    found = {key: each for key, each in _flat(sys.modules["dask.config"].config, "") if "preload" not in key}
    if found.get("scheduler") == "dask.distributed":
        del found["scheduler"]  # a client sets it while it is the default; that is an ambient state of its own
    return found


def _flat(tree: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, each in tree.items():
        if isinstance(each, dict) and each:
            found += _flat(each, f"{prefix}{key}.")
        elif not _CREDENTIAL.search(str(key)):
            found.append((f"{prefix}{key}", each))
    return found


def _dask_difference(raw: dict[str, Any], initial: dict[str, Any] | None) -> dict[str, Any]:
    return {key: each for key, each in raw.items() if (initial or {}).get(key, raw) != each}


def _put_dask(value: dict[str, Any], initial: dict[str, Any] | None) -> None:
    config = sys.modules["dask.config"]
    for key in _dask_difference(_dask(), initial).keys() - value.keys():
        config.set({key: (initial or {}).get(key)})
    config.set(value)


# ---------------------------------------------------------------- random generators


def _generators() -> list[Probe]:
    return [
        Probe(key=RNG + "random", raw=random.getstate, apply=_put_random),
        Probe(
            key=RNG + "numpy.random",
            module="numpy.random",
            raw=_numpy_random,
            apply=_put_numpy_random,
            untouched=_numpy_untouched,
        ),
    ]


def _put_random(value: Any, _: Any) -> None:
    version, internal, gauss = value
    random.setstate((version, tuple(internal), gauss))


def _numpy_random() -> tuple[Any, ...]:
    name, key, position, has_gauss, gauss = sys.modules["numpy.random"].get_state()
    return (str(name), key.tobytes(), int(position), int(has_gauss), float(gauss))


def _put_numpy_random(value: Any, _: Any) -> None:
    numpy = sys.modules["numpy"]
    name, key, position, has_gauss, gauss = value
    numpy.random.set_state((name, numpy.frombuffer(key, numpy.uint32), position, has_gauss, gauss))


def _numpy_untouched(raw: Any, words: Collection[str]) -> bool:
    """Whether the generator is as its import left it: freshly seeded, and no word of a seed in the cell."""
    return raw[2] >= 623 and not raw[3] and not {"seed", "set_state"} & set(words)
