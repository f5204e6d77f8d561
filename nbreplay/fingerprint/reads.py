"""What code reads from outside, looked up at this moment: globals, builtins, modules and what is taken from them."""

from __future__ import annotations

import builtins
import sys
import threading
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from nbreplay.fingerprint import packages, refusals, refused_names
from nbreplay.fingerprint.code import CodeRecord
from nbreplay.fingerprint.leaves import LEAVES, length, text
from nbreplay.fingerprint.outside import IMPORT_ITSELF, Read
from nbreplay.fingerprint.patched import patches
from nbreplay.fingerprint.unloaded import unloaded
from nbreplay.fingerprint.walker import Walker
from nbreplay.kinds import is_a

_UNBOUND = object()
_NO_CLASSES = frozenset({object, FunctionType, ModuleType, BuiltinFunctionType, *LEAVES, list, dict, tuple, set})
"""Types of values on whose class nobody can put anything."""
_BUILTINS = builtins.__dict__


def reads_of(w: Walker, fn: FunctionType, record: CodeRecord) -> Iterator[Any]:
    """Yield what the code of *fn* reads from outside, in order of first use."""
    namespace = fn.__globals__
    seeds: set[str] = set()
    classes: list[type] = []
    for read in record.reads:
        start = len(w.out)
        value, used, path = _look_up(read, namespace)
        seeded = False
        if w.task:
            # A generator that this code itself seeds, before it draws, repeats its numbers.
            if path in refused_names.SEEDS and read.certain and not read.called_bare:
                seeds.add(path.partition(":")[0])
            seeded = path.partition(":")[0] in seeds
            _refuse(w, read, value, used, path, record, seeded)
        w.out += b"g" + length(used)
        if value is _UNBOUND:
            w.out += b"unbound"
            if read.module or read.level:
                taken = {each.attributes[0] for each in record.reads if each.module == read.module and each.attributes}
                w.out += unloaded(w, _module_name(read, namespace), tuple(sorted(taken - {IMPORT_ITSELF})))
        elif is_a(value, ModuleType) and read.attributes[used : used + 1] == (IMPORT_ITSELF,):
            where = packages.installed(value.__name__)
            w.out += b"import" + (text(where.name) + text(where.version) if where else b"")
        else:
            w.pardon = seeded and path in refused_names.BY_PATH and refused_names.BY_PATH[path][0] == "random"
            w.called = not read.escapes and type(value) is FunctionType
            yield value
            w.pardon = w.called = False
        if w.task:
            w.component("global" if not read.module and not read.level else "import", _shown(read, used), start, value)
        kind = type(value)
        if issubclass(kind, type):
            classes.append(value)
        elif kind not in _NO_CLASSES:
            classes.append(kind)
    if record.attributes:
        for name, user in patches(record.attributes, classes):
            start = len(w.out)
            w.out += b"patched" + text(name)
            yield user
            w.component("method", name, start, user)


def _shown(read: Read, used: int) -> str:
    return ".".join((read.name, *read.attributes[:used]))


def _root(read: Read, namespace: dict[str, Any]) -> Any:
    if not read.module and not read.level:
        value = namespace.get(read.name, _UNBOUND)
        return _BUILTINS.get(read.name, _UNBOUND) if value is _UNBOUND else value
    return sys.modules.get(_module_name(read, namespace), _UNBOUND)


def _module_name(read: Read, namespace: dict[str, Any]) -> str:
    """Return the whole name of the module that *read* imports, of which the code may give only the end."""
    if not read.level:
        return read.module
    package = namespace.get("__package__") or str(namespace.get("__name__", "")).rpartition(".")[0]
    base = package.rsplit(".", read.level - 1)[0] if read.level > 1 else package
    return f"{base}.{read.module}" if read.module else str(base)


def _look_up(read: Read, namespace: dict[str, Any]) -> tuple[Any, int, str]:
    """Return the object that a read leads to, how many of its attributes were taken for that, and its path.

    Attributes of modules are taken, those of other objects are not: that would run code, and the object counts whole.
    """
    value = _root(read, namespace)
    used, path = 0, ""
    if value is not _UNBOUND and not read.module and not read.level and read.name not in namespace:
        path = f"builtins:{read.name}"
    for name in read.attributes:
        if not is_a(value, ModuleType) or name == IMPORT_ITSELF:
            break
        module = value.__name__
        found = packages.attribute(value, name)
        if found is packages.MISSING:
            break
        value, path = found, f"{module}:{name}"
        used += 1
    return value, used, path


def _refuse(w: Walker, read: Read, value: Any, used: int, path: str, record: CodeRecord, seeded: bool) -> None:
    """Note why what is read makes a result unrepeatable."""
    module, _, name = path.partition(":")
    w.asks.update(refused_names.ASKING.get(path) or refused_names.ASKING.get(module) or ())
    if path in refused_names.BY_PATH and not _is_users(value):
        kind = refused_names.BY_PATH[path][0]
        if not (kind == "random" and seeded):
            refusal = refusals.by_name(module, name)
            assert refusal is not None
            w.refusals[refusal] = None
    taken = read.attributes[used : used + 1]
    if is_a(value, ModuleType) and taken != (IMPORT_ITSELF,):
        if packages.installed(value.__name__) is not None or value.__name__ == "__main__":
            for refusal in refusals.escaping(value.__name__, record.names | record.strings):
                w.refusals[refusal] = None
    elif is_a(value, threading.local) and packages.installed(module) is None:
        w.refuse("dynamic", f"{_shown(read, used)} holds other values in each thread")
    elif is_a(value, type):
        _refuse_type(w, value, taken, record)
    module, own = _whose(value)
    if refused_names.SEEDED_BY_KEYWORD.get(own) == module.partition(".")[0]:
        if refused_names.SEED_WORDS.isdisjoint(record.names | record.strings):
            why = "without random_state draws from a random generator without a seed"
            w.refuse("random", f"{_shown(read, used)} {why}")
    elif read.called_bare and refused_names.UNSEEDED_WHEN_BARE & {path, f"{module}:{own}"}:
        w.refuse("random", f"{_shown(read, used)}() without a seed takes one from the system")


def _whose(value: Any) -> tuple[str, str]:
    """Return the module and name that something callable says it has, "" for other things."""
    if not callable(value):
        return "", ""
    try:
        module, name = value.__module__, value.__qualname__
    except Exception:  # noqa: BLE001  # a callable of the user's answers as it likes
        return "", ""
    return (module, name) if isinstance(module, str) and isinstance(name, str) else ("", "")


def _refuse_type(w: Walker, cls: type, taken: tuple[str, ...], record: CodeRecord) -> None:
    where = f"{cls.__module__}:{cls.__qualname__}"
    if taken:
        refusal = refusals.by_name(cls.__module__, f"{cls.__qualname__}.{taken[0]}")
        if refusal is not None:
            w.refusals[refusal] = None
    if where in refused_names.CLOCK_TYPES and not taken:
        for name in sorted(refused_names.CLOCK_METHODS & record.names):
            w.refuse("clock", f"{where.replace(':', '.')}.{name} reads the clock")
    if where in refused_names.PATH_TYPES:
        for name in sorted(refused_names.PATH_METHODS & record.names):
            w.refuse("files", f"{where.replace(':', '.')}.{name} reads or writes files")


def _is_users(value: Any) -> bool:
    """Say whether a function was put under a library's name by the user."""
    return is_a(value, FunctionType) and packages.installed(value.__globals__.get("__name__")) is None
