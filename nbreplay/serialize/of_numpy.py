"""numpy: functions that are made of the notebook's. Arrays are in :mod:`nbreplay.serialize.arrays`."""

from __future__ import annotations

import copyreg
import gc
from typing import Any

from nbreplay.serialize.functions import importable

_MADE_BY_CALLS = frozenset({"_ufunc"})
"""What an ``np.vectorize`` keeps of its last call."""


def _ufunc(_: Any, ufunc: Any) -> Any:
    inside = [each for each in gc.get_referents(ufunc) if callable(each)]
    if importable(ufunc, ufunc.__name__) or len(inside) != 1:
        return NotImplemented
    return make_ufunc, (inside[0], ufunc.nin, ufunc.nout, ufunc.identity)


def _vectorize(_: Any, function: Any) -> Any:
    state = {name: value for name, value in vars(function).items() if name not in _MADE_BY_CALLS}
    state |= {name: {} for name in _MADE_BY_CALLS & vars(function).keys()}
    return copyreg.__newobj__, (type(function),), state  # type: ignore[attr-defined]  # pickle names it


BY_NAME = {"numpy:ufunc": _ufunc, "numpy:vectorize": _vectorize}


# ---------------------------------------------------------------- named in streams


def make_ufunc(function: Any, inputs: int, outputs: int, identity: Any) -> Any:
    import numpy

    return numpy.frompyfunc(function, inputs, outputs, identity=identity)
