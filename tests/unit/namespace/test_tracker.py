"""What a tracker finds to have changed, and what a cell is said to have read."""

from __future__ import annotations

import dataclasses

import pytest

from nbreplay.namespace import Stopped, Touched, cell_names


def test_a_cell_changes_what_it_binds_and_nothing_else(cells):
    assert cells.run("x = 1\nl = [1]").changed == ("l", "x")
    assert cells.run("y = x").changed == ("y",)
    assert cells.run("print(l, end='')").changed == ()


@pytest.mark.parametrize(
    ("made", "change"),
    [
        ("x = [1]", "x[0] = True"),
        ("x = [0.0]", "x[0] = -0.0"),
        ("x = {1: 1, 2: 2}", "x[1] = x.pop(1)"),
        ("x = [[], []]", "x[1] = x[0]"),
        ("def x(a, memo=[]): memo.append(a)", "x(1)"),
        ("class x: pass", "x.y = 1"),
        ("def x(): pass", "x.y = 1"),
        ("def x(): return 1", "def x(): return 2"),
        ("import numpy as np\nx = np.zeros(100_000)", "x[7] = 1e-300"),
        ("import threading\nx = threading.Event()", "x.set()"),
    ],
)
def test_a_change_of_type_order_or_identity_is_a_change(cells, made, change):
    cells.run(made)
    assert "x" in cells.run(change).changed


def test_a_change_behind_the_back_of_all_names_is_found(cells):
    cells.run("def make():\n    box = [0]\n    def step(): box.append(1)\n    return box, step\nbox, step = make()")
    cells.run("hooks = {'h': step}")
    assert set(cells.run("[f() for f in hooks.values()]").changed) == {"box", "step", "hooks"}


def test_names_that_share_an_object_change_together_and_types_link_nothing(cells):
    cells.run("import numpy as np\na = np.zeros(9999)\nb = np.zeros(9999)\nv = a[5:9]\nl = [1]\nm = {'l': l}")
    assert cells.run("v[0] = 1").changed == ("a", "v")
    assert cells.run("m['l'].append(2)").changed == ("l", "m")
    assert [group.names for group in cells.tracker.group_of(["a"])] == [("a", "v")]


def test_a_large_name_that_no_cell_touches_is_left_alone(cells):
    cells.run("big = [[i] for i in range(50_000)]")
    walked = cells.tracker._live.known["big"]
    cells.run("x = 1")
    assert cells.tracker._live.known["big"] is walked


def test_reads_are_what_is_loaded_and_what_called_code_names(cells):
    cells.run("k = 2\nunused = 3\ndef f(x): return x * k")
    cells.run("k2 = f(1)\nunused = 4")
    reads = cells.reads[-1].names
    assert set(reads) == {"f", "k"}
    assert reads["k"] == cells.tracker.states["k"].digest


def test_an_unbound_name_is_read_as_such(cells):
    cells.run("print(end='')")
    assert cells.reads[-1].names == {"print": None}


def test_reads_are_equal_in_another_session(cells, new_cells):
    source = ["import numpy as np\nk = [1]\na = np.arange(5)\nclass C:\n    n = 1\nc = C()\ndef f(): return k, c"]
    source += ["f()\na.sum()"]
    again = new_cells()
    for each in source:
        cells.run(each)
    for each in source:
        again.run(each)
    # Lineages are a run's own; which names share one is compared when runs are matched.
    one, other = ([dataclasses.replace(each, definitions={}) for each in some.reads] for some in (cells, again))
    assert one == other


def test_one_value_that_cannot_be_kept_costs_no_other(cells):
    capture = cells.run("good = [1]\ng = (i for i in [1])\nd = {'g': g, 'x': [2]}\nother = good")
    holes = {name for name, state in capture.states.items() if state.hole is not None}
    assert holes == {"g", "d"}
    assert capture.states["g"].hole.type_name == "generator"


def test_a_dropped_checkpoint_is_part_of_the_next(cells):
    cells.run("x = [1]\ny = 1")
    touched = cells.tracker.touched(cell_names("x.append(2)"))
    cells.ns["x"].append(2)
    cells.tracker.drop(cells.tracker.capture(touched, boundary="run:2"))
    capture = cells.run("y = 2")
    assert capture.changed == ("x", "y")
    assert capture.carried == ("x",)


def test_a_capture_stops_when_it_is_asked_to(cells):
    touched = Touched(names=frozenset({"x"}))
    cells.ns["x"] = [1]
    with pytest.raises(Stopped):
        cells.tracker.capture(touched, boundary="run:1", stop=lambda: True)
    assert "x" in cells.run("pass").changed


def test_a_generator_counts_only_if_it_moved(cells):
    cells.run("import random\nrandom.seed(1)")
    before = cells.tracker.ambient_digests()["rng:random"]
    cells.run("x = 1")
    assert cells.tracker.ambient_digests()["rng:random"] == before
    cells.run("random.random()")
    assert cells.tracker.ambient_digests()["rng:random"] != before


def test_equal_text_twice_is_two_classes(cells):
    cells.run("class A: pass\na = A()")
    assert cells.run("class A: pass").changed == ("A",)
