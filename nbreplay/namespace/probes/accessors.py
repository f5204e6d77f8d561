"""Classes of the notebook that cells registered with libraries, as accessors of their objects (``df.mine``)."""

from __future__ import annotations

import sys
import warnings
from types import FunctionType

from nbreplay.namespace.ambient import Probe

_REGISTERS = {
    "pandas": ("pandas.api.extensions", "register_{}_accessor", ("DataFrame", "Series", "Index")),
    "xarray": ("xarray", "register_{}_accessor", ("Dataset", "DataArray", "DataTree")),
    "polars": ("polars.api", "register_{}_namespace", ("DataFrame", "LazyFrame", "Series", "Expr")),
}
"""By library: where its decorators are, how they are called, and the classes that have them."""


_NO_ACCESSORS = frozenset({FunctionType, property, staticmethod, classmethod, str, type(None), bool, int})
"""Types of nearly all that a class holds: this runs at each cell."""


def probes() -> list[Probe]:
    """Return the probes."""
    return [
        Probe(
            key=f"{library} accessors",
            module=library,
            raw=lambda library=library: _registered(library),  # type: ignore[misc]  # mypy: default of a lambda
            apply=lambda value, _, library=library: _put(library, value),  # type: ignore[misc]
            default=dict,
        )
        for library in _REGISTERS
    ]


def _registered(library: str) -> dict[str, type]:
    """Return the notebook's accessor classes by class and name; those of libraries come with their import."""
    found = {}
    for name in _REGISTERS[library][2]:
        owner = getattr(sys.modules[library], name, None)
        for key, value in list(vars(owner).items()) if owner is not None else ():
            if type(value) in _NO_ACCESSORS:
                continue
            held = getattr(value, "__dict__", {})
            accessor = held.get("_accessor", held.get("_ns"))
            if isinstance(accessor, type) and accessor.__module__ == "__main__":
                found[f"{name}.{key}"] = accessor
    return found


def _put(library: str, value: dict[str, type]) -> None:
    home, pattern, _ = _REGISTERS[library]
    for key in _registered(library).keys() - value.keys():
        owner, _, name = key.partition(".")
        delattr(getattr(sys.modules[library], owner), name)
        getattr(getattr(sys.modules[library], owner), "_accessors", set()).discard(name)
    main = vars(sys.modules["__main__"])
    __import__(home)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a name is taken: by itself
        for key, accessor in value.items():
            owner, _, name = key.partition(".")
            live = main.get(accessor.__name__)
            if not (isinstance(live, type) and live.__qualname__ == accessor.__qualname__):
                live = accessor
            getattr(sys.modules[home], pattern.format(owner.lower()))(name)(live)
