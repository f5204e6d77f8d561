"""How objects become parts of a stream where pickle alone is wrong, or knows no way.

Everything the streams name (``fetch``, ``view``, ``make_class`` ...) is a function of this package at module level.
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

from nbreplay.serialize import classes, frames, functions
from nbreplay.serialize.arrays import Memories, Memory
from nbreplay.serialize.functions import Reduced, importable
from nbreplay.serialize.session import Session, current, fetch
from nbreplay.serialize.standin import Refused, stand_in

HANDLES: list[Callable[[Any], Reduced | None]] = []
"""Reducers of handles, asked first for objects of no known type; layers above put theirs here."""


class Reducers:
    """The ``reducer_override`` of one dump.

    Parameters
    ----------
    session : Session
        Which definitions are which.
    inline : set of str
        Lineages that this stream holds; all others are referred to.
    refused : list, optional
        If given, an object that cannot be reduced is left out, noted here, and gets a stand-in.
    poll : callable, optional
        Called now and then; may raise to end the dump.
    """

    def __init__(
        self,
        session: Session,
        inline: set[str],
        refused: list[Refused] | None = None,
        poll: Callable[[], None] | None = None,
    ) -> None:
        self.session = session
        self.inline = inline
        self.refused = refused
        self.poll = poll
        self.memories = Memories(session)
        self.modules: set[str] = set()
        self.needs: set[str] = set()
        self.held: list[Any] = []
        self._calls = 0

    def persistent_id(self, obj: Any) -> str | None:
        """The live namespace itself is never written."""
        return "home" if obj is self.session.home else None

    def reduce(self, obj: Any) -> Any:
        """Return how *obj* is made again, or NotImplemented for pickle's own way."""
        self._calls += 1
        if self.poll is not None and not self._calls & 0xF:  # often: a __reduce__ of the user's may be slow
            self.poll()
        if self.refused is None:
            return self._reduce(obj)
        return self._reduce_or_refuse(obj)

    def _reduce(self, obj: Any) -> Any:
        kind = type(obj)
        reducer = _BY_TYPE.get(kind)
        if reducer is not None:
            return reducer(self, obj)
        if isinstance(obj, type):
            return self.reduce_type(obj)
        top = kind.__module__.partition(".")[0]
        if top == "numpy":
            self.modules.add("numpy")
            if isinstance(obj, sys.modules["numpy"].ndarray):
                return self.memories.reduce(obj)
        elif top == "pandas":
            name = kind.__name__
            if name.endswith("Block"):
                return frames.reduce_block(obj)
            if name == "SingleBlockManager":
                return frames.reduce_single(obj)
        for handle in HANDLES:
            found = handle(obj)
            if found is not None:
                return found
        if kind.__module__ != "__main__":
            held = singletons(kind.__module__).get(id(obj))
            if held is not None and getattr(sys.modules[kind.__module__], held, None) is obj:
                return attribute_of, (kind.__module__, held)
        return NotImplemented

    def reduce_type(self, cls: type) -> Any:
        """A class: by name if an import gives it, else by lineage."""
        if importable(cls):
            self.modules.add(cls.__module__)
            return NotImplemented
        builtin = classes.reduce_builtin(cls)
        if builtin is not None:
            return builtin
        return self._definition(cls, lambda lineage: classes.reduce_class(cls, lineage))

    def reduce_function(self, function: types.FunctionType) -> Any:
        """A function: by name, as a method of its class, by lineage, or as data."""
        if importable(function):
            self.modules.add(function.__module__)
            return NotImplemented
        session = self.session
        owner = session.methods.get(id(function))
        if owner is not None and session.lineage(function) is None:
            lineage = session.lineage(owner[0])
            if lineage is not None and lineage not in self.inline:
                return method_of, owner
            return functions.reduce_function(function, session)
        if functions.plain(function):
            return self._definition(function, lambda lineage: functions.reduce_function(function, session))
        return functions.reduce_function(function, session)

    def reduce_typevar(self, variable: Any) -> Any:
        """A type variable is its identity."""
        if importable(variable, variable.__name__):
            return NotImplemented
        return self._definition(variable, lambda lineage: _typevar(variable))

    def _definition(self, obj: Any, by_value: Callable[[str], Reduced]) -> Any:
        lineage = self.session.adopt(obj)
        if lineage in self.inline:
            return by_value(lineage)
        self.needs.add(lineage)
        return fetch, (lineage,)

    def _reduce_or_refuse(self, obj: Any) -> Any:
        """Try everything here, pickle's own way included, so that one object that refuses costs only itself."""
        try:
            found = self._reduce(obj)
            if found is NotImplemented and not isinstance(obj, type | types.FunctionType):
                found = obj.__reduce_ex__(5)
            if isinstance(found, str) and not importable(obj, found):
                raise TypeError(f"{found} is not what an import gives")
        except RecursionError:
            raise
        except Exception as e:  # noqa: BLE001  # any code of the user's may run here
            refused = Refused(type_name=type_name(obj), reason=f"{type(e).__name__}: {e}"[:300])
            assert self.refused is not None  # asked for, or this is not called
            self.refused.append(refused)
            return stand_in, (refused.type_name, refused.reason)
        return found


