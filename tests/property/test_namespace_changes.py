"""Random cells change a namespace through every door: two tiers of looking must find what looking at all finds."""

# ruff: noqa: E501  # one cell per line

from __future__ import annotations

import importlib.util
import random
from contextlib import closing
from pathlib import Path

import pytest

from nbreplay.config import Settings
from nbreplay.fingerprint import Mode, walk
from nbreplay.namespace.looking import look
from nbreplay.store import Store

_PATH = Path(__file__).parents[1] / "unit" / "namespace" / "namespace_cells.py"
_spec = importlib.util.spec_from_file_location("namespace_cells", _PATH)
namespace_cells = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(namespace_cells)

MAKE = {
    "list": ["{n} = [{k}, [{k}]]", "{n} = [[i] for i in range({k} * 300)]", "{n} = [None] * 3"],
    "dict": ["{n} = {{'k': [{k}], 'o': {k}}}", "{n} = {{i: [i] for i in range({k} * 300)}}"],
    "set": ["{n} = {{{k}, 'a', (1, 2)}}"],
    "array": [
        "import numpy as np\n{n} = np.arange({k} * 10.0)",
        "import numpy as np\n{n} = np.arange({k} * 4000.0)",
    ],
    "frame": ["import pandas as pd\n{n} = pd.DataFrame({{'a': list(range({k} * 3)), 'b': 'x'}})"],
    "counter": [
        "def make():\n    n = {k}\n    def count():\n        nonlocal n\n        n += 1\n        return n\n    return count\n"
        "{n} = make()"
    ],
    "object": [
        "class T{k}:\n    seen = []\n    def put(self, x):\n        self.x = x\n        T{k}.seen.append(1)\n{n} = T{k}()"
    ],
    "cache": ["def {n}(x, memo=[]):\n    memo.append(x)\n    return memo"],
}
ALIAS = {
    "list": ["{n} = {a}", "{n} = [{a}, {a}]", "{n} = {a}[1:]", "{n} = {a}.append", "{n} = iter({a})", "{n} = ({a}, 1)"],
    "dict": ["{n} = {a}", "{n} = {{'in': {a}}}", "{n} = {a}.keys()", "{n} = {a}.get"],
    "set": ["{n} = {a}", "{n} = [{a}]"],
    "array": [
        "{n} = {a}",
        "{n} = {a}[2:6]",
        "{n} = {a}[::-1]",
        "{n} = {a}.reshape(2, -1)",
        "{n} = [{a}]",
        "{n} = {a}.copy()",
    ],
    "frame": ["{n} = {a}", "{n} = {a}['a']", "{n} = {a}.copy(deep=False)", "{n} = [{a}]", "{n} = {a}.to_numpy()"],
    "counter": ["{n} = {a}", "{n} = {{'f': {a}}}", "import functools\n{n} = functools.partial({a})"],
    "object": ["{n} = {a}", "{n} = [{a}]", "{n} = type({a})", "{n} = {a}.put", "{n} = type({a}).seen"],
    "cache": ["{n} = {a}", "{n} = {a}.__defaults__[0]", "{n} = [{a}]"],
}
FUNCTION = {
    "list": "def {n}():\n    {a}.append({k})",
    "dict": "def {n}():\n    {a}['f'] = {k}",
    "set": "def {n}():\n    {a}.add({k})",
    "array": "def {n}():\n    {a}[0] = {k}",
    "frame": "def {n}():\n    {a}.iloc[0, 0] = {k}",
    "counter": "def {n}():\n    {a}()",
    "object": "def {n}():\n    {a}.put({k})",
    "cache": "def {n}():\n    {a}({k})",
}
CHANGE = {
    "list": [
        "{a}.append({k})",
        "{a}[0] = {k}",
        "{a}[0] = {a}[-1]",
        "{a}.reverse()",
        "import random\nrandom.shuffle({a})",
        "{a} += [{k}]",
        "{a}[1:1] = [True]",
        "{a}[0] = [0]\n{a}[-1] = [0]",
        "[{a}.append(i) for i in range(2)]",
    ],
    "dict": [
        "{a}['z'] = {k}",
        "{a}.setdefault('k', []) if 0 else {a}.update(q={k})",
        "{a}[0] = {a}.pop(0, 1)",
        "{a}.get('k', []).append({k}) if isinstance({a}.get('k'), list) else None",
        "{a}['self'] = {a}",
    ],
    "set": ["{a}.add({k})", "{a}.discard('a')", "{a} |= {{9}}"],
    "array": ["{a}[0] = {k}", "{a} += 1", "{a}[-1] = -0.0", "{a}.flags.writeable = True", "{a}.sort()"],
    "frame": [
        "{a}.iloc[0, 0] = {k}",
        "{a}['c'] = {k}",
        "{a}.attrs['k'] = {k}",
        "{a}.sort_values('a')",
        "{a}.columns.name = 'n'",
    ],
    "counter": ["{a}()"],
    "object": [
        "{a}.put({k})",
        "{a}.x = {k}",
        "type({a}).y = [{k}]",
        "type({a}).seen.append(2)",
        "{a}.__dict__['w'] = {k}",
        "type({a}).put = lambda self, x: None",
    ],
    "cache": ["{a}({k})", "{a}.calls = getattr({a}, 'calls', 0) + 1", "{a}.__defaults__ = ([],)"],
}
ANY = [
    "del {a}", "{a}, {b} = {b}, {a}", "{a} = {b}", "{n} = [{a}, {b}]", "{n} = {{'p': {a}, 'q': {b}}}", "{a} = None",
    "globals()['{a}'] = {k}", "exec('{n} = {a}')", "hooks = globals().get('hooks', [])\nhooks.append({a})",
    "class Holder:\n    held = {a}\n    def __init__(self, v):\n        self.v = v\n{n} = Holder({b})",
    "def {n}():\n    global {a}\n    {a} = [{k}]", "{n} = lambda v={a}: v", "with open('/dev/null') as {n}: pass",
    "import weakref\nclass W: pass\nw = W()\nw.v = {a}\n{n} = weakref.ref(w)", "print({a} is {b}, end='')",
    "{n} = 1", "{n} = True", "{n} = '{a}'", "{n} = float('nan')", "import math\n{n} = math", "try:\n    {a}.append(1)\nfinally:\n    pass",
    "def {n}():\n    yield {a}\n{n} = {n}()", "import threading\n{n} = [threading.Event(), {a}]",
]  # fmt: skip
CALL = ["{f}()", "for h in [{f}]:\n    h()", "sorted([1, 2], key=lambda v: [{f}(), 0][1])", "(lambda: {f}())()",
        "getattr({f}, '__call__')()", "hooks = [{f}]", "[h() for h in globals().get('hooks', []) if callable(h)]",
        "import functools\nfunctools.reduce(lambda a, b: {f}(), [1, 2])"]  # fmt: skip


