"""Identity of code and values: what a result depends on, as a digest that is the same in every process.

::

    walker.py     over an object graph        openers.py   who writes what        found.py  what a walk finds
    code.py, stream.py, outside.py, opcodes.py   code objects
    callables.py, reads.py   functions, and what they read      finders.py   what a notebook's code may look up
    classes.py    user types                  instances.py, state.py, reduced.py, unseen.py   their instances
    containers.py, mappings.py, unordered.py, buffers.py   builtin data        leaves.py    numbers and text
    arrays.py, frames.py, columns.py, arrow.py, tensors.py   libraries' data   atoms.py     what others register
    wrappers.py, compiled.py   partials, properties, numba    modules.py, packages.py   libraries by name and version
    unloaded.py   modules not loaded          patched.py    what users put on libraries' classes
    cell.py       a notebook cell             submission.py   the tasks of one graph
    refusals.py, refused_names.py   what has no fingerprint      describe.py    parts, in words

Objects that can change are met once and numbered; what a function reads is looked at anew at each walk.
"""

from __future__ import annotations

from typing import Any, TypeVar

from nbreplay.digest import Fingerprint
from nbreplay.errors import Uncacheable
from nbreplay.fingerprint.cell import cell_fingerprint
from nbreplay.fingerprint.code import CODES, CodeCache, CodeRecord
from nbreplay.fingerprint.finders import FINDERS, TEXT_NAME
from nbreplay.fingerprint.found import Component, Mode, Walk, WalkStopped
from nbreplay.fingerprint.refusals import Refusal
from nbreplay.fingerprint.walker import Walker, walk

__all__ = [
    "CODES",
    "FINDERS",
    "TEXT_NAME",
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
    """Return the fingerprint of any value; of a function, with everything that it reads at this moment.

    It is the same in every process for code and values that behave alike: layout, comments, names of locals, docstrings
    that nothing reads, unused globals and the order in sets do not count. A function is taken to be called: its own
    name does not count, the names of functions that it hands on do.

    Parameters
    ----------
    obj : object
        A function, a class, or any value. Nothing of it is called but what pickling would call.

    Returns
    -------
    str
        32 hexadecimal digits.

    Raises
    ------
    Uncacheable
        It has none: it reads the clock, files that nobody sees, or any name at all; or it cannot be looked into. The
        message says what, and names it. Nothing else is raised, whatever the object does.

    Notes
    -----
    Functions of installed packages count by the version of their distribution, local modules by the code that is
    loaded, not by their file. The environment, the random generators and the options of libraries do not count.

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
