"""Readers and writers that open files in native code: their paths are taken from the call.

Each row of :data:`TABLE` names a function or a class as ``module:attribute``, the argument that holds the paths, and
what is done to them. Rows are applied when their module is imported; nothing is imported for them.
"""

from __future__ import annotations

import functools
import glob
import os
import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from nbreplay.files import runs
from nbreplay.files.callers import by_import_of_installed
from nbreplay.files.imports import when_imported
from nbreplay.files.paths import path_of
from nbreplay.files.scope import Scope


class Row(NamedTuple):
    """One function. *does*: ``read``, ``write``, ``mode`` (the argument *mode* decides) or ``hidden`` (refused)."""

    where: str
    argument: str = ""
    position: int = 0
    does: str = "read"
    mode: str = "mode"
    mode_position: int = 1
    default_mode: str = "r"


def _rows(does: str, argument: str, *where: str, position: int = 0) -> list[Row]:
    return [Row(name, argument, position, does) for name in where]


def _modes(argument: str, *where: str, position: int = 1, mode_position: int = 2, default: str = "r") -> list[Row]:
    return [Row(name, argument, position, "mode", "mode", mode_position, default) for name in where]


TABLE: tuple[Row, ...] = (
    *_modes("name", "h5py._hl.files:File.__init__"),
    *_modes("filename", "netCDF4:Dataset", position=0, mode_position=1),
    *_rows("read", "files", "netCDF4:MFDataset"),
    *_rows("read", "source", "pyarrow.parquet.core:read_table"),
    *_rows("read", "where", "pyarrow.parquet.core:read_metadata", "pyarrow.parquet.core:read_schema"),
    *_rows("read", "source", "pyarrow.parquet.core:ParquetFile.__init__", position=1),
    *_rows("read", "path_or_paths", "pyarrow.parquet.core:ParquetDataset.__init__", position=1),
    *_rows("write", "where", "pyarrow.parquet.core:ParquetWriter.__init__", position=1),
    *_rows("write", "where", "pyarrow.parquet.core:write_table", position=1),
    *_rows("write", "root_path", "pyarrow.parquet.core:write_to_dataset", position=1),
    *_rows("read", "input_file", "pyarrow.csv:read_csv", "pyarrow.csv:open_csv"),
    *_rows("read", "input_file", "pyarrow.json:read_json", "pyarrow.json:open_json"),
    *_rows("write", "output_file", "pyarrow.csv:write_csv", position=1),
    *_rows("read", "source", "pyarrow.feather:read_feather", "pyarrow.feather:read_table"),
    *_rows("write", "dest", "pyarrow.feather:write_feather", position=1),
    *_rows("read", "source", "pyarrow.orc:read_table", "pyarrow.dataset:dataset", "pyarrow.dataset:parquet_dataset"),
    *_rows("read", "source", "pyarrow.orc:ORCFile.__init__", position=1),
    *_rows("write", "where", "pyarrow.orc:write_table", position=1),
    *_rows("write", "where", "pyarrow.orc:ORCWriter.__init__", position=1),
    *_rows("write", "base_dir", "pyarrow.dataset:write_dataset", position=1),
    *_modes("path", "pyarrow:memory_map", position=0, mode_position=1),
    *_rows("write", "path", "pyarrow:create_memory_map"),
    *_modes("path", "pyarrow:OSFile", position=0, mode_position=1),
    *_rows("read", "source", "pyarrow:input_stream", "pyarrow.ipc:open_file", "pyarrow.ipc:open_stream"),
    *_rows("write", "source", "pyarrow:output_stream"),
    *_rows("write", "sink", "pyarrow.ipc:new_file", "pyarrow.ipc:new_stream"),
    *_rows("read", "path", "pandas:read_parquet", "pandas:read_feather", "pandas:read_orc"),
    *_rows("read", "path_or_buf", "pandas:read_hdf"),
    *_rows("write", "path", "pandas:DataFrame.to_parquet", "pandas:DataFrame.to_feather", position=1),
    *_rows("write", "path", "pandas:DataFrame.to_orc", position=1),
    *_rows("update", "path_or_buf", "pandas:DataFrame.to_hdf", "pandas:Series.to_hdf", position=1),
    *_modes("path", "pandas:HDFStore.__init__", position=1, mode_position=2, default="a"),
    *_modes("filename", "tables.file:open_file", position=0, mode_position=1),
    *_modes("fp", "rasterio:open", position=0, mode_position=1),
    *_modes("fp", "fiona:open", position=0, mode_position=1),
    *_rows("read", "filename", "geopandas:read_file"),
    *_rows("read", "path_or_buffer", "pyogrio:read_dataframe"),
    *_rows("read", "path", "uproot:open", "uproot.reading:open"),
    *_rows("read", "files", "uproot:iterate", "uproot:concatenate", "uproot:lazy", "uproot:dask"),
    *_rows("write", "file_path", "uproot:recreate", "uproot:create"),
    *_rows("update", "file_path", "uproot:update"),
    *_modes("store", "zarr:open", "zarr:open_array", position=0, mode_position=99, default="a"),
    *_modes("store", "zarr:open_group", position=0, mode_position=1, default="a"),
    *_rows("read", "store", "zarr:load", "zarr:open_consolidated"),
    *_rows("write", "store", "zarr:save", "zarr:save_array", "zarr:save_group"),
    *_rows("read", "filename_or_obj", "xarray:open_dataset", "xarray:open_dataarray"),
    *_rows("read", "filename_or_obj", "xarray:load_dataset", "xarray:load_dataarray"),
    *_rows("read", "paths", "xarray:open_mfdataset"),
    *_rows("read", "store", "xarray:open_zarr"),
    *_rows("write", "path", "xarray:Dataset.to_netcdf", "xarray:DataArray.to_netcdf", position=1),
    *_rows("update", "store", "xarray:Dataset.to_zarr", "xarray:DataArray.to_zarr", position=1),
    *_rows("read", "source", "polars:read_csv", "polars:read_parquet", "polars:read_ipc", "polars:read_ndjson"),
    *_rows("read", "source", "polars:scan_csv", "polars:scan_parquet", "polars:scan_ipc", "polars:scan_ndjson"),
    *_rows("write", "file", "polars:DataFrame.write_csv", "polars:DataFrame.write_parquet", position=1),
    *_rows("write", "file", "polars:DataFrame.write_ipc", "polars:DataFrame.write_ndjson", position=1),
    *_rows("write", "path", "polars:LazyFrame.sink_csv", "polars:LazyFrame.sink_parquet", position=1),
    *_rows("read", "filename", "cv2:imread", "cv2:imreadmulti"),
    *_rows("write", "filename", "cv2:imwrite"),
    *_modes("file", "dbm.gnu:open", "dbm.ndbm:open", position=0, mode_position=1),
    *_rows("hidden", "", "duckdb:connect", "duckdb:sql", "duckdb:query", "duckdb:execute", "osgeo.gdal:Open"),
)

