"""Whatever a value does when it is looked at: a fingerprint, or Uncacheable with a reason, and nothing else."""

from __future__ import annotations

import gc
import itertools
import sys
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbreplay import Uncacheable
from nbreplay.fingerprint import Mode, fingerprint, walk


@pytest.fixture(scope="module", autouse=True)
def _gone_afterwards():
    """Let go of the classes made here: who looks at all classes, as imports may, would meet what they raise."""
    yield
    gc.collect()


class Hell(BaseException):
    """No Exception."""


def raising(error):
    def method(*args, **kwargs):
        raise error

    return method


def lying(answer):
    return lambda *args, **kwargs: answer


def looked_at(value):
    """Return the fingerprint, or the reason why there is none, in words."""
    try:
        return fingerprint(value)
    except Uncacheable as error:
        said = str(error)
    assert said
    assert "<" not in said.replace("<lambda>", "").replace("<locals>", ""), "an address is no reason"
    return said


METHODS = [
    *("__eq__", "__hash__", "__getattr__", "__getattribute__", "__reduce__", "__reduce_ex__", "__getstate__"),
    *("__class__", "__len__", "__iter__", "__bool__", "__repr__", "__str__", "__dir__", "__sizeof__", "__getitem__"),
    *("__contains__", "__call__", "__array__", "__array_interface__", "__dask_tokenize__", "__dask_graph__"),
    *("__fspath__", "__index__", "__float__", "__int__", "__instancecheck__", "__subclasscheck__", "__module__"),
    *("__dict__", "__slots__", "__getnewargs__", "__getnewargs_ex__", "__copy__", "__del__", "name", "shape", "dtype"),
]
ANSWERS = [
    raising(Hell()),
    raising(SystemExit(3)),
    raising(RecursionError()),
    raising(MemoryError()),
    raising(GeneratorExit()),
    raising(StopIteration()),
    raising(AttributeError("no")),
    lying(None),
    lying(5),
    lying("x"),
    lying(()),
    lying((1, 2)),
    lying([]),
    lying(NotImplemented),
    lying(type),
    property(raising(Hell())),
    property(lying({})),
    7,
    "",
    (),
    None,
]
BASES = [(), (int,), (str,), (list,), (dict,), (tuple,), (set,), (Exception,), (types.ModuleType,)]


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(BASES),
    st.dictionaries(st.sampled_from(METHODS), st.sampled_from(ANSWERS), min_size=1, max_size=4),
    st.booleans(),
)
def test_no_object_makes_it_raise_anything_else(bases, body, in_metaclass):
    body = {k: v for k, v in body.items() if k not in ("__del__",)}
    try:
        if in_metaclass:
            meta = type("Meta", (type,), {k: v for k, v in body.items() if k not in ("__class__", "__slots__")})
            made = meta("Hostile", bases, {})
        else:
            made = type("Hostile", bases, {"__module__": "__main__", **body})
        value = (
            object.__new__(made)
            if not bases
            else bases[0].__new__(made, *(("m",) if bases == (types.ModuleType,) else ()))
        )
    except BaseException:  # noqa: BLE001  # of the class's own body
        return  # no such class can be made
    for each in (value, [value], (value, value), lambda: value, {"a": value}):
        looked_at(each)
    looked_at(made)


@pytest.mark.parametrize(("method", "answer"), list(itertools.product(METHODS, range(8))))
def test_each_method_may_raise_or_lie(method, answer):
    if method in ("__slots__", "__del__"):
        return
    made = type("Hostile", (), {"__module__": "__main__", method: ANSWERS[answer]})
    looked_at(object.__new__(made))


def test_equality_of_lies_makes_nothing_equal():
    class Same:
        __eq__ = lying(True)
        __hash__ = lying(0)

        def __init__(self, x):
            self.x = x

    assert looked_at(Same(1)) != looked_at(Same(2))
    assert looked_at([Same(1), Same(2)]) != looked_at([Same(2), Same(1)])
    assert looked_at({Same(1)}) != looked_at({Same(2)})


