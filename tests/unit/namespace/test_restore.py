"""What comes back: in one go, lazily, cell by cell, and in a new process."""

# ruff: noqa: E501  # one case per line

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from nbreplay.namespace import cell_names
from nbreplay.records import Writes, from_bytes, to_bytes
from nbreplay.store import Store

CASES = {
    "aliases over cells": (["a = [1]", "b = {'a': a}", "c = [1]"], "assert b['a'] is a and c is not a and c == a"),
    "changes in place": (["a = [1]\nb = a", "a.append(2)"], "assert b == [1, 2] and b is a"),
    "views": (
        ["import numpy as np\na = np.zeros(50_000)\nv = a[10:20]", "v[0] = 1"],
        "assert a[10] == 1\nv[1] = 2\nassert a[11] == 2 and a.flags.writeable",
    ),
    "a read-only view of a base that nobody holds": (
        ["import numpy as np\nv = np.arange(1e5)[5:8]\nv.flags.writeable = False"],
        "assert v.tolist() == [5, 6, 7] and not v.flags.writeable",
    ),
    "functions": (
        ["k = 2\ndef f(x, y=3):\n    'doc'\n    return x * k + y", "g = [f]"],
        "assert f(1) == 5 and g[0] is f and f.__doc__ == 'doc' and f.__globals__ is globals()\nk = 10\nassert f(1) == 13",
    ),
    "closures that share a cell": (
        [
            "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n    def get(): return n\n"
            "    return inc, get\ninc, get = make()",
            "inc()",
        ],
        "inc()\nassert get() == 2",
    ),
    "classes and instances": (
        [
            "class B:\n    made = []\n    def __init__(self): self.x = 1; B.made.append(1)\n    def f(self): return 1",
            "class C(B):\n    __slots__ = ('q',)\n    def f(self): return super().f() + 1\nc = C(); c.q = 4",
            "made = B.made",
        ],
        "assert isinstance(c, B) and c.f() == 2 and c.q == 4 and B.made is made and made == [1]",
    ),
    "two versions of a class": (
        ["class A: v = 1\na = A()", "class A: v = 2\nb = A()"],
        "assert a.v == 1 and type(b) is A and type(a) is not A",
    ),
    "enums and dataclasses": (
        [
            "import enum, dataclasses\nclass E(enum.Enum):\n    X = 1\n    Y = 1\n@dataclasses.dataclass\nclass D:\n    a: int\ne = E.X; d = D(1)"
        ],
        "assert e is E.X is E.Y and d == D(1) and [f.name for f in dataclasses.fields(d)] == ['a']",
    ),
    "a registry of subclasses": (
        ["class P:\n    known = []\n    def __init_subclass__(cls): P.known.append(cls)\nclass Q(P): pass\nq = Q()"],
        "assert P.known == [Q] and type(q) is Q",
    ),
    "generic classes": (
        ["from typing import *\nT = TypeVar('T')\nclass G(Generic[T]): pass\nclass H(G[int]): pass\nh = H()\nclass N(NamedTuple):\n    x: int\nn = N(1)"],
        "assert isinstance(h, G) and n.x == 1 and type(n) is N and G[int] is not None",
    ),
    "random generators": (
        ["import random, numpy as np\nrandom.seed(3); np.random.seed(4)\nx = random.random(); g = np.random.default_rng(1); g.random()"],
        "r = random.Random(3); r.random()\nassert random.random() == r.random()\n"
        "s = np.random.RandomState(4)\nassert np.random.rand() == s.rand()\nh = np.random.default_rng(1); h.random()\nassert g.random() == h.random()",
    ),
    "frames": (
        ["import pandas as pd\ndf = pd.DataFrame({'a': range(9), 'b': list('xyzxyzxyz')})\nlazy = df.copy(deep=False)\ns = df['a']\ndf.attrs['k'] = 1"],
        "assert df.attrs == {'k': 1} and df.a.sum() == 36\ndf.iloc[0, 0] = 9\nassert lazy.iloc[0, 0] == 0 and s.iloc[0] == 0",
    ),
    "locks and queues": (
        ["import threading, queue\nlock = threading.Lock(); ev = threading.Event(); ev.set(); q = queue.Queue(); q.put(1)"],
        "assert ev.is_set() and q.get() == 1 and not lock.locked()",
    ),
    "deep nesting": (["deep = None\nfor i in range(5000): deep = [deep]"], "n = 0\nwhile deep: deep = deep[0]; n += 1\nassert n == 5000"),
    "a generator costs only itself": (
        ["x = [1]\ng = (i for i in x)\ny = {'g': g, 'k': [2]}"],
        "assert x == [1] and y['k'] == [2]\ntry: next(g)\nexcept Exception as e: assert 'could not be kept' in str(e)\nelse: assert False",
    ),
    "objects that misbehave": (
        ["class Bad:\n    def __getstate__(self): raise ValueError\n    __eq__ = __hash__ = __bool__ = __repr__ = __getstate__\nbad = Bad()\nok = [1]"],
        "assert ok == [1]",
    ),
    "deletion and rebinding": (["x = [1]\ny = x\nz = 1", "del x\nz = 2"], "assert 'x' not in globals() and y == [1] and z == 2"),
    "weak references": (["import weakref\nclass A: pass\na = A(); r = weakref.ref(a); d = weakref.WeakValueDictionary(a=a)"], "assert r() is a and d['a'] is a"),
    "modules and names in them": (["import os.path as p\nfrom collections import OrderedDict as OD\nimport xml.dom"], "assert p.join('a', 'b') == 'a/b' and OD() == {} and xml.dom"),
    "the namespace itself": (["g = globals()"], "assert g is globals()"),
    "caches around functions": (["import functools\n@functools.lru_cache\ndef f(x): return x + 1\np = functools.partial(f, 1)"], "assert f(1) == 2 and p() == 2 and p.func is f"),
    "options": (["import numpy as np\nnp.set_printoptions(precision=2)\nimport decimal\ndecimal.getcontext().prec = 5"], "assert repr(np.array([1 / 3])) == 'array([0.33])' and decimal.getcontext().prec == 5"),
}  # fmt: skip

