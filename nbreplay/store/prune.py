"""Giving room back: blobs that nobody needs, leftovers of broken writes, forgotten records.

Deletion goes the other way round than writing: what may be needed is copied first, then what held it is removed. Files
younger than a grace time stay, for a process may have put a blob and not yet appended the record that needs it (it
touches a blob that it finds there already). Journals are written anew only when all their writers are gone: each holds
a lock (flock) on its journal for as long as it lives. On network file systems nobody can tell, and journals stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nbreplay.store.catalogue import Catalogue
from nbreplay.store.disk import TEMPORARY, Disk, temporary_name
from nbreplay.store.failpoints import reach
from nbreplay.store.journal import FILE_BYTES, SUFFIX, new_name, number_of, pack_file_header
from nbreplay.store.record import BLOB, FORGET, WHOLE, Record, pack_record, seed_of

GRACE_S = 3600.0
"""Files younger than this are left alone, seconds."""
WORTH_IT = 0.9
"""A single journal is written anew if that leaves less than this share of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed: files and bytes; *journals_kept* says why journals were left as they are, if they were."""

    files: int = 0
    size_bytes: int = 0
    journals_kept: str = ""


def prune_store(
    path: Path, catalogue: Catalogue, keep: Collection[str], disk: Disk, grace_s: float, *, identity: str, network: bool
) -> Pruned:
    """Prune files, then journals; the caller has no journal open, and reads them anew afterwards.

    Raises
    ------
    OSError
        It could not be done, or not all of it; nothing that is needed is gone.
    """
    files = prune_files(path, keep, disk, grace_s)
    if network:
        journals = Pruned(journals_kept="on a network file system nobody can tell who writes to them")
    else:
        journals = prune_journals(path, identity, catalogue, keep, disk)
    return Pruned(
        files=files.files + journals.files,
        size_bytes=files.size_bytes + journals.size_bytes,
        journals_kept=journals.journals_kept,
    )


def prune_files(path: Path, keep: Collection[str], disk: Disk, grace_s: float) -> Pruned:
    """Remove blobs whose digests are not in *keep*, unfinished writes, and what is in quarantine."""
    freed = [remove_file(file, disk, grace_s) for file in _removable(path, keep)]
    return Pruned(files=sum(size >= 0 for size in freed), size_bytes=sum(size for size in freed if size > 0))


def remove_file(file: Path, disk: Disk, grace_s: float) -> int:
    """Remove *file* if it is older than *grace_s*; return its bytes, -1 if it stays.

    Who wants it again at this moment touches it, or finds it gone and writes it anew: it leaves its name first.
    """
    try:
        state = file.lstat()
        if time.time() - state.st_mtime < grace_s:  # one from the future stays: nothing is decided by a wrong clock
            return -1
        gone = file if file.name.startswith(TEMPORARY) else file.with_name(temporary_name())
        if gone != file:
            disk.rename(file, gone)
        if gone.lstat().st_mtime != state.st_mtime:
            disk.rename(gone, file)
            return -1
        disk.remove(gone)
    except OSError:
        return -1
    return state.st_size


def _removable(path: Path, keep: Collection[str]) -> Iterator[Path]:
    for file in (path / "blobs").glob("*/*"):
        if file.name.startswith(TEMPORARY) or file.name not in keep:
            yield file
    yield from path.glob(f"{TEMPORARY}*")
    yield from (path / "journals").glob(f"{TEMPORARY}*")
    yield from (path / "quarantine").glob("*")


def prune_journals(path: Path, identity: str, catalogue: Catalogue, keep: Collection[str], disk: Disk) -> Pruned:
    """Copy what is needed of all journals into one, and remove them; the caller has none open."""
    folder = path / "journals"
    with contextlib.ExitStack() as locks:
        names = catalogue.journals.names()
        for name in names:
            if not _locked(folder / f"{name}{SUFFIX}", locks):
                return Pruned(journals_kept="another process writes to this store")
        before = sum((folder / f"{name}{SUFFIX}").stat().st_size for name in names)
        name = new_name(1 + max(map(number_of, names), default=0))
        temporary = folder / temporary_name()
        after = _copy(name, temporary, identity, _needed(catalogue, keep), names, disk)
        reach("prune.copied")
        if len(names) <= 1 and after > WORTH_IT * before:
            disk.remove(temporary)
            return Pruned()
        try:
            disk.rename(temporary, folder / f"{name}{SUFFIX}")
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        disk.sync_folder(folder)
        reach("prune.renamed")
        for old in names:
            disk.remove(folder / f"{old}{SUFFIX}")
            reach("prune.removed")
        return Pruned(files=len(names) - 1, size_bytes=before - after)


def _locked(file: Path, locks: contextlib.ExitStack) -> bool:
    """Take the lock on a journal until *locks* end; False if its writer lives, or nobody can tell."""
    fd = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    locks.callback(os.close, fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _needed(catalogue: Catalogue, keep: Collection[str]) -> Iterator[Record]:
    seen: set[bytes] = set()
    for record in catalogue.valid():
        if record.form == FORGET:
            continue
        if record.form == BLOB:
            digest = record.keys[0] if record.keys else b""
            if digest in seen or digest.hex() not in keep:
                continue
            seen.add(digest)
        yield record


def _copy(name: str, temporary: Path, identity: str, records: Iterator[Record], replaced: list[str], disk: Disk) -> int:
    """Write *records* as the journal *name*, with their sequences and codes as they are; return its length.

    It says first which journals it replaces: should they outlive a crash, nothing is found twice.
    """
    seed = seed_of(name)
    rows = msgspec.msgpack.encode([(old, WHOLE, 0) for old in replaced])
    first = pack_record(FORGET, b"forget", b"", rows, sequence=0, seed=seed, offset=FILE_BYTES, key=None)
    end = FILE_BYTES + len(first)
    fd = disk.create(temporary)
    try:
        disk.write(fd, pack_file_header(bytes.fromhex(identity)) + first, 0)
        for record in records:
            disk.write(fd, record.moved(seed, end), end)
            end += record.place.size_bytes
        disk.sync(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    finally:
        os.close(fd)
    return end
