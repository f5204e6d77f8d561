"""Units of strangers: what is data comes back exactly, everything else is refused before anything is made."""

import collections
import datetime
import decimal
import fractions
import os
import pickle
import struct
import sys
import uuid
import zoneinfo

import numpy as np
import pytest

from nbreplay.errors import Untrusted
from nbreplay.fingerprint import Mode, walk
from nbreplay.serialize import data_only, gate
from nbreplay.serialize.dump import dump_unit
from nbreplay.serialize.session import Loading, Session, loading

pytestmark = pytest.mark.trust

CIRCLE = [1]
CIRCLE.append(CIRCLE)
GRID = np.arange(24.0).reshape(4, 6)
BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
DATA = {
    "none": None, "int": 1, "huge": 1 << 200, "float": 1.5, "complex": 1 + 2j, "text": "aß\ud800", "bytes": b"x",
    "tuple": (1, "a", b"x"), "circle": CIRCLE, "dict": {1: [2], "a": {1, 2}}, "frozen": frozenset([1]),
    "bytearray": bytearray(b"x"), "range": range(3), "ordered": collections.OrderedDict(a=1),
    "counter": collections.Counter("abc"), "decimal": decimal.Decimal("1.50"), "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=5), "time": datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    "day": datetime.date(2020, 1, 1), "span": datetime.timedelta(1, 2, 3),
    "grid": GRID, "view": GRID[1:, ::2], "turned": GRID.T, "backwards": GRID[::-1], "large": np.zeros(100_000, "i4"),
    "empty": np.empty((0, 3)), "number": np.float32(2), "big endian": np.arange(3, dtype=">i4"),
    "days": np.array(["2020-01-01"], "M8[D]"), "texts": np.array(["ab", "c"]), "bytes array": np.array([b"ab"]),
    "objects": np.array([[1, "a"], [None, [1]]], object), "dtype": np.dtype("f4"),
    "structured": np.array([(1, (2.0, 3.0))], [("a", "i4"), ("b", "f8", (2,))]),
    "record": np.zeros(2, [("a", "i4")])[1],
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "i8")], align=True)),
    "nested": np.zeros(2, [("a", [("x", "i1"), ("y", "U3")])]), "overlapping": np.zeros(
        2, np.dtype({"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2], "itemsize": 8})),
    "masked": np.ma.masked_array([1, 2], [True, False]), "no mask": np.ma.array([1.0, 2]),
    "masked grid": np.ma.masked_less(np.arange(2_000.0).reshape(40, 50), 7)[::2],
    "queue": collections.deque([1, [2]], maxlen=3), "zone": datetime.datetime(2020, 1, 1, tzinfo=BERLIN),
}  # fmt: skip


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


MORE_THAN_DATA = {
    "code": Evil(), "function": lambda: 1, "class": np.ndarray, "class in a tuple": (np.ndarray,), "builtin": len,
    "module": os,
    "class under the name that masked arrays have": {"_baseclass": os}, "objects in fields": np.zeros(2, [("a", "O")]),
    "class as a key": {np.ndarray: 1}, "an instance": Evil,
}  # fmt: skip


def dumped(value):
    session = Session({})
    session.stamp = "x"
    return dump_unit({"value": value}, session)


def loaded(unit):
    def content(held):
        return bytearray(b"".join(held.lease.pieces()))

    memories = [(start, memoryview(content(held))) for start, held in zip(unit.starts, unit.memories, strict=True)]
    with loading(Loading(Session({}), memories)):
        return data_only.loads(unit.stream, [content(held) for held in unit.others])["value"]


@pytest.mark.parametrize("name", DATA)
def test_data_comes_back_exactly_and_nothing_is_unpickled(name):
    found = []
    hook_is_on = [True]
    sys.addaudithook(lambda event, args: found.append(args) if event == "pickle.find_class" and hook_is_on[0] else None)
    back = loaded(dumped(DATA[name]))
    hook_is_on[0] = False
    assert found == []
    assert type(back) is type(DATA[name])
    assert walk(back, mode=Mode.VALUE).digest == walk(DATA[name], mode=Mode.VALUE).digest


@pytest.mark.parametrize("name", MORE_THAN_DATA)
def test_what_is_more_than_data_is_refused(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Untrusted):
        loaded(dumped(MORE_THAN_DATA[name]))
    assert not list(tmp_path.iterdir())


def test_views_of_one_memory_are_that_again():
    back = loaded(dumped((GRID, GRID[1:, ::2])))
    back[0][1, 0] = -1
    assert back[1][0, 0] == -1


def test_what_is_read_as_data_is_what_pickle_would_have_made():
    for value in DATA.values():
        unit = dumped(value)
        if not unit.memories and not unit.others:
            with loading(Loading(Session({}), [])):
                one = gate.loads(unit.stream, trust=gate.Trust.OWN, persistent_load=None)
                two = data_only.loads(unit.stream)
            assert walk(one, mode=Mode.VALUE).digest == walk(two, mode=Mode.VALUE).digest


def frame_values():
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    grouped = pandas.DataFrame({"g": [1, 1, 2], "h": [1, 1, 2], "v": [1.0, 2, 3]}).groupby(["g", "h"]).mean()
    return [
        pandas.DataFrame(
            {"x": [1, 2, 3], "y": ["a", "b", None], "t": pandas.date_range("2020", periods=3),
             "c": pandas.Categorical(["u", "v", "u"]), "z": [1.0, 2, 3]}
        ),
        pandas.Series([1.0, 2], name="q"),
        pandas.Series([1, 2], index=pandas.date_range("2020", periods=2, tz="UTC")),
        grouped,
        pandas.DataFrame({"a": []}),
        [pandas.Timestamp("2020"), pandas.Timestamp("2020", tz="UTC"), pandas.Timestamp("2020", tz=BERLIN)],
        (pandas.Timedelta(3, "s"), pandas.NaT, pandas.NA),
        pandas.DataFrame({"x": [1, 2]}, index=pandas.to_timedelta([1, 2], unit="s")),
        pandas.DataFrame({"t": pandas.date_range("2020", periods=3, tz="Europe/Berlin"), "o": ["x", 1, pandas.NA]}),
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(9))
def test_frames_come_back_exactly(number):
    value = frame_values()[number]
    back = loaded(dumped(value))
    assert type(back) is type(value)
    assert walk(back, mode=Mode.VALUE).digest == walk(value, mode=Mode.VALUE).digest


def test_a_frame_whose_blocks_lie_about_their_places_is_refused():
    value = frame_values()[0]
    stream = dumped(value).stream
    # The place of the first block, slice(0, 1, 1), said to be column 200: pandas would write where nothing is.
    at = stream.index(b"slice")
    place = stream.index(b"K\x00K\x01K\x01", at)
    with pytest.raises(Untrusted), loading(Loading(Session({}), [])):
        data_only.loads(stream[:place] + b"K\xc8K\xc9K\x01" + stream[place + 6 :])


def numpy_stream(*, dtype="f8", shape=(2,), strides=(8,), data=bytes(16), offset=0):
    """A hostile view: whatever its author says of its memory."""

    class View:
        def __reduce__(self):
            from nbreplay.serialize.array_views import small_memory, view

            class Memory:
                def __reduce__(self):
                    return small_memory, (data, None)

            return view, (Memory(), offset, shape, strides, np.dtype(dtype), True, np.ndarray)

    return pickle.dumps({"value": View()}, 5)


@pytest.mark.parametrize(
    "lie",
    [
        {"shape": (1000,)}, {"strides": (1 << 40,)}, {"offset": 1 << 40}, {"offset": -8}, {"dtype": "O"},
        {"shape": (1 << 60,)}, {"shape": (-1,)}, {"strides": (-8,)}, {"data": b""}, {"shape": (2, 2)},
        {"data": [1], "shape": (1,)}, {"strides": (1 << 62,)},
    ],
    ids=str,
)  # fmt: skip
def test_an_array_that_lies_about_its_memory_is_refused(lie):
    with loading(Loading(Session({}), [])):
        assert data_only.loads(numpy_stream())["value"].shape == (2,)
        with pytest.raises(Untrusted):
            data_only.loads(numpy_stream(**lie))


FIELD = (np.dtype("i4"), 0)
PLAIN = (3, "|", None, ("a",), {"a": FIELD}, 4, 1, 16)


def dtype_stream(state):
    """A dtype of several fields: whatever its author says of them."""

    class Type:
        def __reduce__(self):
            return np.dtype, ("V4", False, True), state

    return pickle.dumps({"value": Type()}, 5)


@pytest.mark.parametrize(
    "state",
    [
        (3, "|", None, ("a",), {"a": (np.dtype("i4"), 1)}, 4, 1, 16),
        (3, "|", None, ("a", "a"), {"a": FIELD}, 4, 1, 16),
        (3, "|", None, ("a",), {"b": FIELD}, 4, 1, 16), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 16),
        (3, "|", None, ("a",), {"a": (np.dtype("i4"), -4)}, 4, 1, 16),
        (3, "|", None, ("a",), {"a": FIELD}, -1, 1, 16),
        (3, "|", None, ("a",), {"a": FIELD}, 1 << 40, 1, 16), (3, "|", (np.dtype("O"), (2,)), None, None, 16, 1, 16),
        (3, "|", (np.dtype("i4"), (1 << 40,)), None, None, 16, 1, 16), (3, "|", 7, None, None, 16, 1, 16),
        (3, "|", None, (1,), {1: FIELD}, 4, 1, 16), (3, "|", None, ("a",), {"a": FIELD[:1]}, 4, 1, 16),
        (3, "|", None, ["a"], {"a": FIELD}, 4, 1, 16), (3, "|", None, ("a",), {"a": ("i4", 0)}, 4, 1, 16),
    ],
    ids=str,
)  # fmt: skip
def test_a_dtype_that_lies_about_its_fields_is_refused(state):
    assert data_only.loads(dtype_stream(PLAIN))["value"] == np.dtype([("a", "i4")])
    with pytest.raises(Untrusted):
        data_only.loads(dtype_stream(state))


def masked_stream(**changes):
    """A masked array: whatever its author says is beside its elements."""
    from nbreplay.serialize.array_views import set_attributes, small_memory, view

    class Memory:
        def __reduce__(self):
            return small_memory, (bytes(16), None)

    class Masked:
        def __reduce__(self):
            args = (Memory(), 0, (2,), (8,), np.dtype("f8"), True, np.ma.MaskedArray)
            state = {**vars(np.ma.array([1.0, 2.0], mask=[True, False])), "_mask": np.array([1, 2], object), **changes}
            return view, args, state, None, None, set_attributes

    return pickle.dumps({"value": Masked()}, 5)


@pytest.mark.parametrize(
    "changes", [{}, {"_mask": 1}, {"_optinfo": 1}, {"_hardmask": "x"}, {"__class__": "x"}], ids=str
)
def test_a_masked_array_whose_mask_is_none_is_refused(changes):
    with loading(Loading(Session({}), [])), pytest.raises(Untrusted):
        data_only.loads(masked_stream(**changes))


@pytest.mark.parametrize(
    "stream",
    [
        b"\x80\x05\x8c\x1bnbreplay.serialize.reducers\x8c\x0cattribute_of\x93\x8c\x02os\x8c\x06system\x86R.",
        b"\x80\x05\x8c\x1bnbreplay.serialize.reducers\x8c\x0cattribute_of\x93\x8c\x08builtins\x8c\x07getattr\x86R."
        b"\x8c\x08zoneinfo\x8c\x08ZoneInfo\x93\x8c\x0bclear_cache\x86R.",
        b"\x80\x05\x8c\x1bnbreplay.serialize.reducers\x8c\x0cattribute_of\x93\x8c\x08builtins\x8c\x07getattr\x86R"
        b"\x8c\x08zoneinfo\x8c\x08ZoneInfo\x93\x8c\x09_unpickle\x86R\x8c\x0b../../etc/x\x88\x86R.",
        b"\x80\x05\x8c\x1bnbreplay.serialize.reducers\x8c\x0cattribute_of\x93\x8c\x08builtins\x8c\x07getattr\x86R"
        b"}\x8c\x06update\x86R.",
    ],
    ids=range(4),
)
def test_attributes_are_named_from_a_list(stream):
    with pytest.raises(Untrusted):
        data_only.loads(stream)


def test_every_truncation_and_many_alterations_are_refused_or_data():
    whole = dumped({"a": [1, {2: "x"}], "g": GRID[:2], "o": np.array(["a", None], object)}).stream
    made = 0
    for size in range(len(whole)):
        with pytest.raises(Untrusted):
            data_only.loads(whole[:size])
    for place in range(len(whole)):
        for flip in (0x01, 0x10, 0x80):
            data = bytearray(whole)
            data[place] ^= flip
            try:
                with loading(Loading(Session({}), [])):
                    data_only.loads(bytes(data))
                    made += 1
            except Untrusted:
                continue
    assert made  # a byte of a number is a number


@pytest.mark.parametrize(
    "stream",
    [
        b"cos\nsystem\n(S'true'\ntR.", b"\x80\x05\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"(S'true'\nios\nsystem\n.", b"\x80\x02\x82\x01.", b"\x80\x05P1\n.", b"(lp0\nc__builtin__\neval\n(S'1'\ntRa.",
        b"\x80\x04\x8c\x08builtins\x8c\x07getattr\x93.", b"\x80\x05N\x92.", b"", b".", b"\x80\x05",
        b"\x80\x05" + b"(" * 100_000, b"\x80\x05" + b"]" * 5_000 + b"a" * 4_999 + b".",
        b"\x80\x05\x8d" + struct.pack("<Q", 1 << 60), b"\x80\x05B" + struct.pack("<I", 1 << 31) + b"x",
    ],
    ids=range(15),
)  # fmt: skip
def test_streams_made_by_hand_make_nothing(stream):
    try:
        back = data_only.loads(stream)
    except Untrusted:
        return
    assert isinstance(back, (list, tuple))  # nested lists are data


def test_a_stream_that_is_too_long_is_refused_unread():
    with pytest.raises(Untrusted, match="MiB"):
        data_only.loads(bytes(data_only.MAX_BYTES + 1))
