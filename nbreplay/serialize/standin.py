"""What stands for a value that could not be kept: it raises when it is used, and says why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NoReturn

from nbreplay.errors import NbreplayError


class HoleUsed(NbreplayError):  # as the tree in errors
    """A value was used that could not be kept."""

    exit_code = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An object that a dump left out."""

    type_name: str
    reason: str


class StandIn:
    """Stands for a value that could not be kept. Any use raises :class:`HoleUsed`."""

    __slots__ = ("_nbreplay_hole",)

    def __init__(self, type_name: str, reason: str, name: str = "") -> None:
        object.__setattr__(self, "_nbreplay_hole", (type_name, reason, name))

    def _raise(self, *args: Any, **kwargs: Any) -> NoReturn:
        type_name, reason, name = object.__getattribute__(self, "_nbreplay_hole")
        raise HoleUsed(
            f"{f'{name}: ' if name else ''}this {type_name} could not be kept ({reason}); run the cell that made it "
            f"again, and the cells that used it"
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("__", "_repr_", "_ipython_")):
            raise AttributeError(name)
        self._raise()

    def __repr__(self) -> str:
        type_name, reason, _ = object.__getattribute__(self, "_nbreplay_hole")
        return f"<{type_name} that could not be kept: {reason}>"

    def __reduce__(self) -> Any:
        return stand_in, object.__getattribute__(self, "_nbreplay_hole")

    def __format__(self, spec: str) -> NoReturn:
        self._raise()

    __aiter__ = __anext__ = __aenter__ = __exit__ = __aexit__ = __reversed__ = __int__ = __float__ = __index__ = _raise
    __sub__ = __rsub__ = __rmul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = __neg__ = _raise
    __and__ = __or__ = __xor__ = __le__ = __ge__ = __delitem__ = __delattr__ = __abs__ = __round__ = __bytes__ = _raise
    __call__ = __iter__ = __next__ = __len__ = __getitem__ = __setitem__ = __contains__ = __enter__ = _raise
    __bool__ = __add__ = __radd__ = __sub__ = __mul__ = __setattr__ = __await__ = __lt__ = __gt__ = _raise


def stand_in(type_name: str, reason: str, name: str = "") -> StandIn:
    return StandIn(type_name, reason, name)


def type_name(obj: Any) -> str:
    """Return how a user calls the type of *obj*."""
    kind = type(obj)
    return (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
