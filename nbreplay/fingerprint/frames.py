"""Frames, series and indexes of pandas: by what they hold, not by how their memory happens to be laid out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.arrays import memory
from nbreplay.fingerprint.arrow import write_arrow, write_arrow_buffer, write_arrow_type
from nbreplay.fingerprint.atoms import name_of
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.columns import sole, values_of, write_extension, write_extension_dtype, write_timestamp
from nbreplay.fingerprint.leaves import length, of_int
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.reduced import by_reduce
from nbreplay.fingerprint.state import shape_of
from nbreplay.fingerprint.walker import Walker


def write_frame(w: Walker, df: Any) -> Parts:
    if not w.number(df):
        return None
    w.link(df)
    return _frame(w, df)


def _frame(w: Walker, df: Any) -> Iterator[Any]:
    w.out += b"df"
    yield from write_type_of(w, type(df))
    w.out += length(df.shape[0]) + length(df.shape[1])
    yield df.columns
    yield df.index
    for column in _columns(w, df):
        yield from values_of(w, column, blocked=True)
    yield from _extras(w, df)


def _columns(w: Walker, df: Any) -> Iterator[Any]:
    """Yield the columns' arrays; blocks stored across are turned once, not column by column."""
    manager = getattr(df, "_mgr", None)
    blocks = getattr(manager, "blocks", None)
    if blocks is None:
        yield from (df.iloc[:, index]._values for index in range(df.shape[1]))
        return
    found: dict[int, Any] = {}
    for block in blocks:
        values = block.values
        places = block.mgr_locs.as_array.tolist()
        if getattr(values, "ndim", 1) == 2:
            if type(values).__module__ == "numpy" and not values.dtype.hasobject:
                if w.exact and values.size:
                    memory(w, values)
                if not values.flags.c_contiguous and len(places) > 1:
                    values = values.copy(order="C")
            for row, place in enumerate(places):
                found[place] = values[row]
        else:
            found[places[0]] = values
    for place in range(df.shape[1]):
        yield found[place]


def write_series(w: Walker, obj: Any) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    return _series(w, obj)


def _series(w: Walker, obj: Any) -> Iterator[Any]:
    w.out += b"se"
    yield from write_type_of(w, type(obj))
    yield obj.name
    yield obj.index
    yield from values_of(w, obj._values)
    yield from _extras(w, obj)


def _extras(w: Walker, obj: Any) -> Iterator[Any]:
    """Yield what a frame or series carries beside its values."""
    yield obj.attrs
    w.out += b"d" if obj.flags.allows_duplicate_labels else b"u"
    own = {name: getattr(obj, name, None) for name in type(obj)._metadata if name not in ("name", "_name")}
    yield from named_parts(w, own)


def write_index(w: Walker, obj: Any) -> Parts:
    """Write an Index; it cannot change, so being one object or two does not count."""
    w.hold(obj)
    return _index(w, obj)


def _index(w: Walker, obj: Any) -> Iterator[Any]:
    kind = type(obj).__name__
    w.out += b"ix"
    yield from write_type_of(w, type(obj))
    yield tuple(obj.names)
    if kind == "RangeIndex":
        w.out += of_int(obj.start) + of_int(obj.stop) + of_int(obj.step)
    elif kind == "MultiIndex":
        w.out += length(len(obj.levels))
        for level, codes in zip(obj.levels, obj.codes, strict=True):
            yield level
            yield from values_of(w, codes)
    else:
        # Labels are handed from frame to frame, and nobody writes to them through a frame.
        w.in_labels += 1
        try:
            yield from values_of(w, obj._values)
        finally:
            w.in_labels -= 1


def write_polars(w: Walker, obj: Any) -> Parts:
    """Write a frame, series or expression of polars as pickle takes it: its memory is not Python's to look at."""
    return by_reduce(w, obj, shape_of(type(obj)))


_BASES: dict[str, Opener] = {
    "polars.dataframe.frame:DataFrame": write_polars,
    "polars.lazyframe.frame:LazyFrame": write_polars,
    "polars.series.series:Series": write_polars,
    "polars.expr.expr:Expr": write_polars,
    "pandas:DataFrame": write_frame,
    "pandas.core.frame:DataFrame": write_frame,
    "pandas:Series": write_series,
    "pandas.core.series:Series": write_series,
    "pandas:Index": write_index,
    "pandas.core.indexes.base:Index": write_index,
    "pandas.core.arrays.base:ExtensionArray": write_extension,
    "pandas.api.extensions:ExtensionArray": write_extension,
    "pandas.core.dtypes.base:ExtensionDtype": write_extension_dtype,
    "pandas.api.extensions:ExtensionDtype": write_extension_dtype,
    "pandas._libs.missing:NAType": sole("NA"),
    "pandas.api.typing:NAType": sole("NA"),
    "pandas._libs.tslibs.nattype:NaTType": sole("NaT"),
    "pandas.api.typing:NaTType": sole("NaT"),
    "pandas._libs.tslibs.timestamps:Timestamp": write_timestamp,
    "pandas:Timestamp": write_timestamp,
    "pandas._libs.tslibs.timedeltas:Timedelta": write_timestamp,
    "pandas:Timedelta": write_timestamp,
    "pyarrow.lib:Table": write_arrow,
    "pyarrow.lib:RecordBatch": write_arrow,
    "pyarrow.lib:Array": write_arrow,
    "pyarrow.lib:ChunkedArray": write_arrow,
    "pyarrow.lib:Buffer": write_arrow_buffer,
    "pyarrow.lib:DataType": write_arrow_type,
    "pyarrow.lib:Field": write_arrow_type,
    "pyarrow.lib:Schema": write_arrow_type,
}


def _choose(cls: type) -> Opener | None:
    if sys.modules.keys().isdisjoint(("pandas", "pyarrow", "polars")):
        return None
    for base in cls.__mro__[:-1]:
        found = _BASES.get(name_of(base))
        if found is not None:
            return found
    return None


CHOOSERS.insert(1, _choose)
