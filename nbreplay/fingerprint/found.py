"""What a walk is for, and what it finds."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

from nbreplay.digest import Digest
from nbreplay.fingerprint.refusals import Refusal


class Mode(enum.Enum):
    """What a walk is for.

    ``TASK`` follows a function's globals by value and notes refusals and components; ``VALUE`` is the same digest for
    data, without those; ``NAMESPACE`` is exact for all that can be observed, gives globals as names only, and collects
    what links names.
    """

    TASK = "task"
    VALUE = "value"
    NAMESPACE = "namespace"


class WalkStopped(Exception):  # no error: somebody asked for it
    """A walk that took longer than it may, or was asked to stop."""


class Component(NamedTuple):
    """One part of a fingerprint, for `why`: *subject* is the code object or value itself, for as long as it is held."""

    label: str
    name: str
    digest: Digest
    subject: Any

    @property
    def text(self) -> str:
        """Source with its place, or a short description of the value; made only when it is asked for."""
        from nbreplay.fingerprint.describe import describe

        return describe(self.subject)


@dataclass(slots=True)
class Walk:
    """The result of one walk.

    Attributes
    ----------
    digest : Digest
        Of the content: typed, ordered, sharing of objects that can change counts.
    objects : dict of int to object
        ``NAMESPACE`` only: objects that can link names, by id, held alive. What is reachable through an object's *type*
        only is not among them.
    spans : list of (int, int)
        Address ranges of memory buffers that were met.
    labels : list of (int, int)
        Address ranges of Arrow's memory below an index of pandas': it links only with memory that is met otherwise.
    chunks : dict of (int, int) to bytes
        Address range to :func:`~nbreplay.digest.chunk_digests` of contiguous buffers above one chunk.
    definitions : list
        Functions and classes that no installed distribution holds.
    globals : frozenset of str
        Names of the notebook's namespace that reachable code reads.
    opaque : list of str
        Type names of objects whose content could not be seen; the digest of such a walk never comes again.
    unpickled : bool
        Whether something was met of which a pickle may not show all: that it pickles as before says nothing.
    refusals : list of Refusal
        ``TASK`` only, plus opaque objects: why there is no fingerprint. Each has a ``kind``; ``files`` may be lifted by
        a caller that traces files.
    components : list of Component
        ``TASK`` only.
    count, size_bytes : int
        Objects met, and bytes that were hashed.
    """

    digest: Digest
    objects: dict[int, object] = field(default_factory=dict)
    spans: list[tuple[int, int]] = field(default_factory=list)
    labels: list[tuple[int, int]] = field(default_factory=list)
    chunks: dict[tuple[int, int], bytes] = field(default_factory=dict)
    definitions: list[type | FunctionType] = field(default_factory=list)
    globals: frozenset[str] = frozenset()
    opaque: list[str] = field(default_factory=list)
    unpickled: bool = False
    refusals: list[Refusal] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    count: int = 0
    size_bytes: int = 0
