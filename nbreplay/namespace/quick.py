"""Quick looks: whether a value certainly is as it was, without a walk. A difference says nothing; a walk must tell."""

from __future__ import annotations

from types import CellType, FunctionType
from typing import Any

from nbreplay.serialize.functions import frozen, importable, plain
from nbreplay.serialize.sampler import Sampler
from nbreplay.serialize.session import Session


class Quick:
    """Samples of small names: as long as one is the same, its name did not change.

    C takes them several times faster than a walk.
    """

    def __init__(self, session: Session) -> None:
        self._sampler = Sampler(session)
        self._samples: dict[str, object] = {}

    def take(self, node: str, value: Any, *, small: bool) -> None:
        """Note how *node* looks now."""
        sample = self._sampler.sample(value) if small else None
        if sample is None:
            self._samples.pop(node, None)
        else:
            self._samples[node] = sample

    def same(self, node: str, value: Any) -> bool:
        """Whether *node* certainly looks as it did when it was taken."""
        sample = self._samples.get(node)
        return sample is not None and self._sampler.sample(value) == sample

    def drop(self, node: str) -> None:
        """*node* is gone."""
        self._samples.pop(node, None)


# ---------------------------------------------------------------- tokens of definitions


def token_of(value: Any) -> Any:
    """Return something that is equal as long as a function or class is certainly as it was; None: look properly.

    It holds the parts themselves: an id that is used again would be equal by accident.
    """
    if type(value) is FunctionType:
        return _Token(_parts(value)) if plain(value) else None
    if type(value) is type and not importable(value):
        parts: list[Any] = [value.__bases__]
        for name, each in list(vars(value).items()):
            inner = getattr(each, "__func__", each) if isinstance(each, staticmethod | classmethod) else each
            parts += (name, each)
            if type(inner) is FunctionType:
                if not _steady(inner):
                    return None
                parts += _parts(inner)
            elif type(inner) is property:
                for accessor in (inner.fget, inner.fset, inner.fdel):
                    if type(accessor) is not FunctionType and accessor is not None:
                        return None
                    if accessor is not None:
                        if not _steady(accessor):
                            return None
                        parts += _parts(accessor)
            elif not frozen(inner) and not type(inner).__name__.endswith("descriptor") and name not in _SET_BY_PYTHON:
                return None
        return _Token(parts)
    return None


_SET_BY_PYTHON = frozenset({"__annotations__", "__static_attributes__", "__firstlineno__"})


def _steady(function: FunctionType) -> bool:
    """Whether all of a method can be compared by identity; a cell for ``super()`` holds the class itself."""
    if function.__closure__ is None:
        return plain(function)
    return all(_holds_class(cell) for cell in function.__closure__) and not function.__dict__


def _holds_class(cell: CellType) -> bool:
    try:
        return isinstance(cell.cell_contents, type)
    except ValueError:
        return False


def _parts(function: FunctionType) -> list[Any]:
    return [
        function.__code__,
        function.__defaults__,
        function.__kwdefaults__ and tuple(function.__kwdefaults__.items()),
        function.__doc__,
        function.__name__,
    ]


class _Token:
    """Parts that are compared by identity, tuples of them by their items'."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Token)
            and len(self.parts) == len(other.parts)
            and all(_same(a, b) for a, b in zip(self.parts, other.parts, strict=True))
        )

    __hash__ = None  # type: ignore[assignment]  # it is only compared


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    return type(a) is tuple and type(b) is tuple and len(a) == len(b) and all(map(_same, a, b))
