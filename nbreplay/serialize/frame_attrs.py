"""Instances whose ``__dict__`` somebody else holds, too: it must be the same dict again, not a copy of it.

Pickle fills the dict of a new instance from the state. Where the dict itself is state (``d = obj.__dict__``, a module's
cache, ``frame.attrs``), it becomes the instance's dict instead.
"""

from __future__ import annotations

import sys
from sys import getrefcount
from typing import Any

from nbreplay.serialize.functions import Reduced
from nbreplay.serialize.session import Session

_plain: Any = object  # what a class holds is compared, not the methods of an instance
_ALONE = 3
"""References to a dict that only its instance holds, as counted below."""


def reduce_shared(obj: Any, session: Session) -> Reduced | None:
    """Reduce an instance together with its very dict; None if nobody else holds that."""
    kind = type(obj)
    if (
        kind.__dictoffset__ == 0
        or kind.__reduce_ex__ is not _plain.__reduce_ex__
        or kind.__reduce__ is not _plain.__reduce__
    ):
        return None
    if hasattr(kind, "__setstate__"):
        return None
    try:
        state = object.__getattribute__(obj, "__dict__")
    except AttributeError:
        return None
    if type(state) is not dict or getrefcount(state) <= _ALONE + session.holders(id(state)):
        return None
    make, args, given, *rest = obj.__reduce_ex__(5)
    slots = given[1] if isinstance(given, tuple) and len(given) == 2 else None
    if not (given == () or given is None or given is state or slots is not None):
        return None  # a __getstate__ of its own
    items, pairs = (*rest, None, None)[:2]
    return make, args, (state, slots), items, pairs, adopt


def reduce_pandas(obj: Any) -> Reduced | None:
    """Reduce a frame or series together with its very ``attrs``."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(obj) not in (pandas.DataFrame, pandas.Series) or type(obj._attrs) is not dict:
        return None
    make, args, state, *_ = obj.__reduce_ex__(5)
    return make, args, (state, obj._attrs), None, None, adopt_attrs


# ---------------------------------------------------------------- named in streams


def adopt(obj: Any, state: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    own, slots = state
    object.__setattr__(obj, "__dict__", own)
    for name, value in (slots or {}).items():
        object.__setattr__(obj, name, value)


def adopt_attrs(obj: Any, state: tuple[Any, dict[Any, Any]]) -> None:
    obj.__setstate__(state[0])
    object.__setattr__(obj, "_attrs", state[1])