_REMEDY = "copy it to a file beside the notebook first, or declare it with nbreplay.run(..., reads=...)"
_installed = [False]


def install() -> None:
    """Have every row applied once its module is there."""
    if _installed[0]:
        return
    _installed[0] = True
    by_module: dict[str, list[Row]] = {}
    for row in TABLE:
        by_module.setdefault(row.where.partition(":")[0], []).append(row)
    for name, rows in by_module.items():
        when_imported(name, functools.partial(_apply, rows=rows))
    from nbreplay.files import handles_open

    handles_open.install()


def _apply(module: ModuleType, rows: Iterable[Row]) -> None:
    for row in rows:
        replace(module, row.where.partition(":")[2], functools.partial(_wrap, row=row))


def replace(module: ModuleType, attribute: str, wrap: Callable[[Any], Any]) -> None:
    """Replace ``module.attribute`` (or ``Class.method`` in it) wherever it can be found by name. Missing: nothing."""
    owner: Any = module
    *path, name = attribute.split(".")
    for part in path:
        owner = getattr(owner, part, None)
    original = owner.__dict__.get(name) if isinstance(owner, type) else getattr(owner, name, None)
    if original is None or getattr(original, "__nbreplay_watched__", False):
        return
    wrapper = wrap(original)
    try:
        setattr(owner, name, wrapper)
    except TypeError:  # an extension type: its methods cannot be replaced
        return
    if isinstance(owner, type):
        return
    home = original.__module__ if isinstance(original.__module__, str) else ""
    top = module.__name__.partition(".")[0]
    for other_name, other in list(sys.modules.items()):
        # Every module of the library that offers it, the one that pickle looks into among them.
        offers = other_name in (home, top) or other_name.startswith(top + ".")
        if offers and isinstance(other, ModuleType) and other.__dict__.get(name) is original:
            setattr(other, name, wrapper)


