"""pandas and Arrow: tables by what they hold, not by how their memory happens to be laid out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import xxhash

from nbreplay.fingerprint.arrays import contents, memory
from nbreplay.fingerprint.atoms import name_of
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.containers import named_parts
from nbreplay.fingerprint.leaves import length, of_int, text
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker

_ROWS_AT_ONCE = 1 << 18
"""Rows of an Arrow table that are made contiguous at a time: what chunks it came in does not count."""


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
        yield from _values(w, column, blocked=True)
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
    yield from _values(w, obj._values)
    yield from _extras(w, obj)


def _extras(w: Walker, obj: Any) -> Iterator[Any]:
    """Yield what a frame or series carries beside its values."""
    yield obj.attrs
    w.out += b"d" if obj.flags.allows_duplicate_labels else b"u"
    own = {name: getattr(obj, name, None) for name in type(obj)._metadata if name not in ("name", "_name")}
    yield from named_parts(w, own)


def _values(w: Walker, values: Any, blocked: bool = False) -> Iterator[Any]:
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
            yield from _values(w, codes)
    else:
        yield from _values(w, obj._values)


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
        yield from _values(w, obj.codes)
    elif kind in ("DatetimeArray", "TimedeltaArray", "PeriodArray"):
        yield from _values(w, obj._ndarray)
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
        yield from _values(w, data)
        yield from _values(w, mask)
    elif kind == "IntervalArray":
        yield obj.left
        yield obj.right
    elif kind == "SparseArray":
        yield from _values(w, obj.sp_values)
        yield from _values(
            w, obj.sp_index.indices if hasattr(obj.sp_index, "indices") else obj.sp_index.to_int_index().indices
        )
        yield len(obj)
    elif hasattr(obj, "_ndarray"):
        yield from _values(w, obj._ndarray)
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


def _sole(name: str) -> Opener:
    def write(w: Walker, _: Any) -> Parts:
        w.out += b"pd" + text(name)
        return None

    return write


def write_timestamp(w: Walker, obj: Any) -> Parts:
    """Write a Timestamp or Timedelta: its count, unit and zone."""
    w.out += b"ts" + text(type(obj).__name__) + of_int(obj._value) + text(obj.unit)
    return (getattr(obj, "tzinfo", None), getattr(obj, "fold", 0))


# ---------------------------------------------------------------- Arrow


class _Sink:
    """Takes an Arrow stream piece by piece and hashes it."""

    def __init__(self) -> None:
        self.hasher = xxhash.xxh3_128()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.hasher.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def tell(self) -> int:
        return self.size

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def write_arrow(w: Walker, obj: Any) -> Parts:
    """Write a table, batch or array of Arrow's as a stream of batches of a fixed size."""
    import pyarrow as pa

    w.hold(obj)
    kind = type(obj).__name__
    if isinstance(obj, pa.Table):
        table = obj
    elif isinstance(obj, pa.RecordBatch):
        table = pa.Table.from_batches([obj])
    else:
        table = pa.table({"": obj})
    sink = _Sink()
    with pa.PythonFile(sink, mode="w") as file, pa.ipc.new_stream(file, table.schema) as writer:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            writer.write_table(_packed(table.slice(start, _ROWS_AT_ONCE)))
    w.buffer_bytes += sink.size
    kind = "Array" if kind not in ("Table", "RecordBatch", "ChunkedArray") else kind
    w.out += b"ar" + text(kind) + length(table.num_rows) + sink.hasher.digest()
    return None


def _packed(table: Any) -> Any:
    """Return a table whose memory holds its rows and nothing else: a slice drags its neighbours along."""
    import pyarrow as pa

    columns = []
    for column in table.columns:
        chunks = column.chunks or [pa.array([], column.type)]
        # Arrow copies only what has two parts.
        columns.append(pa.concat_arrays([*pa.chunked_array(chunks).unify_dictionaries().chunks, chunks[0].slice(0, 0)]))
    return pa.Table.from_arrays(columns, schema=table.schema)


def write_arrow_type(w: Walker, obj: Any) -> Parts:
    import pyarrow as pa

    schema = obj if isinstance(obj, pa.Schema) else pa.schema([obj if isinstance(obj, pa.Field) else pa.field("", obj)])
    w.out += b"at" + text(type(obj).__name__ if isinstance(obj, pa.Schema | pa.Field) else "DataType")
    return (schema.serialize().to_pybytes(),)


_BASES: dict[str, Opener] = {
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
    "pandas._libs.missing:NAType": _sole("NA"),
    "pandas.api.typing:NAType": _sole("NA"),
    "pandas._libs.tslibs.nattype:NaTType": _sole("NaT"),
    "pandas.api.typing:NaTType": _sole("NaT"),
    "pandas._libs.tslibs.timestamps:Timestamp": write_timestamp,
    "pandas:Timestamp": write_timestamp,
    "pandas._libs.tslibs.timedeltas:Timedelta": write_timestamp,
    "pandas:Timedelta": write_timestamp,
    "pyarrow.lib:Table": write_arrow,
    "pyarrow.lib:RecordBatch": write_arrow,
    "pyarrow.lib:Array": write_arrow,
    "pyarrow.lib:ChunkedArray": write_arrow,
    "pyarrow.lib:DataType": write_arrow_type,
    "pyarrow.lib:Field": write_arrow_type,
    "pyarrow.lib:Schema": write_arrow_type,
}


def _choose(cls: type) -> Opener | None:
    if "pandas" not in sys.modules and "pyarrow" not in sys.modules:
        return None
    for base in cls.__mro__[:-1]:
        found = _BASES.get(name_of(base))
        if found is not None:
            return found
    return None


CHOOSERS.insert(1, _choose)
