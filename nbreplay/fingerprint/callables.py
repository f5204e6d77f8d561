"""Functions, methods and what wraps them: their code, and what it reads.

A function of an installed distribution goes by name, if ``module.qualname`` *is* that object. Any other is its code,
defaults, closure and attributes; in task mode also the values of the globals that its code reads, at this moment.
"""

from __future__ import annotations

import random
import sys
import types
import weakref
from collections.abc import Iterator
from functools import cache
from sys import getrefcount
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from nbreplay.digest import Digest
from nbreplay.fingerprint import packages, refusals, refused_names
from nbreplay.fingerprint.code import CODES, CodeRecord
from nbreplay.fingerprint.finders import FINDING_VALUES, meet_code
from nbreplay.fingerprint.found import Component
from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import FINISHERS, OPENERS, Parts
from nbreplay.fingerprint.reads import reads_of
from nbreplay.fingerprint.walker import Walker

VOLATILE = "__nbreplay_volatile__"
"""Attribute by which :func:`nbreplay.volatile` marks a callable; it travels with it."""

_LINES = frozenset({"co_firstlineno", "co_lines", "co_positions", "tb_lineno", "lineno"})
_ASKED = _LINES | {"__doc__", "__name__", "__qualname__", "__annotations__", "__annotate__"}
NOT_STATE = {VOLATILE, "__doc__", "__name__", "__qualname__", "__module__", "__annotations__"}
_NOT_LIBRARY_STATE = NOT_STATE | {"_clear_cache"}  # of functools.singledispatch: a method of its cache


def library_token(w: Walker, obj: Any, module: Any, qualname: Any) -> bytes | None:
    """Return what stands for an installed object, None if it is not what its module holds under its name."""
    known = w.tokens.get(id(obj))
    if known is None:
        token, refusal = None, None
        known_here = isinstance(qualname, str) and packages.installed(module) is not None
        if known_here and packages.find(module, qualname) is obj:
            token, refusal = _named(module, qualname)
        known = w.tokens[id(obj)] = (token, refusal)
        w.held.append(obj)
    if known[1] is not None and w.task and not (w.pardon and known[1].kind == "random"):
        w.refusals[known[1]] = None
    return known[0]


@cache
def _named(module: str, qualname: str) -> tuple[bytes, refusals.Refusal | None]:
    where = packages.installed(module)
    assert where is not None  # the caller looked
    return packages.name_bytes(where, module, qualname), refusals.by_name(module, qualname)


def write_function(w: Walker, fn: FunctionType) -> Parts:
    called, w.called = w.called, False
    token = library_token(w, fn, fn.__module__, fn.__qualname__)
    if token is not None:
        w.out += token
        return None
    if not (called and w.task) and not w.exact:
        # Whoever gets it may look: pandas names columns after the functions that made them.
        w.out += b"n" + text(fn.__name__)
    if not w.number(fn):
        return None
    return _function(w, fn)


def _function(w: Walker, fn: FunctionType) -> Iterator[Any]:
    record = CODES(fn.__code__)
    home = fn.__globals__.get("__name__")
    where = packages.installed(home) if isinstance(home, str) else None
    if where is not None:  # the installed code of a closure, or a copy of one: its version says what it reads
        w.out += b"K" + text(where.name) + text(where.version)
        follow = False
    else:
        w.out += b"F"
        follow = True
        w.definitions[id(fn)] = fn
    w.out += record.digest
    if w.task:
        _note(w, fn, record, follow)
    if w.exact:
        if follow and fn.__globals__ is not w.home:
            w.out += packages.stamp(fn.__globals__)
        yield from _own(w, fn, record, follow)
    else:
        yield from _parts(w, fn, not follow)
        if follow:
            yield from reads_of(w, fn, record)
        w.named.append(fn)


def _note(w: Walker, fn: FunctionType, record: CodeRecord, follow: bool) -> None:
    if follow and not w.in_subwalk:
        w.components.append(Component("function", fn.__qualname__, Digest(record.digest.hex()), fn.__code__))
    w.asks |= _ASKED & record.names | _ASKED & record.strings
    if fn.__dict__.get(VOLATILE):
        w.refuse("volatile", f"{fn.__qualname__} is marked volatile")
    if not follow:
        return
    for name in record.unknown:
        w.refuse("dynamic", f"{fn.__qualname__} holds an instruction of Python that is not known here ({name})")
    for name in sorted(refused_names.CODE_NAMES & record.names | refused_names.CODE_NAMES & record.strings):
        w.refuse("dynamic", f"{fn.__qualname__} uses {name}, which reaches any name or the text of the code")
    for name in record.writes:
        w.refuse("effect", f"{fn.__qualname__} assigns the global name {name}")
    for name in sorted(refused_names.FILE_METHODS.intersection(record.names)):
        w.refuse("files", f"{fn.__qualname__} calls {name}, which reads or writes files")
    for name in sorted(refused_names.DRAWING_METHODS & record.attributes):
        if not refused_names.SEED_WORDS & record.names and not refused_names.SEED_WORDS & record.strings:
            w.refuse("random", f"{fn.__qualname__} calls {name} without random_state: a draw without a seed")
    for name in record.star_imports:
        w.refuse("dynamic", f"{fn.__qualname__} imports all names of {name}")