CHILD = """
import importlib.util, json, sys, traceback
from pathlib import Path
from nbreplay.namespace import cell_names
from nbreplay.records import Writes, from_bytes
from nbreplay.store import Store
spec = importlib.util.spec_from_file_location("namespace_cells", sys.argv[1])
driver = importlib.util.module_from_spec(spec); spec.loader.exec_module(driver)
found = {}
for name, store_path, writes, check in json.loads(Path(sys.argv[2]).read_text()):
    store = Store.open(Path(store_path))
    cells = driver.Cells(store, run="child")
    for path in writes:
        cells.tracker.apply(from_bytes(Writes, Path(path).read_bytes()))
    try:
        cells.run(check)
        found[name] = ""
    except BaseException:
        found[name] = traceback.format_exc() + str(cells.problems)
    store.close()
Path(sys.argv[3]).write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def in_a_new_process(tmp_path_factory):
    """Record all cases here, check them in one other process: what was raised there, by case."""
    import importlib.util

    driver_path = Path(__file__).with_name("namespace_cells.py")
    spec = importlib.util.spec_from_file_location("namespace_cells", driver_path)
    driver = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(driver)
    main = sys.modules["__main__"]
    folder = tmp_path_factory.mktemp("cases")
    cases = []
    for number, (name, (sources, check)) in enumerate(CASES.items()):
        store = Store.open(folder / f"s{number}")
        cells = driver.Cells(store)
        paths = []
        for place, source in enumerate(sources):
            cells.run(source)
            path = folder / f"{number}.{place}"
            path.write_bytes(to_bytes(cells.writes[-1]))
            paths.append(str(path))
        store.close()
        cases.append((name, str(folder / f"s{number}"), paths, check))
    sys.modules["__main__"] = main
    (folder / "cases.json").write_text(json.dumps(cases))
    (folder / "child.py").write_text(textwrap.dedent(CHILD))
    command = [
        sys.executable,
        str(folder / "child.py"),
        str(driver_path),
        str(folder / "cases.json"),
        str(folder / "found.json"),
    ]
    subprocess.run(command, check=True, timeout=120)
    return json.loads((folder / "found.json").read_text())


@pytest.mark.parametrize("name", CASES)
def test_a_new_process_sees_what_was_kept(in_a_new_process, name):
    assert in_a_new_process[name] == ""


def test_a_restored_cell_loads_nothing_until_a_cell_reaches_it(cells, new_cells):
    cells.run("a = [1]\nb = [2]\ndef f(): return a")
    again = new_cells()
    again.tracker.apply(cells.writes[-1])
    assert set(again.tracker.states) == {"a", "b", "f"}
    assert not {"a", "b", "f"} & again.ns.keys()
    again.run("x = f()")
    assert {"a", "f"} <= again.ns.keys()
    assert "b" not in again.ns
    assert again.captures[-1].changed == ("a", "x")  # they share a list now


def test_what_was_loaded_and_not_changed_is_no_change(cells, new_cells):
    cells.run("import numpy as np\na = [1]\nm = {'a': a}\nv = np.zeros(9999)\nw = v[1:]\nclass C: pass\nc = C()")
    again = new_cells()
    again.tracker.apply(cells.writes[-1])
    assert again.run("(a, m, v, w, c, C)").changed == ()


def test_going_back_in_one_session_keeps_what_did_not_change(cells):
    cells.run("a = [1]\nb = [2]")
    cells.run("a.append(2)\nc = 1")
    kept = cells.ns["b"]
    assert cells.tracker.restore(cells.manifests[1]) == ["c"]
    assert cells.ns["b"] is kept
    cells.tracker.load_all()
    assert cells.ns["a"] == [1]
    assert "c" not in cells.ns


def test_a_result_comes_back_under_its_new_number(cells, new_cells):
    cells.ns["_oh"] = {}
    touched = cells.tracker.touched(cell_names("[1, 2]"))
    cells.ns["_oh"][3] = cells.ns["_3"] = [1, 2]
    capture = cells.keep(touched)
    assert capture.result == "Out[3]"
    again = new_cells()
    again.ns["_oh"] = {}
    again.tracker.apply(cells.writes[-1], rename={"Out[3]": "Out[7]"})
    again.run("x = _")
    assert again.ns["_7"] == [1, 2]
    assert again.ns["x"] is again.ns["_oh"][7]


def test_a_unit_that_cannot_be_loaded_is_a_hole_not_the_end(cells, new_cells, store):
    cells.run("a = [1]\nb = [2]")
    again = new_cells()
    again.tracker.apply(cells.writes[-1])
    damaged = again.tracker._live.states["a"].unit
    again.tracker._live.units.pop(damaged)
    problems = again.tracker.load_all()
    assert len(problems) == 1
    assert again.ns["b"] == [2]
    with pytest.raises(Exception, match="could not be kept"):
        again.ns["a"].append(1)


def test_a_small_change_of_a_large_array_writes_little(cells, store):
    cells.run("import numpy as np\na = np.random.rand(1_000_000)")
    before = store.size_bytes()
    cells.run("a[5] = 0")
    assert store.size_bytes() - before < 1.1 * (1 << 20)


def test_a_small_change_of_many_objects_writes_little(cells, store):
    cells.run("class P:\n    def __init__(self, i): self.i = i; self.s = str(i)\nps = [P(i) for i in range(40_000)]")
    before = store.size_bytes()
    cells.run("ps[700].s = 'a much longer text than before'")
    assert store.size_bytes() - before < 400_000


def test_records_survive_their_bytes(cells):
    cells.run("a = [1]\nclass C: pass\nc = C()")
    assert from_bytes(Writes, to_bytes(cells.writes[-1])) == cells.writes[-1]
