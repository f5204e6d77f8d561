"""Values that nobody changes look the same each time: to be looked at, and to be pickled, does nothing to them."""

from __future__ import annotations

import pytest

VALUES = {
    "matplotlib.figure": "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\n"
    "v, ax = plt.subplots()\nax.plot([1, 2])",
    "matplotlib.colors": "import matplotlib.colors\nv = matplotlib.colors.Normalize(0, 1)",
    "xarray": "import xarray as xr\nda = xr.DataArray([[1.0, 2.0]], dims=('x', 'y'), coords={'y': [1, 2]}, name='n')\n"
    "v = da.to_dataset()\nw = v['n']",
    "ctypes": "import ctypes\nclass P(ctypes.Structure):\n    _fields_ = [('x', ctypes.c_int)]\nv = [P(1)]",
    "json": "import json\nv = json.JSONDecoder()",
}


@pytest.mark.parametrize("module", VALUES)
def test_a_value_that_is_looked_at_again_did_not_change(cells, module):
    pytest.importorskip(module.partition(".")[0])
    cells.run(VALUES[module])
    before = {name: state.digest for name, state in cells.tracker.states.items()}
    for source in ["n = 0", "n = repr(type(v))", "n = [v]"]:
        cells.tracker.mark_touched("everything is looked at")
        cells.run(source)
        assert not cells.captures[-1].unforeseen
        assert {name: cells.tracker.states[name].digest for name in before} == before, source
    if module == "matplotlib.figure":
        cells.run("plt.close('all')")


def test_a_class_that_notes_what_it_is_asked_is_not_asked(cells):
    cells.run(
        "class Asked:\n    def __init__(self):\n        self.__dict__['names'] = []\n"
        "    def __getattr__(self, name):\n        self.names.append(name)\n        raise AttributeError(name)"
    )
    cells.run("v = Asked()")
    cells.run("n = 1")
    assert cells.ns["v"].names == []


def test_a_change_of_such_a_value_is_seen(cells, restored):
    pytest.importorskip("xarray")
    cells.run(VALUES["xarray"])
    assert set(cells.run("v.attrs['unit'] = 'm'").changed) >= {"v"}
    assert set(cells.run("w[0, 0] = 5.0").changed) == {"da", "v", "w"}
    again = restored(cells.manifests[-1]).ns
    assert again["v"].attrs == {"unit": "m"}
    assert float(again["v"]["n"][0, 0]) == 5.0
    again["w"][0, 1] = 7.0
    assert float(again["v"]["n"][0, 1]) == 7.0
