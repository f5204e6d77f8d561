"""Local modules are walked like notebook code, installed ones go by name and version."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path
from textwrap import dedent

import pytest

from nbreplay.fingerprint import Mode, packages, walk

REPOSITORY = Path(__file__).parents[3]
HELPERS = """
import math
LIMIT = 3
OTHER = 1

def helper(x):
    return inner(x) + LIMIT

def inner(x):
    return math.floor(x)

def unrelated():
    return OTHER
"""


def made(source):
    module = types.ModuleType("__main__")
    exec(compile(dedent(source), "<cell>", "exec"), module.__dict__)
    return module.f


def task(value):
    found = walk(value, mode=Mode.TASK)
    assert not found.refusals
    return found.digest


@pytest.fixture
def local(tmp_path, monkeypatch):
    """Write a local module and load it anew; gives a function that does so again with other text."""
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"local_{abs(hash(str(tmp_path))) % 10**8}"

    def write(text, load=True):
        (tmp_path / f"{name}.py").write_text(text)
        sys.modules.pop(name, None)
        importlib.invalidate_caches()
        for cached in tmp_path.glob("__pycache__/*"):
            cached.unlink()
        if load:
            importlib.import_module(name)
        return name

    yield write
    sys.modules.pop(name, None)


WAYS = {
    "attribute of the module": "import {m}\ndef f(x): return {m}.helper(x)",
    "from import": "from {m} import helper\ndef f(x): return helper(x)",
    "inside": "def f(x):\n    import {m}\n    return {m}.helper(x)",
    "from import inside": "def f(x):\n    from {m} import helper as h\n    return h(x)",
    "alias inside": "def f(x):\n    import {m} as m\n    return m.helper(x)",
    "the function itself": "from {m} import helper as f",
    "the module as a value": "import {m}\ndef f(x, m={m}): return m.helper(x)",
    "handed on": "import {m}\ndef g(m, x): return m.helper(x)\ndef f(x): return g({m}, x)",
}


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_of_what_is_used_is_seen(local, way):
    name = local(HELPERS)
    source = WAYS[way].format(m=name)
    before = task(made(source))
    local("# a comment\n\n" + HELPERS.replace("return inner(x)", "'doc'\n    return inner(x)"))
    assert task(made(source)) == before
    for old, new in [("math.floor", "math.ceil"), ("LIMIT = 3", "LIMIT = 4"), ("+ LIMIT", "- LIMIT")]:
        local(HELPERS.replace(old, new))
        assert task(made(source)) != before, new


@pytest.mark.parametrize("way", ["attribute of the module", "from import", "inside", "the function itself"])
def test_an_edit_of_something_else_is_not(local, way):
    name = local(HELPERS)
    source = WAYS[way].format(m=name)
    before = task(made(source))
    local(HELPERS.replace("OTHER = 1", "OTHER = 2"))
    assert task(made(source)) == before


def test_a_constant_of_a_local_module_counts(local):
    name = local(HELPERS)
    source = f"import {name}\ndef f(): return {name}.LIMIT"
    before = task(made(source))
    local(HELPERS.replace("LIMIT = 3", "LIMIT = 5"))
    assert task(made(source)) != before


def test_the_loaded_code_counts_not_the_file(local, tmp_path):
    name = local(HELPERS)
    source = f"import {name}\ndef f(x): return {name}.helper(x)"
    before = task(made(source))
    (tmp_path / f"{name}.py").write_text(HELPERS.replace("+ LIMIT", "* LIMIT"))
    assert task(made(source)) == before


def test_a_module_that_is_not_loaded_counts_by_its_source_and_is_not_loaded(local):
    name = local(HELPERS, load=False)
    source = f"def f(x):\n    import {name}\n    return {name}.helper(x)"
    before = task(made(source))
    assert name not in sys.modules
    local(HELPERS.replace("+ LIMIT", "* LIMIT"), load=False)
    assert task(made(source)) != before


def test_a_module_that_is_not_there_has_a_fingerprint_all_the_same():
    assert task(made("def f():\n    import no_such_module_at_all\n    return no_such_module_at_all.x"))


def test_a_class_of_a_local_module_counts(local):
    name = local("class A:\n    def m(self): return 1\n")
    source = f"import {name}\nf = {name}.A()"
    before = task(made(source))
    local("class A:\n    def m(self): return 2\n")
    assert task(made(source)) != before


def test_refusals_in_local_modules_are_found(local):
    name = local("import time\ndef helper(x): return time.time()\n")
    assert walk(made(f"import {name}\ndef f(x): return {name}.helper(x)"), mode=Mode.TASK).refusals


def test_the_names_of_distributions_are_found():
    import numpy as np
    import pandas as pd

    assert packages.installed("numpy.linalg").name == "numpy"
    assert packages.installed("pandas").version == pd.__version__
    assert packages.installed("math").name == packages.installed("json.decoder").name == "python"
    assert packages.installed("dateutil").name == "python-dateutil"
    assert packages.installed("__main__") is None
    assert packages.version_of("numpy") == np.__version__
    assert packages.version_of("no_such_module") == packages.version_of("os") == ""


def test_a_library_function_goes_by_name_only_if_it_is_that_function():
    import json

    from nbreplay.fingerprint.packages import find

    assert find("json", "dumps") is json.dumps
    before = task(json.dumps)
    real = json.dumps

    def fake(x):
        return real(x)

    fake.__module__, fake.__qualname__, fake.__name__ = "json", "dumps", "dumps"
    assert task(fake) != before


def test_a_library_version_counts(monkeypatch):
    before = task(made("import toolz\ndef f(x): return toolz.first(x)"))
    monkeypatch.setattr(packages, "installed", lambda name: packages.Installed("toolz", "99"))
    assert task(made("import toolz\ndef f(x): return toolz.first(x)")) != before


def test_editable_installs_are_walked_in_every_process(local, tmp_path):
    name = local(HELPERS)
    program = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(REPOSITORY)!r}]\n"
        f"import {name}, pickle\nfrom nbreplay.fingerprint import Mode, walk\n"
        f"print(walk(pickle.loads(open({str(tmp_path / 'f')!r}, 'rb').read()), mode=Mode.TASK).digest)"
    )
    (tmp_path / "f").write_bytes(pickle.dumps(sys.modules[name].helper))
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "5"},
    )
    assert answer.stdout.strip() == task(sys.modules[name].helper)


def test_versions_are_those_that_the_installed_packages_say():
    names = {found.metadata["Name"] for found in importlib.metadata.distributions()}
    assert names
    versions = {name: importlib.metadata.version(name) for name in names}
    assert {name: packages._version(name) for name in names} == versions
    assert packages._version("no-such-distribution") is None
