"""Single types of the standard library: how their objects are reduced to parts, and made again from them.

The second half, what is made again, is named in streams: a function there keeps its name and its parameters.
"""

from __future__ import annotations

import functools
import marshal
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


_NEW_TYPE: Any = typing.NewType


def reduce_typevar(variable: Any) -> Reduced:
    """A type variable or one of its kin, by its parts."""
    if type(variable) is _NEW_TYPE:
        return make_newtype, (variable.__name__, variable.__supertype__, variable.__qualname__, variable.__module__)
    if isinstance(variable, typing.ParamSpec | typing.TypeVarTuple):
        says = ("__bound__", "__covariant__", "__contravariant__") if isinstance(variable, typing.ParamSpec) else ()
        arguments = {name.strip("_"): getattr(variable, name) for name in says}
        return make_parameters, (type(variable), variable.__name__, arguments, variable.__module__)
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


def _weak(value: Any) -> Reduced:
    return make_weak, (value(), value.__callback__)


def _weak_method(value: Any) -> Reduced:
    method = value()
    return (make_weak, (None,)) if method is None else (weakref.WeakMethod, (method,))


def referent_of(proxy: Any) -> Any:
    """Return what a weak proxy stands for, None if it is gone."""
    try:
        return proxy.__sizeof__.__self__
    except ReferenceError:
        return None


def _proxy(value: Any) -> Reduced:
    return make_proxy, (referent_of(value),)


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


BY_TYPE: dict[type, Callable[[Any], Any]] = {
    types.MethodType: lambda method: (types.MethodType, (method.__func__, method.__self__)),
    types.CellType: functions.reduce_cell,
    property: _property,
    classmethod: lambda value: (classmethod, (value.__func__,)),
    staticmethod: lambda value: (staticmethod, (value.__func__,)),
    types.CodeType: lambda code: (load_code, (marshal.dumps(code),)),
    type(functools.lru_cache(lambda: None)): _lru_cache,
    type(threading.Lock()): _lock,
    weakref.ref: _weak,
    weakref.WeakMethod: _weak_method,
    weakref.ProxyType: _proxy,
    weakref.CallableProxyType: _proxy,
    weakref.WeakValueDictionary: lambda value: (make_weak_values, (list(value.items()),)),
    weakref.WeakKeyDictionary: lambda value: (make_weak_keys, (list(value.items()),)),
    weakref.WeakSet: lambda value: (make_weak_set, (list(value),)),
    memoryview: _memoryview,
    struct.Struct: lambda value: (struct.Struct, (value.format,)),
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


def make_newtype(name: str, supertype: Any, qualname: str, module: str) -> Any:
    made = _NEW_TYPE(name, supertype)
    made.__qualname__, made.__module__ = qualname, module
    return made


def make_parameters(kind: Any, name: str, arguments: dict[str, Any], module: str) -> Any:
    made = kind(name, **arguments)
    made.__module__ = module
    return made


def make_lru_cache(function: Any, maxsize: int | None, typed: bool, state: dict[str, Any]) -> Any:
    made = functools.lru_cache(maxsize, typed)(function)
    vars(made).update(state)
    return made


def make_lock(locked: bool) -> Any:
    lock = threading.Lock()
    if locked:
        lock.acquire()
    return lock


def make_weak(referent: Any, callback: Any = None) -> Any:
    if referent is None:
        return weakref.ref(type("Gone", (), {})())
    return weakref.ref(referent, callback)


def make_proxy(referent: Any) -> Any:
    if referent is None:
        return weakref.proxy(type("Gone", (), {})())
    return weakref.proxy(referent)


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


def method_of(cls: type, name: str) -> Any:
    value = vars(cls)[name]
    return getattr(value, "__func__", value)
