"""Arrays that share memory in ways that no chain of bases shows, maps of files, memory of other libraries."""

from __future__ import annotations

import ctypes
import tracemalloc
from contextlib import closing

import numpy as np
import pytest

from nbreplay.fingerprint import Mode, walk
from nbreplay.serialize.array_views import OWNED_BYTES
from nbreplay.serialize.dump import dump_unit
from nbreplay.serialize.gate import Trust
from nbreplay.serialize.session import Session
from nbreplay.serialize.units import load_unit, write_unit
from nbreplay.store import Store


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "s")) as made:
        yield made


def there_and_back(values, store, session=None):
    ref = write_unit(dump_unit(values, Session({})), store.put)
    return load_unit(ref, store.get, session or Session({}), trust=Trust.OWN)


class Window:
    """Shows a part of an array's memory without being an array."""

    def __init__(self, array, start, stop):
        self.__array_interface__ = array[start:stop].__array_interface__
        self.array = array


@pytest.mark.parametrize("size", [20, 20_000])
def test_arrays_that_overlap_without_a_common_base_still_do(store, size):
    a = np.arange(float(size))
    seen = np.asarray(Window(a, 5, 10))
    found = there_and_back({"a": a, "seen": seen}, store)
    found["a"][7] = -1
    assert found["seen"].tolist() == [5, 6, -1, 8, 9]
    found = there_and_back({"seen": seen, "a": a}, store)
    found["seen"][0] = -2
    assert found["a"][5] == -2


def test_a_base_is_the_array_that_it_was(store):
    a = np.arange(24, dtype="i4").reshape(4, 6)
    found = there_and_back({"t": a.T, "a": a, "part": a[1:, ::2]}, store)
    assert found["t"].base is found["a"].base
    assert (found["a"].base.dtype, found["a"].base.shape, found["a"].base.flags.owndata) == ("i4", (24,), True)


def test_large_arrays_own_their_memory_only_where_that_is_asked_for(store):
    large = np.zeros(OWNED_BYTES // 8 + 1)
    assert not there_and_back({"a": large}, store)["a"].flags.owndata
    session = Session({})
    session.owning = True
    assert there_and_back({"a": large}, store, session)["a"].flags.owndata


def test_a_map_of_a_file_comes_back_as_one_if_the_file_is_the_same(store, tmp_path):
    path = tmp_path / "numbers"
    np.arange(100.0).tofile(path)
    mapped = np.memmap(path, "f8", "r", offset=80, shape=(9, 10))
    dumped = write_unit(dump_unit({"m": mapped, "row": mapped[2]}, Session({})), store.put)
    found = load_unit(dumped, store.get, Session({}), trust=Trust.OWN)
    assert type(found["m"]) is np.memmap
    assert np.shares_memory(found["m"], found["row"])
    assert (found["m"][2, 3], found["row"][3], found["m"].offset) == (33, 33, 80)
    np.arange(1.0, 101.0).tofile(path)
    with pytest.raises(OSError, match="other contents"):
        load_unit(dumped, store.get, Session({}), trust=Trust.OWN)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        load_unit(dumped, store.get, Session({}), trust=Trust.OWN)


def test_a_map_whose_file_is_gone_is_kept_by_its_contents(store, tmp_path):
    path = tmp_path / "numbers"
    np.arange(10.0).tofile(path)
    mapped = np.memmap(path, "f8", "r")
    path.unlink()
    assert there_and_back({"m": mapped}, store)["m"].tolist() == list(range(10))


def test_memory_of_ctypes_stays_shared(store):
    raw = (ctypes.c_double * 4)(1, 2, 3, 4)
    found = there_and_back({"raw": raw, "a": np.ctypeslib.as_array(raw)}, store)
    found["a"][0] = 9
    assert list(found["raw"]) == [9, 2, 3, 4]


def test_memory_of_arrow_that_is_numpys_stays_shared(store):
    arrow = pytest.importorskip("pyarrow")
    source = np.arange(4000.0)
    found = there_and_back({"a": arrow.array(source), "source": source}, store)
    found["source"][5] = -1
    assert found["a"][5].as_py() == -1


def test_an_array_that_stands_for_more_elements_than_its_memory_is_looked_at_by_its_memory():
    huge = np.broadcast_to(np.arange(3.0), (10**6, 10**6, 3))
    windows = np.lib.stride_tricks.sliding_window_view(np.arange(100_000.0), 50_000)
    tracemalloc.start()
    try:
        digests = {walk(each, mode=Mode.NAMESPACE, home={}).digest for each in (huge, windows, huge[:, 1:])}
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    assert len(digests) == 3
    other = np.broadcast_to(np.array([0.0, 1.0, 5.0]), huge.shape)
    assert walk(other, mode=Mode.NAMESPACE, home={}).digest not in digests


def test_an_object_array_may_hold_itself_and_its_views(store):
    a = np.empty(4, object)
    a[0], a[1], a[2] = a, a[1:3], [1]
    found = there_and_back({"a": a, "v": a[2:]}, store)
    assert found["a"][0] is found["a"]
    assert np.shares_memory(found["a"][1], found["a"])
    found["v"][0].append(2)
    assert found["a"][2] == [1, 2]
