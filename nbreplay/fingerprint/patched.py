"""What the user put on classes of libraries: accessors of frames, methods in place of a library's.

A class of a library goes by name and version; so code that takes an attribute which the user put there would not see
its edits. Only the names that occur in the code are looked for: in the classes that it names, and in those of the
frames and arrays that it may be given.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from types import FunctionType
from typing import Any

from nbreplay.fingerprint import packages

_GIVEN = {
    "pandas": ("DataFrame", "Series", "Index"),
    "xarray": ("Dataset", "DataArray"),
    "polars": ("DataFrame", "LazyFrame", "Series", "Expr"),
    "dask.dataframe": ("DataFrame", "Series"),
    "torch": ("Tensor",),
}
"""Classes whose instances come as arguments, and which libraries offer for extension."""

_WRAPPERS = (staticmethod, classmethod, property)
_KEPT_IN = ("_ns", "_accessor", "__wrapped__", "func")
"""Where the objects that stand on a class keep what the user gave."""


def patches(names: Iterable[str], classes: Iterable[type]) -> Iterator[tuple[str, Any]]:
    """Yield the attributes *names* that the user put on *classes*, or on what may be given as an argument."""
    spaces = [*_given(len(sys.modules)), *(cls.__dict__ for cls in classes)]
    for name in names:
        for space in spaces:
            value = space.get(name)
            if value is None or _library.get(id(value)) is value:
                continue
            user = _users(value)
            if user is not None:
                yield name, user
            elif len(_library) < _LIBRARY_MAX:
                _library[id(value)] = value


_library: dict[int, Any] = {}
"""What stood on classes and is the libraries' own, by id, and held, so that the id stays its."""
_LIBRARY_MAX = 20_000


@lru_cache(maxsize=1)
def _given(_: int) -> list[Mapping[str, Any]]:
    """Return the dicts of the classes whose instances may come as arguments, as long as no module is imported."""
    found: list[Mapping[str, Any]] = []
    for module, own in _GIVEN.items():
        loaded = sys.modules.get(module)
        if loaded is not None:
            held = loaded.__dict__
            found += [cls.__dict__ for name in own if isinstance(cls := held.get(name), type)]
    return found


def _users(value: Any) -> Any:
    """Return what is the user's in what stands on a class of a library, None if it is all the library's."""
    for _ in range(4):
        kind = type(value)
        if kind is FunctionType:
            return None if _installed(value.__globals__.get("__name__")) else value
        if isinstance(value, type):
            return None if _installed(type.__getattribute__(value, "__module__")) else value
        if kind in _WRAPPERS:
            value = value.fget if kind is property else value.__func__
        elif kind is partial:
            value = value.func
        else:
            held = getattr(value, "__dict__", None)
            inner = next((held[key] for key in _KEPT_IN if key in held), None) if type(held) is dict else None
            if inner is None:
                return None
            value = inner
    return None


def _installed(module: Any) -> bool:
    return isinstance(module, str) and packages.installed(module) is not None
