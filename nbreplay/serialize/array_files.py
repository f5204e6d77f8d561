"""Arrays that are maps of files: kept as their path, with the digest of what they map.

What is made again is named in streams: it keeps its name and parameters.
"""

from __future__ import annotations

import os
from typing import Any

from nbreplay.digest import Digest, digest_bytes
from nbreplay.serialize.array_views import flat_bytes, set_attributes
from nbreplay.serialize.functions import Reduced


def reduce_mapped(value: Any, root: Any, numpy: Any) -> Reduced | None:
    """Reduce a map of a file, or a view of one; None if it is more than the file, or the file is gone."""
    if type(root) is not numpy.memmap or root.filename is None or root.mode == "c":
        return None
    if not os.path.exists(root.filename):
        return None
    if value is not root:
        from nbreplay.serialize.arrays import attributes_of

        offset = value.__array_interface__["data"][0] - root.__array_interface__["data"][0]
        layout = (offset, value.shape, value.strides, value.dtype, value.flags.writeable, type(value))
        return mapped_view, (root, *layout), attributes_of(value), None, None, set_mapped
    order = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
    raw = flat_bytes(value, numpy)
    if raw is None:
        return None
    how = (value.dtype, value.mode, value.offset, value.shape, order, digest_bytes(memoryview(raw)))
    return open_memmap, (_portable(os.path.abspath(value.filename)), *how)


def _portable(path: str) -> str:
    """Return *path* relative to the working folder, if it is below that: the folder may be sent elsewhere."""
    below = os.path.relpath(path)
    return path if below.startswith(os.pardir) else below


def open_memmap(path: str, dtype: Any, mode: Any, offset: int, shape: Any, order: Any, digest: Digest) -> Any:
    import numpy

    if not os.path.exists(path):
        raise FileNotFoundError(f"{path}, which an array maps, is not there")
    made = numpy.memmap(path, dtype, "r" if mode == "r" else "r+", offset, shape, order)
    if digest_bytes(memoryview(flat_bytes(made, numpy))) != digest:
        raise OSError(f"{path}, which an array maps, has other contents now")
    made.mode = mode
    return made


def mapped_view(root: Any, offset: int, shape: Any, strides: Any, dtype: Any, writeable: bool, kind: Any) -> Any:
    import numpy

    made: Any = numpy.ndarray(shape, dtype, flat_bytes(root, numpy), offset, strides)
    if kind is not numpy.ndarray:
        made = made.view(kind)
    if kind is numpy.memmap:
        made._mmap = root._mmap
    if made.flags.writeable and not writeable:
        made.flags.writeable = False
    return made


def set_mapped(made: Any, state: Any) -> None:
    map_ = getattr(made, "_mmap", None)
    set_attributes(made, state)
    if map_ is not None:
        made._mmap = map_
