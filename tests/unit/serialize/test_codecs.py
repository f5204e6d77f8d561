"""Values to bytes and back: exactly, or by pickle; and nothing but data from strangers."""

import collections
import contextlib
import datetime
import decimal
import fractions
import math
import os
import pickle
import struct
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbreplay.digest import CHUNK_BYTES, Digest, chunk_digests, digest_bytes, strong_digest
from nbreplay.errors import BlobDamaged, BlobMissing, Untrusted
from nbreplay.records import BlobRef, BufferRef, ValueRef, from_bytes, to_bytes
from nbreplay.serialize import codecs, plain
from nbreplay.serialize.codecs import dump, get_buffer, load, put_buffer, write
from nbreplay.serialize.gate import Trust


class Blobs:
    """Bytes by digest, in a dict: all that codecs need of a store."""

    def __init__(self):
        self.kept = {}

    def put(self, data, *, digest=None, strong=False):
        digest = digest or digest_bytes(data)
        self.kept[digest] = bytes(data)
        return BlobRef(digest=digest, size_bytes=len(data), strong=strong_digest(data) if strong else b"")

    def get(self, ref):
        if ref.digest not in self.kept:
            raise BlobMissing(ref.digest, "a dict")
        return memoryview(bytearray(self.kept[ref.digest]))


@pytest.fixture
def blobs():
    return Blobs()


def there_and_back(value, trust=Trust.OWN):
    blobs = Blobs()
    ref = write(dump(value), blobs.put)
    return load(from_bytes(ValueRef, to_bytes(ref)), blobs.get, trust=trust), ref.codec


def form(value):
    """Return *value* with every type inside spelled out, sets in an order of their own, floats as their bytes."""
    if isinstance(value, list | tuple):
        inside = ", ".join(map(form, value))
    elif isinstance(value, dict):
        inside = ", ".join(f"{form(k)}: {form(v)}" for k, v in value.items())
    elif isinstance(value, set | frozenset):
        inside = ", ".join(sorted(map(form, value)))
    elif isinstance(value, float):
        inside = struct.pack("<d", value).hex()
    elif isinstance(value, complex):
        inside = form(value.real) + form(value.imag)
    else:
        inside = repr(value)
    return f"{type(value).__name__}({inside})"


def same(one, two):
    return form(one) == form(two)


PLAIN = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, 2**64, -(2**200), 1.5, -0.0, math.inf, -math.inf, math.nan,
    "", "é\0𝄞", b"", b"\0", bytearray(b"x"), 1j, complex(-0.0, math.nan), [], (), {}, set(), frozenset(),
    [1, True, 1.0, None, "1", b"1"], (1, (2, [3])), {"a": 1, "b": [2]}, {1: "a", "1": "b", None: 0, b"1": 2, (1, 2): 3},
    {True: 1}, {1.5: 2}, {frozenset({1}): {2, 3}}, [2**70, -1], [0, 2**63], {"deep": {"deeper": {"x": ({1},)}}},
]  # fmt: skip


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_values_come_back_exactly_without_pickle(value):
    back, codec = there_and_back(value, Trust.UNKNOWN)
    assert codec == "plain"
    assert same(back, value)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers()
