"""Units: one stream each, buffers apart, pieces that stay where they are, holes by object."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest

from nbreplay.serialize.dump import dump_unit
from nbreplay.serialize.gate import Trust
from nbreplay.serialize.pieces import cut, unframed
from nbreplay.serialize.session import Session
from nbreplay.serialize.units import Changed, load_unit, write_unit
from nbreplay.store import Store


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "s")) as made:
        yield made


def there_and_back(values, store):
    ref = write_unit(dump_unit(values, Session({})), store.put)
    return load_unit(ref, store.get, Session({}), trust=Trust.OWN)


@pytest.mark.parametrize("size", [10, 100_000])
def test_views_of_one_memory_are_that_again(store, size):
    a = np.arange(float(size))
    found = there_and_back({"a": a, "v": a[2:8:2], "back": a[::-1], "m": a.reshape(2, -1)}, store)
    found["a"][2] = -1
    assert found["v"][0] == -1
    assert found["back"][-3] == -1
    assert found["m"][0, 2] == -1
    assert a[2] == 2


def test_of_a_memory_that_nobody_holds_only_the_used_range_is_kept(store):
    dumped = dump_unit({"v": np.arange(1_000_000.0)[500_000:500_100]}, Session({}))
    assert dumped.size_bytes < 10_000
    found = load_unit(write_unit(dumped, store.put), store.get, Session({}), trust=Trust.OWN)
    assert found["v"][0] == 500_000


@pytest.mark.parametrize(
    "value",
    [
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        np.zeros((0, 3)),
        np.array(5),
        np.ma.array([1, 2], mask=[0, 1]),
        np.array([[1], {}], dtype=object),
        np.arange(4)[::-1],
    ],
    ids=lambda value: f"{type(value).__name__}-{value.dtype}-{value.shape}",
)
def test_arrays_keep_type_order_and_dtype(store, value):
    found = there_and_back({"a": value}, store)["a"]
    assert type(found) is type(value)
    assert (found.dtype, found.shape, found.strides) == (value.dtype, value.shape, value.strides)
    assert found.tolist() == value.tolist()


def test_the_second_version_of_a_memory_writes_its_changed_chunks(store):
    a = np.random.default_rng(1).random(1_000_000)
    known = {}

    def wrote(place, ref, chunks):
        known[place] = (ref, chunks)

    write_unit(dump_unit({"a": a}, Session({})), store.put, previous=known.get, wrote=wrote)
    before = store.size_bytes()
    a[7] = 0
    ref = write_unit(dump_unit({"a": a}, Session({})), store.put, previous=known.get, wrote=wrote)
    assert store.size_bytes() - before < 1.1 * (1 << 20)
    assert np.array_equal(load_unit(ref, store.get, Session({}), trust=Trust.OWN)["a"], a)


def test_memory_that_changes_before_it_is_written_is_noticed(store):
    a = np.zeros(100_000)
    dumped = dump_unit({"a": a}, Session({}))
    a[0] = 1
    with pytest.raises(Changed):
        write_unit(dumped, store.put)


def test_pieces_do_not_move_when_one_object_grows():
    values = [{"k": i, "v": [str(i)]} for i in range(40_000)]
    first = cut(dump_unit({"l": values}, Session({})).stream)
    values[900]["v"] = ["a longer text"]
    second = cut(dump_unit({"l": values}, Session({})).stream)
    assert len({bytes(piece) for piece in second} - {bytes(piece) for piece in first}) <= 2
    assert len(first) > 5


def test_a_stream_without_frames_is_the_same_value(store):
    values = {"l": [{"k": i, "b": b"x" * 70_000 if i == 5 else b""} for i in range(20_000)], "s": "y" * 70_000}
    stream = dump_unit(values, Session({})).stream
    assert len(unframed(stream)) < len(stream)
    assert there_and_back(values, store) == values


def test_one_object_that_refuses_leaves_the_others(store):
    dumped = dump_unit({"x": [1], "g": {"g": (i for i in ()), "y": 2}}, Session({}))
    assert [refused.type_name for refused in dumped.refused] == ["generator"]
    found = load_unit(write_unit(dumped, store.put), store.get, Session({}), trust=Trust.OWN)
    assert found["x"] == [1]
    assert found["g"]["y"] == 2
    with pytest.raises(Exception, match="could not be kept"):
        next(found["g"]["g"])


def test_what_polls_can_stop_a_dump():
    class Enough(Exception):
        pass

    def poll():
        raise Enough

    with pytest.raises(Enough):
        dump_unit({"l": [(i for i in ())]}, Session({}), poll=poll)


def test_a_session_gives_one_object_per_definition(store):
    namespace = {"__name__": "__main__"}
    exec("class A: pass\ndef f(): return 1\na = A()", namespace)
    session = Session(namespace)
    session.stamp = "run:1"
    held = write_unit(dump_unit({"a": namespace["a"], "f": [namespace["f"]]}, session), store.put)
    found = load_unit(held, store.get, session, trust=Trust.OWN)
    assert type(found["a"]) is namespace["A"]
    assert found["f"][0] is namespace["f"]
