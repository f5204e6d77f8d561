"""Components in words: the source of a function with its place, or a value in short, without running its code."""

from __future__ import annotations

import linecache
import types
from typing import Any

_MAX_CHARACTERS = 4_000
_SIMPLE = (type(None), bool, int, float, complex, str, bytes)


def describe(subject: Any) -> str:
    """Return *subject* in words."""
    if isinstance(subject, types.CodeType):
        return source_of(subject)
    if isinstance(subject, types.FunctionType):
        return source_of(subject.__code__)
    if type(subject) is types.CellType:
        try:
            return describe(subject.cell_contents)
        except ValueError:
            return "(empty)"
    if type(subject) in _SIMPLE:
        shown = repr(subject) if not isinstance(subject, int) or subject.bit_length() < 4096 else "int"
        return shown if len(shown) <= 200 else shown[:200] + "..."
    cls = type(subject)
    shape = getattr(subject, "shape", None) if cls.__module__.partition(".")[0] in ("numpy", "pandas") else None
    size = (
        f" of shape {shape}" if shape is not None else f" of {len(subject)}" if cls in (list, dict, tuple, set) else ""
    )
    return f"{cls.__module__}.{cls.__qualname__}{size}"


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
