"""What numba made of Python functions: by the function, and how it was asked to compile it, not by what it compiled.

Machine code follows from these, from the argument types of a call, and from the versions of numba and llvmlite.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint import packages
from nbreplay.fingerprint.atoms import name_of
from nbreplay.fingerprint.callables import VOLATILE, library_token
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import text
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker


def _opener(kind: bytes) -> Opener:
    def write(w: Walker, obj: Any) -> Parts:
        token = library_token(w, obj, getattr(obj, "__module__", None), getattr(obj, "__qualname__", None))
        if token is not None:
            w.out += token
            return None
        if not w.number(obj):
            return None
        w.link(obj)
        w.out += b"nj" + kind + text(packages.version_of("numba")) + text(packages.version_of("llvmlite"))
        if w.task and getattr(obj, VOLATILE, False):
            w.refuse("volatile", f"{obj.__qualname__} is marked volatile")
        return _compiled(w, obj, kind)

    return write


def _compiled(w: Walker, obj: Any, kind: bytes) -> Iterator[Any]:
    yield from write_type_of(w, type(obj))
    if kind == b"u":  # compiles on demand, unless it is frozen
        inner = obj._dispatcher
        yield inner.py_func
        yield (obj.identity, tuple(obj.types) if obj._frozen else None)
        options = inner.targetoptions
    elif kind == b"g":
        builder = obj.gufunc_builder
        yield builder.py_func
        yield (builder.signature, obj.identity, tuple(obj.types) if obj._frozen else None)
        options = builder.targetoptions
    elif kind == b"c":
        yield obj._pyfunc
        yield str(obj._sig)
        options = obj._compiler.targetoptions
    else:
        yield obj.py_func
        yield tuple(map(str, obj.signatures)) if not obj._can_compile else None
        options = obj.targetoptions
        for name in sorted(_outdated(obj)):
            w.refuse("dynamic", f"{obj.__qualname__} was compiled by numba with another {name} than there is now")
    yield from named_parts(w, dict(sorted((str(key), _plain(value)) for key, value in dict(options).items())))


def _outdated(obj: Any) -> set[str]:
    """Return the global names whose value is another one now than when *obj* was compiled: numba keeps the first."""
    now = obj.py_func.__globals__
    found: set[str] = set()
    for overload in obj.overloads.values():
        blocks = getattr(getattr(overload, "type_annotation", None), "blocks", None) or {}
        for block in blocks.values():
            for statement in block.body:
                value: Any = getattr(statement, "value", None)
                if type(value).__name__ == "Global" and now.get(value.name, value.value) is not value.value:
                    found.add(str(value.name))
    return found


def _plain(value: Any) -> Any:
    """Return an option as a value that can be written; numba keeps objects of its own in some."""
    return value if isinstance(value, bool | int | float | str | tuple | set | frozenset | type(None)) else str(value)


_BASES = {
    "numba.core.dispatcher:Dispatcher": _opener(b"d"),
    "numba.np.ufunc.dufunc:DUFunc": _opener(b"u"),
    "numba.np.ufunc.gufunc:GUFunc": _opener(b"g"),
    "numba.core.ccallback:CFunc": _opener(b"c"),
}


def _choose(cls: type) -> Opener | None:
    if "numba" not in sys.modules:
        return None
    return next((_BASES[name] for base in cls.__mro__[:-1] if (name := name_of(base)) in _BASES), None)


CHOOSERS.insert(1, _choose)