_ALONE = 2
"""References to a dict that only its function holds, as counted below; defaults have a name there, too."""


def _parts(w: Walker, fn: FunctionType, library: bool) -> Iterator[Any]:
    """Yield defaults, closure and attributes."""
    yield fn.__defaults__
    defaults = fn.__kwdefaults__
    w.out += length(len(defaults or ()))
    for name, value in sorted((defaults or {}).items()):
        w.out += text(name)
        yield value
    cells = fn.__closure__ or ()
    names = fn.__code__.co_freevars
    w.out += length(len(cells))
    record = CODES(fn.__code__)
    for name, cell in zip(names, cells, strict=True):
        start = len(w.out)
        if w.exact or type(_content(cell)) is types.CellType:
            yield cell
        else:
            w.meet_cell(cell, name in record.cell_writes)
            yield from _in_place(w, cell, name not in record.cell_escapes, library)
        w.component("closure", f"{fn.__qualname__}: {name}", start, cell)
    skipped = _NOT_LIBRARY_STATE if library else NOT_STATE
    if w.exact:
        if getrefcount(fn.__dict__) > _ALONE:
            w.link(fn.__dict__)
        if fn.__kwdefaults__ is not None and getrefcount(fn.__kwdefaults__) > _ALONE + 1:
            w.link(fn.__kwdefaults__)
    state = {key: value for key, value in fn.__dict__.items() if key not in skipped}
    w.out += length(len(state))
    for name in sorted(state):
        w.out += text(name)
        yield state[name]


def _own(w: Walker, fn: FunctionType, record: CodeRecord, follow: bool) -> Iterator[Any]:
    """Yield all that can be observed of a function itself; its globals are noted by name."""
    w.out += text(fn.__name__) + text(fn.__qualname__) + text(str(fn.__module__))
    if follow and (w.home is None or fn.__globals__ is w.home):
        meet_code(w, record)
    elif follow and w.home is not None:
        yield from _own_globals(w, fn)
    yield fn.__doc__ if isinstance(fn.__doc__, str) else None
    yield from _parts(w, fn, not follow)
    if sys.version_info < (3, 14):
        yield fn.__annotations__ or None  # from 3.14 on, to ask for them runs code


def _own_globals(w: Walker, fn: FunctionType) -> Iterator[Any]:
    """Yield what the globals of *fn* hold, if they are a dict of somebody's that holds it: ``exec`` made it there."""
    space = fn.__globals__
    if space.get(fn.__name__) is not fn or space.get("__name__") == "__main__":
        return
    module = sys.modules.get(space.get("__name__", ""))
    if module is not None and vars(module) is space:
        return
    if w.number(space):
        w.link(space)
        yield from named_parts(w, {key: each for key, each in space.items() if key != "__builtins__"})


