"""Values that reach code of a local module differ when the files of that module do."""

from __future__ import annotations

import functools
import importlib
import sys
from types import ModuleType

import pytest

from nbreplay.files import FileDigests
from nbreplay.fingerprint import Mode, packages, walk
from nbreplay.replay.local_modules import LocalModules

HELPER = """\
import far_rates

def scaled(x):
    return far_rates.times(x, 2)

class Scale:
    by = 2
    def of(self, x):
        return x * 2
"""
FAR = "def times(x, n):\n    return x * n\n"

VALUES = {
    "a function": lambda m: m.scaled,
    "a function in a list": lambda m: [m.scaled],
    "a partial": lambda m: functools.partial(m.scaled, 3),
    "a class": lambda m: m.Scale,
    "an instance": lambda m: m.Scale(),
    "a bound method": lambda m: m.Scale().of,
    "an instance in a dict": lambda m: {"scale": m.Scale()},
}
EDITS = {
    "the file": ("near_helper.py", HELPER.replace("2", "3")),
    "a file that it imports": ("far_rates.py", FAR.replace("x * n", "x * n + 1")),
}


@pytest.fixture
def session(tmp_path, monkeypatch):
    """Files of two modules beside a notebook, and a function that begins a session: the module as loaded now."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(packages, "_stamps", [])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "near_helper.py").write_text(HELPER)
    (tmp_path / "far_rates.py").write_text(FAR)

    def begin() -> ModuleType:
        for name in ("near_helper", "far_rates"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        modules = LocalModules(FileDigests(0.0), tmp_path)
        module = importlib.import_module("near_helper")
        modules.refresh()
        packages.stamp_by(modules.stamp)
        return module

    yield begin
    for name in ("near_helper", "far_rates"):
        sys.modules.pop(name, None)


def digest(value):
    return walk(value, mode=Mode.NAMESPACE, home={}).digest


@pytest.mark.parametrize("what", VALUES)
def test_a_value_is_the_same_in_two_sessions_with_the_same_files(session, what):
    assert digest(VALUES[what](session())) == digest(VALUES[what](session()))


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("what", VALUES)
def test_a_value_that_reaches_code_of_an_edited_file_differs(session, tmp_path, what, edit):
    before = digest(VALUES[what](session()))
    name, source = EDITS[edit]
    (tmp_path / name).write_text(source)
    assert digest(VALUES[what](session())) != before


def test_a_file_that_is_edited_after_it_was_loaded_changes_nothing_until_it_is_loaded_again(session, tmp_path):
    module = session()
    before = digest(module.scaled)
    (tmp_path / "near_helper.py").write_text(HELPER.replace("2", "4"))
    assert digest(module.scaled) == before


def test_values_without_code_do_not_care(session, tmp_path):
    session()
    before = digest([1, "two", {"three": 3.0}])
    (tmp_path / "near_helper.py").write_text(HELPER.replace("2", "4"))
    session()
    assert digest([1, "two", {"three": 3.0}]) == before
