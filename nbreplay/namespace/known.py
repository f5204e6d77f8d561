"""A value as it was last seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbreplay.digest import Digest

RELEASED = object()
"""In the place of a value that is not held any more: it will be looked at again in any case."""


@dataclass(slots=True, eq=False)
class Known:
    """A value as it was last seen.

    *ids* are the objects that link names, in the order of the walk, *held* keeps them from being used again. *kept_ids*
    are those it had when its unit was made, *kept_definitions* the definitions: equal ones may take their
    place. *token* is a quick way to see that a definition did not change.
    """

    value: Any
    digest: Digest
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    labels: tuple[tuple[int, int], ...]
    held: Any
    definitions: tuple[str, ...]
    globals: tuple[str, ...]
    opaque: tuple[str, ...]
    count: int
    size_bytes: int
    kept_ids: tuple[int, ...] | None = None
    kept_definitions: tuple[str, ...] | None = None
    token: Any = None
    chunks: Mapping[tuple[int, int], bytes] = field(default_factory=dict)
