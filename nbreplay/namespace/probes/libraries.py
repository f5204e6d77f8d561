"""Options of scikit-learn, xarray, polars and torch, as differences to those that a fresh import has."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from typing import Any

from nbreplay.namespace.ambient import Probe


def probes() -> list[Probe]:
    """Return the probes; each looks only once its library is imported."""
    return [
        Probe(
            key="sklearn config",
            module="sklearn",
            raw=lambda: sys.modules["sklearn"].get_config(),
            encode=_difference,
            apply=lambda value, initial: sys.modules["sklearn"].set_config(**{**(initial or {}), **value}),
            default=lambda: dict(sys.modules["sklearn._config"]._global_config),
        ),
        Probe(
            key="xarray options",
            module="xarray",
            raw=lambda: dict(sys.modules["xarray"].get_options()),
            encode=_difference,
            apply=_put_xarray,
            default=lambda: _fresh("xarray.core.options", "OPTIONS"),
        ),
        Probe(
            key="polars config",
            module="polars",
            raw=lambda: sys.modules["polars"].Config.save(if_set=True),
            apply=_put_polars,
            default=lambda: '{"environment": {}, "direct": {}}',
        ),
        Probe(
            key="torch options",
            module="torch",
            raw=_torch,
            encode=_difference,
            apply=_put_torch,
            untouched=lambda _, words: _TORCH_WORDS.isdisjoint(words),
        ),
    ]


def _difference(raw: dict[str, Any], initial: dict[str, Any] | None) -> dict[str, Any]:
    known = initial or {}
    return {key: value for key, value in raw.items() if key not in known or known[key] != value}


@functools.cache
def _fresh(module: str, name: str) -> dict[str, Any] | None:
    """Return a dict of options as *module* has it right after its import: its code is run again, apart."""
    spec = importlib.util.find_spec(module)
    loader: Any = spec.loader if spec is not None else None
    code = loader.get_code(module) if hasattr(loader, "get_code") else None
    if code is None:
        return None
    apart = types.ModuleType(module)
    apart.__spec__, apart.__package__ = spec, module.rpartition(".")[0]
    exec(code, vars(apart))
    return dict(vars(apart)[name])


def _put_xarray(value: dict[str, Any], initial: dict[str, Any] | None) -> None:
    # Not by set_options: it refuses some defaults, and makes what it is called with the options to go back to.
    options = sys.modules["xarray.core.options"].OPTIONS
    options.update({**(initial or {}), **value})


def _put_polars(value: str, _: Any) -> None:
    config = sys.modules["polars"].Config
    config.restore_defaults()
    config.load(value)


_TORCH_WORDS = frozenset(
    {"set_default_dtype", "set_num_threads", "set_num_interop_threads", "use_deterministic_algorithms"}
    | {"set_grad_enabled", "set_default_device", "set_printoptions", "set_float32_matmul_precision"}
)


def _torch() -> dict[str, Any]:
    torch = sys.modules["torch"]
    device = torch.get_default_device()
    shown = sys.modules["torch._tensor_str"].PRINT_OPTS
    return {
        "dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "warn_only": torch.is_deterministic_algorithms_warn_only_enabled(),
        "grad": torch.is_grad_enabled(),
        "device": str(device),
        "matmul": torch.get_float32_matmul_precision(),
        "print": {name: getattr(shown, name) for name in sorted(vars(type(shown)).get("__annotations__", {}))},
    }


def _put_torch(value: dict[str, Any], initial: dict[str, Any] | None) -> None:
    torch = sys.modules["torch"]
    wanted = {**(initial or {}), **value}
    now = _torch()
    if wanted.get("dtype", now["dtype"]) != now["dtype"]:
        torch.set_default_dtype(getattr(torch, wanted["dtype"]))
    if wanted.get("threads", now["threads"]) != now["threads"]:
        torch.set_num_threads(wanted["threads"])
    torch.use_deterministic_algorithms(
        wanted.get("deterministic", now["deterministic"]), warn_only=wanted.get("warn_only", now["warn_only"])
    )
    torch.set_grad_enabled(wanted.get("grad", now["grad"]))
    if wanted.get("device", now["device"]) != now["device"]:
        torch.set_default_device(wanted["device"])
    torch.set_float32_matmul_precision(wanted.get("matmul", now["matmul"]))
    for name, each in wanted.get("print", {}).items():
        setattr(sys.modules["torch._tensor_str"].PRINT_OPTS, name, each)
