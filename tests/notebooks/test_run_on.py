"""Notebooks whose names share objects, run on from every cell in a new kernel: what they show is what a plain run shows.

All stories are told in one notebook, a chapter of each in turn; so one new kernel per chapter tries them all.
"""

# ruff: noqa: E501  # one cell per line

from __future__ import annotations

from pathlib import Path

import pytest
from notebook_driver import Cell, Kernel

pytestmark = pytest.mark.kernel

STORIES = {
    "aliases": ["al = [1]; am = al", "al.append(2); an = {'k': am}", "an['k'].append(3); am is al", "del al; am.append(4)", "am, an, an['k'] is am"],
    "covariables that merge and split": ["ma = [1]; mb = [2]", "ma.append(mb)", "mb.append(3); ma", "ma = ma[:1]", "mb.append(4); ma, mb"],
    "an object moves": ["mo = [[1]]; mp = []", "mp.append(mo[0])", "mo.pop(); mp[0].append(2)", "mo.append(mp[0]); mp = None", "mo[0].append(3); mo"],
    "a cycle over names": ["ca = []; cb = [ca]", "ca.append(cb)", "ca[0][0] is ca", "cc = ca[0]; cc.append(1)", "cb, ca[0] is cb, cc is cb"],
    "views": ["import numpy as np\nva = np.arange(6.0)", "vb = va[2:4]", "vb[0] = 9; va", "del va; vc = vb[::-1]", "vc[0] = -1; vb, vc"],
    "views of one memory without its base": ["import numpy as np\nwa = np.zeros(10)[1:8]", "wb = wa[3:]", "wa[4] = 5; wb", "del wa", "wb[0] = 1; wb"],
    "buffers": ["ba = bytearray(b'abcdef'); bm = memoryview(ba)", "bs = bm[2:4]", "bs[0] = 90; bytes(ba)", "ba[3] = 91", "bytes(bs), bytes(bm)"],
    "a closure": ["def kmake():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n    return step, lambda: n\nks, kr = kmake()", "ks(); kr()", "kt = {'s': ks}; ks()", "del ks; kt['s']()", "kr()"],
    "closures over one cell, made apart": ["def hmake():\n    log = []\n    def add(v): log.append(v)\n    return add\nha = hmake()", "hl = ha.__closure__[0].cell_contents; ha(1)", "hb = lambda v, l=hl: l.append(v)\nhb(2)", "ha(3); hl", "hb.__defaults__[0] is hl, hl"],
    "a default argument": ["def da(v, memo=[]):\n    memo.append(v)\n    return memo", "da(1)", "dm = da(2)", "dm.append('x'); da(3)", "dm is da.__defaults__[0], dm"],
    "a class is redefined": ["class RA:\n    n = 1\nra = RA()", "class RA:\n    n = 2\nrb = RA()", "ra.n, rb.n, isinstance(ra, RA)", "type(ra).n = 7", "ra.n, rb.n, type(ra) is RA, RA.n"],
    "a class attribute": ["class CA:\n    seen = []\ncx = CA()", "CA.seen.append(cx)", "cx.n = 5; CA.k = 1", "cy = CA(); cy.seen.append(2)", "CA.seen[0] is cx, CA.seen[0].n, cx.k, len(CA.seen)"],
    "inheritance over cells": ["class IA:\n    def f(self): return 'a'", "class IB(IA):\n    def f(self): return super().f() + 'b'\nib = IB()", "ib.f()", "IA.f = lambda self: 'z'", "ib.f(), isinstance(ib, IA)"],
    "a dict of an instance": ["class OA: pass\noa = OA(); od = oa.__dict__", "od['x'] = 1; oa.x", "oa.y = [2]; od", "ob = OA(); ob.__dict__ = od", "ob.z = 3; oa.z, od is oa.__dict__"],
    "slots": ["class SA:\n    __slots__ = ('a',)\nsa = SA(); sa.a = []", "sb = sa.a", "sb.append(1); sa.a", "sa.a.append(2); sc = [sa]", "sc[0].a is sb, sb"],
    "a generator": ["def ggen():\n    for i in range(9): yield i\ngg = ggen()", "next(gg)", "next(gg)", "gl = next(gg)", "next(gg), gl"],
    "iterators of one list": ["il = [1, 2, 3, 4]; ia = iter(il)", "next(ia); ib_ = iter(il); next(ib_)", "il.append(5); next(ia)", "list(ib_)", "list(ia), il"],
    "random numbers": ["import random; random.seed(3); rr = random.Random(1)", "rx = random.random()", "ry = rr.random(); rz = random.random()", "rs = rr", "rs is rr, rs.random(), random.random(), rx, ry"],
    "options": ["import numpy as np, decimal, warnings, os", "np.set_printoptions(precision=2)", "decimal.getcontext().prec = 5", "os.environ['NB_STORY'] = 'x'", "np.array([1.23456]), decimal.Decimal(1) / 3, os.environ['NB_STORY']"],
    "frames": ["import pandas as pd\npf = pd.DataFrame({'a': [1, 2]}); pg = pf", "pf.attrs['k'] = [1]; ps = pf['a']", "pg.loc[0, 'a'] = 9; ps.tolist()", "ph = pg.copy(deep=False); ph.loc[1, 'a'] = 7", "pf.a.tolist(), ph.a.tolist(), ps.tolist(), pg is pf, pf.attrs"],
    "a cached property": ["import functools\nclass PA:\n    @functools.cached_property\n    def v(self): return []\npa = PA()", "pa.v.append(1)", "pv = pa.v", "pv.append(2); pa.v", "pa.v is pv, pa.__dict__"],
    "weak references": ["import weakref\nclass WA: pass\nwx = WA(); ww = weakref.ref(wx)", "ww() is wx", "wy = wx; del wx", "ww() is wy", "del wy; ww() is None"],
    "views of a dict": ["kd = {'a': 1}; kk = kd.keys(); ki = kd.items()", "kd['b'] = 2", "list(kk)", "del kd['a']", "list(kk), list(ki)"],
    "chained maps": ["import collections\nxa = {'p': 1}; xm = collections.ChainMap({}, xa)", "xm['q'] = 2; xa['r'] = 3", "dict(xm)", "xm.maps[1] is xa", "xa.clear(); dict(xm)"],
    "a bound method": ["ml = []; mf = ml.append", "mf(1)", "mg = [mf]; ml", "mg[0](2)", "ml, mf.__self__ is ml"],
    "a metaclass": ["class TM(type):\n    made = []\n    def __call__(cls):\n        TM.made.append(cls.__name__)\n        return super().__call__()", "class TA(metaclass=TM): pass", "ta = TA(); TM.made", "tb = TA()", "TM.made, type(TA) is TM"],
    "a decorator with state": ["calls_ = []\ndef count(f):\n    def w(*a):\n        calls_.append(f.__name__)\n        return f(*a)\n    return w", "@count\ndef fa(v): return v", "fa(1); calls_", "del count; fa(2)", "calls_, fa.__name__"],
}  # fmt: skip

