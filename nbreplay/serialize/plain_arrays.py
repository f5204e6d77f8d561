"""numpy arrays as a header of plain values and their memory, never as pickles. numpy is used only if it is imported."""

from __future__ import annotations

import sys
from typing import Any

from nbreplay.digest import flat

_KINDS = frozenset("biufcmMSUV")
"""Kinds of dtype whose memory is the value."""


def dump_array(value: Any) -> tuple[list[Any], memoryview] | None:
    """Return header and memory of a numpy array or scalar; None if it is more than its memory (objects, subclasses)."""
    numpy = sys.modules["numpy"]
    scalar = isinstance(value, numpy.generic)
    array = numpy.asarray(value) if scalar else value
    if type(array) is not numpy.ndarray:
        return None
    described = _describe(array.dtype)
    if described is None or (scalar and type(array[()]) is not type(value)):
        return None
    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    memory = array.T if order == "F" else numpy.ascontiguousarray(array)
    buffer = (
        memory.reshape(-1).view(numpy.uint8) if array.dtype.itemsize and array.size else numpy.empty(0, numpy.uint8)
    )
    writable = bool(array.flags.writeable)
    return [described, list(array.shape), order, writable, scalar], flat(memoryview(buffer))


def load_array(header: list[Any], buffer: memoryview) -> Any:
    """Return the array or scalar of *header* on the memory *buffer*, without a copy.

    Raises
    ------
    ValueError
        The two do not fit together.
    """
    import numpy

    described, shape, order, writable, scalar = header
    dtype = _dtype(described)
    size = 1
    for length in shape:
        size *= length
    if any(type(length) is not int or length < 0 for length in shape) or size * dtype.itemsize != len(buffer):
        raise ValueError("an array's shape and its memory differ")
    flat_array = numpy.frombuffer(buffer, dtype) if len(buffer) else numpy.empty(size, dtype)
    array = flat_array.reshape(shape, order="F" if order == "F" else "C")
    if scalar:
        return array[()].copy() if dtype.kind == "V" else array[()]
    if not writable:
        array.flags.writeable = False
    elif not array.flags.writeable:
        array = array.copy(order="K")
    return array


def _describe(dtype: Any) -> str | list[Any] | None:
    """Return *dtype* as text, or as text of its fields; None if that would not give it back."""
    numpy = sys.modules["numpy"]
    if dtype.hasobject or dtype.kind not in _KINDS or dtype.metadata:
        return None
    described: str | list[Any] = dtype.str if dtype.fields is None else [_field(field) for field in dtype.descr]
    try:
        again = _dtype(described)
    except (ValueError, TypeError):
        return None
    same = again == dtype and type(again) is type(dtype) and again.isalignedstruct == dtype.isalignedstruct
    return described if same and again.str == dtype.str and isinstance(dtype, numpy.dtype) else None


def _field(field: tuple[Any, ...]) -> list[Any]:
    """Return one field of a dtype's description as plain lists."""
    name, form = field[0], field[1]
    if not isinstance(name, str) or not isinstance(form, str) or not name:
        raise ValueError("nested, titled or padded fields")
    return [name, form, list(field[2]) if len(field) > 2 else []]


def _dtype(described: str | list[Any]) -> Any:
    import numpy

    if isinstance(described, str):
        if described[1:2] not in _KINDS:
            raise ValueError(f"no plain dtype: {described!r}")
        return numpy.dtype(described)
    return numpy.dtype([(name, _dtype(form), tuple(shape)) for name, form, shape in described])
