"""Notebook functions and their closure cells, to parts and back.

A function is its code, its defaults and attributes, and its cells. Globals are never part of it: they are the live
namespace, or a module's, or the few that its code names.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Iterator
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, ModuleType
from typing import Any

from nbreplay.kinds import is_a
from nbreplay.serialize.session import Session, current

Reduced = tuple[Any, ...]

_ATOMS = (type(None), bool, int, float, complex, str, bytes)


def frozen(value: object, depth: int = 4) -> bool:
    """Whether *value* holds no data that can change: an atom, a definition, or a tuple or frozenset of such."""
    if isinstance(value, tuple | frozenset) and type(value) in (tuple, frozenset):
        return depth > 0 and all(frozen(item, depth - 1) for item in value)
    return type(value) in _ATOMS or value is Ellipsis or is_a(value, type | ModuleType | BuiltinFunctionType)


def plain(function: FunctionType) -> bool:
    """Whether *function* holds no data of its own: a definition, referred to by lineage.

    One with a closure, an attribute or a default that can change is data: it is kept with what shares these.
    """
    return (
        function.__closure__ is None
        and not function.__dict__
        and not own_globals(function)
        and all(frozen(value) for value in function.__defaults__ or ())
        and all(frozen(value) for value in (function.__kwdefaults__ or {}).values())
    )


def own_globals(function: FunctionType) -> bool:
    """Whether the globals of *function* are a dict of somebody's that holds it: ``exec`` made it there."""
    space = function.__globals__
    if space.get(function.__name__) is not function:
        return False  # quick for most; libraries make methods with globals that nobody else has
    name = space.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    return name != "__main__" and (module is None or vars(module) is not space)


def importable(obj: Any, name: str | None = None) -> tuple[str, str] | None:
    """Return (module, qualified name) if an import gives exactly *obj*, else None. Never imports."""
    qualname = name or getattr(obj, "__qualname__", None) or getattr(obj, "__name__", None)
    module_name = getattr(obj, "__module__", None)
    if not isinstance(qualname, str) or not isinstance(module_name, str) or "<locals>" in qualname:
        return None
    if module_name == "__main__":
        return None
    found: Any = sys.modules.get(module_name)
    if found is None:
        return None
    for part in qualname.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            return None
    return (module_name, qualname) if found is obj else None


def global_names(code: CodeType) -> Iterator[str]:
    """Yield the names that *code* and the code inside it may look up as globals."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from global_names(const)


def reduce_cell(cell: CellType) -> Reduced:
    """A cell is made empty and filled afterwards: what it holds may hold it."""
    try:
        contents = cell.cell_contents
    except ValueError:
        return CellType, ()
    return CellType, (), (contents,), None, None, fill_cell


def fill_cell(cell: CellType, state: tuple[Any]) -> None:
    cell.cell_contents = state[0]


def reduce_function(function: FunctionType, session: Session) -> Reduced:
    """A function by value."""
    code = function.__code__
    args = (marshal.dumps(code), _globals_name(function, session), function.__name__, function.__closure__)
    state: dict[str, Any] = {
        "__qualname__": function.__qualname__,
        "__module__": function.__module__,
        "__doc__": function.__doc__,
        "__defaults__": function.__defaults__,
        "__kwdefaults__": function.__kwdefaults__,
        "__dict__": function.__dict__,
    }
    if sys.version_info < (3, 14):
        state["__annotations__"] = function.__annotations__
    if getattr(function, "__type_params__", None):
        state["__type_params__"] = function.__type_params__  # type: ignore[attr-defined]  # since Python 3.12
    if args[1] == "":
        names = set(global_names(code)) & function.__globals__.keys()
        state["globals"] = {name: function.__globals__[name] for name in sorted(names)}
    return make_function, args, state, None, None, fill_function


def _globals_name(function: FunctionType, session: Session) -> str | dict[str, Any]:
    """Return "home", the module whose globals *function* has, the dict that holds it, or "" for what it names."""
    if function.__globals__ is session.home:
        return "home"
    # Its own __module__ may be another one: functools.wraps copies it.
    name = function.__globals__.get("__name__")
    module = sys.modules.get(name) if isinstance(name, str) else None
    if module is not None and name != "__main__" and vars(module) is function.__globals__:
        return f"module {name}"
    return function.__globals__ if own_globals(function) else ""


def make_function(
    code: bytes, where: str | dict[str, Any], name: str, closure: tuple[CellType, ...] | None
) -> FunctionType:
    if where == "home":
        globals_ = current().session.home
    elif isinstance(where, dict):
        globals_ = where
    elif where:
        module = where.removeprefix("module ")
        __import__(module)
        globals_ = vars(sys.modules[module])
    else:
        globals_ = {"__builtins__": __builtins__}
    made = marshal.loads(code)
    # A code object's layout belongs to one Python version: records of another one are not served.
    return FunctionType(made, globals_, name, None, closure)


def last_of(space: dict[str, Any], function: Any) -> Any:
    """The function, whose globals had to be there before it."""
    return function


def fill_function(function: FunctionType, state: dict[str, Any]) -> None:
    state = dict(state)
    function.__globals__.update(state.pop("globals", {}))
    own = state.pop("__dict__")
    if own:
        function.__dict__ = own  # it may be somebody else's, too
    for name, value in state.items():
        setattr(function, name, value)
