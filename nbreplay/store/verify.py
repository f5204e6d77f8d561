"""Looking at every byte of a store folder."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from nbreplay.store import frame
from nbreplay.store.disk import TEMPORARY
from nbreplay.store.journal import FILE_BYTES, SUFFIX, check_file_header
from nbreplay.store.record import BLOB
from nbreplay.store.scan import Scan


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is not as it should be.

    Attributes
    ----------
    where : str
        File, relative to the store's folder.
    what : str
        What is wrong with it.
    severity : str
        ``damaged``: something that was kept is lost; ``note``: nothing is lost.
    """

    where: str
    what: str
    severity: Literal["damaged", "note"] = "damaged"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def verify_store(path: Path) -> list[Problem]:
    """Return the problems of the store in *path*."""
    return [*_journals(path), *_blobs(path), *_quarantined(path)]


def _journals(path: Path) -> Iterator[Problem]:
    for file in sorted((path / "journals").glob(f"*{SUFFIX}")):
        where = str(file.relative_to(path))
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            wrong = check_file_header(os.pread(fd, FILE_BYTES, 0))
            if wrong:
                yield Problem(where=where, what=wrong, severity="damaged" if size > FILE_BYTES else "note")
            scan = Scan(fd, file.name[: -len(SUFFIX)])
            for record in scan.records():
                if record.form == BLOB and record.keys:
                    try:
                        _check(io.BytesIO(record.body), len(record.body), record.keys[0].hex())
                    except ValueError as e:
                        yield Problem(where=f"{where}:{record.place.offset}", what=f"a blob: {e}")
            for start, stop in scan.lost:
                yield Problem(where=f"{where}:{start}", what=f"{stop - start} bytes are not records")
            if max(scan.position, FILE_BYTES) < size:
                what = f"{size - scan.position} bytes at the end are not a whole record (a write that was cut off)"
                yield Problem(where=f"{where}:{scan.position}", what=what, severity="note")
        finally:
            os.close(fd)


def _blobs(path: Path) -> Iterator[Problem]:
    for file in sorted((path / "blobs").glob("*/*")):
        where = str(file.relative_to(path))
        if file.name.startswith(TEMPORARY):
            yield Problem(
                where=where, what="a write that was not finished; `nbreplay prune` removes it", severity="note"
            )
            continue
        try:
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            with os.fdopen(fd, "rb") as opened:
                _check(opened, os.fstat(fd).st_size, file.name)
        except (ValueError, OSError) as e:
            yield Problem(where=where, what=str(e))


def _check(opened: BinaryIO, size_bytes: int, digest: str) -> None:
    """Raise ValueError if the frame in *opened* is not whole and right; little of it is in memory at a time."""
    header = frame.unpack_header(opened.read(frame.HEADER_BYTES))
    if header.digest != digest:
        raise ValueError("its header names other content")
    if header.stored_bytes + frame.HEADER_BYTES != size_bytes:
        raise ValueError(f"{size_bytes - frame.HEADER_BYTES} bytes where its header says {header.stored_bytes}")
    if frame.check_content(header, opened) != digest:
        raise ValueError("its content has another digest")


def _quarantined(path: Path) -> Iterator[Problem]:
    folder = path / "quarantine"
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        yield Problem(
            where=str(file.relative_to(path)), what="was found damaged earlier and set aside", severity="note"
        )