CHAPTERS = 5


def notebook() -> list[Cell]:
    """Return the cells of all stories, chapter by chapter."""
    return [
        Cell(f"{number}-{chapter}", chapters[chapter])
        for chapter in range(CHAPTERS)
        for number, chapters in enumerate(STORIES.values())
    ]


def test_every_story_goes_on_from_every_chapter_as_in_a_plain_run(tmp_path: Path) -> None:
    told = notebook()
    names = list(STORIES)
    with Kernel("plain", tmp_path) as kernel:
        plain = [kernel.run(cell).text for cell in told]
    store = tmp_path / "s"
    with Kernel("audit", tmp_path, store=store) as kernel:
        audit = [kernel.run(cell, position).text for position, cell in enumerate(told, 1)]
    wrong = [
        f"{names[i % len(names)]} in Audit: {b!r}, not {a!r}"
        for i, (a, b) in enumerate(zip(plain, audit, strict=True))
        if a != b
    ]
    for chapter in range(1, CHAPTERS):
        start = chapter * len(names)
        with Kernel("repeat", tmp_path, store=store) as kernel:
            kernel.run(f"%nbreplay restore {start}")
            for position in range(start, len(told)):
                cell = told[position]
                # Tagged so that it runs: what is tried is the restored state, not a record.
                shown = kernel.run(Cell(cell.id, cell.source, ("nbreplay-always",)), position + 1).text
                name = names[position % len(names)]
                if shown != plain[position] and "could not be kept" not in shown:
                    wrong.append(
                        f"{name} from chapter {chapter}, cell {cell.source!r}: {shown!r}, not {plain[position]!r}"
                    )
    assert wrong == [], "\n".join(wrong)
