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
}  # fmt: skip


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


MORE_THAN_DATA = {
    "code": Evil(), "function": lambda: 1, "class": np.ndarray, "class in a tuple": (np.ndarray,), "builtin": len,
    "module": os, "structured": np.zeros(2, [("a", "i4")]), "masked": np.ma.masked_array([1], [True]),
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
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(5))
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
