"""The end of a run: what it wrote is hashed, and what it read must have stayed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from nbreplay.files.digests import MISSING, FileDigests, signature, stat_or_none, stat_state, walk_folder
from nbreplay.files.noted import Look, Noted
from nbreplay.files.paths import Counted
from nbreplay.records import FileState


@dataclass
class Seen:
    """What a run did outside its process.

    Attributes
    ----------
    reads : dict of str to FileState
        By portable path, as it was *before* the run touched it; a digest of None: it was not there.
    writes : dict of str to FileState
        As the run left it; a digest of None: the run removed it.
    refusals : list of str
        Why the run cannot stand for itself: a subprocess, a read nobody saw, a file that changed meanwhile.
    marks : list of str
        Why it might differ another time, although its record may be used (the network, file times).
    """

    reads: dict[str, FileState] = field(default_factory=dict)
    writes: dict[str, FileState] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


class Settling:
    """Turns what was noted of a run into what it did; for use once, when the run is over."""

    def __init__(self, noted: Noted, counted: Counted, digests: FileDigests, *, strict: bool) -> None:
        self._noted = noted
        self._reads = noted.reads
        self._writes = noted.writes
        self._trees = noted.trees
        self._counted = counted
        self._digests = digests
        self._strict = strict

    def seen(self) -> Seen:
        """Return what the run did."""
        self._expand_trees()
        writes = {path: after for path in self._writes if (after := self._after(path)) is not None}
        self._still_open(writes)
        reads = {}
        for path, read in self._reads.items():
            if path in self._writes and not self._writes[path] and path not in writes and read.state == MISSING:
                continue  # a temporary file: looked for, made, used, removed
            if read.weak and path in self._writes:
                continue
            reads[path] = self._before(path, read)
        if self._strict:
            for path in writes:
                if path in reads and reads[path].aspect == "content" and reads[path].digest is not None:
                    self._noted.refuse(f"{self._show(path)} is read and changed by one task; write to another file")
        return Seen(
            reads={self._show(path): state for path, state in reads.items()},
            writes={self._show(path): state for path, state in writes.items()},
            refusals=list(self._noted.refusals),
            marks=list(self._noted.marks),
        )

    def _expand_trees(self) -> None:
        for top, before in self._trees.items():
            if not os.path.isdir(top):
                continue
            for path, found in walk_folder(top):
                same = before.get(path) == signature(found) or (path in before and stat.S_ISDIR(found.st_mode))
                if not same and self._counted(path):
                    self._writes.setdefault(path, path in before)
            for path in before:
                if self._counted(path) and stat_or_none(path) is None:
                    self._writes.setdefault(path, True)

    def _after(self, path: str) -> FileState | None:
        """Return how the run left *path*, None if it did not change it."""
        found = stat_or_none(path)
        existed = self._writes[path]
        if found is None:
            return MISSING if existed else None
        if stat.S_ISDIR(found.st_mode):
            return None if existed else FileState(digest=stat_state(found, "exists").digest, folder=True)
        if not stat.S_ISREG(found.st_mode):
            return None
        after = self._digests.digest(path)
        read = self._reads.get(path)
        if existed and read is not None and read.state is not None and read.state.digest == after.digest:
            return None
        return FileState(digest=after.digest, size_bytes=after.size_bytes, mode=stat.S_IMODE(found.st_mode))

    def _before(self, path: str, read: Look) -> FileState:
        """Return what the run read at *path*, having made sure that it stayed so unless the run changed it."""
        if path in self._writes or read.aspect != "content":
            return read.state or MISSING
        if read.state is not None and read.state.folder:
            if self._noted.listing(path, self._digests) != read.state:
                self._noted.refuse(f"{self._show(path)} changed while it ran")
            return read.state
        found = stat_or_none(path)
        if found is None or signature(found) != read.sign:
            if not (found is None and read.state == MISSING):
                self._noted.refuse(f"{self._show(path)} changed while it ran")
            return read.state or MISSING
        state = read.state
        if state is None or not read.sure:
            now = self._digests.digest(path)
            if state is not None and now != state:
                self._noted.refuse(f"{self._show(path)} changed while it ran")
            state = state or now
        return state

    def _still_open(self, writes: dict[str, FileState]) -> None:
        """Refuse files that are open for writing: what they will hold is not known yet."""
        if not writes or not os.path.isdir("/proc/self/fd"):
            return
        for entry in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{entry}")
                if target not in writes:
                    continue
                with open(f"/proc/self/fdinfo/{entry}") as info:
                    flags = next(int(line.split()[1], 8) for line in info if line.startswith("flags"))
            except (OSError, StopIteration, ValueError):
                continue  # closed meanwhile
            if flags & (os.O_WRONLY | os.O_RDWR):
                self._noted.refuse(f"{self._show(target)} is still open for writing; close it in the same cell or task")

    def _show(self, path: str) -> str:
        return self._counted.portable(path)
