"""Words for frames, series and indexes of pandas, and for the Arrow arrays in them.

pandas trusts what its pickles say about the places of blocks, and Arrow what they say about offsets; both would read
memory that is not theirs. So everything is made by constructors that check, and places are checked here.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from nbreplay.serialize.vocabulary import Parts, Word, refuse

_MANAGERS = "pandas.core.internals.managers"
_OFFSETS = ("Day", "Hour", "Minute", "Second", "MonthEnd", "MonthBegin", "YearEnd", "YearBegin", "QuarterEnd")
_ALIASES = frozenset({"string", "large_string", "utf8", "int64", "int32", "double", "float64", "bool", "large_utf8"})


@cache
def words() -> Mapping[tuple[str, str], Word]:
    """Return the words; none without pandas or pyarrow."""
    try:
        import pandas
        import pyarrow  # noqa: F401
    except ImportError:
        return {}
    made: dict[tuple[str, str], Callable[..., Any]] = {
        ("pandas", "DataFrame"): lambda: Parts(lambda state: _frame(pandas.DataFrame, _Manager, state)),
        ("pandas", "Series"): lambda: Parts(lambda state: _frame(pandas.Series, _Single, state)),
        (_MANAGERS, "BlockManager"): _Manager,
        (_MANAGERS, "SingleBlockManager"): lambda: Parts(_Single.of_state),
        ("nbreplay.serialize.frames", "restore_block"): _Block,
        ("pandas.core.indexes.base", "_new_Index"): _index,
        ("pandas.core.indexes.datetimes", "_new_DatetimeIndex"): _datetime_index,
        ("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked"): _backed,
        ("pandas", "CategoricalDtype"): lambda: Parts(_categorical_dtype),
        ("pandas", "DatetimeTZDtype"): lambda: Parts(_zoned_dtype),
        ("pandas", "StringDtype"): _string_dtype,
        ("pandas.arrays", "ArrowStringArray"): lambda: Parts(_arrow_strings),
        ("pyarrow.lib", "_restore_array"): _arrow_array,
        ("pyarrow.lib", "type_for_alias"): _arrow_type,
        ("nbreplay.serialize.of_tables", "make_buffer"): _arrow_buffer,
        ("pandas._libs.tslibs.timestamps", "_unpickle_timestamp"): _timestamp,
        ("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle"): _timedelta,
        ("pandas._libs.tslibs.nattype", "_nat_unpickle"): _not_a_time,
        ("pandas.core.indexes.timedeltas", "_new_TimedeltaIndex"): _timedelta_index,
    }
    found = {key: Word(".".join(key), make) for key, make in made.items()}
    shared = ("nbreplay.serialize.shared_state", "adopt_attrs")
    found[shared] = Word(".".join(shared), _with_attributes, finishes=True)
    for name in _OFFSETS:
        make = _offset(getattr(pandas.offsets, name))
        found["pandas._libs.tslibs.offsets", name] = Word(f"pandas.offsets.{name}", make)
    for kind in (pandas.Index, pandas.RangeIndex, pandas.MultiIndex, pandas.DatetimeIndex, pandas.TimedeltaIndex):
        found["pandas", kind.__name__] = Word(f"pandas.{kind.__name__}", None, kind)
    found["pandas.arrays", "DatetimeArray"] = Word("pandas.arrays.DatetimeArray", None, pandas.arrays.DatetimeArray)
    found["pandas.arrays", "TimedeltaArray"] = Word("pandas.arrays.TimedeltaArray", None, pandas.arrays.TimedeltaArray)
    found["pandas", "NA"] = Word("pandas.NA", None, pandas.NA, single=True)
    found["pandas", "Categorical"] = Word("pandas.Categorical", None, pandas.Categorical)
    return found


# ---------------------------------------------------------------- frames


class _Block:
    """Columns of one type, and which columns of the frame they are."""

    def __init__(self, values: Any, placement: Any, ndim: Any, shared: Any) -> None:
        import numpy
        import pandas

        is_array = type(values) is numpy.ndarray
        if ndim != 2 or not (is_array or isinstance(values, pandas.api.extensions.ExtensionArray)):
            raise refuse("a block of a frame")
        if type(placement) is slice:
            if placement.stop is None or not 0 <= placement.stop < 1 << 31:
                raise refuse("a block of a frame")
            self.places = list(range(*placement.indices(placement.stop)))
        elif type(placement) is numpy.ndarray and placement.dtype == numpy.intp and placement.ndim == 1:
            self.places = [int(place) for place in placement]
        else:
            raise refuse("a block of a frame")
        self.values = values
        self.rows = values.shape[-1] if values.ndim else -1
        columns = values.shape[0] if values.ndim == 2 else 1
        if values.ndim not in (1, 2) or (is_array and values.ndim != 2) or columns != len(self.places):
            raise refuse("a block of a frame")


class _Manager:
    """The blocks and axes of a frame."""

    def __init__(self, blocks: Any, axes: Any) -> None:
        import pandas

        good = type(blocks) is tuple and type(axes) is list and len(axes) == 2
        if not good or not all(isinstance(axis, pandas.Index) for axis in axes):
            raise refuse("a frame")
        if not all(type(block) is _Block and block.rows == len(axes[1]) for block in blocks):
            raise refuse("a frame")
        if sorted(place for block in blocks for place in block.places) != list(range(len(axes[0]))):
            raise refuse("a frame")
        self.blocks = blocks
        self.axes = axes

    def made(self, kind: Any) -> Any:
        """Return the frame."""
        import numpy
        from pandas._libs.internals import BlockPlacement, _unpickle_block
        from pandas.core.internals.managers import BlockManager

        blocks = tuple(
            _unpickle_block(block.values, BlockPlacement(numpy.array(block.places, numpy.intp)), 2)
            for block in self.blocks
        )
        manager = BlockManager(blocks, self.axes, verify_integrity=True)
        return kind._from_mgr(manager, manager.axes)


class _Single:
    """The values and the axis of a series."""

    def __init__(self, values: Any, axis: Any) -> None:
        self.values = values
        self.axis = axis

    @classmethod
    def of_state(cls, state: Any) -> _Single:
        """As pandas writes it: axes, values of the blocks, items of the blocks, all that once more."""
        import numpy
        import pandas

        if type(state) is not tuple or len(state) < 2 or len(state[0]) != 1 or len(state[1]) != 1:
            raise refuse("a series")
        axis, values = state[0][0], state[1][0]
        known = type(values) is numpy.ndarray or isinstance(values, pandas.api.extensions.ExtensionArray)
        if not known or not isinstance(axis, pandas.Index) or values.ndim != 1 or len(values) != len(axis):
            raise refuse("a series")
        return cls(values, axis)

    def made(self, kind: Any) -> Any:
        """Return the series."""
        from pandas.core.internals.managers import SingleBlockManager

        manager = SingleBlockManager.from_array(self.values, self.axis)
        return kind._from_mgr(manager, manager.axes)


def _frame(kind: Any, manager: type, state: Any) -> Any:
    allowed = {"_mgr", "_typ", "_metadata", "attrs", "_flags", "_name"}
    if type(state) is not dict or not state.keys() <= allowed or type(state.get("_mgr")) is not manager:
        raise refuse("a frame")
    made = state["_mgr"].made(kind)
    if "_name" in state:
        made.name = state["_name"]
    if type(attributes := state.get("attrs", {})) is dict and attributes:
        made.attrs = attributes
    if state.get("_flags", {}).get("allows_duplicate_labels") is False:
        made.flags.allows_duplicate_labels = False
    return made


def _with_attributes(parts: Any, state: Any) -> Any:
    """A frame, and the dict that is its ``attrs``: somebody else may hold it, too."""
    if not isinstance(parts, Parts) or type(state) is not tuple or len(state) != 2 or type(state[1]) is not dict:
        raise refuse("a frame")
    made = parts.finish(state[0])
    object.__setattr__(made, "_attrs", state[1])
    return made


# ---------------------------------------------------------------- indexes and types


def _index(kind: Any, parts: Any) -> Any:
    import numpy
    import pandas

    if not isinstance(kind, Word) or type(parts) is not dict:
        raise refuse("an index")
    name = parts.get("name")
    if kind.kind is pandas.RangeIndex:
        return pandas.RangeIndex(int(parts["start"]), int(parts["stop"]), int(parts["step"]), name=name)
    if kind.kind is pandas.MultiIndex:
        if not all(isinstance(level, pandas.Index) for level in parts["levels"]):
            raise refuse("an index")
        return pandas.MultiIndex(
            levels=parts["levels"], codes=parts["codes"], sortorder=parts.get("sortorder"), names=parts["names"]
        )
    data = parts.get("data")
    known = type(data) is numpy.ndarray or isinstance(data, pandas.api.extensions.ExtensionArray)
    if kind.kind is not pandas.Index or not known:
        raise refuse("an index")
    assert data is not None  # known
    return pandas.Index(data, dtype=data.dtype, name=name, copy=False)


def _datetime_index(kind: Any, parts: Any) -> Any:
    import pandas

    if not isinstance(kind, Word) or kind.kind is not pandas.DatetimeIndex or type(parts) is not dict:
        raise refuse("an index")
    data, freq = parts.get("data"), parts.get("freq")
    if not isinstance(data, pandas.arrays.DatetimeArray):
        raise refuse("an index")
    if freq is not None and not isinstance(freq, pandas.offsets.BaseOffset):
        raise refuse("an index")
    return pandas.DatetimeIndex(data, freq=freq, name=parts.get("name"))


def _offset(kind: Any) -> Callable[..., Any]:
    def make(count: Any = 1, normalize: Any = False) -> Any:
        if type(count) is not int or type(normalize) is not bool:
            raise refuse("a span of time")
        return kind(count, normalize)

    return make


def _backed(kind: Any, _checksum: Any, _none: Any) -> Parts:
    """An array of pandas' that has one of numpy's inside: times and categories."""
    import numpy
    import pandas

    if not isinstance(kind, Word):
        raise refuse("an array")

    def finish(state: Any) -> Any:
        if type(state) is not tuple or len(state) < 2 or type(state[1]) is not numpy.ndarray:
            raise refuse("an array")
        dtype, values = state[0], state[1]
        if kind.kind is pandas.Categorical and isinstance(dtype, pandas.CategoricalDtype):
            return pandas.Categorical.from_codes(values, dtype=dtype)
        times = kind.kind is pandas.arrays.DatetimeArray and values.dtype.kind == "M"
        if times or (kind.kind is pandas.arrays.TimedeltaArray and values.dtype.kind == "m"):
            made = kind.kind._simple_new(values, dtype=values.dtype)
            return made if dtype == values.dtype else made.tz_localize("UTC").tz_convert(dtype.tz)
        raise refuse("an array")

    return Parts(finish)


def _categorical_dtype(state: Any) -> Any:
    import pandas

    if not isinstance(state["categories"], pandas.Index | type(None)):
        raise refuse("categories")
    return pandas.CategoricalDtype(state["categories"], bool(state["ordered"]))


def _zoned_dtype(state: Any) -> Any:
    import pandas

    return pandas.DatetimeTZDtype(str(state["unit"]), state["tz"])


def _string_dtype(storage: Any = None, missing: Any = None) -> Any:
    import pandas

    if storage not in (None, "pyarrow", "python"):
        raise refuse("a type of text")
    return pandas.StringDtype(storage, *(() if missing is None else (missing,)))


_RESOLUTIONS = (7, 8, 9, 10)
"""pandas' numbers for seconds, milli-, micro- and nanoseconds."""


