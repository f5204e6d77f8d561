"""Instances' own dicts that somebody else holds, too (``d = obj.__dict__``): the same object again after a load.

Pickle fills an instance's dict from the one that it wrote, which is another object then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from sys import getrefcount
from types import GetSetDescriptorType
from typing import Any

ATTACHED = "/dicts"
"""Under which key a unit lists them; no name of the user's."""


def attached_dicts(objects: Iterable[Any]) -> list[tuple[Any, dict[str, Any]]]:
    """Return the instances among *objects* whose ``__dict__`` somebody else holds, each with it.

    Raises
    ------
    TypeError
        One of them keeps the dict that it was made with: the two would be apart after a load.
    """
    held = list(objects)
    # Each name's walk may hold it, and so does the list here.
    times = Counter(id(each) for each in held if type(each) is dict)
    shared = {id(each) for each in held if type(each) is dict and getrefcount(each) > _OWN + 2 * (times[id(each)] - 1)}
    if not shared:
        return []
    found: dict[int, tuple[Any, dict[str, Any]]] = {}
    # By type first: most objects are of few types, and have none.
    kinds = {kind for kind in set(map(type, held)) if kind.__dictoffset__ and not issubclass(kind, type)}
    for each in held if kinds else ():
        if type(each) not in kinds:
            continue
        try:
            own = object.__getattribute__(each, "__dict__")
        except AttributeError:
            continue
        if type(own) is dict and id(own) in shared:
            if not _takes_another(type(each)):
                raise TypeError(f"the __dict__ of a {type(each).__name__} is held by itself, too")
            found.setdefault(id(each), (each, own))
    return list(found.values())


def _takes_another(kind: type) -> bool:
    """Whether an instance of *kind* can be given a dict; a ``SimpleNamespace`` keeps the one that it was made with."""
    where = next((vars(base)["__dict__"] for base in kind.__mro__ if "__dict__" in vars(base)), None)
    return isinstance(where, GetSetDescriptorType)


def attach(pairs: Iterable[tuple[Any, dict[str, Any]]]) -> None:
    """Give each instance its dict back."""
    for instance, own in pairs:
        object.__setattr__(instance, "__dict__", own)


class _Probe:
    pass


def _own_count() -> int:
    probe = _Probe()
    probe.x = 1  # type: ignore[attr-defined]  # so that it has a dict
    walked = {id(vars(probe)): vars(probe)}
    held = list(walked.values())
    return next(getrefcount(each) for each in held if type(each) is dict)


_OWN = _own_count()
"""References to a dict that only its instance holds, as :func:`attached_dicts` counts while a walk holds it."""
