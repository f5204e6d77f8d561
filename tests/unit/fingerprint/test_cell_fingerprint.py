"""A cell is known by what it says, not by how it is laid out."""

from __future__ import annotations

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from nbreplay.bench.workloads import NAMES, workload
from nbreplay.fingerprint import cell_fingerprint

SAME = {
    "comment": ("x = 1", "# one\nx = 1  # yes"),
    "blank lines": ("x = 1\ny = 2", "\n\nx = 1\n\n\ny = 2\n\n"),
    "spaces": ("x=1", "x  =  1"),
    "line break": ("f(1, 2)", "f(\n    1,\n    2,\n)"),
    "quotes": ("x = 'a'", 'x = "a"'),
    "parentheses": ("x = 1 + 2", "x = (1 + 2)"),
    "semicolons between": ("x = 1\ny = 2", "x = 1; y = 2"),
    "indentation": ("if x:\n  y = 1", "if x:\n        y = 1"),
    "space after a magic": ("%matplotlib inline", "%matplotlib inline   "),
    "comment after the semicolon": ("x;", "x;  # quiet"),
    "text magic's line ends": ("%%bash\nls", "%%bash  \nls\n\n"),
    "text prefix": ("x = 'a'", "x = u'a'"),
    "hexadecimal": ("x = 255", "x = 0xff"),
}
DIFFERENT = {
    "value": ("x = 1", "x = 2"),
    "type": ("x = 1", "x = 1.0"),
    "bool": ("x = 1", "x = True"),
    "name": ("x = 1", "y = 1"),
    "docstring": ("def f():\n    'a'", "def f():\n    'b'"),
    "order": ("x = 1\ny = 2", "y = 2\nx = 1"),
    "semicolon at the end": ("x", "x;"),
    "magic": ("%matplotlib inline", "%matplotlib agg"),
    "magic's argument": ("%timeit f(1)", "%timeit f(2)"),
    "shell": ("!ls", "!pwd"),
    "cell magic": ("%%bash\nls", "%%bash\npwd"),
    "cell magic's line": ("%%time\nx = 1", "%%timeit\nx = 1"),
    "python in a cell magic": ("%%time\nx = 1", "%%time\nx = 2"),
    "help": ("x?", "x??"),
    "broken code": ("def f(:", "def g(:"),
    "constants in a tuple": ("x = (1, 2)", "x = (2, 1)"),
    "minus zero": ("x = 0.0", "x = -0.0"),
    "text or bytes": ("x = 'a'", "x = b'a'"),
    "annotation": ("x: int = 1", "x: str = 1"),
    "await": ("await f()", "f()"),
    "empty or not": ("", "x"),
    "joined texts": ("x = ['ab', 'c']", "x = ['a', 'bc']"),
}


@pytest.mark.parametrize("name", SAME)
def test_layout_does_not_count(name):
    one, other = SAME[name]
    assert cell_fingerprint(one) == cell_fingerprint(other)


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_it_says_counts(name):
    one, other = DIFFERENT[name]
    assert cell_fingerprint(one) != cell_fingerprint(other)


def test_very_deep_and_very_odd_cells_have_one_too():
    for source in ["x = " + "(" * 500 + ")" * 500, "x = " + "+".join(["1"] * 5000), "\x00", "\ud800", "   ", "%%"]:
        assert len(cell_fingerprint(source)) == 32


def test_an_int_of_many_digits():
    assert cell_fingerprint("x = " + "1" * 4000) != cell_fingerprint("x = " + "1" * 3999 + "2")


@pytest.mark.parametrize("name", NAMES)
def test_python_has_the_fingerprint_that_it_has_when_it_is_transformed(name):
    for source in workload(name).cells("smoke"):
        assert cell_fingerprint(source) == cell_fingerprint(source, TransformerManager().transform_cell)


@pytest.mark.parametrize(
    "source",
    ["x\n...\n", "x\n(...)\n", "In [1]: x", "In[1]: x", ">>> x\n... y", "def f():\n    ...", "x = 1;", "';'", "x # ;",
     "!ls", "x = !ls", "%time f()", "f?", "\n\n  \nx", "x \\\n / y", "'''\n%time\n!ls\n'''", "  x", "a\x00b"],
)  # fmt: skip
def test_what_only_looks_like_python_is_still_transformed(source):
    assert cell_fingerprint(source) == cell_fingerprint(source, TransformerManager().transform_cell)
