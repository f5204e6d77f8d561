"""What a cell's code could read, bind and unbind."""

from __future__ import annotations

import pytest

from nbreplay.namespace import cell_names


@pytest.mark.parametrize(
    ("source", "loads"),
    [
        ("y = x", {"x"}),
        ("x = 1\ny = x", set()),
        ("x += 1", {"x"}),
        ("del x", {"x"}),
        ("if c:\n    x = 1\ny = x", {"c", "x"}),
        ("if c:\n    x = 1\nelse:\n    x = 2\ny = x", {"c"}),
        ("for i in a:\n    x = i\nx", {"a", "i", "x"} - {"i"}),
        ("try:\n    x = 1\nfinally:\n    pass\nx", {"x"}),
        ("with c:\n    x = 1\nx", {"c", "x"}),
        ("def f():\n    return x", {"x"}),
        ("x = 1\ndef f():\n    return x", set()),
        ("def f(x):\n    return x + y", {"y"}),
        ("def f():\n    x = 1\n    return [x for i in z]", {"z"}),
        ("[x for x in y]", {"y"}),
        ("[x for x in y if z(x)]", {"y", "z"}),
        ("class A:\n    x = 1\n    y = x", set()),
        ("class A:\n    x = 1\n    def m(self):\n        return x", {"x"}),
        ("a.b = 1", {"a"}),
        ("a[i] = 1", {"a", "i"}),
        ("(x := 1)\nx", set()),
        ("c and (x := 1)\nx", {"c", "x"}),
        ("lambda v=d: v + w", {"d", "w"}),
        ("def f():\n    global g\n    g = 1", set()),
        ("import a.b as c, d\nc.x(d)", set()),
        ("x: int = 1\nx", {"int"}),
        ("match v:\n    case {'k': w}:\n        w", {"v"}),
    ],
)
def test_only_names_that_are_surely_bound_before_are_not_loads(source, loads):
    assert cell_names(source).loads == loads


def test_names_inside_strings_count_if_they_are_live():
    assert cell_names("df.query('a > @limit')", {"limit", "df"}).loads == {"df", "limit"}
    assert cell_names("get_ipython().run_line_magic('timeit', 'f(x)')", {"f", "x"}).loads >= {"f", "x"}


@pytest.mark.parametrize(
    "source",
    [
        "exec('x = 1')",
        "eval('x')",
        "globals()['x']",
        "vars()",
        "import sys\nsys._getframe()",
        "import gc\ngc.get_objects()",
        "import importlib\nimportlib.reload(m)",
        "import ctypes",
        "get_ipython().push({})",
        "get_ipython().run_line_magic('run', 'other.py')",
        "get_ipython().run_line_magic('somebodys', '')",
        "get_ipython().run_cell_magic('time', '', 'exec(s)')",
    ],
)
def test_what_hides_its_names_touches_everything(source):
    assert cell_names(source).dynamic


@pytest.mark.parametrize(
    "source",
    [
        "model.eval()",
        "import re\nre.compile('x')",
        "stack.push(1)",
        "vars(obj)",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "get_ipython().system('ls')",
        "get_ipython().run_cell_magic('time', '', 'y = f(x)')",
    ],
)
def test_what_only_looks_like_it_does_not(source):
    assert cell_names(source).dynamic == ""


def test_stores_deletes_and_imports_are_told_apart():
    names = cell_names("import os.path, numpy as np\nx = 1\ndel y\ndef f(): pass")
    assert names.stores == {"os", "np", "x", "f"}
    assert names.deletes == {"y"}
    assert names.imports == ("os.path", "numpy")