def _timestamp(value: Any, freq: Any, zone: Any, resolution: Any) -> Any:
    from pandas._libs.tslibs import timestamps

    if type(value) is not int or freq is not None or resolution not in _RESOLUTIONS:
        raise refuse("a time")
    if zone is not None and type(zone) not in (datetime.timezone, zoneinfo.ZoneInfo):
        raise refuse("a time")
    return timestamps._unpickle_timestamp(value, None, zone, resolution)


def _timedelta(value: Any, resolution: Any) -> Any:
    from pandas._libs.tslibs import timedeltas

    if type(value) is not int or resolution not in _RESOLUTIONS:
        raise refuse("a span of time")
    return timedeltas._timedelta_unpickle(value, resolution)


def _not_a_time(*_: Any) -> Any:
    import pandas

    return pandas.NaT


def _timedelta_index(kind: Any, parts: Any) -> Any:
    import pandas

    if not isinstance(kind, Word) or kind.kind is not pandas.TimedeltaIndex or type(parts) is not dict:
        raise refuse("an index")
    data, freq = parts.get("data"), parts.get("freq")
    if not isinstance(data, pandas.arrays.TimedeltaArray):
        raise refuse("an index")
    if freq is not None and not isinstance(freq, pandas.offsets.BaseOffset):
        raise refuse("an index")
    return pandas.TimedeltaIndex(data, freq=freq, name=parts.get("name"))


