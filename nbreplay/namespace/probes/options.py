"""Options of libraries, as differences to those that a fresh import has."""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

from nbreplay.credentials import CREDENTIAL
from nbreplay.namespace.ambient import Probe


def probes() -> list[Probe]:
    """Return the probes; each looks only once its library is imported."""
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
        if at is not option.defval and at != option.defval:
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


@functools.lru_cache(maxsize=4096)
def _is_credential(name: str) -> bool:
    return CREDENTIAL.search(name) is not None


def _flat(tree: dict[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, each in tree.items():
        if isinstance(each, dict) and each:
            found += _flat(each, f"{prefix}{key}.")
        elif not _is_credential(str(key)):
            found.append((f"{prefix}{key}", each))
    return found


def _dask_difference(raw: dict[str, Any], initial: dict[str, Any] | None) -> dict[str, Any]:
    return {key: each for key, each in raw.items() if (initial or {}).get(key, raw) != each}


def _put_dask(value: dict[str, Any], initial: dict[str, Any] | None) -> None:
    config = sys.modules["dask.config"]
    for key in _dask_difference(_dask(), initial).keys() - value.keys():
        config.set({key: (initial or {}).get(key)})
    config.set(value)
