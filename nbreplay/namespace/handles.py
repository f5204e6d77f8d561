"""Values that stand for something alive elsewhere: what a kind of handle says of itself.

The registry is empty here; the layer that owns a library registers its kinds (nothing is imported to look for them).
"""

from __future__ import annotations

from typing import Any, Protocol

from nbreplay.serialize import pickler


class HandleKind(Protocol):
    """One kind of handle. None of these may raise for a value that *recognises* accepted, short of a bug.

    All are called on the main thread, between cells.
    """

    kind: str

    def recognises(self, obj: object) -> bool:
        """Whether *obj* is such a handle. Called for every object of no known type: be quick, import nothing."""

    def token(self, obj: Any) -> bytes:
        """Return what stands for *obj* in digests: equal for handles that are interchangeable, in every process."""

    def recipe(self, obj: Any) -> object:
        """Return a value that can be pickled and from which the handle is made again."""

    def remake(self, recipe: Any) -> object:
        """Return the live one that still is what *recipe* says, or make it, or promise to."""


_kinds: dict[str, HandleKind] = {}


def register(kind: HandleKind) -> None:
    """Add *kind*; one of the same name is replaced."""
    _kinds[kind.kind] = kind


def kind_of(obj: object) -> HandleKind | None:
    """Return the kind of handle that *obj* is, None if it is none."""
    for kind in _kinds.values():
        if kind.recognises(obj):
            return kind
    return None


def _reduce(obj: object) -> tuple[Any, ...] | None:
    kind = kind_of(obj) if _kinds else None
    return None if kind is None else (remake, (kind.kind, kind.recipe(obj)))


def remake(kind: str, recipe: object) -> object:
    """Named in streams."""
    if kind not in _kinds:
        raise LookupError(f"nothing here knows how to make a {kind} again")
    return _kinds[kind].remake(recipe)


if _reduce not in pickler.HANDLES:
    pickler.HANDLES.append(_reduce)
