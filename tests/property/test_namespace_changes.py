"""Cells change a namespace through every door, and nothing of it is missed.

What the tracker says is judged by pictures of the namespace, drawn by code that shares nothing with it, before and
after each cell; and by restoring every boundary in a new namespace, which must give the same picture. Both tiers of
looking are tried: with small names looked at after every cell, and with none, so that only reach finds a change. That
the judge sees anything is shown by breaking the tracker: each link that it follows, cut, must be noticed.
"""

# ruff: noqa: E501  # one cell per line

from __future__ import annotations

import builtins
import contextlib
import gc
import importlib.util
import io
import logging
import math
import os
import random
import signal
import sys
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from nbreplay.config import Settings
from nbreplay.namespace import changes, live, looking, reader, tracker
from nbreplay.namespace.covariable import Partition
from nbreplay.store import Store


def _module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


_HERE = Path(__file__).parent
namespace_cells = _module("namespace_cells", _HERE.parent / "unit" / "namespace" / "namespace_cells.py")
picture = _module("picture", _HERE / "picture.py")
doors = _module("doors", _HERE / "doors.py")

LONG = int(os.environ.get("NBREPLAY_TEST_LONG", "0"))
"""How many times as many random notebooks."""
TIERS = {
    "small names looked at": Settings(),
    "few names looked at": Settings(small_unit_bytes=64, small_total_bytes=256),
    "only what is reached": Settings(small_unit_bytes=0, small_total_bytes=0),
}


@pytest.fixture(autouse=True)
def _process_as_it_was():
    """Put back what cells change in this process."""
    owners = [(sys, "stdout"), (sys, "unraisablehook"), (warnings, "showwarning"), (builtins, "abs"), (math, "floor")]
    before = [(owner, name, getattr(owner, name)) for owner, name in owners]
    main, callbacks, handlers = sys.modules["__main__"], list(gc.callbacks), list(logging.root.handlers)
    gc.collect()
    gc.disable()  # else it calls finalisers between a look of the tracker's and one of the judge's
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    gc.enable()
    for owner, name, value in before:
        setattr(owner, name, value)
    sys.modules["__main__"] = main
    gc.callbacks[:] = callbacks
    logging.root.handlers[:] = handlers
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


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


class Witness:
    """Runs cells and says what the tracker missed.

    Parameters
    ----------
    restores : bool
        Whether every boundary is restored and compared; only for what comes back as it was.
    """

    def __init__(self, store, settings, *, restores=True):
        self.store = store
        self.cells = namespace_cells.Cells(store, settings=settings)
        self.restores = restores
        self.found = []
        self.alone = {}
        self.joint = []

    def names(self, cells):
        live_names = cells.tracker._live.values()
        return {name: value for name, value in live_names.items() if "/d" not in name and not name.startswith("Out[")}

    def run(self, source):
        cells = self.cells
        capture = cells.run(source, fails=True)
        # Nothing of the values may be held while the next cell runs: it may want them to go.
        now = self.names(cells)
        alone, joint = picture.alone(cells.ns, now), picture.together(cells.ns, now)
        for name in {*now, *self.alone}:
            if alone.get(name) != self.alone.get(name) and name not in capture.changed:
                self.found.append(f"a change of {name} was missed after {source!r}")
        if joint != self.joint and not capture.changed:
            self.found.append(f"what names share changed, and was missed, after {source!r}")
        self.alone, self.joint = alone, joint
        if self.restores:
            self.restore(source, now)

    def restore(self, source, now):
        manifest = self.cells.manifests[-1]
        whole = {name for name in now if manifest.states[name].hole is None}
        again = namespace_cells.restored(self.store, manifest)
        self.found += [f"{each} after {source!r}" for each in again.problems if "could not be kept" not in each]
        then = self.names(again)
        self.found += [f"{name} was lost after {source!r}" for name in sorted(whole - then.keys())]
        whole &= then.keys()
        live_picture = picture.together(self.cells.ns, {name: now[name] for name in whole})
        kept_picture = picture.together(again.ns, {name: then[name] for name in whole})
        if live_picture != kept_picture:
            where = next((i for i, (a, b) in enumerate(zip(live_picture, kept_picture)) if a != b), -1)  # noqa: B905
            names = [each for each in live_picture[: where + 1] if isinstance(each, str)]
            self.found.append(
                f"{names[-1:]} differs after {source!r}: {live_picture[where]!r:.200} was restored as "
                f"{kept_picture[where]!r:.200}"
            )


