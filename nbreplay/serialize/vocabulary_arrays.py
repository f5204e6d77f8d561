"""Words for arrays of numpy: memories, views of them, dtypes, records, masks, arrays of objects."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from nbreplay.serialize import array_views
from nbreplay.serialize.vocabulary import Parts, Word, new, refuse

_ARRAYS = "nbreplay.serialize.array_views"
_OBJECTS = "nbreplay.serialize.object_arrays"
_DTYPE = re.compile(r"[|<>=]?[biufcmMSUVO]\d{0,9}")
MAX_ITEMS = 1 << 26
_ALIGNED = 0x80
"""numpy's flag of a dtype whose fields lie as a compiler would put them."""


def _start_dtype(code: Any, align: Any = False, copy: Any = True) -> Parts:
    if type(code) is not str or not _DTYPE.fullmatch(code):
        raise refuse("a dtype")
    return Parts(lambda state: _dtype(code, state))


def _dtype(code: str, state: Any) -> Any:
    import numpy

    if type(state) is not tuple or len(state) not in (8, 9) or state[1] not in ("<", ">", "|", "="):
        raise refuse("a dtype")
    if state[2] is not None or state[3] is not None or state[4] is not None:
        return _compound(state)
    dtype = numpy.dtype(code)
    if dtype.kind in "mM" and len(state) == 9:
        unit = state[8][1]
        if type(unit[0]) is not bytes or not all(type(part) is int for part in unit[1:]):
            raise refuse("a dtype of time")
        name = unit[0].decode("ascii")
        if name != "generic":
            dtype = numpy.dtype(f"{dtype.kind}8[{unit[1]}{name}]")
    if dtype.kind in "SUV" and state[5] not in (-1, dtype.itemsize):
        if type(state[5]) is not int or not 0 <= state[5] < 1 << 31:
            raise refuse("a dtype")
        length = state[5] // (4 if dtype.kind == "U" else 1)
        dtype = numpy.dtype(f"{dtype.kind}{length}")
    return dtype.newbyteorder(state[1]) if state[1] != "|" else dtype


def _compound(state: tuple[Any, ...]) -> Any:
    """Return a dtype of several fields, or of an array in each element; numpy checks that fields are inside."""
    import numpy

    _, _, part, names, fields, size, _, flags = state[:8]
    if part is not None:
        if type(part) is not tuple or len(part) != 2 or names is not None:
            raise refuse("a dtype of arrays")
        shape = part[1] if type(part[1]) is tuple else (part[1],)
        if math.prod(_lengths(shape)) >= MAX_ITEMS:
            raise refuse("a dtype of arrays")
        return numpy.dtype((_plain_dtype(part[0]), shape))
    good = type(names) is tuple and type(fields) is dict and type(size) is int and 0 <= size < 1 << 31
    if not good or len(set(names)) != len(names) or set(fields) != set(names):
        raise refuse("a dtype of several fields")
    rows = [fields[name] for name in names]
    if not all(type(name) is str for name in names) or not all(type(row) is tuple and len(row) == 2 for row in rows):
        raise refuse("a dtype of several fields")
    if not all(type(offset) is int and 0 <= offset <= size for _, offset in rows):
        raise refuse("a dtype of several fields")
    said = {"names": list(names), "formats": [_plain_dtype(kind) for kind, _ in rows]}
    said |= {"offsets": [offset for _, offset in rows], "itemsize": size}
    return numpy.dtype(said, align=type(flags) is int and bool(flags & _ALIGNED))  # type: ignore[call-overload]


def _plain_dtype(dtype: Any, *, objects: bool = False) -> Any:
    import numpy

    if not isinstance(dtype, numpy.dtype) or (dtype.hasobject and not objects):
        raise refuse("a dtype")
    return dtype


def _lengths(shape: Any) -> tuple[int, ...]:
    if type(shape) is not tuple or not all(type(n) is int and 0 <= n < 1 << 48 for n in shape) or len(shape) > 32:
        raise refuse("a shape")
    return shape


def _strides(strides: Any) -> tuple[int, ...]:
    if type(strides) is not tuple or not all(type(n) is int and abs(n) < 1 << 48 for n in strides):
        raise refuse("strides")
    return strides


def _array_class(kind: Any) -> Any:
    import numpy

    if not isinstance(kind, Word) or kind.kind not in (numpy.ndarray, numpy.ma.MaskedArray):
        raise refuse("a class of arrays")
    return kind.kind


def _form(form: Any) -> Any:
    if form is None:
        return None
    kind, dtype, shape, strides, writeable, owned = form
    plain = _plain_dtype(dtype)
    if not isinstance(kind, Word) or kind.name != "numpy.ndarray":
        raise refuse("memory")
    return (_array_class(kind), plain, _lengths(shape), _strides(strides), bool(writeable), bool(owned))


def _small_memory(data: Any, form: Any = None) -> Any:
    if type(data) is not bytes:
        raise refuse("memory")
    return array_views.small_memory(data, _form(form))


