"""numpy: arrays by dtype, shape, order and bytes; scalars, dtypes, ufuncs. numpy is never imported here to look."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint import packages
from nbreplay.fingerprint.atoms import name_of
from nbreplay.fingerprint.buffers import buffer_bytes
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import length, of_int, text
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.walker import Memory, Walker

_CACHES = {"numpy:vectorize": ("_ufunc", "__doc__"), "numpy:memmap": ("_mmap",)}


def write_array(w: Walker, obj: Any) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    return _array(w, obj)


def _array(w: Walker, obj: Any) -> Iterator[Any]:
    import numpy as np

    plain = obj if type(obj) is np.ndarray else obj.view(np.ndarray)
    dtype, flags = plain.dtype, plain.flags
    order = b"C" if flags.c_contiguous else b"F" if flags.f_contiguous else b"S" if w.exact else b"C"
    w.out += b"nd" + order + length(plain.ndim) + b"".join(map(length, plain.shape))
    if w.exact:
        w.out += b"W" if flags.writeable else b"R"
        if order == b"S":
            w.out += b"".join(map(of_int, plain.strides))
    yield dtype
    if type(obj) is not np.ndarray:
        w.unpickled = True
        yield from write_type_of(w, type(obj))
        yield from named_parts(w, _state(w, obj))
    if dtype.hasobject or dtype.kind == "T":  # references, or text of any length: not a buffer
        if w.exact:
            memory(w, plain)
        yield tuple(plain.ravel(order="F" if order == b"F" else "C").tolist())
        return
    if w.exact:
        memory(w, plain)
    elif w.task:
        _overlaps(w, plain)
    w.out += contents(w, plain)


def _state(w: Walker, obj: Any) -> dict[str, Any]:
    """Return what an instance of a subclass carries beside its elements."""
    import numpy as np

    hidden = _CACHES.get(name_of(type(obj)), ())
    state = {k: v for k, v in (getattr(obj, "__dict__", None) or {}).items() if k not in hidden}
    if isinstance(obj, np.ma.MaskedArray) and not w.exact:
        # To look at them fills in the fill value; only the mask and what it hides behind count.
        kept = {"mask": np.ma.getmaskarray(obj), "hard": obj.hardmask}
        value = state.get("_fill_value")
        kept["fill"] = np.asarray(np.ma.default_fill_value(obj) if value is None else value).astype(obj.dtype)
        return kept
    return state


def contents(w: Walker, plain: Any) -> bytes:
    """Return what stands for the elements of a plain array, in the order of its memory."""
    flags = plain.flags
    if flags.c_contiguous:
        flat = plain
    elif flags.f_contiguous:
        flat = plain.T
    elif (overlapping := _overlapping(plain)) is not None:
        return b"o" + b"".join(map(of_int, (*plain.strides, len(overlapping)))) + buffer_bytes(w, overlapping)
    else:
        flat = plain.copy(order="C")
        return buffer_bytes(w, flat.reshape(-1).view("u1").data if flat.size else b"")  # its place is nobody's
    address = flat.__array_interface__["data"][0]
    if not flat.size:
        return buffer_bytes(w, b"")
    return buffer_bytes(w, flat.reshape(-1).view("u1").data, address)


def _overlapping(plain: Any) -> Any:
    """Return the memory of an array whose elements share it, if that is smaller than they are: a broadcast, a window.

    Such an array may stand for more elements than any memory could hold.
    """
    import numpy as np

    start, stop = span(plain)
    if stop - start >= plain.nbytes:
        return None
    held = {"data": (start, True), "shape": (stop - start,), "typestr": "|u1", "version": 3}
    return np.asarray(type("Held", (), {"__array_interface__": held, "array": plain})()).data


def _overlaps(w: Walker, plain: Any) -> None:
    """Write which earlier array has elements in common with *plain*: a function may change one and read the other."""
    base = plain
    while type(base.base) is type(plain):
        base = base.base
    start, stop = span(plain)
    if stop <= start:
        return
    known = w.ranges.setdefault(id(base), [])
    w.hold(base)
    for index, (low, high) in enumerate(known):
        if start < high and low < stop:
            w.out += b"over" + length(index) + of_int(start - low)
    known.append((start, stop))


def memory(w: Walker, plain: Any) -> None:
    """Note the memory that an array looks at, and write which earlier array looks at the same.

    Two views of one buffer are told from two arrays of equal content: a change of one shows in the other.
    """
    import numpy as np

    base = plain
    while type(base.base) is np.ndarray or isinstance(base.base, np.ndarray):
        base = base.base
    start, stop = span(base)
    if stop <= start:
        return
    w.spans.append((start, stop))
    owner = base if base.base is None else base.base
    here = plain.__array_interface__["data"][0]
    # Not the owner itself is numbered: it may be an array of its own right.
    known = w.memory.get(id(owner))
    if known is None:
        w.hold(owner)
        known = w.memory[id(owner)] = Memory(here)
    if w.number(known):
        known.first = here
        w.out += b"new"
    else:
        w.out += of_int(here - known.first)


def span(array: Any) -> tuple[int, int]:
    """Return the address range of an array's elements."""
    if not array.size:
        return 0, 0
    low = high = array.__array_interface__["data"][0]
    for stride, count in zip(array.strides, array.shape, strict=True):
        if stride < 0:
            low += stride * (count - 1)
        else:
            high += stride * (count - 1)
    return low, high + array.itemsize


