"""Arrow's buffers, which may be views of memory that numpy has, too; lazy expressions of polars."""

from __future__ import annotations

from typing import Any

_FUNCTION = b"PLPY"
"""Begins a Python function in what polars writes."""


def _buffer(dump: Any, buffer: Any) -> Any:
    if not buffer.is_cpu or not buffer.size:
        return NotImplemented
    import numpy

    seen = numpy.frombuffer(buffer, numpy.uint8)
    if not buffer.is_mutable and seen.flags.writeable:
        seen.flags.writeable = False
    dump.memories.held.append(seen)
    return make_buffer, (seen,)


def _lazy(_: Any, expression: Any) -> Any:
    # The function would be a copy, and so would be all that it names: later cells could not change that.
    if _FUNCTION in expression.__getstate__():
        raise TypeError("a polars expression that holds a Python function")
    return NotImplemented


BY_NAME = {
    "pyarrow.lib:Buffer": _buffer,
    "polars.expr.expr:Expr": _lazy,
    "polars.lazyframe.frame:LazyFrame": _lazy,
}


# ---------------------------------------------------------------- named in streams


def make_buffer(data: Any) -> Any:
    import pyarrow

    return pyarrow.py_buffer(data)
