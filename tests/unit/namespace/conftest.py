"""A store per test and the driver of cells."""

from __future__ import annotations

import importlib.util
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nbreplay.store import Store

_spec = importlib.util.spec_from_file_location("namespace_cells", Path(__file__).with_name("namespace_cells.py"))
namespace_cells = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(namespace_cells)


@pytest.fixture
def store(tmp_path):
    with closing(Store.open(tmp_path / "s")) as made:
        yield made


@pytest.fixture(autouse=True)
def own_main():
    """Cells take the place of ``__main__``; give it back."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def cells(store):
    return namespace_cells.Cells(store)


@pytest.fixture
def restored(store):
    """Return a function that goes to a manifest in a new namespace and loads everything."""
    return lambda manifest: namespace_cells.restored(store, manifest)


@pytest.fixture
def new_cells(store):
    return lambda run="again", **options: namespace_cells.Cells(store, run=run, **options)