class Author:
    """Writes cells at random; knows of what kind each name was when it was made."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.kinds = {}
        self.functions = []
        self.count = 0

    def cell(self):
        draw = self.random
        name = f"n{self.count % 12}" if draw.random() < 0.4 else f"m{self.count}"
        self.count += 1
        fill = {"n": name, "k": draw.randrange(1, 9)}
        known = [each for each, kind in self.kinds.items() if kind != "?"]
        choice = draw.random()
        if not known or choice < 0.22:
            kind = draw.choice(list(MAKE))
            self.kinds[name] = kind
            return draw.choice(MAKE[kind]).format(**fill)
        fill["a"], fill["b"] = draw.choice(known), draw.choice(known)
        kind = self.kinds[fill["a"]]
        if choice < 0.38:
            template = draw.choice(ALIAS[kind])
            self.kinds[name] = kind if template == "{n} = {a}" else "?"
            return template.format(**fill)
        if choice < 0.5:
            self.functions.append(name)
            self.kinds[name] = "?"
            return FUNCTION[kind].format(**fill)
        if choice < 0.65 and self.functions:
            return draw.choice(CALL).format(f=draw.choice(self.functions), **fill)
        if choice < 0.85:
            return draw.choice(CHANGE[kind]).format(**fill)
        return draw.choice(ANY).format(**fill)


def check(cells, source):
    """Compare what the tracker knows with a look at everything."""
    for name, value in cells.tracker._live.values().items():
        found = walk(value, mode=Mode.NAMESPACE, home=cells.ns)
        state = cells.tracker._live.state(name)
        assert state is not None, f"{name} is not known after {source!r}"
        if found.opaque or name in cells.tracker._live.translated:
            continue
        known = cells.tracker._live.known[name].digest
        assert state.digest == known, f"{name} is another value for the record than for the tracker after {source!r}"
        fresh = look(cells.tracker._live, name, value)
        assert fresh.digest == known, f"a change of {name} was missed after {source!r}"
    for members, digest in cells.tracker._live.groups.items():
        values = tuple((name, cells.ns[name]) for name in members)
        if any(walk(value, mode=Mode.NAMESPACE, home=cells.ns).opaque for _, value in values):
            continue
        again = cells.tracker._live
        component = sorted(n for n in again.partition.component(members[0]) if "/d" not in n)
        assert tuple(component) == members, f"{members} share other objects than is known after {source!r}"
        del digest


def holes(manifest):
    return [name for name, state in manifest.states.items() if state.hole is not None]


def difference(cells, again):
    """Say which names differ, alone or in pairs."""

    def digest_of(one, names):
        return walk(tuple(one.ns[name] for name in names), mode=Mode.NAMESPACE, home=one.ns).digest

    names = list(cells.names())
    alone = [name for name in names if digest_of(cells, [name]) != digest_of(again, [name])]
    pairs = [(a, b) for a in names for b in names if a < b and digest_of(cells, [a, b]) != digest_of(again, [a, b])]
    return alone or pairs


def story(seed, store, *, length=22, settings=None):
    """Run a random notebook; check every boundary, and the last one after a restore."""
    author = Author(seed)
    cells = namespace_cells.Cells(store, settings=settings)
    apart = False
    for _ in range(length):
        source = author.cell()
        # pandas' lazy copies share memory and say so where a pickle cannot see it: they come back apart.
        apart = apart or any(text in source for text in ("deep=False", "['a']", "to_numpy", "['c'] ="))
        cells.run(source, fails=True)
        check(cells, source)
    manifest = cells.manifests[-1]
    if holes(manifest):
        return
    names = {name: cells.ns[name] for name in cells.names()}
    if any(walk(value, mode=Mode.NAMESPACE, home=cells.ns).opaque for value in names.values()):
        return
    before = cells.state()
    again = namespace_cells.restored(store, manifest)
    assert again.problems == [], again.problems
    assert list(again.names()) == list(names)
    if not again.tracker._live.translated and not apart:
        assert again.state() == before, difference(cells, again)


@pytest.mark.parametrize("seed", range(25))
def test_no_change_is_missed_and_all_is_restored(seed, tmp_path):
    with closing(Store.open(tmp_path / "s")) as store:
        story(seed, store)


@pytest.mark.parametrize("seed", range(100, 112))
def test_no_change_is_missed_when_next_to_nothing_is_small(seed, tmp_path):
    with closing(Store.open(tmp_path / "s")) as store:
        story(seed, store, settings=Settings(small_unit_bytes=64, small_total_bytes=256))
