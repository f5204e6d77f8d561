"""Content digests: the same for the same values in every process, however they came there."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbreplay import Uncacheable
from nbreplay.fingerprint import InPlace, Mode, Refused, fingerprint, register_atom, walk

REPOSITORY = Path(__file__).parents[3]


def content(value):
    return walk(value, mode=Mode.VALUE).digest


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(allow_nan=False)
)
KEYS = st.one_of(st.booleans(), st.integers(), st.text(), st.binary(), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    SCALARS | st.frozensets(KEYS) | st.sets(KEYS),
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(KEYS, inner),
        st.tuples(inner, inner),
        st.lists(st.integers()),
        st.lists(st.text()),
    ),
    max_leaves=25,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_a_copy_has_the_same_digest(value):
    assert content(pickle.loads(pickle.dumps(value))) == content(value)
    assert content(copy.deepcopy(value)) == content(value)
    assert walk(value, mode=Mode.TASK).digest == content(value)


def exactly(value):
    """Return a form of *value* in which only what is exactly equal compares equal."""
    if isinstance(value, float):
        return ("float", "nan" if value != value else value.hex())
    if isinstance(value, complex):
        return ("complex", exactly(value.real), exactly(value.imag))
    if isinstance(value, list | tuple):
        return (type(value).__name__, *map(exactly, value))
    if isinstance(value, set | frozenset):
        return (type(value).__name__, frozenset(map(exactly, value)))
    if isinstance(value, dict):
        return ("dict", *((exactly(k), exactly(v)) for k, v in value.items()))
    return (type(value).__name__, value)


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_two_values_have_one_digest_only_if_they_are_exactly_equal(one, other):
    assert (content(one) == content(other)) == (exactly(one) == exactly(other))


SOURCE = '''
import sys, pickle, hashlib
sys.path.insert(0, {repository!r})
import collections, dataclasses, enum, datetime, decimal
import numpy as np, pandas as pd, pyarrow as pa, cloudpickle
from nbreplay.fingerprint import Mode, walk
def cell(source):
    exec(compile(source, "/tmp/ipykernel_%d/1.py" % __import__("os").getpid(), "exec"), globals())
cell("""
class Colour(enum.Enum):
    red = 1
@dataclasses.dataclass
class Point:
    x: float
    tags: set
class Plain:
    pass
""")
plain = Plain(); plain.later = [plain, {"a", "b", "c"}]
table = pd.DataFrame({{"t": ["x", None, "z"], "n": [1.5, 2.5, float("nan")], "i": [1, 2, 3]}})
table["c"] = table["t"].astype("category"); table["d"] = pd.to_datetime(["2020", "2021", None])
values = [
    [1, "a", None, 2.5, b"x"], {{"a": {{1, 2, 3}}, "b": frozenset("xyz")}}, Colour.red, Point(1.0, {{"p", "q"}}), plain,
    np.arange(10), np.arange(10)[::3], np.asfortranarray(np.ones((3, 4))), np.array(["a", None], object),
    np.ma.array([1, 2], mask=[0, 1]), np.random.default_rng(3), table, table.groupby("t").n.sum(), table.T,
    table.set_index(["t", "i"]), pa.table({{"a": ["x", None]}}), collections.Counter("hello"),
    datetime.datetime(2020, 1, 1),
    decimal.Decimal("1.50"), (lambda k: lambda x: x + k)(3), [table, table], pd.Series([1, None], dtype="Int64"),
]
'''


def test_digests_are_equal_across_processes_seeds_reloads_and_round_trips(tmp_path):
    make = (
        SOURCE
        + """
digests = [walk(v, mode=Mode.VALUE).digest for v in values]
again = [walk(pickle.loads(cloudpickle.dumps(v)), mode=Mode.VALUE).digest for v in values]
assert digests == again, [i for i, (a, b) in enumerate(zip(digests, again)) if a != b]
pickle.dump((digests, [cloudpickle.dumps(v) for v in values]), open(sys.argv[1], "wb"))
"""
    )
    take = (
        SOURCE
        + """
