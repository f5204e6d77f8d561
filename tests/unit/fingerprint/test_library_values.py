"""Values of libraries: what looks alike is told apart, what is equal stays equal, whatever way it came."""

from __future__ import annotations

import array
import collections
import copy
import datetime
import decimal
import fractions
import itertools
import os
import pickle
import types

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from hypothesis.extra import pandas as frames

from nbreplay.fingerprint import Mode, walk

EXAMPLES = int(os.environ.get("NBREPLAY_TEST_LONG") or 1)


def content(value):
    found = walk(value, mode=Mode.VALUE)
    assert not found.opaque
    return found.digest


def copies(value):
    yield copy.deepcopy(value)
    yield pickle.loads(pickle.dumps(value, protocol=5))  # numpy turns arrays to this machine's byte order in older ones


ALIKE = {
    name: make
    for name, make in {
        "int": lambda: 1,
        "bool": lambda: True,
        "float": lambda: 1.0,
        "complex": lambda: 1 + 0j,
        "text": lambda: "1",
        "bytes": lambda: b"1",
        "bytearray": lambda: bytearray(b"1"),
        "decimal": lambda: decimal.Decimal(1),
        "fraction": lambda: fractions.Fraction(1),
        "list": lambda: [1],
        "tuple": lambda: (1,),
        "set": lambda: {1},
        "frozenset": lambda: frozenset({1}),
        "dict": lambda: {1: None},
        "keys": lambda: {1: 1},
        "ordered dict": lambda: collections.OrderedDict({1: None}),
        "default dict": lambda: collections.defaultdict(None, {1: None}),
        "counter": lambda: collections.Counter({1: 1}),
        "deque": lambda: collections.deque([1]),
        "range": lambda: range(1, 2),
        "slice": lambda: slice(1),
        "typed array": lambda: array.array("q", [1]),
        "namespace": lambda: types.SimpleNamespace(a=1),
        "named": lambda: {"a": 1},
        "date": lambda: datetime.date(1970, 1, 1),
        "datetime": lambda: datetime.datetime(1970, 1, 1),
        "int64": lambda: np.int64(1),
        "int32": lambda: np.int32(1),
        "float64": lambda: np.float64(1),
        "numpy bool": lambda: np.bool_(True),
        "numpy text": lambda: np.str_("1"),
        "numpy bytes": lambda: np.bytes_(b"1"),
        "numpy date": lambda: np.datetime64("1970-01-01"),
        "array of none": lambda: np.array(1),
        "array": lambda: np.array([1]),
        "array of two": lambda: np.array([[1]]),
        "array of objects": lambda: np.array([1], object),
        "array of text": lambda: np.array(["1"]),
        "unsigned": lambda: np.array([1], "u8"),
        "big endian": lambda: np.array([1], ">i8"),
        "record": lambda: np.array([(1,)], [("a", "i8")]),
        "record array": lambda: np.rec.array([(1,)], [("a", "i8")]),
        "masked": lambda: np.ma.array([1]),
        "matrix": lambda: np.matrix([[1]]),
        "series": lambda: pd.Series([1]),
        "index": lambda: pd.Index([1]),
        "range index": lambda: pd.RangeIndex(1, 2),
        "frame": lambda: pd.DataFrame([1]),
        "nullable": lambda: pd.array([1], dtype="Int64"),
        "categorical": lambda: pd.Categorical([1]),
        "text series": lambda: pd.Series(["1"], dtype="str"),
        "object series": lambda: pd.Series([1], dtype=object),
        "timestamp": lambda: pd.Timestamp(1),
        "timedelta": lambda: pd.Timedelta(1),
        "period": lambda: pd.Period("1970", "D"),
        "multi index": lambda: pd.MultiIndex.from_tuples([(1, 1)]),
        "arrow array": lambda: pa.array([1]),
        "arrow chunks": lambda: pa.chunked_array([[1]]),
        "arrow table": lambda: pa.table({"0": [1]}),
        "arrow batch": lambda: pa.record_batch({"0": [1]}),
        "arrow small": lambda: pa.array([1], pa.int8()),
        "arrow text": lambda: pa.array(["1"]),
        "arrow large text": lambda: pa.array(["1"], pa.large_string()),
        "arrow dictionary": lambda: pa.array(["1"]).dictionary_encode(),
        "arrow list": lambda: pa.array([[1]]),
    }.items()
}
OTHERS = {
    "torch": {
        "tensor": lambda t: t.tensor([1]),
        "tensor of none": lambda t: t.tensor(1),
        "tensor of floats": lambda t: t.tensor([1.0]),
        "sparse tensor": lambda t: t.tensor([1]).to_sparse(),
        "parameter": lambda t: t.nn.Parameter(t.tensor([1.0])),
    },
    "polars": {
        "polars series": lambda p: p.Series("", [1]),
        "polars frame": lambda p: p.DataFrame({"": [1]}),
        "polars literal": lambda p: p.lit(1),
        "polars column": lambda p: p.col("1"),
    },
    "xarray": {
        "data array": lambda x: x.DataArray([1]),
        "variable": lambda x: x.Variable("x", [1]),
        "data set": lambda x: x.Dataset({"a": 1}),
    },
    "scipy.sparse": {
        f"sparse {kind}": lambda s, kind=kind: getattr(s, kind)(np.array([[1]]))
        for kind in ("csr_matrix", "csc_matrix", "coo_matrix", "csr_array", "lil_matrix", "dok_matrix", "bsr_matrix")
    },
}


