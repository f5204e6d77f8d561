"""What one run reads and writes: events come in, states by portable path come out."""

from __future__ import annotations

import os
import stat
import threading

from nbreplay.files.digests import MISSING, FileDigests, signature, stat_or_none, stat_state, walk_folder
from nbreplay.files.noted import Look, Noted
from nbreplay.files.paths import Counted
from nbreplay.files.settle import Seen, Settling

AT_OPEN_BYTES = 1 << 20
"""A file up to this size is hashed when it is opened, so that what the run does to it later cannot matter."""

BEFORE_WRITE_BYTES = 64 << 20
"""A larger file that a run reads and then changes is not hashed in between (it would take over 10 ms): refused."""

_RANK = {"exists": 0, "stat": 1, "content": 2}


class Scope:
    """Collects the file events of one run; made by :meth:`Watch.scope`.

    All methods take absolute paths and may be called from any thread. What the run itself wrote is never its input.

    Parameters
    ----------
    counted : Counted
        Which paths count.
    digests : FileDigests
        Shared by all runs of the process.
    strict : bool
        True for tasks: network traffic, and changing a file that was there, are refused instead of marked and kept.
    """

    def __init__(self, counted: Counted, digests: FileDigests, *, strict: bool) -> None:
        self.counted = counted
        self.strict = strict
        self.closed = False
        self.outer: Scope | None = None
        self.previous: Scope | None = None
        self.thread = 0
        self.memo: set[object] = set()
        self._digests = digests
        self._lock = threading.RLock()  # a finaliser may open a file while this thread is inside
        self._noted = Noted()
        self._reads = self._noted.reads
        self._writes = self._noted.writes
        self._seen: Seen | None = None

    # ------------------------------------------------------------ events

    def refuse(self, reason: str) -> None:
        """The run cannot be recorded as a function of what was seen."""
        self._noted.refuse(reason)

    def mark(self, reason: str) -> None:
        """The run may differ another time."""
        self._noted.marks.setdefault(reason)

    def remote(self, what: str, remedy: str) -> None:
        """Something beyond the file system was used: a reason to refuse a task, a mark on a cell."""
        (self.refuse if self.strict else self.mark)(f"{what}; {remedy}" if self.strict else what)

    def read(self, path: str, aspect: str = "content", *, folders: bool = True, weak: bool = False) -> None:
        """*path* is about to be looked at.

        Not *folders*: opening one tells nothing of what is in it. *weak*: a library looks whether something is there;
        that does not matter if the run then overwrites it (``savefig`` looks before it writes).
        """
        if not self.counted(path):
            return
        with self._lock:
            known = self._reads.get(path)
            if known is not None and not weak:
                known.weak = False
            if path in self._writes or (known is not None and _RANK[known.aspect] >= _RANK[aspect]):
                return
            if self._writes and self._made(path):
                return
            found = stat_or_none(path)
            if found is not None and not folders and stat.S_ISDIR(found.st_mode):
                return
            if known is not None and known.state == MISSING and found is not None:
                self.refuse(f"{self._show(path)} appeared while it ran")
            self._reads[path] = read = self._look(path, found, aspect)
            read.weak = weak and (known is None or known.weak)

    def _look(self, path: str, found: os.stat_result | None, aspect: str) -> Look:
        if found is None:
            return Look("content", MISSING, None, True)
        if aspect != "content":
            return Look(aspect, stat_state(found, aspect), None, True)
        if stat.S_ISDIR(found.st_mode):
            return Look("content", self._noted.listing(path, self._digests), None, True)
        racy = self._digests.racy(found)
        if found.st_size <= AT_OPEN_BYTES or racy or not stat.S_ISREG(found.st_mode):
            return Look("content", self._digests.digest(path), signature(found), not racy)
        return Look("content", None, signature(found), True)

    def _made(self, path: str) -> bool:
        """Say whether *path* lies in a folder that this run made, which then is no input."""
        parent = os.path.dirname(path)
        while len(parent) > 1:
            if parent in self._writes and not self._writes[parent]:
                return True
            parent = os.path.dirname(parent)
        return False

    def write(self, path: str, *, blind: bool = True) -> None:
        """*path* is about to be changed; not *blind*: what it held may live on (append, update in place)."""
        if not self.counted(path):
            return
        with self._lock:
            if not blind:
                self.read(path)
            if path not in self._writes:
                found = stat_or_none(path) or _lstat_or_none(path)
                self._settle(path)
                self._writes[path] = found is not None

    def _settle(self, path: str) -> None:
        """Hash what was read of *path* before it goes."""
        read = self._reads.get(path)
        if read is None or read.state is not None:
            return
        found = stat_or_none(path)
        if found is None or signature(found) != read.sign:
            self.refuse(f"{self._show(path)} changed while it ran")
        elif found.st_size > BEFORE_WRITE_BYTES:
            self.refuse(f"{self._show(path)} is read and then changed, and too large to keep track of")
        read.state = self._digests.digest(path)

    def remove(self, path: str) -> None:
        """*path* is about to be removed: whether it was there may matter, what it held does not."""
        self.read(path, "exists")
        self.write(path)

    def read_tree(self, path: str) -> None:
        """*path* is about to be read by native code: the file, or all that is in the folder."""
        self.read(path)
        if os.path.isdir(path):
            for entry, _ in walk_folder(path):
                self.read(entry)

    def write_tree(self, path: str, *, blind: bool = True) -> None:
        """*path* is about to be written by native code, as a file or as a folder of files."""
        if not self.counted(path):
            return
        with self._lock:
            if os.path.isdir(path):
                if path not in self._noted.trees:
                    self._noted.trees[path] = {name: signature(found) for name, found in walk_folder(path)}
                    if not blind:
                        self.read_tree(path)
            else:
                self.write(path, blind=blind)
                self._noted.trees.setdefault(path, {})

    def move(self, source: str, target: str) -> None:
        """*source* is about to become *target*."""
        if os.path.isdir(source) and not os.path.islink(source):
            for entry, _ in [*walk_folder(source)]:
                self._move_one(entry, None)
            self.write_tree(target)
        self._move_one(source, target)

    def _move_one(self, source: str, target: str | None) -> None:
        self.read(source)
        self.write(source)
        if target is not None:
            self.write(target)

    def remove_tree(self, path: str) -> None:
        """All of *path* is about to be removed."""
        for entry, _ in [*walk_folder(path)]:
            with self._lock:
                if self.counted(entry):
                    self._settle(entry)
                    self._writes.setdefault(entry, True)
        self.remove(path)

    # ------------------------------------------------------------ the end

    def seen(self) -> Seen:
        """Return what the run did; hashes what it wrote. Call it once the run is over, outside of it."""
        if self._seen is None:
            with self._lock:
                self._seen = Settling(self._noted, self.counted, self._digests, strict=self.strict).seen()
        return self._seen

    def _show(self, path: str) -> str:
        return self.counted.portable(path)


def _lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return None
