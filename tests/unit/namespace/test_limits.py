"""Values above a limit, and very deep ones, cost themselves only."""

from __future__ import annotations

from nbreplay.config import Settings


def test_a_value_above_the_limit_is_a_hole_by_name_and_the_rest_is_kept(new_cells, restored):

    cells = new_cells(settings=Settings(max_value_bytes=1 << 20))
    capture = cells.run(
        "import numpy as np\nbig = np.zeros(200_000)\nview = big[3:]\nsmall = np.ones(9)\nd = {'s': small}"
    )
    assert {node for node, state in capture.states.items() if state.hole is not None} == {"big", "view"}
    assert "above the limit of 1 MiB" in cells.tracker.states["big"].hole.reason
    assert any(problem.startswith("big:") for problem in capture.problems)
    back = restored(cells.manifests[-1])
    assert back.ns["d"]["s"] is back.ns["small"]
    capture = cells.run("big = big[:100].copy(); del view")
    assert capture.states["big"].hole is None
    assert len(restored(cells.manifests[-1]).ns["big"]) == 100


def test_what_is_nested_three_thousand_levels_deep_comes_back(cells, restored):
    cells.run(
        "deep = []\nfor _ in range(3000): deep = [deep]\n"
        "class N: pass\nnode = N()\nfor _ in range(3000):\n    n = N(); n.next = node; node = n\nmark = deep"
    )
    back = restored(cells.manifests[-1])
    assert back.problems == []
    depth, value = 0, back.ns["deep"]
    assert back.ns["mark"] is value
    while value:
        depth, value = depth + 1, value[0]
    assert depth == 3000
    depth, node = 0, back.ns["node"]
    while hasattr(node, "next"):
        depth, node = depth + 1, node.next
    assert depth == 3000


def test_memory_that_many_names_view_is_hashed_once_and_every_change_of_it_is_seen(cells):
    cells.run("import numpy as np\na = np.zeros(400_000)\nd = {'a': a}\nv = a[100:300_000]\nt = a.reshape(2, -1).T")
    for source in ("a[200_000] = 1", "d['a'][-1] = 2", "v[5] = 3", "t[0, 1] = 4"):
        before = {name: cells.tracker.states[name].digest for name in ("a", "d", "t")}
        cells.run(source)
        assert all(cells.tracker.states[name].digest != digest for name, digest in before.items()), source
    seen = dict(cells.tracker.states)
    cells.run("a[0] = a[0]")
    assert all(cells.tracker.states[name].digest == seen[name].digest for name in ("a", "d", "v", "t"))


def test_copies_that_values_hand_out_while_they_are_looked_at_are_not_taken_for_one_another(cells):
    cells.run(
        "import numpy as np\n"
        "class Box:\n"
        "    def __init__(self, n): self.n = n\n"
        "    def __reduce__(self): return (Box, (0,), {'n': self.n, 'made': np.full(300_000, self.n)})\n"
        "boxes = [Box(n) for n in range(4)]\nstrided = [np.full((600_000,), n)[::2] for n in range(4)]"
    )
    assert cells.run("boxes[3].n = 9").changed == ("boxes",)
    assert cells.run("strided[2][7] = 1").changed == ("strided",)


def test_what_is_made_of_builtin_types_is_loaded_without_importing_anything(cells, new_cells):
    cells.run("import numpy as np\nsmall = [1, 2, {'a': 'b'}]\narray = np.arange(9.0)")
    again = new_cells("later")
    again.tracker.restore(cells.manifests[-1])
    again.run("print(small, end='')")
    assert "numpy" in again.tracker._live.pending_modules
    again.run("print(array.sum(), end='')")
    assert again.tracker._live.pending_modules == {}
