"""How objects of libraries are reduced: one module of ours per library, imported with the first object of its kinds.

Types are known by the names of their modules: nothing here imports a library.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

OF_LIBRARY = {
    "matplotlib": "of_matplotlib",
    **dict.fromkeys(("_json", "builtins", "functools", "itertools", "random", "re", "weakref"), "of_builtins"),
    **dict.fromkeys(("_io", "ipykernel"), "of_files"),
    **dict.fromkeys(("_asyncio", "_queue", "_thread", "asyncio", "concurrent", "threading"), "of_threads"),
    "sqlite3": "of_sqlite",
    "numpy": "of_numpy",
    "polars": "of_tables",
    "pyarrow": "of_tables",
    "torch": "of_torch",
}
"""Which of our modules knows the types of a library. It has ``BY_NAME``, of reducers by ``module:QualName``, which hold
for subclasses, too."""

Reducer = Callable[[Any, Any], Any]
"""Called with the :class:`~nbreplay.serialize.pickler.Reducers` of the dump and the object."""

_reducers: dict[type, Reducer | None] = {}


def reducer_of(kind: type) -> Reducer | None:
    """Return what reduces objects of type *kind*, None if no library's reducer does."""
    try:
        return _reducers[kind]
    except KeyError:
        found = _reducers[kind] = _find(kind)
        return found


def _find(kind: type) -> Reducer | None:
    for base in kind.__mro__[:-1]:  # the most special one first
        module = base.__module__ if isinstance(base.__module__, str) else ""
        ours = OF_LIBRARY.get(module.partition(".")[0])
        if ours is not None:
            by_name: dict[str, Reducer] = importlib.import_module(f"nbreplay.serialize.{ours}").BY_NAME
            found = by_name.get(f"{module}:{base.__qualname__}")
            if found is not None:
                return found
    return None