hashable = st.recursive(scalars, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.tuples(inner, inner)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.sets(hashable, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
def test_whatever_is_made_of_plain_parts_comes_back_exactly(value):
    assert same(there_and_back(value)[0], value)


class Float(float):
    pass


class Colour(str):
    __slots__ = ()


SHARED = [1]
NOT_PLAIN = [
    Float(1.5), Colour("red"), "\ud800", [SHARED, SHARED], {"a": SHARED, "b": (SHARED,)}, collections.OrderedDict(a=1),
    collections.Counter("aab"), datetime.datetime(2026, 1, 1), decimal.Decimal("1.10"), fractions.Fraction(1, 3),
    range(5), slice(1, 2), np.array([None, "x"], dtype=object), np.ma.array([1, 2], mask=[0, 1]),
]  # fmt: skip


@pytest.mark.parametrize("value", NOT_PLAIN, ids=repr)
def test_what_is_more_than_plain_is_pickled_and_refused_from_strangers(value):
    back, codec = there_and_back(value)
    assert codec in codecs.PICKLED_CODECS
    assert type(back) is type(value)
    assert repr(back) == repr(value)
    with pytest.raises(Untrusted):
        there_and_back(value, Trust.UNKNOWN)


def test_sharing_and_cycles_come_back():
    back, _ = there_and_back([SHARED, SHARED])
    assert back[0] is back[1]
    cycle = []
    cycle.append(cycle)
    back, _ = there_and_back(cycle)
    assert back[0] is back


def test_a_deep_value_and_a_large_one_are_done_somehow():
    deep = []
    for _ in range(300):
        deep = [deep]
    assert there_and_back(deep)[0] == deep
    large = [[number] for number in range(300_000)]
    assert there_and_back(large)[0] == large


ARRAYS = {
    "floats": np.arange(10.0), "big-endian": np.arange(5, dtype=">i2"), "bool": np.array([True, False]),
    "none": np.zeros((0, 3)), "zero-d": np.array(5), "fortran": np.asfortranarray(np.arange(12).reshape(3, 4)),
    "strided": np.arange(20).reshape(4, 5)[::2, ::-1], "text": np.array(["a", "bcd", ""]),
    "bytes": np.array([b"a", b"bc"]), "empty text": np.array(["", ""]),
    "dates": np.array(["2020-01-01", "NaT"], dtype="M8[D]"),
    "deltas": np.array([1, 2], dtype="m8[ns]"), "complex": np.array([1j, np.nan]), "half": np.arange(3, dtype="f2"),
    "records": np.array([(1, 2.0), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")]),
    "sub-arrays": np.zeros(2, dtype=[("a", "f4", (2, 2))]), "void": np.zeros(2, dtype="V3"),
    "large": np.arange(100_000).reshape(100, 1000), "large fortran": np.asfortranarray(np.random.rand(100, 100)),
    "aligned": np.zeros(2, dtype=np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "nan payload": np.frombuffer(struct.pack("<Q", 0x7FF8DEADBEEF0001), dtype="f8").copy(),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back_bit_by_bit_and_can_be_written_to(name):
    array = ARRAYS[name]
    back, codec = there_and_back(array)
    assert codec == "plain" or name == "aligned"
    assert (back.dtype, back.shape, back.tobytes()) == (array.dtype, array.shape, array.tobytes())
    assert back.dtype.isalignedstruct == array.dtype.isalignedstruct
    assert back.flags.writeable
    if array.flags.c_contiguous or array.flags.f_contiguous:
        assert back.flags.f_contiguous == array.flags.f_contiguous
        assert back.flags.c_contiguous == array.flags.c_contiguous
    if codec == "plain":
        there_and_back(array, Trust.UNKNOWN)


@pytest.mark.parametrize(
    "scalar",
    [np.float64(1.5), np.int8(-1), np.bool_(True), np.str_("x"), np.datetime64("2020-01-01"), np.complex64(1j)],
)
def test_numpy_scalars_stay_numpy_scalars(scalar):
    back, codec = there_and_back(scalar, Trust.UNKNOWN)
    assert codec == "plain"
    assert type(back) is type(scalar)
    assert back == scalar
    assert back.dtype == scalar.dtype


def test_a_read_only_array_stays_read_only():
    array = np.arange(5000)
    array.flags.writeable = False
    assert not there_and_back(array)[0].flags.writeable


def test_arrays_in_containers_leave_the_stream(blobs):
    value = {"x": np.arange(100_000), "y": [np.float32(1), np.arange(3)]}
    dumped = dump(value)
    assert dumped.codec == "plain"
    assert len(dumped.stream) < 300
    assert [len(buffer) for buffer in dumped.buffers] == [800_000]
    back = load(write(dumped, blobs.put), blobs.get, trust=Trust.UNKNOWN)
    assert (back["x"] == value["x"]).all()
    assert back["y"][0] == 1
    assert back["y"][1].flags.writeable


def test_an_array_is_not_copied_to_be_dumped():
    array = np.arange(1_000_000)
    (buffer,) = dump(array).buffers
    assert np.shares_memory(np.frombuffer(buffer, dtype="u1"), array)


def test_an_arrow_table_is_data():
    table = pa.table({"a": [1, None], "b": ["x", "y"], "c": [[1], [2, 3]]})
    back, codec = there_and_back(table, Trust.UNKNOWN)
    assert codec == "arrow"
    assert back.equals(table, check_metadata=True)


def test_a_frame_comes_back_equal_with_its_types_and_index():
    frame = pd.DataFrame(
        {"i": range(3), "f": [1.0, None, 3.0], "s": ["x", None, "z"], "c": pd.Categorical(["a", "b", "a"])},
        index=pd.date_range("2020", periods=3, tz="UTC", name="when"),
    )
    frame.attrs["note"] = "kept"
    back, _ = there_and_back(frame)
    pd.testing.assert_frame_equal(back, frame, check_freq=True)
    assert back.attrs == frame.attrs
    back.loc[back.index[0], "f"] = 7.0


def test_the_buffers_of_a_frame_leave_the_stream():
    dumped = dump(pd.DataFrame({"x": np.arange(100_000.0)}))
    assert sum(len(buffer) for buffer in dumped.buffers) == 800_000
    assert len(dumped.stream) < 5000


def test_what_is_defined_in_main_travels_with_its_code(tmp_path):
    """The class is part of the stream: a process with another ``__main__`` loads it, too."""
    code = """
import pickle, sys
from nbreplay.serialize.codecs import dump
class Mine:
    def __init__(self): self.x = 7
    def double(self): return 2 * self.x
dumped = dump(Mine())
sys.stdout.buffer.write(pickle.dumps((dumped.codec, dumped.stream, [bytes(b) for b in dumped.buffers])))
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    codec, stream, _ = pickle.loads(out)
    assert codec == "cloudpickle"
    blobs = Blobs()
    value = load(write(codecs.Dumped(codec, stream), blobs.put), blobs.get, trust=Trust.OWN)
    assert value.double() == 14


def test_functions_of_the_notebook_come_back():
    factor = 3
    back, codec = there_and_back(lambda x: x * factor)
    assert codec == "cloudpickle"
    assert back(2) == 6


def test_what_cannot_be_pickled_raises_and_writes_nothing():
    with pytest.raises(TypeError):
        dump(number for number in range(3))


def test_a_pickled_stream_without_a_strong_digest_is_refused_even_as_own(blobs):
    ref = write(dump({1, Float(2)}), blobs.put)
    weak = ValueRef(codec=ref.codec, stream=BlobRef(digest=ref.stream.digest, size_bytes=ref.stream.size_bytes))
    with pytest.raises(Untrusted, match="strong"):
        load(weak, blobs.get, trust=Trust.OWN)


@pytest.mark.parametrize("trust", Trust)
def test_a_codec_that_nobody_knows_is_not_guessed(blobs, trust):
    ref = write(dump(1), blobs.put)
    unknown = ValueRef(codec="newer", stream=BlobRef(digest=ref.stream.digest, size_bytes=1, strong=b"x" * 32))
    with pytest.raises((BlobDamaged, Untrusted)):
        load(unknown, blobs.get, trust=trust)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.sampled_from(["plain", "arrow"]))
def test_any_bytes_from_a_stranger_are_a_value_or_damaged(stream, codec):
    blobs = Blobs()
    ref = ValueRef(codec=codec, stream=blobs.put(stream), buffers=(put_buffer(b"12345678", blobs.put),))
    with contextlib.suppress(BlobDamaged):
        load(ref, blobs.get, trust=Trust.UNKNOWN)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_strangers_flipped_stream_is_a_value_or_damaged(data):
    blobs = Blobs()
    dumped = dump({"a": np.arange(2000), "b": (1, {2}), "c": np.arange(3), 4: 2**70})
    stream = bytearray(dumped.stream)
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    ref = write(codecs.Dumped("plain", bytes(stream), dumped.buffers), blobs.put)
    with contextlib.suppress(BlobDamaged):
        load(ref, blobs.get, trust=Trust.UNKNOWN)


def test_data_makes_no_pickle_look_for_a_class():
    code = """
import sys, numpy, pyarrow
from nbreplay.digest import digest_bytes
from nbreplay.records import BlobRef
from nbreplay.serialize.codecs import dump, load, write
from nbreplay.serialize.gate import Trust
kept = {}
def put(data, *, digest=None, strong=False):
    digest = digest or digest_bytes(data)
    kept[digest] = bytearray(data)
    return BlobRef(digest=digest, size_bytes=len(data))
values = [{"a": numpy.arange(9), "b": [1, "x", 2j]}, numpy.ones((300, 300)), pyarrow.table({"a": [1], "b": ["x"]})]
refs = [write(dump(value), put) for value in values]
events = []
sys.addaudithook(lambda event, args: events.append(event) if event.startswith(("pickle", "marshal", "exec")) else None)
for ref in refs:
    load(ref, lambda r: memoryview(kept[r.digest]), trust=Trust.UNKNOWN)
print([e for e in events if e.startswith("pickle")])
"""
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out == "[]\n"


def test_numpy_is_not_imported_for_values_without_arrays():
    code = "import sys; from nbreplay.serialize.codecs import dump; dump({'a': [1]}); print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


# ---------------------------------------------------------------- buffers


def edit(data, *chunks):
    changed = bytearray(data)
    for number in chunks:
        changed[number * CHUNK_BYTES] ^= 1
    return bytes(changed)


@pytest.fixture
def first():
    return os.urandom(8 * CHUNK_BYTES + 5)


def test_only_changed_chunks_are_kept_again(blobs, first):
    one = put_buffer(first, blobs.put)
    second = edit(first, 2, 8)
    before = sum(map(len, blobs.kept.values()))
    two = put_buffer(second, blobs.put, previous=one, previous_chunks=chunk_digests(first))
    assert sum(map(len, blobs.kept.values())) - before == CHUNK_BYTES + 5
    assert sorted(two.patches) == [2, 8]
    third = edit(second, 3)
    three = put_buffer(third, blobs.put, previous=two, previous_chunks=chunk_digests(second))
    assert sorted(three.patches) == [2, 3, 8]
    for ref, content in ((one, first), (two, second), (three, third)):
        assert ref.digest == digest_bytes(content)
        view = get_buffer(ref, blobs.get)
        assert view == content
        assert not view.readonly


def test_an_unchanged_buffer_is_not_kept_again(blobs, first):
    one = put_buffer(first, blobs.put)
    kept = dict(blobs.kept)
    assert put_buffer(bytearray(first), blobs.put, previous=one, previous_chunks=chunk_digests(first)) is one
    assert blobs.kept == kept


@pytest.mark.parametrize("how", ["half changed", "longer", "shorter", "chunks unknown"])
def test_beyond_half_or_in_doubt_it_is_kept_whole(blobs, first, how):
    one = put_buffer(first, blobs.put)
    chunks = None if how == "chunks unknown" else chunk_digests(first)
    second = {"longer": first + b"x", "shorter": first[:-1]}.get(how) or edit(first, *range(5))
    two = put_buffer(second, blobs.put, previous=one, previous_chunks=chunks)
    assert not two.patches
    assert get_buffer(two, blobs.get) == second


def test_an_edit_that_is_undone_is_right_again(blobs, first):
    one = put_buffer(first, blobs.put)
    second = edit(first, 1)
    two = put_buffer(second, blobs.put, previous=one, previous_chunks=chunk_digests(first))
    three = put_buffer(first, blobs.put, previous=two, previous_chunks=chunk_digests(second))
    assert get_buffer(three, blobs.get) == first


@pytest.mark.parametrize("patches", [{99: 0}, {-1: 0}, {0: 0}, {8: 0}], ids=repr)
def test_chunks_that_do_not_fit_are_damage(blobs, first, patches):
    base = blobs.put(first)
    other = blobs.put(b"not a chunk")
    ref = BufferRef(digest=base.digest, size_bytes=len(first), base=base, patches=dict.fromkeys(patches, other))
    with pytest.raises(BlobDamaged):
        get_buffer(ref, blobs.get)


def test_a_buffer_whose_parts_make_something_else_is_damage(blobs, first):
    base = blobs.put(first)
    chunk = blobs.put(bytes(CHUNK_BYTES))
    for patches in ({}, {0: chunk}):
        ref = BufferRef(digest=Digest("0" * 32), size_bytes=len(first), base=base, patches=patches)
        with pytest.raises(BlobDamaged):
            get_buffer(ref, blobs.get)


def test_no_plain_value_is_taken_for_another():
    seen = {}
    for value in PLAIN:
        stream, _ = plain.dump(value)
        assert stream not in seen, (value, seen[stream])
        seen[stream] = value
