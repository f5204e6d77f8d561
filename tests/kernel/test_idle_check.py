"""While a kernel is idle, another process loads values again: what is not what it was is made again by its cell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest

LIARS = """
import functools
def make(kind):
    return kind()
class Lies:
    def __init__(self): self.secret = [1, 2]
    def __reduce__(self): return (Lies, ())
class Forgets:
    def __init__(self): self.n = 1; self.cache = {}
    def __getstate__(self): return {'n': self.n}
    def __setstate__(self, state): self.__dict__.update(state)
class Honest:
    def __init__(self): self.n = [1]; self.me = self
"""
VALUES = [
    "lies = Lies(); lies.secret.append(3)",
    "forgets = {'f': Forgets()}; forgets['f'].cache['x'] = 1",
    "honest = [Honest()]; alias = honest[0].n; import numpy as np; a = np.arange(9.0); v = a[2:4]\n"
    "import random, decimal, collections; r = random.Random(3); d = decimal.Decimal('1.5'); s = {1, 'b', (2, 3)}\n"
    "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        return n\n"
    "    return step\n"
    "step = counter(); step(); c = collections.Counter('abca'); f = functools.partial(make, kind=Honest)",
    "import pandas as pd; df = pd.DataFrame({'x': [1, 2], 'y': ['a', 'b']}); col = df['x']",
]


def compared(kernel, at_least):
    """Return what the status says once *at_least* values were compared."""
    deadline = time.monotonic() + 60
    while True:
        shown = kernel.run("%nbreplay status").outputs[-1]["data"]["text/plain"]
        found = re.search(r"(\d+) values were loaded again", shown)
        if found and int(found[1]) >= at_least:
            return shown
        assert time.monotonic() < deadline, shown
        time.sleep(0.3)


@pytest.fixture(scope="module")
def folder(launched, tmp_path_factory):
    folder = tmp_path_factory.mktemp("idle")
    kernel = launched("nbreplay-audit", folder, NBREPLAY_STORE=str(folder / "s.nbreplay"))
    for source in [LIARS, *VALUES]:
        assert kernel.run(source).cell["saved"] is True
    (folder / "status").write_text(compared(kernel, 14))
    kernel.run("after = 1")
    kernel.stop()
    return folder


def test_values_whose_pickle_lies_are_found_and_honest_ones_are_not(folder):
    shown = (folder / "status").read_text()
    doubts = {line.split(":")[0] for line in shown.splitlines() if "made again where needed" in line}
    assert doubts == {"lies", "forgets"}


def test_what_lied_is_made_again_by_its_cell_and_never_loaded(folder, launched):
    kernel = launched("nbreplay-repeat", folder, NBREPLAY_STORE=str(folder / "s.nbreplay"))
    kernel.run("%nbreplay restore 6")
    answer = kernel.run("print(honest[0].n is alias, v.base is a, step())")
    assert answer.text() == "True True 2\n"
    answer = kernel.run("print(lies.secret)")
    assert answer.text() == "[1, 2, 3]\n" or "Lies could not be kept" in answer.content["evalue"]
    kernel.stop()


def test_an_unwatched_store_is_found_to_lie_by_verify_deep(launched, tmp_path):
    kernel = launched("nbreplay-audit", tmp_path, NBREPLAY_STORE=str(tmp_path / "s.nbreplay"))
    kernel.run_all(LIARS, VALUES[0])
    kernel.stop()  # at once: it had no time to look
    assert doubted(tmp_path) == {("lies",)}


def doubted(folder):
    """Return the names that ``nbreplay verify --deep`` lists."""
    environment = {**os.environ, "NBREPLAY_KEY_FILE": str(folder / "key"), "NBREPLAY_STORE": str(folder / "s.nbreplay")}
    notebook = folder / "walk.ipynb"
    notebook.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    done = subprocess.run(
        [sys.executable, "-m", "nbreplay", "verify", str(notebook), "--deep", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 12, done.stderr
    return {tuple(doubt["names"]) for doubt in json.loads(done.stdout)["doubts"]}


def test_verify_deep_lists_what_the_kernel_found_before(folder):
    assert doubted(folder) == {("lies",), ("forgets",)}
