"""Identity of code and values: what a result depends on, as a digest that is the same in every process.

``walker`` goes over an object graph, ``openers`` says who writes what, ``found`` is what a walk finds; ``unordered``
writes sets. ``code`` reads code objects, ``callables`` and ``reads`` functions and what they read, ``classes`` and
``instances`` user types, ``containers``, ``mappings`` and ``buffers`` builtin data, ``arrays``, ``frames``, ``columns``
and ``arrow`` the data of libraries. ``cell`` is the identity of a notebook cell,
``refusals`` says what has none.
"""

from __future__ import annotations

from typing import Any, TypeVar

from nbreplay.digest import Fingerprint
from nbreplay.errors import Uncacheable
from nbreplay.fingerprint.cell import cell_fingerprint
from nbreplay.fingerprint.code import CODES, CodeCache, CodeRecord
from nbreplay.fingerprint.found import Component, Mode, Walk, WalkStopped
from nbreplay.fingerprint.refusals import Refusal
from nbreplay.fingerprint.walker import Walker, walk

__all__ = [
    "CODES",
    "CodeCache",
    "CodeRecord",
    "Component",
    "InPlace",
    "Mode",
    "Refusal",
    "Refused",
    "TaskFingerprinter",
    "Walk",
    "WalkStopped",
    "Walker",
    "cell_fingerprint",
    "fingerprint",
    "register_atom",
    "volatile",
    "walk",
]

_T = TypeVar("_T")


def fingerprint(obj: Any) -> Fingerprint:
    """Return the fingerprint of any value; of a function, with everything that it reads.

    Raises
    ------
    Uncacheable
        It has none; the message says why.

    Examples
    --------
    >>> fingerprint([1, 2]) == fingerprint([1, 2])
    True
    >>> fingerprint([1, 2]) == fingerprint([1, 2.0])
    False
    """
    found = walk(obj, mode=Mode.TASK)
    if found.refusals:
        raise Uncacheable("; ".join(dict.fromkeys(refusal.text for refusal in found.refusals)))
    return Fingerprint(found.digest)


def volatile(func: _T) -> _T:
    """Mark a callable as never cached: what it does, not what it returns, is wanted. Usable as a decorator.

    The mark is an attribute of the callable, so it reaches workers with it.
    """
    from nbreplay.fingerprint.callables import VOLATILE

    setattr(func, VOLATILE, True)
    return func


def __getattr__(name: str) -> object:
    """Import what needs the whole package on first use."""
    if name in ("InPlace", "Refused", "register_atom"):
        from nbreplay.fingerprint import atoms

        return getattr(atoms, name)
    if name == "TaskFingerprinter":
        from nbreplay.fingerprint.submission import TaskFingerprinter

        return TaskFingerprinter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
