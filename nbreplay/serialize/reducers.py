"""Single types of the standard library: how their objects are reduced to parts, and made again from them.

The second half, what is made again, is named in streams: a function there keeps its name and its parameters.
"""

from __future__ import annotations

import functools
import io
import marshal
import os
import struct
import sys
import threading
import types
import typing
import weakref
from collections.abc import Callable
from typing import Any

from nbreplay.serialize import functions
from nbreplay.serialize.functions import Reduced, importable

_singletons: dict[str, tuple[int, dict[int, str]]] = {}
"""By module: how many names it had when it was looked through, and its instances' names by id."""


def reduce_module(module: types.ModuleType) -> Reduced:
    """A module is what an import of its name gives."""
    if sys.modules.get(module.__name__) is not module or module.__name__ == "__main__":
        raise TypeError(f"module {module.__name__} was not imported")
    return import_module, (module.__name__,)


def reduce_typevar(variable: typing.TypeVar) -> Reduced:
    """A type variable, by its parts."""
    return (
        make_typevar,
        (
            variable.__name__,
            variable.__constraints__,
            variable.__bound__,
            variable.__covariant__,
            variable.__contravariant__,
            variable.__module__,
        ),
    )


def reduce_singleton(obj: Any) -> Reduced | None:
    """An instance that its class's module holds, a sentinel or default: it is its identity. None: it is none."""
    home = type(obj).__module__
    if home == "__main__":
        return None
    name = _instances_of(home).get(id(obj))
    if name is None or getattr(sys.modules[home], name, None) is not obj:
        return None
    return attribute_of, (home, name)


def _instances_of(module_name: str) -> dict[int, str]:
    """Return the names of the instances that a module holds of its own classes, by id."""
    module = sys.modules.get(module_name)
    if module is None:
        return {}
    names = vars(module)
    known = _singletons.get(module_name)
    if known is None or known[0] != len(names):
        found = {id(value): name for name, value in list(names.items()) if type(value).__module__ == module_name}
        known = _singletons[module_name] = (len(names), found)
    return known[1]


def _property(value: property) -> Reduced:
    return property, (value.fget, value.fset, value.fdel, value.__doc__)


def _lru_cache(value: Any) -> Any:
    if importable(value):
        return NotImplemented
    # The memo itself is not kept: it only saves time, and the function gives the same again.
    parameters = value.cache_parameters()
    state = {k: v for k, v in vars(value).items() if k not in ("__wrapped__", "cache_parameters")}
    return make_lru_cache, (value.__wrapped__, parameters["maxsize"], parameters["typed"], state)


def _lock(value: Any) -> Reduced:
    return make_lock, (value.locked(),)


def _rlock(value: Any) -> Reduced:
    return threading.RLock, ()


def _weak(value: Any) -> Reduced:
    return make_weak, (value(),)


def _memoryview(value: memoryview) -> Reduced:
    with memoryview(value.obj) as whole:
        if not value.contiguous or not whole.contiguous:
            raise TypeError("a memoryview of a part of another object")
        start = _address_of(value) - _address_of(whole) if value.nbytes else 0
        if not 0 <= start <= start + value.nbytes <= whole.nbytes:
            raise TypeError("a memoryview of something else than its object")
        part = (start, value.nbytes) if value.nbytes != whole.nbytes else None
    return make_memoryview, (value.obj, value.format, tuple(value.shape or ()), value.readonly, part)


def _address_of(value: memoryview) -> int:
    """Return where the memory of *value*, which is contiguous, begins."""
    import ctypes

    described = (ctypes.c_void_p * 16)()  # a Py_buffer and more; its first field is the address
    get, release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
    strided = 0x18  # PyBUF_STRIDES: of any layout, and it need not be writable
    get(ctypes.py_object(value), ctypes.byref(described), ctypes.c_int(strided))
    try:
        return described[0] or 0
    finally:
        release(ctypes.byref(described))


def _file(value: Any) -> Reduced:
    if value.closed:
        raise TypeError("a closed file")
    mode = getattr(value, "mode", "")
    path = getattr(value, "name", None)
    if not isinstance(path, str) or "r" not in str(mode) or "+" in str(mode):
        raise TypeError(f"an open file in mode {mode!r}")
    stat = os.stat(path)
    encoding = getattr(value, "encoding", None)
    return reopen, (os.path.abspath(path), mode, encoding, value.tell(), stat.st_size, stat.st_mtime_ns)


