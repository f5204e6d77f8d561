"""What one run read and wrote: events come in, states by portable path come out."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from nbreplay.files.digests import (
    MISSING,
    FileDigests,
    Signature,
    list_folder,
    listing_state,
    signature,
    stat_or_none,
    stat_state,
)
from nbreplay.files.paths import Counted, ignored_entry
from nbreplay.records import FileState

AT_OPEN_BYTES = 1 << 20
"""A file up to this size is hashed when it is opened, so that what the run does to it later cannot matter."""

BEFORE_WRITE_BYTES = 64 << 20
"""A larger file that a run reads and then changes is not hashed in between (it would take over 10 ms): refused."""

_RANK = {"exists": 0, "stat": 1, "content": 2}


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


class _Read:
    """The first look at one path. *state* is None until the content is hashed, which large files put off."""

    __slots__ = ("aspect", "sign", "state", "sure", "weak")

    def __init__(self, aspect: str, state: FileState | None, sign: Signature | None, sure: bool) -> None:
        self.aspect = aspect
        self.state = state
        self.sign = sign
        self.sure = sure
        self.weak = False


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
        self._reads: dict[str, _Read] = {}
        self._writes: dict[str, bool] = {}  # path -> was there before
        self._trees: dict[str, dict[str, Signature]] = {}
        self._refusals: dict[str, None] = {}
        self._marks: dict[str, None] = {}
        self._seen: Seen | None = None

    # ------------------------------------------------------------ events

    def refuse(self, reason: str) -> None:
        """The run cannot be recorded as a function of what was seen."""
        self._refusals.setdefault(reason)

    def mark(self, reason: str) -> None:
        """The run may differ another time."""
        self._marks.setdefault(reason)

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

    def _look(self, path: str, found: os.stat_result | None, aspect: str) -> _Read:
        if found is None:
            return _Read("content", MISSING, None, True)
        if aspect != "content":
            return _Read(aspect, stat_state(found, aspect), None, True)
        if stat.S_ISDIR(found.st_mode):
            return _Read("content", self._listing(path), None, True)
        racy = self._digests.racy(found)
        if found.st_size <= AT_OPEN_BYTES or racy or not stat.S_ISREG(found.st_mode):
            return _Read("content", self._digests.digest(path), signature(found), not racy)
        return _Read("content", None, signature(found), True)

    def _made(self, path: str) -> bool:
        """Say whether *path* lies in a folder that this run made, which then is no input."""
        parent = os.path.dirname(path)
        while len(parent) > 1:
            if parent in self._writes and not self._writes[parent]:
                return True
            parent = os.path.dirname(parent)
        return False

    def _listing(self, path: str) -> FileState:
        """Return the listing of *path* without what this run made in it, and with what it removed."""
        try:
            entries = dict(list_folder(path))
        except OSError:
            return self._digests.digest(path)
        for child, existed in self._writes.items():
            parent, name = os.path.split(child)
            if parent == path:
                if not existed:
                    entries.pop(name, None)
                elif name not in entries:
                    entries[name] = False
        return listing_state(entries.items())

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
            for entry, _ in _walk(path):
                self.read(entry)

    def write_tree(self, path: str, *, blind: bool = True) -> None:
        """*path* is about to be written by native code, as a file or as a folder of files."""
        if not self.counted(path):
            return
        with self._lock:
            if os.path.isdir(path):
                if path not in self._trees:
                    self._trees[path] = {name: signature(found) for name, found in _walk(path)}
                    if not blind:
                        self.read_tree(path)
            else:
                self.write(path, blind=blind)
                self._trees.setdefault(path, {})

    def move(self, source: str, target: str) -> None:
        """*source* is about to become *target*."""
        if os.path.isdir(source) and not os.path.islink(source):
            for entry, _ in [*_walk(source)]:
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
        for entry, _ in [*_walk(path)]:
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
                self._seen = self._settle_all()
        return self._seen

    def _settle_all(self) -> Seen:
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
        if self.strict:
            for path in writes:
                if path in reads and reads[path].aspect == "content" and reads[path].digest is not None:
                    self.refuse(f"{self._show(path)} is read and changed by one task; write to another file")
        return Seen(
            reads={self._show(path): state for path, state in reads.items()},
            writes={self._show(path): state for path, state in writes.items()},
            refusals=list(self._refusals),
            marks=list(self._marks),
        )

    def _expand_trees(self) -> None:
        for top, before in self._trees.items():
            if not os.path.isdir(top):
                continue
            for path, found in _walk(top):
                same = before.get(path) == signature(found) or (path in before and stat.S_ISDIR(found.st_mode))
                if not same and self.counted(path):
                    self._writes.setdefault(path, path in before)
            for path in before:
                if self.counted(path) and stat_or_none(path) is None:
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

    def _before(self, path: str, read: _Read) -> FileState:
        """Return what the run read at *path*, having made sure that it stayed so unless the run changed it."""
        if path in self._writes or read.aspect != "content":
            return read.state or MISSING
        if read.state is not None and read.state.folder:
            if self._listing(path) != read.state:
                self.refuse(f"{self._show(path)} changed while it ran")
            return read.state
        found = stat_or_none(path)
        if found is None or signature(found) != read.sign:
            if not (found is None and read.state == MISSING):
                self.refuse(f"{self._show(path)} changed while it ran")
            return read.state or MISSING
        state = read.state
        if state is None or not read.sure:
            now = self._digests.digest(path)
            if state is not None and now != state:
                self.refuse(f"{self._show(path)} changed while it ran")
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
                self.refuse(f"{self._show(target)} is still open for writing; close it in the same cell or task")

    def _show(self, path: str) -> str:
        return self.counted.portable(path)


def _lstat_or_none(path: str) -> os.stat_result | None:
    try:
        return os.stat(path, follow_symlinks=False)
    except (OSError, ValueError):
        return None


def _walk(top: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield each file and folder below *top* with its stat, what is ignored in listings left out."""
    for folder, subfolders, files in os.walk(top):
        subfolders[:] = sorted(name for name in subfolders if not ignored_entry(name))
        for name in (*subfolders, *sorted(files)):
            path = os.path.join(folder, name)
            found = stat_or_none(path)
            if found is not None and not ignored_entry(name):
                yield path, found