def _wrap(original: Any, row: Row) -> Any:
    if isinstance(original, type):
        return _subclass(original, row)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if runs.active:
            runs.tell(_called, (row, args, kwargs))
        return original(*args, **kwargs)

    call.__nbreplay_watched__ = True  # type: ignore[attr-defined]
    return call


class _Same(type):
    """Makes ``isinstance`` and ``issubclass`` see through a stand-in for an extension type."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__nbreplay_original__)  # type: ignore[attr-defined]

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, cls.__nbreplay_original__)  # type: ignore[attr-defined]


def _subclass(original: type, row: Row) -> Any:
    """Stand in for an extension type; its instances are of the original's."""
    try:

        class Stand(original, metaclass=_Same):  # type: ignore[misc]
            __nbreplay_original__ = original
            __nbreplay_watched__ = True

            def __init__(self, *args: Any, **kwargs: Any) -> None:
                if runs.active:
                    runs.tell(_called, (row, args, kwargs))
                if original.__init__ is object.__init__:  # type: ignore[misc]
                    return  # a type of Cython's, whose arguments went to its constructor in C
                super().__init__(*args, **kwargs)

    except TypeError:  # a metaclass of its own, or no base class
        return original
    Stand.__name__, Stand.__qualname__ = original.__name__, original.__qualname__
    Stand.__module__, Stand.__doc__ = original.__module__, original.__doc__
    return Stand


# ---------------------------------------------------------------- at the call


def _called(scope: Scope, row: Row, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if row.does == "hidden":
        if not by_import_of_installed():
            scope.refuse(f"{row.where.replace(':', '.')} reads files that cannot be seen; {_REMEDY}")
        return
    if row.argument in kwargs:
        value = kwargs[row.argument]
    elif len(args) > row.position:
        value = args[row.position]
    else:
        return
    mode = "r"
    if row.does == "mode":
        mode = kwargs.get(row.mode, args[row.mode_position] if len(args) > row.mode_position else row.default_mode)
    does = row.does if row.does != "mode" else _kind(str(mode))
    for path in paths_in(scope, value, row.where.partition(":")[0].partition(".")[0]):
        if does == "read":
            scope.read_tree(path)
        else:
            scope.write_tree(path, blind=does == "write")


def _kind(mode: str) -> str:
    if "w" in mode or "x" in mode:
        return "write" if "-" not in mode and "x" not in mode else "update"
    return "update" if mode in ("a", "c", "n", "r+", "a+", "rb+", "r+b") else "read"


def paths_in(scope: Scope, value: Any, library: str) -> list[str]:
    """Return the absolute paths that an argument names; URLs and what cannot be understood are told to *scope*."""
    if isinstance(value, dict):  # uproot: {path: tree}
        value = list(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [path for item in value for path in paths_in(scope, item, library)]
    if not isinstance(value, (str, bytes, os.PathLike)):
        return []  # an open file, a buffer: its own opening was seen
    name = os.fsdecode(value)
    if library == "uproot" and ":" in name and not os.path.exists(name) and "://" not in name:
        name = name.rpartition(":")[0]  # file.root:tree
    url = urlsplit(name)
    if len(url.scheme) > 1 and "://" in name:
        if url.scheme not in ("file", "local"):
            scope.remote(f"{library} read {url.scheme}://{url.netloc}", _REMEDY)
            return []
        name = unquote(url.path)
    if name.startswith("file:"):
        name = name[5:]
    name = os.path.expanduser(name)
    if name in ("", ":memory:"):
        return []
    if glob.has_magic(name) and not os.path.lexists(name):
        folder = name
        while glob.has_magic(folder):
            folder = os.path.dirname(folder)
        found = path_of(folder or ".")
        if found is not None:
            scope.read(found)
        return [path for match in sorted(glob.glob(name, recursive=True)) if (path := path_of(match))]
    path = path_of(name)
    return [path] if path is not None else []