def pass_through(door, folder, settings):
    """Return what was missed of the changes that *door* makes."""
    with closing(Store.open(folder / "s")) as store:
        witness = Witness(store, settings, restores=not door.lies)
        for source in door.named("v_"):
            witness.run(source)
    return witness.found


@pytest.mark.parametrize("tier", ["small names looked at", "only what is reached"])
@pytest.mark.parametrize("door", doors.DOORS, ids=lambda door: door.name)
def test_a_change_through_a_door_is_seen_and_kept(door, tier, tmp_path):
    if door.library:
        pytest.importorskip(door.library)
    if door.obscure and tier == "only what is reached":
        pytest.skip("no names lead there: only a look at everything finds it")
    assert pass_through(door, tmp_path, TIERS[tier]) == []


# ---------------------------------------------------------------- random notebooks


def story(seed, folder, settings, length=24):
    """Return what was missed in a notebook of random cells, with the cells of a few doors in between."""
    draw = random.Random(seed)
    author = Author(seed)
    calm = [
        door for door in doors.DOORS if not (door.alone or door.lies or door.obscure or door.library in NOT_IN_STORIES)
    ]
    threads = [door.named(f"d{number}_") for number, door in enumerate(draw.sample(calm, 4))]
    with closing(Store.open(folder / "s")) as store:
        witness = Witness(store, settings)
        while length and not witness.found:
            length -= 1
            mine = draw.choice(threads) if draw.random() < 0.5 else []
            if mine:
                source = mine.pop(0)
            elif draw.random() < 0.2 and witness.alone:
                name, other = draw.choice(list(witness.alone)), draw.choice(list(witness.alone))
                source = draw.choice(MIXED).format(a=name, b=other, n=f"x{length}")
            else:
                source = author.cell()
            witness.run(source)
    return witness.found


NOT_IN_STORIES = ("torch", "matplotlib")
MIXED = ["{n} = {a}", "{n} = [{a}, {b}]", "del {a}", "{n} = ({a}, {b})", "{a} = {b}", "{n} = {{'k': {a}}}", "{n} = lambda: {a}",
         "class {n}:\n    held = {a}", "{n} = getattr({a}, '__dict__', None)", "{a}, {b} = {b}, {a}"]  # fmt: skip


@pytest.mark.parametrize("seed", range(8 + 100 * LONG))
@pytest.mark.parametrize("tier", TIERS)
def test_random_notebooks_are_followed_and_restored_at_every_boundary(seed, tier, tmp_path):
    assert story(seed, tmp_path, TIERS[tier]) == []


# ---------------------------------------------------------------- the judge, judged


def _cut(owner, name, replacement):
    return lambda patch: patch.setattr(owner, name, replacement)


BREAKS = {
    "names reach nothing": (_cut(live.Live, "reach", lambda self, names, *, members: set(names)), "function", "only what is reached"),
    "small names are not looked at": (_cut(changes, "small", lambda live: set()), "globals of a function by getattr", "small names looked at"),
    "samples always agree": (_cut(changes, "same", lambda live, node, known, value: True), "globals of a function by getattr", "small names looked at"),
    "memory does not link": (_cut(Partition, "_overlapping", lambda self: {}), "view", "only what is reached"),
    "objects do not link": (_cut(Partition, "component", lambda self, name: frozenset({name})), "alias", "only what is reached"),
    "dynamic code is not noticed": (_cut(reader.Bindings, "doubt", lambda self, reason: None), "globals of a function", "only what is reached"),
    "texts name nothing": (_cut(reader._Reader, "visit_Constant", lambda self, node: None), "string names", "only what is reached"),
    "hooks are not looked for": (_cut(tracker, "names_of_hooks", lambda live: set()), "signal handler", "only what is reached"),
    "threads are not looked for": (_cut(changes, "running", lambda home: ""), "thread that changes what no cell names", "only what is reached"),
    "locks and weak references are not looked into": (_cut(looking, "hidden_state", lambda objects: ("", [])), "dead weakref", "small names looked at"),
    "values are not let go of": (_cut(live.Live, "release", lambda self, names: None), "__del__", "small names looked at"),
}  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_tracker_is_found_out(broken, tmp_path, monkeypatch):
    cut, name, tier = BREAKS[broken]
    cut(monkeypatch)
    if broken.startswith("hooks"):
        monkeypatch.setattr(changes, "names_of_hooks", lambda live: set())
    if broken.startswith("threads"):
        monkeypatch.setattr(tracker, "running", lambda home: "")
    door = next(door for door in doors.DOORS if door.name == name)
    assert pass_through(door, tmp_path, TIERS[tier]) != [], f"{door.name} goes through, though {broken}"
