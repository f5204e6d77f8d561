"""pandas' ``attrs``: the dict that a frame or series holds is the same object again, if a name holds it, too."""

from __future__ import annotations

import sys
from typing import Any

from nbreplay.serialize.functions import Reduced


def reduce_pandas(obj: Any) -> Reduced | None:
    """Reduce a frame or series together with its very ``attrs``; None for anything else."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(obj) not in (pandas.DataFrame, pandas.Series) or type(obj._attrs) is not dict:
        return None
    make, args, state, *_ = obj.__reduce_ex__(5)
    return make, args, (state, obj._attrs), None, None, adopt_attrs


# ---------------------------------------------------------------- named in streams


def adopt_attrs(obj: Any, state: tuple[Any, dict[Any, Any]]) -> None:
    obj.__setstate__(state[0])
    object.__setattr__(obj, "_attrs", state[1])
