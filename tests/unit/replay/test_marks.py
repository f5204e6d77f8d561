"""What a cell's own text says of it: whether it may give another value another time, or reads what no digest covers."""

from __future__ import annotations

import pytest

from nbreplay.namespace import cell_names
from nbreplay.replay.marks import reads_inputs


@pytest.mark.parametrize(
    "source",
    [
        "print(In[1])",
        "a = _i3",
        "f = lambda: _ih[2]",
        "eval('In[1]')",
        "globals()['_i']",
        "get_ipython().run_line_magic('history', '-n')",
        "get_ipython().history_manager.input_hist_raw[1]",
    ],
)
def test_a_cell_that_reads_the_text_of_cells_is_known(source):
    names = cell_names(source, ())
    assert reads_inputs(source, names.all, bool(names.dynamic))


@pytest.mark.parametrize(
    "source", ["x = 1", "print('In all')", "# In short", "d.In = 5", "_idle = i = 3", "text = 'In[1]'"]
)
def test_a_cell_that_only_says_such_words_is_not(source):
    names = cell_names(source, ())
    assert not reads_inputs(source, names.all, bool(names.dynamic))
