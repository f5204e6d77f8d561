"""What columns of pandas are made of: numpy arrays, extension arrays, their dtypes and single values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.arrays import contents, memory
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import length, of_int, text
from nbreplay.fingerprint.openers import Opener, Parts
from nbreplay.fingerprint.walker import Walker


def values_of(w: Walker, values: Any, blocked: bool = False) -> Iterator[Any]:
    """Yield one column. In namespace mode its memory is noted, unless it was with its block: it may be shared."""
    if type(values).__module__ == "numpy":
        dtype = values.dtype
        w.out += b"v1" + length(len(values))
        yield dtype
        if dtype.hasobject or dtype.kind == "T":
            yield tuple(values.tolist())
            return
        if w.exact and not blocked:
            memory(w, values)
        w.out += contents(w, values)
    else:
        yield values


def write_extension(w: Walker, obj: Any) -> Parts:
    """Write an extension array."""
    w.hold(obj)
    return _extension(w, obj)


def _extension(w: Walker, obj: Any) -> Iterator[Any]:
    kind = type(obj).__name__
    w.out += b"xa"
    yield from write_type_of(w, type(obj))
    yield obj.dtype
    if kind == "Categorical":
        yield from values_of(w, obj.codes)
    elif kind in ("DatetimeArray", "TimedeltaArray", "PeriodArray"):
        yield from values_of(w, obj._ndarray)
        freq = getattr(obj, "freq", None)
        yield None if freq is None or kind == "PeriodArray" else freq.freqstr
    elif hasattr(obj, "_pa_array"):
        yield obj._pa_array
    elif hasattr(obj, "_mask") and hasattr(obj, "_data"):
        mask = obj._mask
        data = obj._data
        if mask.any():  # what stands below the mask cannot be seen
            data = data.copy()
            data[mask] = data.dtype.type()
        yield from values_of(w, data)
        yield from values_of(w, mask)
    elif kind == "IntervalArray":
        yield obj.left
        yield obj.right
    elif kind == "SparseArray":
        yield from values_of(w, obj.sp_values)
        yield from values_of(
            w, obj.sp_index.indices if hasattr(obj.sp_index, "indices") else obj.sp_index.to_int_index().indices
        )
        yield len(obj)
    elif hasattr(obj, "_ndarray"):
        yield from values_of(w, obj._ndarray)
    else:
        reduced = w.hold(obj.__reduce_ex__(4))
        yield from reduced[1:3]


def write_extension_dtype(w: Walker, dtype: Any) -> Parts:
    kind = type(dtype).__name__
    w.out += b"xd"
    w.hold(dtype)
    cls = write_type_of(w, type(dtype))
    if kind == "CategoricalDtype":
        return (*cls, dtype.ordered, dtype.categories)
    if kind == "StringDtype":
        return (*cls, dtype.storage, type(dtype.na_value).__name__)  # NaN or NA, and NA cannot be compared
    return (*cls, str(dtype))


def sole(name: str) -> Opener:
    """Return what writes the one value of its type, NA or NaT."""

    def write(w: Walker, _: Any) -> Parts:
        w.out += b"pd" + text(name)
        return None

    return write


def write_timestamp(w: Walker, obj: Any) -> Parts:
    """Write a Timestamp or Timedelta: its count, unit and zone."""
    w.out += b"ts" + text(type(obj).__name__) + of_int(obj._value) + text(obj.unit)
    return (getattr(obj, "tzinfo", None), getattr(obj, "fold", 0))
