"""Objects of libraries that hold the path of a file: below the notebook's folder the path counts relative to it.

As for plain arguments (:mod:`~nbreplay.tasks.literal`): a moved folder still hits, and a result that holds the folder's
own name is bound to its place. What only tells one process's objects apart is left out.
"""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbreplay.fingerprint.atoms import InPlace, register_atom

_walk = threading.local()


class Met:
    """Whether a path below the folder was met."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.path = False


@contextmanager
def relative_to(root: Path | None) -> Iterator[Met]:
    """Let paths in objects that this thread walks be relative to *root*."""
    before = getattr(_walk, "met", None)
    _walk.met = Met("" if root is None else os.path.abspath(root))
    try:
        yield _walk.met
    finally:
        _walk.met = before


def relative(path: Any) -> Any:
    """Return what stands for *path*, anything else as it is."""
    met = getattr(_walk, "met", None)
    if met is None or not met.root or not isinstance(path, str):
        return path
    if path != met.root and not path.startswith(met.root + "/"):
        return path
    met.path = True
    return ("below the folder", path[len(met.root) :])


def _state(one: Any, paths: tuple[str, ...], without: tuple[str, ...] = ()) -> InPlace:
    names = set(getattr(one, "__dict__", ()))
    for kind in type(one).__mro__:
        slots = vars(kind).get("__slots__", ())
        names.update((slots,) if isinstance(slots, str) else slots)
    names -= {"__dict__", "__weakref__", *without}
    state = {name: getattr(one, name) for name in sorted(names) if hasattr(one, name)}
    return _by_tag(type(one).__qualname__, {k: relative(v) if k in paths else v for k, v in state.items()})


def _by_tag(tag: str, *values: Any) -> InPlace:
    """A library's class is its name here; what the class belongs to is not looked at."""
    return InPlace(tag, values, typed=False)


def _file_manager(one: Any) -> InPlace:
    """Of xarray; its id is drawn anew for each, its lock and its cache are this process's."""
    return _by_tag("file manager", one._opener, tuple(map(relative, one._args)), one._mode, one._kwargs)


def _open_file(one: Any) -> InPlace:
    """Of fsspec: a file to be opened, not one that is open."""
    given = (one.fs, relative(one.path), one.mode, one.compression, one.encoding, one.errors, one.newline)
    return _by_tag("file to be opened", *given)


def _fragment(one: Any) -> InPlace:
    """Of a Parquet file, as Dask sends it."""
    if one._fragment_packed is None:
        one = copy.copy(one)  # packing takes the fragment away
        one.pack()
    form, path, *rest = one._fragment_packed
    return _by_tag("fragment", form, relative(path), *rest)


register_atom("xarray.backends.file_manager:CachingFileManager", _file_manager)
for _store in ("h5netcdf_:H5NetCDFStore", "netCDF4_:NetCDF4DataStore", "scipy_:ScipyDataStore"):
    register_atom(f"xarray.backends.{_store}", lambda one: _state(one, (), ("_filename", "lock")))
register_atom("fsspec.core:OpenFile", _open_file)
register_atom("dask.dataframe.dask_expr.io.parquet:FragmentWrapper", _fragment)
register_atom("dask.dataframe.io.parquet.core:ToParquetFunctionWrapper", lambda one: _state(one, ("path",)))
