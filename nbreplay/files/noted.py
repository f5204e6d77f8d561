"""What one run did so far: its first look at each path, and what it wrote, as the events come."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from nbreplay.files.digests import FileDigests, Signature, list_folder, listing_state
from nbreplay.records import FileState


class Look:
    """The first look at one path. *state* is None until the content is hashed, which large files put off.

    *sure*: the file's stat would show if it changed. *weak*: does not count if the run then overwrites it.
    """

    __slots__ = ("aspect", "sign", "state", "sure", "weak")

    def __init__(self, aspect: str, state: FileState | None, sign: Signature | None, sure: bool) -> None:
        self.aspect = aspect
        self.state = state
        self.sign = sign
        self.sure = sure
        self.weak = False


@dataclass(slots=True)
class Noted:
    """What is known of one run, by absolute path."""

    reads: dict[str, Look] = field(default_factory=dict)
    writes: dict[str, bool] = field(default_factory=dict)  # whether it was there before
    trees: dict[str, dict[str, Signature]] = field(default_factory=dict)  # folders given to native code, as they were
    refusals: dict[str, None] = field(default_factory=dict)
    marks: dict[str, None] = field(default_factory=dict)

    def refuse(self, reason: str) -> None:
        """The run cannot be recorded as a function of what was seen."""
        self.refusals.setdefault(reason)

    def listing(self, path: str, digests: FileDigests) -> FileState:
        """Return the listing of *path* without what this run made in it, and with what it removed."""
        try:
            entries = dict(list_folder(path))
        except OSError:
            return digests.digest(path)
        for child, existed in self.writes.items():
            parent, name = os.path.split(child)
            if parent == path:
                if not existed:
                    entries.pop(name, None)
                elif name not in entries:
                    entries[name] = False
        return listing_state(entries.items())