def write_dtype(w: Walker, dtype: Any) -> Parts:
    """Write a dtype: its code, and for a record its fields with their offsets."""
    w.out += b"dt"
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        w.out += b"sub" + length(len(shape)) + b"".join(map(length, shape))
        return (base,)
    if dtype.names is None:
        w.out += text(dtype.str if dtype.kind != "T" else "T") + text(type(dtype).__name__)
        if dtype.metadata:
            return (w.hold(dict(dtype.metadata)),)
        return (getattr(dtype, "na_object", None),) if dtype.kind == "T" else None
    w.out += b"rec" + length(dtype.itemsize) + (b"a" if dtype.isalignedstruct else b"p") + length(len(dtype.names))
    return _fields(w, dtype)


def _fields(w: Walker, dtype: Any) -> Iterator[Any]:
    for name in dtype.names:
        inner, offset, *title = dtype.fields[name]
        w.out += text(name) + length(offset)
        yield inner
        yield title[0] if title else None


def write_scalar(w: Walker, obj: Any) -> Parts:
    w.out += b"ns"
    if w.exact and obj.dtype.kind == "V" and obj.dtype.itemsize and obj.base is not None:  # a view of a record
        start = obj.__array_interface__["data"][0]
        w.hold(obj)
        w.spans.append((start, start + obj.dtype.itemsize))
    if obj.dtype.hasobject:
        return (obj.dtype, obj.item())
    w.out += buffer_bytes(w, obj.tobytes())
    return (obj.dtype,)


def write_ufunc(w: Walker, obj: Any) -> Parts:
    """Write a ufunc: a library's by name; one made of a Python function by that."""
    own = str(obj.__name__)
    for name in itertools.chain(("numpy", "scipy.special"), _ufunc_homes()):
        where = packages.installed(name)
        if where is not None and packages.find(name, own) is obj:
            w.out += packages.name_bytes(where, name, own)
            return None
    inside = [each for each in gc.get_referents(obj) if callable(each)]
    if len(inside) != 1:
        w.unseen(obj, f"({own}) is a ufunc of no known library")
        w.hold(obj)
        return None
    w.out += b"uf" + length(obj.nin) + length(obj.nout)
    return (inside[0], obj.identity)


def _ufunc_homes() -> Iterator[str]:
    yield from (name for name in list(sys.modules) if name.endswith(("_ufuncs", "umath")))


def write_vectorize(w: Walker, obj: Any) -> Parts:
    """Write an ``np.vectorize``: what it was made with, not what its last call left in it."""
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"vz"
    hidden = _CACHES["numpy:vectorize"]
    return _vectorize(w, obj, {k: v for k, v in vars(obj).items() if k not in hidden})


def _vectorize(w: Walker, obj: Any, state: dict[str, Any]) -> Iterator[Any]:
    yield from write_type_of(w, type(obj))
    yield from named_parts(w, state)


_OPENERS = {
    "numpy:ndarray": write_array,
    "numpy:generic": write_scalar,
    "numpy:dtype": write_dtype,
    "numpy:ufunc": write_ufunc,
    "numpy:vectorize": write_vectorize,
}


def _choose(cls: type) -> Opener | None:
    if "numpy" not in sys.modules:
        return None
    for base in cls.__mro__[:-1]:
        found = _OPENERS.get(name_of(base))
        if found is not None:
            if found is write_scalar and cls.__module__ != "numpy":
                return None  # a subclass of a scalar may hold more
            return found
    return None


CHOOSERS.insert(1, _choose)
