"""Which names a cell could change without naming them: through libraries that know what they made.

``pyplot`` draws on the current figure, whatever it is called. Most libraries keep no such list.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

from nbreplay.kinds import is_a, module_of
from nbreplay.namespace.live import Live
from nbreplay.namespace.touched import CellNames
from nbreplay.serialize.of_matplotlib import open_figures
from nbreplay.serialize.standin import StandIn

_NO_HIDDEN_STATE = frozenset(
    {"builtins", "numpy", "pandas", "pyarrow", "dask", "distributed", "collections", "datetime", "decimal", "fractions"}
    | {"functools", "itertools", "math", "nbreplay", "operator", "pathlib", "re", "types", "typing", "copyreg"}
    | {
        "abc",
        "array",
        "bisect",
        "bz2",
        "calendar",
        "contextlib",
        "copy",
        "csv",
        "dataclasses",
        "enum",
        "gzip",
        "hashlib",
    }
    | {"heapq", "io", "ipaddress", "json", "lzma", "numbers", "statistics", "string", "struct", "tarfile"}
    | {"textwrap", "uuid", "zipfile", "zlib", "zoneinfo"}
    | {"torch", "polars", "scipy", "sklearn", "networkx", "sympy", "PIL", "numba"}
)
"""Libraries that keep no list of the objects they made, or whose handles have their own ways."""


def names_of_libraries(live: Live, cell: CellNames) -> set[str]:
    """Return the names that hold something of a library which *cell* uses."""
    used = (_tops(cell.imports) | _used(live, cell.loads)) - _NO_HIDDEN_STATE
    if not used:
        return set()
    return {
        name
        for name, state in live.states.items()
        if state.type_name != "module" and not (used & _of_unit(live, name)) <= _unreachable(live, name)
    }


def _unreachable(live: Live, name: str) -> set[str]:
    """Return the libraries that could not change what *name* holds, unless it is named: pyplot knows open figures."""
    known = live.known.get(name)
    if known is None or known.held is None:
        return set()
    figures = open_figures().values()
    return set() if any(id(figure) in known.held for figure in figures) else {"matplotlib", "mpl_toolkits"}


def _used(live: Live, names: Iterable[str]) -> set[str]:
    """Return the libraries that *names* are, or come from."""
    used: set[str] = set()
    for name in names:
        value = live.user_ns.get(name)
        if is_a(value, ModuleType):
            used |= _tops([value.__name__])
        elif value is None and name in live.unloaded:
            used |= _of_unit(live, name)
        elif type(value) is not StandIn and callable(value):
            module = module_of(value)
            if module is not None and module != "__main__":
                used |= _tops([module])
    return used


def _of_unit(live: Live, name: str) -> set[str]:
    """Return the libraries whose objects are in the unit that holds *name*."""
    state = live.state(name)
    unit = live.units.get(state.unit or "") if state is not None else None
    return _tops(module for module, _ in unit.modules) if unit is not None else set()


def _tops(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}
