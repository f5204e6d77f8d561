"""The C pickler, with our say in how each object becomes part of a stream.

What pickle does right is left to it. Definitions are referred to by lineage, arrays by their memory, handles by their
recipe; single types of the standard library are in :mod:`nbreplay.serialize.reducers`.
"""

from __future__ import annotations

import builtins
import io
import pickle
import sys
import types
import typing
from collections.abc import Callable
from sys import getrefcount
from typing import Any

from nbreplay.foreign import GUARD, Overdue, TooSlow
from nbreplay.kinds import is_a
from nbreplay.serialize import classes, frames, functions, libraries, of_builtins, reducers, shared_state
from nbreplay.serialize.arrays import Memories, Memory
from nbreplay.serialize.functions import Reduced, importable
from nbreplay.serialize.session import Session, current, fetch
from nbreplay.serialize.standin import Refused, stand_in, type_name

_BUILTINS = vars(builtins)

_CONSTANTS = (("argparse", "SUPPRESS"),)
"""Texts that libraries compare by identity."""


_HELD_ONCE = 4
"""References to a float that only one container holds, as counted while it is pickled."""

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
        self._calls = 0
        self._spaces: set[int] = set()
        self._pids = {id(session.home): "home", id(_BUILTINS): "builtins"}
        for module, name in _CONSTANTS:
            if module in sys.modules:
                self._pids[id(getattr(sys.modules[module], name))] = f"of {module} {name}"

    def persistent_id(self, obj: Any) -> str | None:
        """What is never written: the live namespace, the builtins, and a NaN that is its identity."""
        if type(obj) is float:
            return self.session.pid_of_nan(obj) if obj != obj and getrefcount(obj) > _HELD_ONCE else None
        return self._pids.get(id(obj))

    def reduce(self, obj: Any) -> Any:
        """Return how *obj* is made again, or NotImplemented for pickle's own way."""
        self._calls += 1
        kind = type(obj)
        GUARD.steps += 1
        GUARD.last = kind
        if kind in GUARD.slow:
            if self.refused is None:
                raise TooSlow(obj)
            return self._refuse(obj, TooSlow(obj))
        if self.poll is not None and not self._calls & 0xF:  # often: a __reduce__ of the user's may be slow
            self.poll()
        if self.refused is None:
            return self._reduce(obj)
        return self._reduce_or_refuse(obj)

    def _reduce(self, obj: Any) -> Any:
        kind = type(obj)
        own = _OF_THE_DUMP.get(kind)
        if own is not None:
            return own(self, obj)
        alone = reducers.BY_TYPE.get(kind)
        if alone is not None:
            return alone(obj)
        if is_a(obj, type):
            return self.reduce_type(obj)
        top = kind.__module__.partition(".")[0]
        if top == "numpy":
            self.modules.add("numpy")
        numpy = sys.modules.get("numpy")
        if numpy is not None and issubclass(kind, numpy.ndarray):  # subclasses are of any module
            return self.memories.reduce(obj)
        if numpy is not None and issubclass(kind, numpy.void):
            return self.memories.reduce_void(obj)
        of_library = libraries.reducer_of(kind)
        if of_library is not None:
            return of_library(self, obj)
        if type(kind.__new__) is types.FunctionType or hasattr(kind, "__getattr__"):
            bare = of_builtins.reduce_bare(obj)
            if bare is not NotImplemented:
                return bare
        if top == "pandas":
            name = kind.__name__
            if name.endswith("Block"):
                return frames.reduce_block(obj)
            if name == "SingleBlockManager":
                return frames.reduce_single(obj)
            attrs = shared_state.reduce_pandas(obj)
            if attrs is not None:
                return attrs
        for handle in HANDLES:
            found = handle(obj)
            if found is not None:
                return found
        found = reducers.reduce_singleton(obj)
        if found is not None:
            return found
        return of_builtins.reduce_quietly(obj) if hasattr(kind, "__getattr__") else NotImplemented

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
        space = function.__globals__
        if space is not session.home and functions.own_globals(function) and id(space) not in self._spaces:
            # Its globals hold it, most likely: they are written first, and it with them.
            self._spaces.add(id(space))
            return functions.last_of, (space, function)
        owner = session.methods.get(id(function))
        if owner is not None and session.lineage(function) is None:
            lineage = session.lineage(owner[0])
            if lineage is not None and lineage not in self.inline:
                return reducers.method_of, owner
            return functions.reduce_function(function, session)
        if functions.plain(function):
            return self._definition(function, lambda lineage: functions.reduce_function(function, session))
        return functions.reduce_function(function, session)

    def reduce_typevar(self, variable: Any) -> Any:
        """A type variable, or another name of typing's that stands for a type, is its identity."""
        if importable(variable, variable.__name__):
            return NotImplemented
        return self._definition(variable, lambda lineage: reducers.reduce_typevar(variable))

    def reduce_module(self, module: types.ModuleType) -> Reduced:
        """A module: its name, and that this stream needs it."""
        reduced = reducers.reduce_module(module)
        self.modules.add(module.__name__)
        return reduced

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
            if found is NotImplemented and not is_a(obj, type | types.FunctionType):
                found = obj.__reduce_ex__(5)
            if isinstance(found, str) and not importable(obj, found):
                raise TypeError(f"{found} is not what an import gives")
        except RecursionError:
            raise
        except Overdue:
            GUARD.slow.add(type(obj))
            return self._refuse(obj, TooSlow(obj))
        except Exception as e:  # noqa: BLE001  # any code of the user's may run here
            return self._refuse(obj, e)
        return found

    def _refuse(self, obj: Any, error: Exception) -> Any:
        refused = Refused(type_name=type_name(obj), reason=f"{type(error).__name__}: {error}"[:300])
        assert self.refused is not None  # asked for, or this is not called
        self.refused.append(refused)
        return stand_in, (refused.type_name, refused.reason)


