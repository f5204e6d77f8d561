"""What the values of a notebook are, told from inside its kernel: run there as a file, without nbreplay.

Independent of how nbreplay sees values, so that a fault there cannot hide itself here. Handles (clients, futures, Dask
collections and what holds them), modules and code have no value of their own and are left out.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import re
import sys
from collections.abc import Mapping
from typing import Any

_OWN = {"In", "Out", "exit", "quit", "open", "get_ipython"}
_ADDRESS = re.compile(r"0x[0-9a-f]+")
_CODE = ("function", "builtin_function_or_method", "module", "type", "method", "ABCMeta")


_CONTAINERS = {list, tuple, dict}
_PLAIN = {int, float, complex, bool, str, bytes, type(None), *_CONTAINERS}
_MANY = 100
"""Items; smaller containers are walked one by one."""


class NoValue(Exception):
    """The object stands for something else than a value."""


def tell(values: Mapping[str, Any]) -> str:
    """Return the digests of *values* by name, as JSON."""
    told = {}
    for name, value in values.items():
        try:
            told[name] = digest(value)
        except NoValue:
            continue
    return json.dumps(told)


def tell_all(namespace: Mapping[str, Any]) -> str:
    """Return the digests of what the user's cells bound in *namespace*."""
    return tell({name: value for name, value in namespace.items() if not name.startswith("_") and name not in _OWN})


def digest(value: Any) -> str:
    """Return a text that is equal for equal values only."""
    hasher = hashlib.blake2b(digest_size=16)
    _feed(hasher, value, 0)
    return hasher.hexdigest()


def _feed(hasher: Any, value: Any, depth: int) -> None:
    kind = type(value)
    home = kind.__module__.split(".")[0]
    if home in ("distributed", "dask", "dask_expr", "importlib", "nbreplay") or kind.__name__ in _CODE or depth > 40:
        raise NoValue
    hasher.update(f"<{kind.__module__}.{kind.__qualname__}>".encode())
    if kind in (int, float, complex, bool, str, bytes, type(None), slice, range):
        hasher.update(repr(value).encode())
    elif kind in (list, tuple, dict) and len(value) > _MANY and _is_plain(value):
        hasher.update(marshal.dumps(value, 0))  # version 0: by value only, nothing of which object is which
    elif kind in (list, tuple):
        hasher.update(str(len(value)).encode())
        for item in value:
            _feed(hasher, item, depth + 1)
    elif isinstance(value, dict):
        hasher.update(str(len(value)).encode())
        for key, item in value.items():
            _feed(hasher, key, depth + 1)
            _feed(hasher, item, depth + 1)
    elif kind in (set, frozenset):
        for text in sorted(digest(item) for item in value):
            hasher.update(text.encode())
    elif home in ("numpy", "pandas", "xarray"):
        _feed_array(hasher, value, home, depth)
    elif hasattr(value, "__dict__"):
        _feed(hasher, dict(vars(value)), depth + 1)
    else:
        hasher.update(_ADDRESS.sub("", repr(value)).encode())


def _is_plain(value: Any) -> bool:
    """Whether *value* is made of nothing but these; a level of containers at a time, millions of items in a second."""
    level = [value]
    while level:
        inner: list[Any] = []
        for each in level:
            inner.extend(each)
            if type(each) is dict:
                inner.extend(each.values())
        kinds = set(map(type, inner))
        if not kinds <= _PLAIN:
            return False
        level = [each for each in inner if type(each) in _CONTAINERS] if kinds & _CONTAINERS else []
    return True


def _feed_array(hasher: Any, value: Any, home: str, depth: int) -> None:
    np = sys.modules["numpy"]
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        hasher.update(f"{value.dtype.str}{value.shape}".encode())
        hasher.update(np.ascontiguousarray(value).view(np.uint8).data if value.ndim else value.tobytes())
    elif isinstance(value, np.ndarray):
        _feed(hasher, value.tolist(), depth + 1)
    elif isinstance(value, np.random.Generator):
        _feed(hasher, value.bit_generator.state, depth + 1)
    elif home == "numpy":
        hasher.update(repr(value).encode())
    elif home == "pandas" and hasattr(value, "to_frame"):
        _feed_frame(hasher, value.to_frame(), depth)
    elif home == "pandas" and hasattr(value, "columns"):
        _feed_frame(hasher, value, depth)
    elif home == "xarray" and hasattr(value, "to_dict"):
        if "dask" in str(type(getattr(value, "data", None))) or getattr(value, "chunks", None):
            raise NoValue
        _feed(hasher, value.to_dict(data="array"), depth + 1)
    else:
        hasher.update(_ADDRESS.sub("", repr(value)).encode())


def _feed_frame(hasher: Any, frame: Any, depth: int) -> None:
    hasher.update(repr((list(map(str, frame.columns)), list(map(str, frame.dtypes)), frame.index.names)).encode())
    _feed(hasher, frame.index.to_numpy(), depth + 1)
    for n in range(frame.shape[1]):
        _feed(hasher, frame.iloc[:, n].to_numpy(), depth + 1)
