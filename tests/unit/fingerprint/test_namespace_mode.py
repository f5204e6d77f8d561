"""In namespace mode a digest is exact for what can be observed, and says what links names."""

from __future__ import annotations

import array
import collections
import itertools
import types
from textwrap import dedent

import numpy as np
import pandas as pd
import pytest

from nbreplay.fingerprint import Mode, walk


def look(value, **options):
    return walk(value, mode=Mode.NAMESPACE, **options)


def run(source, **names):
    """Run a cell in a namespace of its own and return the namespace."""
    module = types.ModuleType("__main__")
    module.__dict__.update(names)
    exec(compile(dedent(source), "<cell>", "exec"), module.__dict__)
    return module.__dict__


A, B = [1], [1]
DIFFERENT = {
    "one list or two": ([A, A], [A, B]),
    "one dict or two": ({"a": (d := {}), "b": d}, {"a": {}, "b": {}}),
    "dict order": ({1: 2, 3: 4}, {3: 4, 1: 2}),
    "int or bool": ([1], [True]),
    "int or float": ([1], [1.0]),
    "minus zero": ([0.0], [-0.0]),
    "list or tuple": ([1], (1,)),
    "number or numpy's": ([1.0], [np.float64(1.0)]),
    "read-only": (np.zeros(3), (z := np.zeros(3), z.setflags(write=False), z)[2]),
    "view or copy": ([a := np.zeros(9), a[2:5]], [np.zeros(9), np.zeros(3)]),
    "where the view is": ([a, a[2:5]], [a, a[3:6]]),
    "strided or not": (np.arange(10)[::2], np.arange(0, 10, 2)),
    "order": (np.zeros((2, 2)), np.zeros((2, 2), order="F")),
    "one object or two": ([o := object(), o], [object(), object()]),
    "instance's dict": ([s := types.SimpleNamespace(a=1), s.__dict__], [types.SimpleNamespace(a=1), {"a": 1}]),
    "bytearray shared": ([b := bytearray(3), b], [bytearray(3), bytearray(3)]),
    "attrs": ((df := pd.DataFrame({"a": [1]}), df.attrs.update(u=1), df)[2], pd.DataFrame({"a": [1]})),
    "frame's memory shared": ([v := np.zeros(3), pd.Series(v, copy=False)], [np.zeros(3), pd.Series(np.zeros(3))]),
    "count": (itertools.count(1), itertools.count(2)),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_it_is_told_apart(name):
    left, right = DIFFERENT[name]
    assert look(left).digest != look(right).digest
    assert look(left).digest == look(left).digest


def test_equal_texts_and_numbers_are_no_identity():
    one = "x" * 50
    assert look([one, one]).digest == look([one, "".join(["x"] * 50)]).digest
    assert look([10**30, 10**30]).digest == look([int("1" + "0" * 30), 10**30]).digest


def test_the_bits_of_a_nan_count():
    nan = float("nan")
    assert look(nan).digest != look(-nan).digest
    assert walk(nan, mode=Mode.VALUE).digest == walk(-nan, mode=Mode.VALUE).digest


FUNCTIONS = {
    "docstring": ("def f():\n    'a'", "def f():\n    'b'"),
    "default": ("def f(x=1): pass", "def f(x=2): pass"),
    "keyword default": ("def f(*, x=1): pass", "def f(*, x=2): pass"),
    "attribute": ("def f(): pass\nf.a = 1", "def f(): pass\nf.a = 2"),
    "name": ("def f(): pass", "def g(): pass\nf = g"),
    "annotation": ("def f(x: int): pass", "def f(x: str): pass"),
    "closure": ("def m(k): return lambda: k\nf = m(1)", "def m(k): return lambda: k\nf = m(2)"),
    "body": ("def f(): return 1", "def f(): return 2"),
    "class docstring": ("class f:\n    'a'", "class f:\n    'b'"),
    "class attribute": ("class f:\n    a = 1", "class f:\n    a = 2"),
    "method": ("class f:\n    def m(self): return 1", "class f:\n    def m(self): return 2"),
    "class of an instance": ("class A:\n    a = 1\nf = A()", "class A:\n    a = 2\nf = A()"),
    "counter": ("class A:\n    n = [0]\nf = A()", "class A:\n    n = [0]\nf = A(); f.n.append(1)"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_definitions_are_told_apart(name):
    one, other = FUNCTIONS[name]
    assert look(run(one)["f"]).digest != look(run(other)["f"]).digest
    assert look(run(one)["f"]).digest == look(run("\n# moved\n" + one)["f"]).digest


def test_globals_are_names_only():
    one, other = run("K = 1\ndef f(): return K + len([]) + h()"), run("K = 2\ndef f(): return K + len([]) + h()")
    found = look(one["f"], home=one)
    assert found.digest == look(other["f"], home=other).digest
    assert found.globals == {"K", "len", "h"}


def test_globals_of_methods_and_nested_code_are_found_through_instances():
    home = run("class A:\n    def m(self): return [K for _ in (lambda: L)()]\na = [A()]")
    assert {"K", "L"} <= look(home["a"], home=home).globals


def test_another_modules_functions_report_no_globals():
    home, other = run(""), run("def f(): return K")
    assert look(other["f"], home=home).globals == frozenset()
    assert look(collections.OrderedDict, home=home).globals == frozenset()


def test_definitions_are_collected():
    home = run("class A:\n    def m(self): pass\ndef g(): pass\na = A()\na.g = g")
    names = {each.__qualname__ for each in look(home["a"], home=home).definitions}
    assert names == {"A", "A.m", "g"}


def test_what_can_change_links():
    class Thing:
        pass

    thing = Thing()
    thing.parts = [1]
    values = [[], {}, set(), bytearray(1), collections.deque(), thing, iter([1]), np.zeros(2), pd.Series([1])]
    for value in values:
        assert id(value) in look(value).objects, type(value)
    assert id(thing.parts) in look(thing).objects
    assert id(thing.__dict__) in look(thing).objects


def test_what_cannot_change_links_nothing():
    values = [None, 1, 1.5, "a" * 99, b"a" * 99, (1, ("a",)), np.dtype("f8"), int, np.sin, len, types, frozenset({1})]
    for value in values:
        assert not look(value).objects, value


def test_a_shared_cell_links():
    home = run(
        "def make():\n    n = 0\n    def up():\n        nonlocal n; n += 1\n"
        "    def get(): return n\n    return up, get\nup, get = make()"
    )
    up, get = look(home["up"]).objects, look(home["get"]).objects
    assert set(up) & set(get)


def test_instances_are_not_linked_by_their_class():
    home = run("class A:\n    registry = []\na, b = A(), A()")
    a, b = look(home["a"]).objects, look(home["b"]).objects
    assert not set(a) & set(b)
    assert id(home["A"].registry) in look(home["A"]).objects


def test_a_class_met_as_a_value_after_an_instance_links_its_contents():
    home = run("class A:\n    registry = []\na = [A(), A]")
    assert id(home["A"].registry) in look(home["a"]).objects


def test_memory_is_found():
    a = np.zeros(100)
    start = a.__array_interface__["data"][0]
    assert (start, start + 800) in look(a[10:20]).spans
    assert (start, start + 800) in look(memoryview(a)).spans
    assert look(bytearray(10)).spans
    assert look(array.array("d", [1.0])).spans
    assert look(pd.DataFrame({"a": np.zeros(10)})).spans


def test_chunks_of_large_buffers_are_given():
    a = np.arange(400_000)
    found = look(a)
    start = a.__array_interface__["data"][0]
    assert len(found.chunks[start, start + a.nbytes]) == 16 * 4


def test_home_modules_and_the_shell_are_not_entered():
    home = run("import math\nns = globals()\nm = math", secret=[1])
    found = look([home["ns"], home["m"]], home=home)
    assert id(home["secret"]) not in found.objects
    assert not found.opaque


def test_a_linked_list_of_5000_and_cycles_end():
    node = None
    for i in range(5000):
        node = {"next": node, "value": i}
    assert look(node).count > 5000
    ring = []
    ring.append({"ring": ring})
    assert look(ring).digest


class Awkward:
    def __eq__(self, other):
        raise AssertionError("compared")

    def __hash__(self):
        raise AssertionError("hashed")

    def __repr__(self):
        raise AssertionError("shown")

    def __bool__(self):
        raise AssertionError("asked")

    def __len__(self):
        raise AssertionError("measured")

    def __getattr__(self, name):
        raise RuntimeError(name)


class Unpicklable(Awkward):
    def __reduce_ex__(self, protocol):
        raise RuntimeError("no")


class Stateless(Awkward):
    def __getstate__(self):
        raise RuntimeError("no")


class Liar(Awkward):
    @property
    def __class__(self):
        raise RuntimeError("no")

    @property
    def __dict__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize("kind", [Awkward, Unpicklable, Stateless, Liar])
@pytest.mark.parametrize("mode", list(Mode))
def test_awkward_objects_are_survived(kind, mode):
    assert walk([kind(), {"a": kind()}], mode=mode).digest


def test_what_cannot_be_seen_is_opaque_and_never_equal():
    import mmap

    with mmap.mmap(-1, 16) as opaque:
        found = look([opaque])
        assert found.opaque
        assert found.digest != look([opaque]).digest


def test_a_suspended_generator_is_where_it_is():
    generator = (i for i in range(3))
    before = look([generator]).digest
    assert before == look([generator]).digest
    next(generator)
    assert before != look([generator]).digest
    seen = look([generator]).digest
    next(generator)
    assert seen != look([generator]).digest


def test_a_walk_can_be_stopped():
    from nbreplay.fingerprint import WalkStopped

    big = [[i] for i in range(100_000)]
    with pytest.raises(WalkStopped):
        look(big, budget_s=0.0)
    with pytest.raises(WalkStopped):
        look(big, stop=lambda: True)


def test_sets_do_not_depend_on_their_order():
    values = [("a", i) for i in range(50)]
    assert look(set(values)).digest == look(set(reversed(values))).digest


def test_instances_in_a_set_are_told_apart_by_state():
    source = "class A:\n    def __init__(self, k): self.k = k\nf = {A(1), A(2), A(3)}"
    other = "class A:\n    def __init__(self, k): self.k = k\nf = {A(1), A(2), A(4)}"
    assert look(run(source)["f"]).digest == look(run(source)["f"]).digest
    assert look(run(source)["f"]).digest != look(run(other)["f"]).digest


class Holder:
    def __init__(self, array, place):
        self.array, self.place = array, place

    def __hash__(self):
        return self.place

    def __eq__(self, other):
        return self is other


def test_views_in_a_set_do_not_depend_on_which_is_met_first():
    def digest(first, second):
        whole = np.arange(10.0)
        held = {Holder(whole[:5], first), Holder(whole[5:], second)}
        for each in held:
            each.place = 0
        return look((held, whole[3:4])).digest

    assert digest(0, 1) == digest(1, 0)