_OF_THE_DUMP: dict[type, Callable[[Reducers, Any], Any]] = {
    types.FunctionType: Reducers.reduce_function,
    type: Reducers.reduce_type,
    types.ModuleType: Reducers.reduce_module,
    typing.TypeVar: Reducers.reduce_typevar,
    typing.ParamSpec: Reducers.reduce_typevar,
    typing.TypeVarTuple: Reducers.reduce_typevar,
    typing.NewType: Reducers.reduce_typevar,
    Memory: lambda reducing, memory: reducing.memories.reduce_memory(memory),
}
"""Types whose objects are reduced by what a dump knows; see ``reducers.BY_TYPE`` for the others."""


class UnitPickler(Reducers, pickle.Pickler):
    """The C pickler; buffers that are not memory of arrays are appended to *others*."""

    def __init__(self, file: io.BytesIO, others: list[Any], session: Session, *args: Any) -> None:
        Reducers.__init__(self, session, *args)
        pickle.Pickler.__init__(self, file, 5, buffer_callback=others.append)

    def reducer_override(self, obj: Any) -> Any:
        return self.reduce(obj)


class DeepPickler(Reducers, pickle._Pickler):
    """The same in Python, which nests as deep as the recursion limit says; C has a bound of its own from 3.12 on."""

    def __init__(self, file: io.BytesIO, others: list[Any], session: Session, *args: Any) -> None:
        Reducers.__init__(self, session, *args)
        pickle._Pickler.__init__(self, file, 5, buffer_callback=others.append)

        def save_reduce(*args: Any, obj: Any = None) -> None:
            pickle._Pickler.save_reduce(self, *args, obj=obj)  # type: ignore[attr-defined]

        # It is called with `*`: of a function Python makes that without C, of a method not.
        self.save_reduce = save_reduce

    def reducer_override(self, obj: Any) -> Any:
        return NotImplemented if type(obj) in _NEVER_ASKED else self.reduce(obj)


_NEVER_ASKED = frozenset(
    {type(None), bool, int, float, str, bytes, bytearray, pickle.PickleBuffer, dict, list, tuple, set, frozenset}
)
"""Types that the C pickler takes without asking."""


def persistent_load(pid: Any) -> Any:
    """The other half of :meth:`Reducers.persistent_id`."""
    if pid == "home":
        return current().session.home
    if pid == "builtins":
        return _BUILTINS
    if isinstance(pid, str) and pid.startswith("of "):
        return reducers.attribute_of(*pid.split()[1:])
    if isinstance(pid, str) and pid.startswith("nan "):
        return current().session.nan_of(pid)
    raise ValueError(f"unknown reference {pid!r} in a unit")
