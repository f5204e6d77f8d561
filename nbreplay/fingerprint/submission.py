"""Fingerprints for one submission of tasks: each callable and value is looked at once, and anew at the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from nbreplay.digest import Digest
from nbreplay.fingerprint.found import Component, Mode
from nbreplay.fingerprint.refusals import Refusal
from nbreplay.fingerprint.walker import walk


class Coded(NamedTuple):
    """What is known of a callable or value: its digest, why it has none that holds, and its parts for `why`."""

    digest: Digest
    refusals: tuple[Refusal, ...]
    components: tuple[Component, ...]


class TaskFingerprinter:
    """Digests of what one graph holds.

    An object is looked at once; so a fingerprinter must not outlive the call in which it was made, since globals and
    arguments may change between two submissions. Code objects are remembered for good, in
    :data:`~nbreplay.fingerprint.code.CODES`.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Coded]] = {}

    def callable_digest(self, fn: Callable[..., Any]) -> Coded:
        """Return what is known of *fn*, with everything that it reads."""
        return self.value_digest(fn)

    def value_digest(self, value: Any) -> Coded:
        """Return what is known of *value*; what several arguments share counts only if they are given as one tuple."""
        known = self._known.get(id(value))
        if known is None:
            found = walk(value, mode=Mode.TASK)
            known = self._known[id(value)] = (
                value,
                Coded(found.digest, tuple(found.refusals), tuple(found.components)),
            )
        return known[1]