def _large_memory(number: Any, form: Any = None) -> Any:
    if type(number) is not int or not 0 <= number < 1 << 20:
        raise refuse("memory")
    return array_views.large_memory(number, _form(form))


def _whole(memory: Any) -> Any:
    if type(memory) is not array_views.Loaded:
        raise refuse("an array")
    return array_views.whole(memory)


def _view(memory: Any, offset: Any, shape: Any, strides: Any, dtype: Any, writeable: Any, kind: Any) -> Any:
    if type(memory) not in (array_views.Loaded, bytes, bytearray) or type(offset) is not int or offset < 0:
        raise refuse("a view")
    shape, strides = _lengths(shape), _strides(strides)
    bytes_there = memory
    if type(memory) is array_views.Loaded:
        array_views.whole(memory)
        bytes_there = memory.raw
    if 0 not in shape and (bytes_there is None or not len(bytes_there)):
        raise refuse("a view")  # numpy would take memory that nobody filled
    return array_views.view(memory, offset, shape, strides, _plain_dtype(dtype), bool(writeable), _array_class(kind))


def _void_of(make: Any, arguments: Any) -> Any:
    """One record of an array of several fields; *make* is how views are made, and nothing else."""
    if not isinstance(make, Word) or make.make is not _view:
        raise refuse("a record")
    return new(make, arguments)[()]


_MASKED: dict[str, tuple[str, ...]] = {
    "_hardmask": ("bool",), "_sharedmask": ("bool",), "_isfield": ("bool",), "_baseclass": ("type",),
    "_optinfo": ("dict",), "_basedict": ("dict",), "_fill_value": ("NoneType", "ndarray"),
    "_mask": ("ndarray", "bool", "bool_"),
}  # fmt: skip
"""What a masked array has beside its elements, and of which types."""


def _set_attributes(made: Any, state: Any) -> None:
    """What a masked array has beside its elements; no other class of arrays has a word."""
    import numpy

    if type(made) is not numpy.ma.MaskedArray or type(state) is not dict or state.keys() != _MASKED.keys():
        raise refuse("a masked array")
    for name, value in state.items():
        if type(value).__name__ not in _MASKED[name]:
            raise refuse("a masked array")
    mask = state["_mask"]
    fits = mask is numpy.ma.nomask or (mask.shape == made.shape and mask.dtype == numpy.ma.make_mask_descr(made.dtype))
    if not fits or state["_baseclass"] is not numpy.ndarray:
        raise refuse("a masked array")
    array_views.set_attributes(made, state)


def _scalar(dtype: Any, data: Any) -> Any:
    import numpy

    plain = _plain_dtype(dtype)
    if type(data) is not bytes or len(data) != plain.itemsize:
        raise refuse("a number of numpy's")
    return numpy.frombuffer(data, plain)[0]


def _object_root(kind: Any, dtype: Any, shape: Any, axes: Any) -> Any:
    import numpy

    count = 1
    for length in _lengths(shape):
        count *= length
    plain = _plain_dtype(dtype, objects=True)
    if plain.kind != "O" or count > MAX_ITEMS or sorted(axes) != list(range(len(shape))):
        raise refuse("an array of objects")
    _array_class(kind)
    from nbreplay.serialize.object_arrays import object_root

    return object_root(numpy.ndarray, plain, shape, tuple(axes))


def _fill_objects(made: Any, state: Any) -> None:
    import numpy

    items, attributes, writeable = state
    if type(made) is not numpy.ndarray or made.dtype.kind != "O" or type(items) is not list:
        raise refuse("an array of objects")
    if attributes is not None or len(items) != made.size:
        raise refuse("an array of objects")
    from nbreplay.serialize.object_arrays import fill_objects

    fill_objects(made, (items, None, bool(writeable)))


@cache
def _words() -> dict[tuple[str, str], Word]:
    made: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): _start_dtype,
        ("numpy._core.multiarray", "scalar"): _scalar,
        ("numpy.core.multiarray", "scalar"): _scalar,
        (_ARRAYS, "small_memory"): _small_memory,
        (_ARRAYS, "large_memory"): _large_memory,
        (_ARRAYS, "whole"): _whole,
        (_ARRAYS, "view"): _view,
        (_ARRAYS, "void_of"): _void_of,
        (_ARRAYS, "set_attributes"): _set_attributes,
        (_OBJECTS, "object_root"): _object_root,
        (_OBJECTS, "fill_objects"): _fill_objects,
    }
    return {key: Word(".".join(key), make) for key, make in made.items()}


def word(module: str, name: str) -> Word | None:
    """Return the word of this name, None if there is none."""
    if (module, name) in _CLASSES:
        return _class_of_arrays(module, name)
    return _words().get((module, name))


_CLASSES = frozenset({("numpy", "ndarray"), ("numpy.ma", "MaskedArray")})


@cache
def _class_of_arrays(module: str, name: str) -> Word | None:
    """A class of arrays; numpy is imported for it only when a stream asks: its import changes the process's state."""
    try:
        import numpy
    except ImportError:
        return None
    return Word(f"{module}.{name}", None, numpy.ndarray if name == "ndarray" else numpy.ma.MaskedArray)
