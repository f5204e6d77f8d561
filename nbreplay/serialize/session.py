"""What stays one object over all units of a kernel: notebook classes and functions, and restored memory."""

from __future__ import annotations

import importlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any

from nbreplay.kinds import is_a

Definition = type | FunctionType

_local = threading.local()


class DefinitionMissing(LookupError):  # as BlobMissing
    """No unit of this manifest holds a definition that a stream refers to."""


class Session:
    """Identity over units: each definition is one object under one *lineage*, when dumping and when loading.

    A lineage is made when a definition is first met and never changes, however its attributes do. Two definitions
    with equal text are two lineages.

    Parameters
    ----------
    home : dict
        The live namespace: the globals of every notebook function, before and after a restore.
    find : callable
        Called with a lineage that is not here; loads the unit that holds it. Called while another unit is loading.
    """

    def __init__(self, home: dict[str, Any], find: Callable[[str], object] | None = None) -> None:
        self.home = home
        self.find = find
        self.objects: dict[str, Any] = {}
        self.lineages: dict[int, str] = {}
        self.methods: dict[int, tuple[type, str]] = {}
        """Plain functions that belong to a class: they are got from it, not made again."""
        self.fresh: list[str] = []
        """Lineages that a dump met first; whoever asked for the dump keeps them, too."""
        self.stamp = ""
        self._count = 0
        self._nans: dict[int, tuple[float, str]] = {}
        self._nans_by_name: dict[str, float] = {}
        self.memories: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        """Arrays at the root of restored memory, by id: their buffers are no values of the user's."""
        self.owning = False
        """Whether arrays of any size are to own the memory that is restored from now on."""

    def pid_of_nan(self, nan: float) -> str:
        """Return the name under which units know a NaN that several hold: it equals nothing, but is itself."""
        known = self._nans.get(id(nan))
        if known is None:
            name = next((f"nan {m}" for m in ("math", "numpy") if getattr(sys.modules.get(m), "nan", None) is nan), "")
            if not name:
                self._count += 1
                name = f"nan {self.stamp}/n{self._count}"
            known = self._nans[id(nan)] = (nan, name)
            self._nans_by_name[name] = nan
        return known[1]

    def nan_of(self, name: str) -> float:
        """Return the NaN of that name; one of its own for each."""
        found = self._nans_by_name.get(name)
        if found is None:
            module = name.removeprefix("nan ")
            found = float("nan")
            if module in ("math", "numpy"):
                found = importlib.import_module(module).nan
            self._nans[id(found)] = (found, name)
            self._nans_by_name[name] = found
        return found

    def lineage(self, obj: object) -> str | None:
        """Return the lineage of *obj*, None if it is not known."""
        return self.lineages.get(id(obj))

    def adopt(self, obj: Any) -> str:
        """Return the lineage of *obj*; a new one if it is met for the first time."""
        known = self.lineages.get(id(obj))
        if known is not None:
            return known
        self._count += 1
        lineage = f"{self.stamp}/d{self._count}"
        self.register(lineage, obj)
        self.fresh.append(lineage)
        return lineage

    def register(self, lineage: str, obj: Any) -> None:
        """*obj* is the definition of *lineage* from now on."""
        old = self.objects.get(lineage)
        if old is not None and self.lineages.get(id(old)) == lineage:
            del self.lineages[id(old)]
        self.objects[lineage] = obj
        self.lineages[id(obj)] = lineage
        if is_a(obj, type):
            self.note_methods(obj)

    def note_methods(self, cls: type) -> None:
        """Remember which functions belong to *cls*."""
        for name, value in list(vars(cls).items()):
            function = getattr(value, "__func__", value) if is_a(value, staticmethod | classmethod) else value
            # A function made elsewhere and put into the class is not its own; one with a closure is data.
            if (
                isinstance(function, FunctionType)
                and function.__qualname__ == f"{cls.__qualname__}.{name}"
                and function.__code__.co_freevars in ((), ("__class__",))
            ):
                self.methods.setdefault(id(function), (cls, name))

    def forget(self, lineage: str) -> None:
        """Let go of a definition that nothing refers to."""
        obj = self.objects.pop(lineage, None)
        if obj is not None and self.lineages.get(id(obj)) == lineage:
            del self.lineages[id(obj)]
        if is_a(obj, type):
            for key in [key for key, (cls, _) in self.methods.items() if cls is obj]:
                del self.methods[key]

    def fetch(self, lineage: str) -> Any:
        """Return the definition of *lineage*, loaded if need be."""
        if lineage not in self.objects:
            found = self.find(lineage) if self.find is not None else None
            if lineage not in self.objects:
                if found is None:
                    raise DefinitionMissing(lineage)
                self.register(lineage, found)
        return self.objects[lineage]


class Loading:
    """One load of one unit: its session and its memory."""

    def __init__(self, session: Session, memories: list[tuple[int, memoryview]]) -> None:
        self.session = session
        self.memories = memories
        """(offset of the kept range in the whole memory, the kept range)"""


@contextmanager
def loading(load: Loading) -> Iterator[Loading]:
    """Make *load* the one that functions named in a stream belong to; loads nest."""
    stack = _stack()
    stack.append(load)
    try:
        yield load
    finally:
        stack.pop()


def current() -> Loading:
    """Return the load that is going on in this thread."""
    stack = _stack()
    if not stack:
        raise RuntimeError("a unit's stream can only be loaded as a unit")
    return stack[-1]


def _stack() -> list[Loading]:
    if not hasattr(_local, "stack"):
        _local.stack = []
    stack: list[Loading] = _local.stack
    return stack


def fetch(lineage: str) -> Any:
    """Named in streams: the definition of *lineage*."""
    return current().session.fetch(lineage)
