"""The one place that unpickles.

Unpickling runs code: whoever wrote the stream decides which. So everything that could do it goes through here and says
whose stream it is. A test walks the source of the package for other uses of ``pickle.load``, ``dill``, ``cloudpickle``
and ``np.load``.
"""

from __future__ import annotations

import enum
import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from nbreplay.digest import Buffer
from nbreplay.errors import Untrusted


class Trust(enum.Enum):
    """Whose bytes these are."""

    OWN = "own"
    """Written by this user, or accepted by an explicit act: the record's code holds under this user's key."""
    UNKNOWN = "unknown"
    """By anybody: data only."""


def require(trust: Trust, what: str = "a pickled value") -> None:
    """Return if *trust* allows to unpickle.

    Raises
    ------
    Untrusted
        It does not.
    """
    if trust is not Trust.OWN:
        raise Untrusted(
            f"{what} would have to be unpickled, which runs code of whoever made it; "
            "accept its author with `nbreplay unpack --trust`, or run the cell"
        )


def loads(
    stream: Buffer,
    buffers: Sequence[Buffer] = (),
    *,
    trust: Trust,
    persistent_load: Callable[[Any], Any] | None = None,
    find_class: Callable[[str, str], Any] | None = None,
) -> object:
    """Return the value that *stream* and its out-of-band *buffers* hold.

    Parameters
    ----------
    stream : bytes-like
        As pickle, cloudpickle or dill wrote it; checked before, and not read again: what was checked is loaded.
    buffers : sequence of bytes-like
        The buffers that left the stream, in their order; arrays are made on them without a copy.
    trust : Trust
        Whose stream it is.
    persistent_load : callable, optional
        Called with each persistent id in the stream; returns the object that it stands for.
    find_class : callable, optional
        Called with module and name of each global; returns it, or NotImplemented for what an import would find.

    Raises
    ------
    Untrusted
        *trust* is not :attr:`Trust.OWN`; nothing was looked at.
    """
    require(trust)
    return _Unpickler(stream, buffers, persistent_load, find_class).load()


class _Unpickler(pickle.Unpickler):
    """The C unpickler, with callbacks."""

    def __init__(
        self,
        stream: Buffer,
        buffers: Sequence[Buffer],
        persistent_load: Callable[[Any], Any] | None,
        find_class: Callable[[str, str], Any] | None,
    ) -> None:
        super().__init__(io.BytesIO(stream), buffers=buffers)
        self._persistent_load = persistent_load
        self._find_class = find_class

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent_load is None:
            raise pickle.UnpicklingError(f"a persistent id ({pid!r}) that nobody here knows")
        return self._persistent_load(pid)

    def find_class(self, module: str, name: str) -> Any:
        if self._find_class is not None:
            found = self._find_class(module, name)
            if found is not NotImplemented:
                return found
        return super().find_class(module, name)