digests, sent = pickle.load(open(sys.argv[1], "rb"))
here = [walk(v, mode=Mode.VALUE).digest for v in values]
assert digests == here, [i for i, (a, b) in enumerate(zip(digests, here)) if a != b]
taken = [walk(pickle.loads(v), mode=Mode.VALUE).digest for v in sent]
assert digests == taken, [i for i, (a, b) in enumerate(zip(digests, taken)) if a != b]
twice = [walk(pickle.loads(cloudpickle.dumps(pickle.loads(v))), mode=Mode.VALUE).digest for v in sent]
assert digests == twice, [i for i, (a, b) in enumerate(zip(digests, twice)) if a != b]
"""
    )
    target = str(tmp_path / "values")
    for program, seed in [(make, 1), (take, 2), (take, 77)]:
        program = program.replace("{repository!r}", repr(str(REPOSITORY))).replace("{{", "{").replace("}}", "}")
        subprocess.run(
            [sys.executable, "-c", program, target], check=True, env={**os.environ, "PYTHONHASHSEED": str(seed)}
        )


def test_using_a_frame_does_not_change_its_digest():
    df = pd.DataFrame({"a": [3, 1, 2], "b": ["x", "y", "z"], "c": [1.0, 2.0, 3.0]})
    df["d"] = [1, 2, 3]
    before = content(df), walk(df, mode=Mode.NAMESPACE).digest
    df.describe(), df.values, df.loc[1], df.groupby("b").sum(), df.index.is_unique, df.sort_values("a"), df["a"].mean()
    assert (content(df), walk(df, mode=Mode.NAMESPACE).digest) == before


@pytest.mark.parametrize("value", [np.arange(10), np.zeros((3, 0)), np.array(5.0), np.array(["a", None], object)])
def test_an_array_and_its_copy_are_equal(value):
    assert content(value) == content(value.copy()) == content(pickle.loads(pickle.dumps(value, 5)))


def test_one_changed_element_of_a_large_array_is_seen():
    a = np.zeros(3_000_000)
    before = content(a)
    a[2_345_678] = 1e-300
    assert content(a) != before


class Handle:
    def __init__(self, name, inner=None):
        self.name, self.inner, self.socket = name, inner, object()


class Replaced(Handle):
    pass


class Forbidden(Handle):
    pass


def test_others_say_what_stands_for_their_objects():
    register_atom(Handle, lambda handle: handle.name.encode())
    register_atom(
        f"{Replaced.__module__}:Replaced", lambda handle, walker: InPlace("handle", (handle.name, handle.inner))
    )
    register_atom(Forbidden, lambda handle: Refused("is for one use only"))
    assert content(Handle("a")) == content(Handle("a")) != content(Handle("b"))
    shared = [1]
    assert content([Replaced("a", shared), shared]) != content([Replaced("a", [1]), [1]])
    assert content(Replaced("a", [1])) == content(Replaced("a", [1])) != content(Replaced("a", [2]))
    ring = Replaced("a")
    ring.inner = [ring]
    assert content(ring)
    with pytest.raises(Uncacheable, match="one use only"):
        fingerprint([Forbidden("a")])


def test_components_name_what_a_function_reads():
    namespace = {"__name__": "__main__", "np": np}
    exec("K = [1, 2]\ndef h(x): return x + K[0]\ndef f(x): return h(np.sin(x))", namespace)
    found = walk(namespace["f"], mode=Mode.TASK)
    rows = {(part.label, part.name) for part in found.components}
    assert {("function", "f"), ("function", "h"), ("global", "h"), ("global", "K"), ("global", "np.sin")} <= rows
    assert all(isinstance(part.text, str) for part in found.components)
    namespace["K"][0] = 9
    changed = [
        (a.label, a.name)
        for a, b in zip(found.components, walk(namespace["f"], mode=Mode.TASK).components, strict=True)
        if a.digest != b.digest
    ]
    assert changed[0] == ("global", "K")
    assert ("function", "h") not in changed


def test_a_cloudpickled_copy_is_one_with_its_original_in_a_set():
    def make(k):
        return lambda x: x + k

    functions = {make(1), make(2), make(3)}
    assert content(functions) == content(pickle.loads(cloudpickle.dumps(functions)))


PLAIN = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())
ROWS = st.lists(st.lists(PLAIN, max_size=4).map(tuple), min_size=4, max_size=8)


@settings(max_examples=150, deadline=None)
@given(ROWS, ROWS)
def test_rows_of_plain_values_are_equal_if_and_only_if_their_digests_are(one, two):
    bits = any(value != value for row in one + two for value in row)  # of a NaN, count in a namespace only
    for mode in (Mode.VALUE,) if bits else (Mode.VALUE, Mode.NAMESPACE):
        assert (walk(one, mode=mode).digest == walk(two, mode=mode).digest) == (exactly(one) == exactly(two))
        assert walk(pickle.loads(pickle.dumps(one)), mode=mode).digest == walk(one, mode=mode).digest


@pytest.mark.parametrize("mode", [Mode.VALUE, Mode.NAMESPACE, Mode.TASK])
def test_many_rows_differ_by_any_item_width_or_type(mode):
    made = lambda: [(n, f"w{n % 7}", n / 3, None) for n in range(40_000)]  # noqa: E731
    base = walk(made(), mode=mode).digest
    again = [(*row[:1], sys.intern(row[1]), *row[2:]) for row in made()]
    assert walk(again, mode=mode).digest == base
    for place, row in (
        (39_999, (39_999, "w1", 39_999 / 3, 0)), (33_000, (33_000, "w2", True, None)), (5, (5, b"w5", 5 / 3, None)),
        (7, (7.0, "w0", 7 / 3, None)), (8, (8, "w1", 8 / 3)), (0, (False, "w0", 0.0, None)), (0, (0, "w0", -0.0, None)),
    ):  # fmt: skip
        changed = made()
        changed[place] = row
        assert walk(changed, mode=mode).digest != base, row
    one, other = [(1, 2), (3,), (4, 5), (6,)], [(1,), (2, 3), (4,), (5, 6)]
    assert walk(one, mode=mode).digest != walk(other, mode=mode).digest
    assert walk([(1, []), (2, []), (3, []), (4, [])], mode=mode).count > 8
