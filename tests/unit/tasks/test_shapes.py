"""Programs of graph nodes: what counts, what does not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from dask._task_spec import Alias, DataNode, Dict, List, Task, TaskRef, Tuple, fuse_linear_task_spec
from hypothesis import given
from hypothesis import strategies as st

from nbreplay.tasks.literal import Literals
from nbreplay.tasks.provenance import fingerprints, topological
from nbreplay.tasks.shape import Coded
from nbreplay.tasks.shaper import Shaper


class ByName:
    """Identities that need no walk: a function is its name, a value its repr."""

    def callable(self, func):
        return Coded(hashlib.md5(func.__name__.encode()).digest())

    def value(self, value):
        return Coded(hashlib.md5(repr(value).encode()).digest())


def inc(x):
    return x + 1


def add(*args):
    return sum(args)


def prints(graph, root=None):
    shaper = Shaper(ByName(), Literals(root))
    found = fingerprints(graph, topological(graph), shaper, {}, {})
    return {key: one.provenance for key, one in found.items()}


def one(node, root=None, **others):
    graph = {"k": node, **others}
    return prints(graph, root)["k"]


def test_keys_do_not_count():
    left = prints({"a": Task("a", inc, 1), "b": Task("b", inc, TaskRef("a"))})
    right = prints({"x": Task("x", inc, 1), "y": Task("y", inc, TaskRef("x"))})
    assert left["a"] == right["x"]
    assert left["b"] == right["y"]
    assert left["a"] != left["b"]


def test_an_alias_adds_nothing():
    got = prints({"a": Task("a", inc, 1), "b": Alias("b", "a"), "c": Task("c", inc, TaskRef("b"))})
    want = prints({"a": Task("a", inc, 1), "c": Task("c", inc, TaskRef("a"))})
    assert got["b"] == got["a"]
    assert got["c"] == want["c"]


def test_order_in_lists_and_dicts_counts():
    above = {"a": Task("a", inc, 1), "b": Task("b", inc, 2)}
    ab = one(Task("k", add, List(TaskRef("a"), TaskRef("b"))), **above)
    ba = one(Task("k", add, List(TaskRef("b"), TaskRef("a"))), **above)
    assert ab != ba
    assert one(Task("k", add, Tuple(TaskRef("a"), TaskRef("b"))), **above) not in (ab, ba)
    left = one(Task("k", add, Dict({"x": TaskRef("a"), "y": TaskRef("b")})), **above)
    right = one(Task("k", add, Dict({"x": TaskRef("b"), "y": TaskRef("a")})), **above)
    assert left != right


@pytest.mark.parametrize(
    "others", [[True, 1.0, "1", b"1", None, (1,), [1], -1, 0.0, -0.0, {1: 1}, slice(1), 2**70, Path("/x"), "/x", ...]]
)
def test_plain_arguments_of_other_types_differ(others):
    found = [one(Task("k", inc, value)) for value in [1, *others]]
    assert len(set(found)) == len(found)


def test_names_of_keywords_count():
    assert one(Task("k", inc, x=1)) != one(Task("k", inc, y=1))
    assert one(Task("k", inc, x=1)) != one(Task("k", inc, 1))


def chain(length):
    graph = {"0": Task("0", inc, 1)}
    for n in range(1, length):
        graph[str(n)] = Task(str(n), add, TaskRef(str(n - 1)), n)
    return graph


def test_fusion_changes_no_fingerprint():
    plain = chain(6)
    fused = fuse_linear_task_spec(dict(plain), {"5"})
    assert len(fused) < len(plain)
    assert prints(fused)["5"] == prints(plain)["5"]


def test_a_fused_task_with_two_inputs_is_what_its_parts_are():
    graph = {
        "a": Task("a", inc, 1),
        "b": Task("b", inc, 2),
        "c": Task("c", add, TaskRef("a"), TaskRef("b")),
        "d": Task("d", add, TaskRef("c"), TaskRef("b"), 7),
    }
    want = prints(graph)["d"]
    fused = Task.fuse(graph["c"], graph["d"], key="whatever")
    assert prints({"a": graph["a"], "b": graph["b"], "whatever": fused})["whatever"] == want
    renamed = {k: v.substitute({"a": "q", "b": "p"}) for k, v in graph.items() if k in "cd"}
    other = Task.fuse(renamed["c"], renamed["d"], key="z")
    again = prints({"q": Task("q", inc, 1), "p": Task("p", inc, 2), "z": other})["z"]
    assert again == want


def test_data_is_its_content_wherever_it_stands():
    left = prints({"a": DataNode("a", object), "b": Task("b", inc, TaskRef("a"))})
    right = prints({"z": DataNode("z", object), "b": Task("b", inc, TaskRef("z"))})
    assert left["b"] == right["b"]


def test_paths_below_the_folder_are_relative_and_noted(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    left = one(Task("k", inc, [f"{here}/data/x.csv"]), root=here)
    assert left == one(Task("k", inc, [f"{there}/data/x.csv"]), root=there)
    assert left != one(Task("k", inc, ["/data/x.csv"]), root=there)
    assert left != one(Task("k", inc, [f"{here}/data/x.csv"]), root=there)
    assert one(Task("k", inc, f"{here}x/y"), root=here) != one(Task("k", inc, f"{there}x/y"), root=there)


def test_a_graph_node_of_an_unknown_type_is_refused():
    class Odd(Task):
        __slots__ = ()

    graph = {"k": Odd("k", inc, 1)}
    found = fingerprints(graph, ["k"], Shaper(ByName(), Literals(None)), {}, {})
    assert found["k"].provenance is None
    assert "type of its own" in found["k"].refused


literals = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def encoded(value):
    parts: list[bytes] = []
    assert Literals(None).encode(value, parts)
    return b"".join(parts)


def exact(value):
    """repr tells apart what must differ: types, signs of zero, order."""
    return repr(value)


@given(literals, literals)
def test_two_plain_values_have_equal_bytes_only_if_they_are_equal(left, right):
    assert (encoded(left) == encoded(right)) == (exact(left) == exact(right))


def test_no_digest_is_taken_for_anything_else():
    """Every first byte of a step's digest occurs here; each of them must leave the inputs in."""
    for n in range(2000):
        left = prints({"a": Task("a", inc, 1), "b": Task("b", add, TaskRef("a"), n)})
        right = prints({"a": Task("a", inc, 2), "b": Task("b", add, TaskRef("a"), n)})
        assert left["b"] != right["b"]
