"""Memory of Arrow: shared with whoever else has it, and no link where it is only labels."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow")

WITH_ARROW = "import array\nimport numpy as np\nimport pyarrow as pa"


@pytest.mark.parametrize("owner", ["bytearray(range(100))", "array.array('B', range(100))", "bytearray(6000)"])
@pytest.mark.parametrize(
    ("view", "first"),
    [
        ("pa.py_buffer(o)", "v.to_pybytes()[10]"),
        ("pa.py_buffer(o).slice(10, 4)", "v.to_pybytes()[0]"),
        ("pa.Array.from_buffers(pa.uint8(), 50, [None, pa.py_buffer(o)])", "v[10].as_py()"),
        ("np.frombuffer(pa.py_buffer(o), np.uint8)", "int(v[10])"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_buffer_of_arrow_views_the_same_memory_after_a_restore(cells, restored, owner, view, first, at_once):
    cells.run(WITH_ARROW)
    for source in [f"o = {owner}\nv = {view}"] if at_once else [f"o = {owner}", f"v = {view}"]:
        cells.run(source)
    again = restored(cells.manifests[-1])
    assert again.ns["o"] == cells.ns["o"]
    again.ns["o"][10] = 201
    assert eval(first, again.ns) == 201
    assert eval(first, cells.ns) != 201


def test_a_change_through_the_owner_is_one_of_the_buffer(cells):
    cells.run(WITH_ARROW)
    cells.run("o = bytearray(6000)\nv = [pa.py_buffer(o)]")
    assert cells.run("o[10] = 7").changed == ("o", "v")


def test_a_buffer_of_a_copy_is_not_one_of_the_owner(cells, restored):
    cells.run(WITH_ARROW)
    cells.run("o = bytearray(6000)\nv = pa.py_buffer(bytes(o))")
    again = restored(cells.manifests[-1])
    again.ns["o"][10] = 201
    assert again.ns["v"].to_pybytes()[10] == 0


class TestLabels:
    """Two frames have the same column labels; that is no link, unless somebody could write to their memory."""

    def test_frames_with_the_same_labels_are_not_one_covariable(self, cells):
        pytest.importorskip("pandas")
        cells.run("import pandas as pd\ndf = pd.DataFrame({'k': list('abca'), 'v': [1, 2, 3, 4]})")
        cells.run("big = df.query('v > 2')")
        assert not cells.tracker.group_of(["df"])
        assert cells.run("df['w'] = df.v * 2").changed == ("df",)

    def test_who_has_the_memory_of_labels_is_linked_with_each_frame(self, cells):
        pytest.importorskip("pandas")
        cells.run("import pandas as pd\nimport pyarrow as pa\nimport numpy as np")
        cells.run("o = bytearray(b'kv')\noffsets = pa.py_buffer(np.array([0, 1, 2], np.int64))")
        cells.run("names = pa.Array.from_buffers(pa.large_string(), 2, [None, offsets, pa.py_buffer(o)])")
        cells.run("i = pd.Index(pd.array(names, dtype='string[pyarrow]'))")
        cells.run("df = pd.DataFrame([[1, 2]], columns=i)")
        assert {"o", "df", "i"} <= set(cells.tracker.group_of(["o"])[0].names)
        assert {"o", "df"} <= set(cells.run("o[:] = b'xy'").changed)