@pytest.fixture(scope="module")
def alike():
    made = dict(ALIKE)
    for library, kinds in OTHERS.items():
        try:
            module = __import__(library, fromlist=["x"])
        except ImportError:
            continue
        made |= {name: lambda make=make, module=module: make(module) for name, make in kinds.items()}
    return made


def test_what_looks_alike_is_told_apart(alike):
    digests = {name: content(make()) for name, make in alike.items()}
    same = [pair for pair in itertools.combinations(digests, 2) if digests[pair[0]] == digests[pair[1]]]
    assert not same
    inside = {name: content(["in a list", make()]) for name, make in alike.items()}
    assert len({*inside.values(), *digests.values()}) == 2 * len(alike)


def test_what_is_equal_stays_equal(alike):
    for name, make in alike.items():
        value = make()
        before = content(value)
        assert content(make()) == before, name
        repr(value), hash(id(value)), dir(value)
        assert content(value) == before, f"{name}: to look at it changes it"
        for each in copies(value):
            assert content(each) == before, name


NATIVE = {"endianness": "="}  # to pickle others may turn them
DTYPES = st.one_of(
    arrays.integer_dtypes(**NATIVE),
    arrays.unsigned_integer_dtypes(**NATIVE),
    arrays.floating_dtypes(**NATIVE),
    arrays.complex_number_dtypes(**NATIVE),
    arrays.boolean_dtypes(),
    arrays.datetime64_dtypes(max_period="D", **NATIVE),
    arrays.byte_string_dtypes(**NATIVE),
    arrays.unicode_string_dtypes(**NATIVE),
)
SHAPES = arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
ARRAYS = DTYPES.flatmap(lambda dtype: arrays.arrays(dtype, SHAPES))


def exactly(a):
    return a.dtype.str, str(a.dtype.descr), a.shape, a.tobytes()


@settings(max_examples=60 * EXAMPLES, deadline=None)
@given(ARRAYS, ARRAYS)
def test_two_arrays_have_one_digest_only_if_they_are_exactly_equal(one, other):
    assert (content(one) == content(other)) == (exactly(one) == exactly(other))
    for each in copies(one):
        assert content(each) == content(one)
    assert content(one.tobytes()) != content(one)


@settings(max_examples=40 * EXAMPLES, deadline=None)
@given(arrays.arrays("i8", arrays.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)), st.data())
def test_a_view_has_the_digest_of_its_copy(a, data):
    view = a[data.draw(arrays.basic_indices(a.shape, allow_ellipsis=False))]
    view = np.asarray(view)
    if view.flags.f_contiguous and not view.flags.c_contiguous:
        assert content(view) == content(view.copy(order="F"))
    else:
        assert content(view) == content(view.copy(order="C"))
    if view.size:
        changed = view.copy()
        changed.reshape(-1)[data.draw(st.integers(0, view.size - 1))] += 1
        assert content(changed) != content(view)


COLUMNS = [
    frames.column("i", dtype=int),
    frames.column("f", dtype=float),
    frames.column("t", elements=st.text(max_size=3), dtype=object),
    frames.column("b", dtype=bool),
]


@settings(max_examples=20 * EXAMPLES, deadline=None)
@given(frames.data_frames(COLUMNS, index=frames.range_indexes(min_size=1, max_size=5)), st.data())
def test_each_change_of_a_frame_is_seen(frame, data):
    before = content(frame)
    for each in copies(frame):
        assert content(each) == before
    assert content(frame[list(frame.columns)]) == before
    assert content(frame.copy()) == before
    row, column = data.draw(st.integers(0, len(frame) - 1)), data.draw(st.sampled_from("iftb"))
    changed = frame.copy()
    old = changed.loc[row, column]
    changed.loc[row, column] = {"i": old + 1 if column == "i" and old < 2**62 else 0, "f": 0.5 if old != 0.5 else 1.5,
                                "t": f"{old}x", "b": column == "b" and not old}[column]  # fmt: skip
    if not (column == "i" and old == 0 and changed.loc[row, "i"] == 0):
        assert content(changed) != before
    others = [
        frame.rename(columns={column: "z"}), frame.rename_axis("n"), frame.astype({"i": "int32"}), frame.iloc[::-1][1:],
        frame.set_index(frame.index + 1), frame[["f", "i", "t", "b"]], frame.set_index("i"), frame.T, frame.assign(z=1),
        frame.astype({"b": "boolean"}), frame["i"], frame["i"].rename("z"),
    ]  # fmt: skip
    assert before not in {content(each) for each in others}


@settings(max_examples=40 * EXAMPLES, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=8), st.data())
def test_chunks_of_arrow_do_not_count(values, data):
    cut = data.draw(st.integers(0, len(values)))
    whole = pa.table({"a": pa.array(values, pa.int64())})
    parts = pa.table({"a": pa.chunked_array([values[:cut], values[cut:]], pa.int64())})
    longer = pa.table({"a": pa.array([7, *values, None], pa.int64())}).slice(1, len(values))
    assert content(whole) == content(parts) == content(longer)
    if values:
        other = [*values]
        other[cut - 1] = 99
        assert content(pa.table({"a": pa.array(other, pa.int64())})) != content(whole)
