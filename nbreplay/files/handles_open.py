"""Objects that keep a file open in native code and read from it later, perhaps in another run than opened it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from nbreplay.files import audit, runs
from nbreplay.files.imports import when_imported
from nbreplay.files.paths import path_of
from nbreplay.files.scope import Scope


def install() -> None:
    """Follow h5py datasets, xarray's file managers and Dask's Parquet fragments, once those are imported."""
    when_imported("multiprocessing.process", _follow_multiprocessing)
    when_imported("h5py._hl.dataset", _follow_h5py)
    when_imported("h5py._hl.group", _follow_h5py_group)
    when_imported("h5py._hl.attrs", _follow_h5py_attributes)
    when_imported("xarray.backends.file_manager", _follow_xarray)
    when_imported("dask.dataframe.dask_expr.io.parquet", _follow_dask_parquet)


def _replace(owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
    original = owner.__dict__.get(name)
    if original is not None and not getattr(original, "__nbreplay_watched__", False):
        wrapper = wrap(original)
        inner: Any = wrapper.__func__ if isinstance(wrapper, staticmethod) else wrapper
        inner.__nbreplay_watched__ = True
        setattr(owner, name, wrapper)


def _telling(original: Callable[..., Any], handler: Callable[..., None]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if runs.active:
            runs.tell(handler, (args, kwargs))
        return original(*args, **kwargs)

    return call


def _follow_h5py(module: ModuleType) -> None:
    for name, handler in (("__getitem__", _h5py_read), ("__setitem__", _h5py_write), ("read_direct", _h5py_read)):
        _replace(module.Dataset, name, functools.partial(_telling, handler=handler))
    _replace(module.Dataset, "__array__", functools.partial(_telling, handler=_h5py_read))
    _replace(module.Dataset, "write_direct", functools.partial(_telling, handler=_h5py_write))


def _follow_h5py_group(module: ModuleType) -> None:
    for name in ("__setitem__", "__delitem__", "create_dataset", "create_group", "move", "copy"):
        _replace(module.Group, name, functools.partial(_telling, handler=_h5py_write))
    for name in ("__getitem__", "get", "__iter__", "keys"):
        _replace(module.Group, name, functools.partial(_telling, handler=_h5py_read))


def _follow_h5py_attributes(module: ModuleType) -> None:
    for name in ("__setitem__", "__delitem__", "create", "modify"):
        _replace(module.AttributeManager, name, functools.partial(_telling, handler=_h5py_attribute_written))
    _replace(module.AttributeManager, "__getitem__", functools.partial(_telling, handler=_h5py_attribute_read))


def _h5py_name(identifier: Any) -> str | None:
    name = sys.modules["h5py"].h5f.get_name(identifier)
    return path_of(name) if name else None


def _h5py_attribute_read(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (path := _h5py_name(args[0]._id)) is not None:
        scope.read(path)


def _h5py_attribute_written(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (path := _h5py_name(args[0]._id)) is not None:
        scope.write(path, blind=False)


def _h5py_read(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (path := _h5py_name(args[0].id)) is not None:
        scope.read(path)


def _h5py_write(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if (path := _h5py_name(args[0].id)) is not None:
        scope.write(path, blind=False)


def _follow_multiprocessing(module: ModuleType) -> None:
    _replace(module.BaseProcess, "start", _starting)


def _starting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(self: Any) -> Any:
        if runs.active:
            runs.tell(audit.multiprocessing_starts, ())
        return original(self)

    return start


def _follow_xarray(module: ModuleType) -> None:
    for name in ("acquire", "acquire_context"):
        _replace(module.CachingFileManager, name, functools.partial(_telling, handler=_xarray_acquired))


def _xarray_acquired(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    manager = args[0]
    name = manager._args[0] if manager._args else None
    if isinstance(name, str) and "://" not in name and (path := path_of(name)) is not None:
        if getattr(manager, "_mode", "r") in ("r", None) or not isinstance(manager._mode, str):
            scope.read_tree(path)
        else:
            scope.write_tree(path, blind=manager._mode == "w")


def _follow_dask_parquet(module: ModuleType) -> None:
    reader = getattr(module, "ReadParquetPyarrowFS", None)
    if reader is not None:

        def wrap(original: Any) -> Any:
            return staticmethod(_telling(original.__func__, _fragment_read))

        _replace(reader, "_fragment_to_table", wrap)


def _fragment_read(scope: Scope, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    fragment = args[0] if args else next(iter(kwargs.values()))
    fragment = getattr(fragment, "fragment", fragment)
    if "Local" not in type(fragment.filesystem).__name__:
        if "SubTree" not in type(fragment.filesystem).__name__:
            scope.remote("dask read Parquet from a remote place", "copy it to a file beside the notebook first")
        return
    path = path_of(fragment.path)
    if path is not None:
        scope.read(path)
