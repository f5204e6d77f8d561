"""Whether two arguments are one object is part of a task's identity."""

from __future__ import annotations

import numpy as np
import pytest
from dask._task_spec import Task

from nbreplay.tasks.prints import make_shaper
from nbreplay.tasks.shape import evaluate


def extend(first, second):
    first.append(1)
    return len(second)


class Box:
    def __init__(self, content):
        self.content = content


def shape(*args):
    made = make_shaper(None).shape("k", Task("k", extend, *args))
    return evaluate(made, []), made.refusals


def one_list():
    x = [0]
    return x, x


def two_lists():
    return [0], [0]


def nested():
    x = [0]
    return x, {"in": x}


def boxes(shared):
    inner = [0]
    return Box(inner), Box(inner if shared else [0])


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (one_list, two_lists),
        (nested, lambda: ([0], {"in": [0]})),
        (lambda: boxes(True), lambda: boxes(False)),
        (lambda: ([one_list()],), lambda: ([two_lists()],)),
    ],
)
def test_arguments_that_share_an_object_differ_from_equal_ones_that_do_not(same, other):
    assert shape(*same())[0] != shape(*other())[0]
    assert shape(*same())[0] == shape(*same())[0]
    assert shape(*other())[0] == shape(*other())[0]


def test_what_cannot_change_may_be_one_object_or_two():
    text = "ab" * 2
    assert shape(text, text)[0] == shape(text, "".join(["ab", "ab"]))[0]


def test_views_of_one_memory_are_refused():
    a = np.zeros(10)
    assert not shape(a, a.copy())[1]
    assert shape(a, a[2:])[1]
