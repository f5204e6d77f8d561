"""What tells values apart, independently of nbreplay."""

import json
import runpy

import numpy as np
import pandas as pd
import pytest

from nbreplay.bench import witness
from nbreplay.bench.witness import digest, tell_all

MANY = list(range(1000))


class Point:
    def __init__(self, x):
        self.x = x


SAME = [
    (lambda: {"a": [1, 2.5, None], "b": (True, "x")},) * 2,
    (lambda: np.arange(5.0), lambda: np.arange(10.0)[:5]),
    (lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),) * 2,
    (lambda: {3, 1, 2}, lambda: {2, 3, 1}),
    (lambda: Point([1]), lambda: Point([1])),
    (lambda: [(n, "".join(["a", "b"])) for n in MANY], lambda: [(n, "ab") for n in MANY]),
    (lambda: [MANY[0] + 0.5] * 500, lambda: [0.5] * 250 + [float("0.5")] * 250),
]
OTHER = [
    (1, True), (1, 1.0), ("1", 1), ([1], (1,)), (0.1, 0.1 + 2**-56), (np.arange(4), np.arange(4.0)),
    (np.zeros((2, 3)), np.zeros((3, 2))), (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]})),
    (pd.Series([1, 2]), pd.Series([1, 2], index=[1, 2])), (Point(1), Point(2)), ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (MANY, [*MANY[:-1], -1]), ([(n, 1) for n in MANY], [(n, 1.0) for n in MANY]), (MANY, [float(n) for n in MANY]),
    ([np.zeros(2)] * 200, [np.zeros(2, "f4")] * 200),
]  # fmt: skip


@pytest.mark.parametrize(("one", "two"), SAME)
def test_equal_values_have_one_digest(one, two):
    assert digest(one()) == digest(two())


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_other_values_have_another(one, two):
    assert digest(one) != digest(two)


def test_code_and_handles_have_no_value_and_are_left_out():
    namespace = {"f": tell_all, "json": json, "n": 1, "_hidden": 2, "Point": Point, "In": [], "nested": [json]}
    assert set(json.loads(tell_all(namespace))) == {"n"}


def test_it_runs_as_a_file_by_itself():
    told = runpy.run_path(witness.__file__)["tell"]({"x": [1, 2]})
    assert json.loads(told) == {"x": digest([1, 2])}