# ---------------------------------------------------------------- Arrow


def _arrow_type(alias: Any) -> Any:
    import pyarrow

    if alias not in _ALIASES:
        raise refuse("a type of Arrow's")
    return pyarrow.type_for_alias(alias)


def _arrow_buffer(data: Any) -> Any:
    import numpy
    import pyarrow

    if type(data) is not numpy.ndarray or data.dtype != numpy.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
        raise refuse("a buffer of Arrow's")
    return pyarrow.py_buffer(data)


def _arrow_array(data: Any) -> Any:
    import pyarrow

    kind, length, missing, offset, buffers, children, dictionary = data
    good = isinstance(kind, pyarrow.DataType) and not children and dictionary is None
    if not good or not all(buffer is None or isinstance(buffer, pyarrow.Buffer) for buffer in buffers):
        raise refuse("an array of Arrow's")
    made = pyarrow.Array.from_buffers(kind, length, buffers, missing, offset)
    made.validate(full=True)
    return made


def _arrow_strings(state: Any) -> Any:
    import pandas
    import pyarrow

    inner = state["_pa_array"]
    if isinstance(inner, pyarrow.Array):
        inner = pyarrow.chunked_array([inner])
    if not isinstance(inner, pyarrow.ChunkedArray) or not isinstance(state["_dtype"], pandas.StringDtype):
        raise refuse("an array of text")
    return pandas.arrays.ArrowStringArray(inner, dtype=state["_dtype"])
