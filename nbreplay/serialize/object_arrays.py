"""Arrays of Python objects, and of text of any length: containers that can be views of each other.

What is made again is named in streams: it keeps its name and parameters.
"""

from __future__ import annotations

from typing import Any

from nbreplay.serialize.array_views import set_attributes
from nbreplay.serialize.functions import Reduced


def reduce_objects(value: Any, root: Any, numpy: Any) -> Reduced:
    """Reduce an array whose elements are references; *root* is the one that owns them."""
    from nbreplay.serialize.arrays import attributes_of

    state = (attributes_of(value), bool(value.flags.writeable))
    if value is root:
        axes = _axes(value)
        items = _bare(value, numpy).transpose(axes).reshape(-1)
        listed = items.tolist() if not value.dtype.hasobject or value.dtype.kind != "O" else list(items)
        args = (type(value), value.dtype, value.shape, axes)
        return object_root, args, (listed, *state), None, None, fill_objects
    address = value.__array_interface__["data"][0]
    args = reduce_part(root, address, value.shape, value.strides, value.dtype, type(value))
    return object_view, args, state, None, None, set_view


def reduce_part(root: Any, address: int, shape: Any, strides: Any, dtype: Any, kind: Any) -> tuple[Any, ...]:
    """Return the arguments that make a view of *root* again."""
    if dtype.kind == "T" and (len(shape) > 1 or root.ndim > 1) and (shape != root.shape or strides != root.strides):
        raise TypeError("a view of an array of variable-width text in more than one dimension")
    return root, address - root.__array_interface__["data"][0], shape, strides, dtype, kind


def _axes(value: Any) -> tuple[int, ...]:
    """Return the axes of an array from the slowest to the fastest."""
    return tuple(sorted(range(value.ndim), key=lambda axis: (-value.strides[axis], axis)))


def _bare(value: Any, numpy: Any) -> Any:
    return value if type(value) is numpy.ndarray else value.view(numpy.ndarray)


def object_root(kind: Any, dtype: Any, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    import numpy

    strides = [0] * len(shape)
    step = dtype.itemsize
    for axis in reversed(axes):
        strides[axis] = step
        step *= max(shape[axis], 1)
    return numpy.ndarray.__new__(kind, shape, dtype, strides=strides)


def fill_objects(made: Any, state: tuple[Any, ...]) -> None:
    """Fill in elements, in the order of the memory: an array may hold itself, so it is made before."""
    import numpy

    items, attributes, writeable = state
    if made.size:
        flat = _bare(made, numpy).transpose(_axes(made)).reshape(-1)
        filled: Any = numpy.empty(0, made.dtype)
        # Element by element: an item that is a list or an array is one item.
        filled.__setstate__((1, (len(items),), made.dtype, False, items))
        flat[...] = filled
    set_view(made, (attributes, writeable))


def object_view(root: Any, offset: int, shape: Any, strides: Any, dtype: Any, kind: Any) -> Any:
    import numpy

    bare = _bare(root, numpy)
    if dtype.kind == "T":
        made = _text_view(bare, offset, shape, strides)
    else:
        memory = bare.transpose(_axes(bare))
        locked = not memory.flags.writeable
        if locked:
            root.flags.writeable = True  # views of a read-only array may be writable
            memory = bare.transpose(_axes(bare))
        made = numpy.ndarray(shape, dtype, memory, offset, strides)
        if locked:
            root.flags.writeable = False
    return made if kind is numpy.ndarray else made.view(kind)


def _text_view(bare: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Only slices can be made: numpy makes no other views of such memory."""
    if shape == bare.shape and strides == bare.strides:
        return bare[...]
    if not shape:
        return bare[offset // bare.dtype.itemsize, ...]
    first, step = offset // bare.dtype.itemsize, strides[0] // bare.dtype.itemsize
    stop: int | None = first + shape[0] * step
    return bare[first : stop if stop is not None and stop >= 0 else None : step]


def set_view(made: Any, state: tuple[Any, Any]) -> None:
    attributes, writeable = state
    if attributes is not None:
        set_attributes(made, attributes)
    if made.flags.writeable != writeable:
        made.flags.writeable = writeable