def test_classes_that_say_they_are_equal_are_not_one():
    class Meta(type):
        __eq__ = lying(True)
        __hash__ = lying(0)

    one, other = Meta("A", (), {"x": 1}), Meta("A", (), {"x": 2})
    assert looked_at(one) != looked_at(other)
    assert looked_at([one(), other()]) != looked_at([one(), one()])


def test_a_value_that_says_it_is_another_is_not():
    class Lie:
        __class__ = int

        def __init__(self, x):
            self.x = x

    assert looked_at(Lie(1)) != looked_at(Lie(2)) != looked_at(1)


def test_depth_is_no_matter():
    for make in (lambda x: [x], lambda x: (x,), lambda x: {"a": x}, lambda x: frozenset([x])):
        value = 1 if make(1) != [1] else []
        for _ in range(3000):
            value = make(value)
        assert len(looked_at(value)) == 32

    class Node:
        pass

    chain = None
    for _ in range(3000):
        node = Node()
        node.next, chain = chain, node
    assert len(looked_at(chain)) == 32
    call = len
    for _ in range(3000):
        call = (lambda inner: lambda x: inner(x))(call)
    assert len(looked_at(call)) == 32


def test_a_deep_reduce_ends():
    class Reduced:
        def __init__(self, inner):
            self.inner = inner

        def __reduce__(self):
            return Reduced, (self.inner,)

    value = None
    for _ in range(3000):
        value = Reduced(value)
    assert len(looked_at(value)) == 32


def test_a_reduce_that_never_ends_is_refused_or_ends():
    class Endless:
        def __reduce__(self):
            return Endless, (Endless(),)

    with pytest.raises(Exception):  # noqa: B017, PT011  # it is stopped from outside
        walk(Endless(), mode=Mode.TASK, budget_s=0.2)


def test_large_values_have_one():
    assert len(looked_at(list(range(300_000)))) == 32
    assert len(looked_at({str(i): i for i in range(100_000)})) == 32
    assert len(looked_at("x" * 10_000_000)) == 32
    assert len(looked_at(10**20_000)) == 32


@pytest.mark.parametrize(
    "value",
    [
        sys,
        sys.modules,
        type(sys),
        sys._getframe(),
        (i for i in ()),
        memoryview(b"a"),
        object(),
        type,
        object,
        super,
        NotImplemented,
        ...,
        print,
        len,
        int.__add__,
        [].append,
        slice(1),
        range(3),
        property(),
        classmethod(len),
        types.MappingProxyType({}),
        types.SimpleNamespace(),
        iter([]),
        zip(),
        map(len, []),
        reversed([1]),
        enumerate([]),
        compile("1", "a", "eval"),
        types.CellType(),
        types.CellType(1),
        Exception("a"),
        float("nan"),
        looked_at,
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_values_have_a_fingerprint_or_a_reason(value):
    looked_at(value)


def test_an_instruction_that_is_not_known_is_refused(monkeypatch):
    from nbreplay.fingerprint import opcodes

    def f(x):
        return x @ 12345

    operation = opcodes.OPS["BINARY_OP"]
    plans = list(opcodes._PLANS)
    plans[operation] = opcodes._Plan(opcodes._UNKNOWN, operation)
    monkeypatch.setattr(opcodes, "_PLANS", plans)
    with pytest.raises(Uncacheable, match="instruction of Python that is not known"):
        fingerprint(f)


def test_every_instruction_of_this_python_is_known():
    from nbreplay.fingerprint import opcodes

    unknown = {
        name
        for name, op in opcodes.OPS.items()
        if op < 256 and opcodes._PLANS[op].kind == opcodes._UNKNOWN and not name.startswith("INSTRUMENTED_")
    }
    # What code objects never show, or only where a function cannot be.
    assert unknown <= {"RESERVED", "ENTER_EXECUTOR", "INTERPRETER_EXIT", "EXIT_INIT_CHECK", "CACHE"}
