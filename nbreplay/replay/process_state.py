"""What a cell does to the process that no record brings back: hooks, handlers, registers, patched classes.

Such a cell is never served, and a restore that passes it by says so. Only what is named in its own text is seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from nbreplay.fingerprint.packages import installed
from nbreplay.kinds import is_a

_REGISTERS = {
    ("codecs", "register"): "a codec",
    ("codecs", "register_error"): "a codec error handler",
    ("mimetypes", "add_type"): "a MIME type",
    ("copyreg", "pickle"): "a reducer",
    ("copyreg", "constructor"): "a reducer",
    ("atexit", "register"): "a function to call at the end",
    ("signal", "signal"): "a signal handler",
    ("sys", "settrace"): "a trace function",
    ("sys", "setprofile"): "a profile function",
    ("sys", "addaudithook"): "an audit hook",
    ("threading", "settrace"): "a trace function",
    ("threading", "setprofile"): "a profile function",
    ("faulthandler", "enable"): "a fault handler",
    ("multiprocessing", "set_start_method"): "the start method of processes",
    ("socket", "setdefaulttimeout"): "the timeout of sockets",
    ("sqlite3", "register_adapter"): "an adapter of sqlite3",
    ("sqlite3", "register_converter"): "a converter of sqlite3",
    ("csv", "register_dialect"): "a dialect of csv",
    ("importlib", "reload"): "a module that was loaded again",
}
"""Calls after which the process is another one, and what they set."""


_MODULES = ("sys", "modules")


def process_changes(transformed: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return what the cell *transformed*, which just ran in *namespace*, set in the process, in words for the user."""
    try:
        tree = ast.parse(transformed)
    except (SyntaxError, ValueError):
        return []
    return list(dict.fromkeys(_changes(tree, namespace)))


def _changes(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            what = _REGISTERS.get(_origin(node.func, namespace))
            if what:
                yield f"it sets {what}, which is not kept"
            if isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr") and len(node.args) > 1:
                name = node.args[1].value if isinstance(node.args[1], ast.Constant) else ""
                yield from _stored(_value(node.args[0], namespace), str(name))
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            yield from _stored(_value(node.value, namespace), node.attr)
        elif isinstance(node, ast.Subscript) and _is_store(node) and _origin(node.value, namespace) == _MODULES:
            yield "it changes sys.modules, which is not kept"


def _is_store(node: ast.Subscript) -> bool:
    return not isinstance(node.ctx, ast.Load)


def _stored(owner: Any, name: str) -> Iterator[str]:
    if is_a(owner, type) and owner.__module__ != "__main__" and installed(owner.__module__) is not None:
        yield f"it changes the class {owner.__module__}.{owner.__qualname__}, which is not kept"
    elif is_a(owner, ModuleType) and owner.__name__ != "__main__":
        value = vars(owner).get(name)
        if is_a(value, FunctionType | type) and value.__module__ == "__main__":
            yield f"it sets {owner.__name__}.{name} to a {type(value).__name__} of the notebook"


def _origin(node: ast.expr, namespace: Mapping[str, Any]) -> tuple[str, str]:
    """Return the module and the attribute that *node* names."""
    if isinstance(node, ast.Name):
        value: Any = namespace.get(node.id)
        if type(value) in (FunctionType, BuiltinFunctionType):  # others may answer by raising: a user's, a hole's
            return str(value.__module__), str(value.__name__)
    if isinstance(node, ast.Attribute):
        base = _value(node.value, namespace)
        if is_a(base, ModuleType):
            return base.__name__, node.attr
    return "", ""


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return namespace.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _value(node.value, namespace)
        if is_a(base, ModuleType | type):
            return vars(base).get(node.attr)
    return None
