"""What a value is, by its type alone: ``isinstance`` asks the value as well, and a user's may lie, raise or hang."""

from __future__ import annotations

from types import UnionType
from typing import Any, TypeGuard, TypeVar, overload

T = TypeVar("T")


@overload
def is_a(value: Any, kind: type[T]) -> TypeGuard[T]: ...
@overload
def is_a(value: Any, kind: UnionType | tuple[type, ...]) -> bool: ...
def is_a(value: Any, kind: Any) -> bool:
    """Whether the type of *value* is *kind* or derives from it; no code of the value's class runs.

    Examples
    --------
    >>> class Liar:
    ...     __class__ = property(lambda self: int)
    >>> isinstance(Liar(), int), is_a(Liar(), int)
    (True, False)
    """
    return issubclass(type(value), kind)


def module_of(value: Any) -> str | None:
    """Return the ``__module__`` of *value*, None if it has none or does not say."""
    try:
        module = value.__module__
    except Exception:  # noqa: BLE001  # code of the user's
        return None
    return module if type(module) is str else None