BY_TYPE: dict[type, Callable[[Any], Any]] = {
    types.MethodType: lambda method: (types.MethodType, (method.__func__, method.__self__)),
    types.CellType: functions.reduce_cell,
    property: _property,
    classmethod: lambda value: (classmethod, (value.__func__,)),
    staticmethod: lambda value: (staticmethod, (value.__func__,)),
    types.MappingProxyType: lambda value: (types.MappingProxyType, (dict(value),)),
    types.CodeType: lambda code: (load_code, (marshal.dumps(code),)),
    type(functools.lru_cache(lambda: None)): _lru_cache,
    type(threading.Lock()): _lock,
    type(threading.RLock()): _rlock,
    weakref.ref: _weak,
    weakref.WeakValueDictionary: lambda value: (make_weak_values, (list(value.items()),)),
    weakref.WeakKeyDictionary: lambda value: (make_weak_keys, (list(value.items()),)),
    weakref.WeakSet: lambda value: (make_weak_set, (list(value),)),
    memoryview: _memoryview,
    struct.Struct: lambda value: (struct.Struct, (value.format,)),
    io.TextIOWrapper: _file,
    io.BufferedReader: _file,
    type({}.keys()): lambda value: (dict_view, (value.mapping.copy(), "keys")),
    type({}.values()): lambda value: (dict_view, (value.mapping.copy(), "values")),
    type({}.items()): lambda value: (dict_view, (value.mapping.copy(), "items")),
}
"""Types whose objects are reduced the same in every dump; NotImplemented: in pickle's own way."""


# ---------------------------------------------------------------- named in streams


def import_module(name: str) -> types.ModuleType:
    __import__(name)
    return sys.modules[name]


def load_code(data: bytes) -> Any:
    return marshal.loads(data)


def make_typevar(name: str, constraints: Any, bound: Any, covariant: bool, contravariant: bool, module: str) -> Any:
    kind: Any = typing.TypeVar
    variable = kind(name, *constraints, bound=bound, covariant=covariant, contravariant=contravariant)
    variable.__module__ = module
    return variable


def make_lru_cache(function: Any, maxsize: int | None, typed: bool, state: dict[str, Any]) -> Any:
    made = functools.lru_cache(maxsize, typed)(function)
    vars(made).update(state)
    return made


def make_lock(locked: bool) -> Any:
    lock = threading.Lock()
    if locked:
        lock.acquire()
    return lock


def make_weak(referent: Any) -> Any:
    if referent is None:
        return weakref.ref(type("Gone", (), {})())
    return weakref.ref(referent)


def make_weak_values(items: list[Any]) -> Any:
    return weakref.WeakValueDictionary(items)


def make_weak_keys(items: list[Any]) -> Any:
    return weakref.WeakKeyDictionary(items)


def make_weak_set(items: list[Any]) -> Any:
    return weakref.WeakSet(items)


def attribute_of(module: str, name: str) -> Any:
    __import__(module)
    return getattr(sys.modules[module], name)


def make_memoryview(
    obj: Any, kind: str, shape: tuple[int, ...], readonly: bool, part: tuple[int, int] | None = None
) -> memoryview:
    made = memoryview(obj)
    if part is not None:
        made = made.cast("B")[part[0] : part[0] + part[1]]
    if (made.format, tuple(made.shape or ())) != (kind, shape):
        made = made.cast("B").cast(kind, shape)  # type: ignore[call-overload]  # any native format
    return made.toreadonly() if readonly else made


def dict_view(mapping: dict[Any, Any], name: str) -> Any:
    return getattr(mapping, name)()


def reopen(path: str, mode: str, encoding: str | None, position: int, size_bytes: int, mtime_ns: int) -> Any:
    stat = os.stat(path)
    if (stat.st_size, stat.st_mtime_ns) != (size_bytes, mtime_ns):
        raise OSError(f"{path} is not the file that was open")
    opened = open(path, mode, encoding=encoding)  # noqa: SIM115  # it is the user's open file
    opened.seek(position)
    return opened


def method_of(cls: type, name: str) -> Any:
    value = vars(cls)[name]
    return getattr(value, "__func__", value)