def _content(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return None


def _in_place(w: Walker, cell: types.CellType, called: bool, library: bool) -> Iterator[Any]:
    """Yield what a cell holds. That two functions share it shows only if one of them binds it: see finish_cells."""
    w.out += b"O"
    try:
        content = cell.cell_contents
    except ValueError:
        w.out += b"empty"
    else:
        w.called = called and type(content) is FunctionType
        # What a library remembers in a closure of its own (functools.singledispatch does) is a cache.
        yield type(content) if library and type(content) is weakref.WeakKeyDictionary else content


def finish_cells(w: Walker) -> Iterator[Any]:
    """Write which functions share a cell that one of them binds.

    Other cells are written by content: copies that cloudpickle makes of two functions do not share their cells.
    """
    first: dict[int, int] = {}
    for place, cell in enumerate(w.cells):
        if id(cell) in w.bound_cells:
            w.out += b"=" + length(place) + length(first.setdefault(id(cell), place))
    return iter(())


def write_cell(w: Walker, cell: types.CellType) -> Parts:
    if not w.number(cell):
        return None
    w.link(cell)
    w.out += b"O"
    try:
        return (cell.cell_contents,)
    except ValueError:
        w.out += b"empty"
        return None


def write_code(w: Walker, code: CodeType) -> Parts:
    w.out += b"C" + CODES(code).digest
    return None


def write_method(w: Walker, method: MethodType) -> Parts:
    w.out += b"b."
    self = method.__self__
    if w.task:
        _check_self(w, self, getattr(method.__func__, "__name__", ""))
    w.hold(method)
    return (method.__func__, self)


def _check_self(w: Walker, self: Any, name: str) -> None:
    """Refuse methods of the process's own random generators, and clocks by way of their type."""
    if w.pardon:
        return
    if self is random._inst and f"random:{name}" in refused_names.BY_PATH:
        w.refuse("random", f"random.{name} draws from a random generator without a seed")
    mtrand = sys.modules.get("numpy.random.mtrand")
    if mtrand is not None and self is mtrand.__dict__.get("_rand"):
        w.refuse("random", f"numpy.random.{name} draws from a random generator without a seed")
    if isinstance(self, type):
        refusal = refusals.by_name(self.__module__, f"{self.__qualname__}.{name}")
        if refusal is not None:
            w.refusals[refusal] = None


def write_builtin(w: Walker, fn: BuiltinFunctionType) -> Parts:
    """Write a function made in C: by module and name, or with the object that it is bound to."""
    token = library_token(w, fn, fn.__module__, fn.__qualname__)
    if token is not None:
        w.out += token
        if w.exact and fn.__module__ == "builtins" and fn.__name__ in FINDING_VALUES:
            w.globals.add("globals")
        if w.task and fn.__self__ is not None and not isinstance(fn.__self__, ModuleType):
            _check_self(w, fn.__self__, fn.__name__)
        return None
    owner = fn.__self__
    if owner is None or isinstance(owner, ModuleType):
        return _foreign(w, fn)
    w.out += b"c." + text(fn.__name__)
    if w.task:
        _check_self(w, owner, fn.__name__)
    return (owner,)


def _foreign(w: Walker, fn: Any) -> Parts:
    """Write a C function that is not in an installed module: by name, with its file if there is one."""
    from nbreplay.fingerprint.modules import local_file

    module = getattr(fn, "__module__", None)
    found = local_file(module)
    if found is None and packages.installed(module) is None:
        w.unseen(fn, f"({getattr(fn, '__name__', '?')}) is compiled code of no known module")
        return None
    w.out += b"c!" + text(str(module)) + text(fn.__qualname__) + (found or b"")
    return None


def write_descriptor(w: Walker, obj: Any) -> Parts:
    """Write ``str.upper``, a slot's descriptor and their like: the type that they belong to, and their name."""
    w.out += b"m." + text(type(obj).__name__) + text(obj.__name__)
    owner = obj.__objclass__
    return (owner,)


def finish_asked(w: Walker) -> Iterator[Any]:
    """Yield docstrings, names, annotations and lines of all functions if some code asks: else they do not count."""
    asks = w.asks
    if not asks or not w.named:
        return
    codes = [obj.__code__ for obj in w.named if type(obj) is FunctionType]
    if "__doc__" in asks:
        for obj in w.named:
            yield obj.__doc__ if isinstance(obj.__doc__, str) else None
        yield tuple(CODES(code).said[1::2] for code in codes)
    if asks & {"__name__", "__qualname__"}:
        for obj in w.named:
            yield (obj.__name__, obj.__qualname__)
        yield tuple(CODES(code).said[0::2] for code in codes)
    if asks & {"__annotations__", "__annotate__"}:
        for obj in list(w.named):
            try:
                annotations = obj.__annotations__
            except Exception:  # noqa: BLE001  # from 3.14 on, to ask for them runs code
                annotations = None
            yield from named_parts(w, annotations if type(annotations) is dict else {})
    if asks & _LINES:
        yield tuple(map(_lines, codes))


def _lines(code: CodeType) -> tuple[Any, ...]:
    """Return where *code*, and each code in it, stands in its file, line by line."""
    inner = (_lines(const) for const in code.co_consts if isinstance(const, CodeType))
    return (code.co_firstlineno, tuple(line for _, _, line in code.co_lines()), *inner)


FINISHERS.extend((finish_cells, finish_asked))
OPENERS.update(
    {
        FunctionType: write_function,
        BuiltinFunctionType: write_builtin,
        MethodType: write_method,
        types.CellType: write_cell,
        CodeType: write_code,
        types.MethodDescriptorType: write_descriptor,
        types.WrapperDescriptorType: write_descriptor,
        types.ClassMethodDescriptorType: write_descriptor,
        types.MemberDescriptorType: write_descriptor,
        types.GetSetDescriptorType: write_descriptor,
        types.MethodWrapperType: write_builtin,
    }
)
