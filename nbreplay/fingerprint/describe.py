"""Components in words: the source of a function with its place, or a value in short, without running its code."""

from __future__ import annotations

import linecache
import types
from typing import Any

from nbreplay.fingerprint import packages

_MAX_VALUE = 200
_MAX_CHARACTERS = 4_000
_SIMPLE = (type(None), bool, int, float, complex, str, bytes)


def describe(subject: Any) -> str:
    """Return *subject* in words, whatever it does when it is looked at."""
    try:
        return _described(subject)
    except Exception:  # noqa: BLE001  # a type of the user's may answer anything
        return "an object that cannot be described"


def _described(subject: Any) -> str:
    cls = type(subject)
    if isinstance(subject, types.CodeType):
        return source_of(subject)
    if cls is types.CellType:
        try:
            return describe(subject.cell_contents)
        except ValueError:
            return "(empty)"
    if cls in _SIMPLE:
        if cls is int and subject.bit_length() >= 4096:
            return "an int of many digits"
        if cls in (str, bytes) and len(subject) > _MAX_VALUE:
            return f"{subject[:_MAX_VALUE]!r}..."
        return repr(subject)
    library = _of_library(subject)
    if library:
        return library
    if cls is types.FunctionType:
        return source_of(subject.__code__)
    shape = getattr(subject, "shape", None) if cls.__module__.partition(".")[0] in ("numpy", "pandas") else None
    size = (
        f" of shape {shape}" if shape is not None else f" of {len(subject)}" if cls in (list, dict, tuple, set) else ""
    )
    return f"{cls.__module__}.{cls.__qualname__}{size}"


def _of_library(subject: Any) -> str:
    """Return a function, class or module of an installed distribution by name and version, "" for what is none."""
    cls = type(subject)
    if isinstance(subject, types.ModuleType):
        module, name = str(subject.__dict__.get("__name__")), ""
    elif isinstance(subject, type | types.FunctionType | types.BuiltinFunctionType):
        module, name = str(subject.__module__), f".{subject.__qualname__}"
    elif cls.__name__ == "ufunc":
        module, name = "numpy", f".{subject.__name__}"
    else:
        return ""
    where = packages.installed(module)
    return f"{module}{name} of {where.name} {where.version}" if where is not None else ""


def source_of(code: types.CodeType) -> str:
    """Return the source lines of *code* if they can be found, after a line that says where; else only that line."""
    where = f"# {code.co_filename}:{code.co_firstlineno}"
    lines = linecache.getlines(code.co_filename)
    if not lines:
        return where
    last = max((line for _, _, line in code.co_lines() if line), default=code.co_firstlineno)
    nested = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    for inner in nested:
        last = max([last, *(line for _, _, line in inner.co_lines() if line)])
    text = "".join(lines[code.co_firstlineno - 1 : last])
    return f"{where}\n{text}"[:_MAX_CHARACTERS]
