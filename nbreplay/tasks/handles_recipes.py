"""How Dask clients and clusters were made: class and arguments, noted at construction.

Noted on the object itself, by ``__init__`` wrappers that a post-import hook puts on the classes of ``distributed`` and
on every class derived from them. The outermost constructor counts: what the user wrote.
"""

from __future__ import annotations

import functools
import re
import threading
import uuid
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from nbreplay.credentials import ARGUMENT
from nbreplay.files.imports import when_imported

ATTRIBUTE = "_nbreplay_made"
"""Where the note is kept on the object; it lives and dies with it."""

_NOT_KEPT = frozenset({"loop", "asynchronous_loop"})
_objects: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_remaking = threading.local()
_on_new_default: list[Callable[[Any], None]] = []


@dataclass
class Made:
    """How one object was made.

    Attributes
    ----------
    uid : str
        Names the handle, through all its lives.
    args, kwargs
        Of the constructor, without secrets.
    left_out : list of str
        Names of arguments that are not kept.
    calls : list
        The last ``scale`` or ``adapt`` that the user called, as (method, args, kwargs).
    """

    uid: str = field(default_factory=lambda: uuid.uuid4().hex)
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)


def follow() -> None:
    """Note from now on how clients and clusters are made; imports nothing."""
    when_imported("distributed.client", lambda module: _follow_class(module.Client, ()))
    when_imported("distributed.deploy.cluster", lambda module: _follow_class(module.Cluster, ("scale", "adapt")))


def when_new_default(act: Callable[[Any], None]) -> None:
    """Call ``act(client)`` when the user's code makes a client."""
    _on_new_default.append(act)


def made(obj: Any) -> Made | None:
    """Return how *obj* was made, None if it was made before anybody noted it."""
    found = obj.__dict__.get(ATTRIBUTE)
    return found if isinstance(found, Made) else None


def live(uid: str) -> Any:
    """Return the object of this process that is the handle *uid*, None if there is none."""
    return _objects.get(uid)


def adopt(obj: Any, note: Made) -> None:
    """*obj* is the handle that *note* tells of."""
    obj.__dict__[ATTRIBUTE] = note
    _objects[note.uid] = obj


class Remaking:
    """While it is entered, constructions on this thread are ours, not the user's."""

    def __enter__(self) -> None:
        _remaking.depth = getattr(_remaking, "depth", 0) + 1

    def __exit__(self, *exception: object) -> None:
        _remaking.depth -= 1


def remaking() -> bool:
    """Say whether this thread makes a handle again."""
    return getattr(_remaking, "depth", 0) > 0


# ---------------------------------------------------------------- wrapping


def _follow_class(base: type, methods: tuple[str, ...]) -> None:
    """Wrap *base*, what is derived from it, and what will be."""

    owner: Any = base

    def init_subclass(cls: Any, **kwargs: Any) -> None:
        super(owner, cls).__init_subclass__(**kwargs)
        _wrap_class(cls, methods)

    owner.__init_subclass__ = classmethod(init_subclass)  # type: ignore[arg-type]  # mypy knows it by its name only
    waiting = [base]
    while waiting:
        cls = waiting.pop()
        _wrap_class(cls, methods)
        waiting.extend(cls.__subclasses__())


def _wrap_class(cls: type, methods: tuple[str, ...]) -> None:
    for name, wrap in (("__init__", _noting), *((method, _noting_call) for method in methods)):
        original = cls.__dict__.get(name)
        if original is not None and not getattr(original, "__nbreplay_noting__", False):
            wrapper = wrap(original, name)
            wrapper.__nbreplay_noting__ = True
            setattr(cls, name, wrapper)


def _noting(original: Callable[..., None], name: str) -> Any:
    @functools.wraps(original)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        outermost = ATTRIBUTE not in self.__dict__
        if outermost:
            note = Made()
            note.args = tuple(_clean(value, note.left_out, str(n)) for n, value in enumerate(args))
            note.kwargs = _clean_dict(kwargs, note.left_out)
            adopt(self, note)
        original(self, *args, **kwargs)
        if outermost and not remaking():
            for act in _on_new_default:
                act(self)

    return init


def _noting_call(original: Callable[..., Any], name: str) -> Any:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        note = made(self)
        if note is not None and not threading.current_thread().name.startswith("IO loop"):
            note.calls = [(name, args, kwargs)]
        return original(self, *args, **kwargs)

    return call


def _clean(value: Any, left_out: list[str], name: str) -> Any:
    if type(value).__module__.startswith("distributed.security"):
        left_out.append(name)
        return None
    if isinstance(value, dict):
        return _clean_dict(value, left_out)
    if type(value) in (list, tuple):
        return type(value)(_clean(item, left_out, name) for item in value)
    if isinstance(value, str) and (found := re.match(r"^([a-z+]+://)[^/@]*:[^/@]*@(.*)$", value)):
        left_out.append(f"{name} (user and password in an address)")
        return found[1] + found[2]
    return value


def _clean_dict(values: dict[Any, Any], left_out: list[str]) -> dict[Any, Any]:
    kept = {}
    for name, value in values.items():
        if isinstance(name, str) and name in _NOT_KEPT:
            continue
        if isinstance(name, str) and ARGUMENT.search(name) and value not in (None, True, False):
            left_out.append(name)
            continue
        kept[name] = _clean(value, left_out, str(name))
    return kept


def class_name(cls: type) -> str:
    """Return where to import *cls* from."""
    return f"{cls.__module__}:{cls.__qualname__}"


def find_class(name: str) -> type:
    """Return the class that :func:`class_name` named."""
    import importlib

    module_name, _, qualname = name.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in qualname.split("."):
        found = getattr(found, part)
    if not isinstance(found, type):
        raise LookupError(f"{name} is no class any more")
    return found


def module_loaded(name: str) -> ModuleType | None:
    """Return the module *name* if it is imported and done importing."""
    import sys

    found = sys.modules.get(name)
    if found is None or getattr(getattr(found, "__spec__", None), "_initializing", False):
        return None
    return found