_singletons: dict[str, tuple[int, dict[int, str]]] = {}


def singletons(module_name: str) -> dict[int, str]:
    """Return the names of the instances that a module holds, by id: sentinels and defaults are their identity."""
    module = sys.modules.get(module_name)
    if module is None:
        return {}
    names = vars(module)
    known = _singletons.get(module_name)
    if known is None or known[0] != len(names):
        found = {id(value): name for name, value in list(names.items()) if type(value).__module__ == module_name}
        known = _singletons[module_name] = (len(names), found)
    return known[1]


def type_name(obj: Any) -> str:
    """Return how a user calls the type of *obj*."""
    kind = type(obj)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )


# ---------------------------------------------------------------- single types


def _module(reducers: Reducers, module: types.ModuleType) -> Any:
    if sys.modules.get(module.__name__) is not module or module.__name__ == "__main__":
        raise TypeError(f"module {module.__name__} was not imported")
    reducers.modules.add(module.__name__)
    return import_module, (module.__name__,)


def _typevar(variable: Any) -> Reduced:
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


def _property(reducers: Reducers, value: property) -> Reduced:
    return property, (value.fget, value.fset, value.fdel, value.__doc__)


def _lru_cache(reducers: Reducers, value: Any) -> Any:
    if importable(value):
        return NotImplemented
    # The memo itself is not kept: it only saves time, and the function gives the same again.
    parameters = value.cache_parameters()
    state = {k: v for k, v in vars(value).items() if k not in ("__wrapped__", "cache_parameters")}
    return make_lru_cache, (value.__wrapped__, parameters["maxsize"], parameters["typed"], state)


def _lock(reducers: Reducers, value: Any) -> Reduced:
    return make_lock, (value.locked(),)


def _rlock(reducers: Reducers, value: Any) -> Reduced:
    return threading.RLock, ()


def _weak(reducers: Reducers, value: Any) -> Reduced:
    return make_weak, (value(),)


def _memoryview(reducers: Reducers, value: memoryview) -> Reduced:
    if value.nbytes != memoryview(value.obj).nbytes or not value.contiguous:
        raise TypeError("a memoryview of a part of another object")
    return make_memoryview, (value.obj, value.format, tuple(value.shape or ()), value.readonly)


def _file(reducers: Reducers, value: Any) -> Reduced:
    if value.closed:
        raise TypeError("a closed file")
    mode = getattr(value, "mode", "")
    path = getattr(value, "name", None)
    if not isinstance(path, str) or "r" not in str(mode) or "+" in str(mode):
        raise TypeError(f"an open file in mode {mode!r}")
    stat = os.stat(path)
    encoding = getattr(value, "encoding", None)
    return reopen, (os.path.abspath(path), mode, encoding, value.tell(), stat.st_size, stat.st_mtime_ns)


_BY_TYPE: dict[type, Callable[[Reducers, Any], Any]] = {
    types.FunctionType: Reducers.reduce_function,
    type: Reducers.reduce_type,
    types.MethodType: lambda _, method: (types.MethodType, (method.__func__, method.__self__)),
    types.CellType: lambda _, cell: functions.reduce_cell(cell),
    types.ModuleType: _module,
    typing.TypeVar: Reducers.reduce_typevar,
    property: _property,
    classmethod: lambda _, value: (classmethod, (value.__func__,)),
    staticmethod: lambda _, value: (staticmethod, (value.__func__,)),
    types.MappingProxyType: lambda _, value: (types.MappingProxyType, (dict(value),)),
    types.CodeType: lambda _, code: (load_code, (marshal.dumps(code),)),
    type(functools.lru_cache(lambda: None)): _lru_cache,
    type(threading.Lock()): _lock,
    type(threading.RLock()): _rlock,
    weakref.ref: _weak,
    weakref.WeakValueDictionary: lambda _, value: (make_weak_values, (list(value.items()),)),
    weakref.WeakKeyDictionary: lambda _, value: (make_weak_keys, (list(value.items()),)),
    weakref.WeakSet: lambda _, value: (make_weak_set, (list(value),)),
    memoryview: _memoryview,
    struct.Struct: lambda _, value: (struct.Struct, (value.format,)),
    io.TextIOWrapper: _file,
    io.BufferedReader: _file,
    type({}.keys()): lambda _, value: (dict_view, (value.mapping.copy(), "keys")),
    type({}.values()): lambda _, value: (dict_view, (value.mapping.copy(), "values")),
    type({}.items()): lambda _, value: (dict_view, (value.mapping.copy(), "items")),
    Memory: lambda reducers, memory: reducers.memories.reduce_memory(memory),
}


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


def make_memoryview(obj: Any, kind: str, shape: tuple[int, ...], readonly: bool) -> memoryview:
    made = memoryview(obj)
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


def persistent_load(pid: Any) -> Any:
    """The other half of :meth:`Reducers.persistent_id`."""
    if pid == "home":
        return current().session.home
    raise ValueError(f"unknown reference {pid!r} in a unit")
