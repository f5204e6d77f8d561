"""The file that is sent: a zip archive whose manifest names every file in it, by size and digest.

============================== =========================================================
entry                          what
============================== =========================================================
``manifest.json``              format, who made it, the notebook's name, the files
``NAME.ipynb``                 the notebook
``store/store.json``           its store, as it is on disk, without index and quarantine
``store/journals/*``
``store/blobs/ab/*``
============================== =========================================================

Entries are stored, not compressed: blobs are compressed already, and an archive whose sizes are plain cannot grow.

Notes
-----
An archive is a stranger's. It is looked at whole before the first byte is written, names are allowed by form instead
of being forbidden one by one, and nothing in it is unpickled here.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from nbreplay.errors import PackDamaged, StoreNewer

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "store"
READ_BYTES = 1 << 20
MANIFEST_MAX_BYTES = 64 << 20
"""Bytes: room for 300,000 files; a larger manifest is not read."""

_NOTEBOOK = re.compile(r"[^/\\\x00-\x1f\x7f:*?\"<>|]{1,200}\.ipynb")
_STORE_FILE = re.compile(r"store/(?:store\.json|journals/[A-Za-z0-9_.-]{1,120}|blobs/[0-9a-f]{2}/[0-9a-f]{32})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large an archive may be: files in it, and bytes of all of them together."""

    files: int = 200_000
    total_bytes: int = 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself. All of it is a claim; sizes and digests are checked against the files."""

    made_by: str
    made_with: str
    python: str
    made_at: str
    notebook: str
    files: dict[str, tuple[int, str]]

    def as_json(self) -> dict[str, Any]:
        """Return the content of the manifest's entry."""
        return {
            "format": FORMAT,
            "made_by": self.made_by,
            "made_with": self.made_with,
            "python": self.python,
            "made_at": self.made_at,
            "notebook": self.notebook,
            "files": [{"path": path, "size": size, "blake2b": digest} for path, (size, digest) in self.files.items()],
        }


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, wanted: int, /) -> bytes:
        """Return up to *wanted* bytes; none at the end."""


def digest_stream(stream: Readable) -> tuple[int, str]:
    """Return the size and the blake2b-256 of what is left in *stream*."""
    hasher, size = hashlib.blake2b(digest_size=32), 0
    while data := stream.read(READ_BYTES):
        hasher.update(data)
        size += len(data)
    return size, hasher.hexdigest()


def allowed(path: str) -> bool:
    """Whether a file may have this name in an archive."""
    if path != unicodedata.normalize("NFC", path) or ".." in path.split("/"):
        return False
    return bool(_NOTEBOOK.fullmatch(path) or _STORE_FILE.fullmatch(path))


class Archive:
    """An archive that was looked at and holds what its manifest says.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        What is too large.

    Raises
    ------
    PackDamaged
        It is no archive of ours, truncated, altered, or made to do harm.
    StoreNewer
        A later version made it.
    """

    def __init__(self, path: Path, limits: Limits = Limits()) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as e:
            raise PackDamaged(f"{path} cannot be read ({e.strerror}); check the path") from e
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._check_names(limits)
            self.manifest = self._read_manifest()
            self._check_files()
        except BaseException as e:
            self._file.close()
            if isinstance(e, (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, ValueError)):
                raise self._damaged(f"it is cut off or no archive: {e}") from e
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def stream(self, path: str) -> IO[bytes]:
        """Return the bytes of the file *path*."""
        return self._zip.open(path)

    # ------------------------------------------------------------ checks, none of which writes

    def _check_names(self, limits: Limits) -> None:
        entries = self._zip.infolist()
        if len(entries) > limits.files:
            raise self._damaged(f"it has {len(entries)} files, more than {limits.files}")
        total = sum(entry.file_size for entry in entries)
        if total > limits.total_bytes:
            raise self._damaged(f"it would take {total} bytes, more than {limits.total_bytes}")
        # Stored entries that do not overlap cannot be longer than the file that they are in.
        if total > self.path.stat().st_size:
            raise self._damaged("its files are larger than itself")
        seen: set[str] = set()
        for entry in entries:
            name = entry.filename
            if name != MANIFEST and not allowed(name):
                raise self._damaged(f"the name {name!r} is not allowed")
            if (folded := unicodedata.normalize("NFC", name).casefold()) in seen:
                raise self._damaged(f"the name {name!r} is there twice")
            seen.add(folded)
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise self._damaged(f"{name!r} is no plain file")
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise self._damaged(f"{name!r} is compressed")
            if entry.flag_bits & 0x1:
                raise self._damaged(f"{name!r} is encrypted")

    def _read_manifest(self) -> Manifest:
        try:
            entry = self._zip.getinfo(MANIFEST)
        except KeyError:
            raise self._damaged("it has no manifest") from None
        if entry.file_size > MANIFEST_MAX_BYTES:
            raise self._damaged("its manifest is too large")
        try:
            plain = json.loads(self._zip.read(entry))
            version = int(plain["format"])
            if version > FORMAT:
                raise StoreNewer(str(self.path), version, FORMAT)
            manifest = Manifest(
                **{key: str(plain[key]) for key in ("made_by", "made_with", "python", "made_at", "notebook")},
                files={str(row["path"]): (int(row["size"]), str(row["blake2b"])) for row in plain["files"]},
            )
        except (KeyError, TypeError, ValueError, RecursionError) as e:
            raise self._damaged(f"its manifest cannot be read ({e!r})") from e
        if not _NOTEBOOK.fullmatch(manifest.notebook) or manifest.notebook not in manifest.files:
            raise self._damaged("its manifest names no notebook")
        return manifest

    def _check_files(self) -> None:
        there = set(self._zip.namelist()) - {MANIFEST}
        if there != set(self.manifest.files):
            odd = sorted(there ^ set(self.manifest.files))[0]
            raise self._damaged(f"{odd!r} is in the archive or in its manifest, not in both")
        if sum(path.endswith(".ipynb") for path in there) != 1:
            raise self._damaged("it holds more than one notebook")
        for path, said in self.manifest.files.items():
            with self.stream(path) as stream:
                if digest_stream(stream) != said:
                    raise self._damaged(f"{path!r} is not what its manifest says")

    def _damaged(self, reason: str) -> PackDamaged:
        return PackDamaged(f"{self.path} cannot be unpacked: {reason}; nothing was written, ask for it again")


def store_files(store: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name in the archive, path) of what belongs to *store*.

    Journals come before blobs: a record that is appended meanwhile has its blobs on disk already.
    """
    for folder in ("", "journals", "blobs"):
        below = store / folder
        for path in sorted(below.rglob("*") if folder else [store / "store.json"]):
            name = f"{STORE}/{path.relative_to(store).as_posix()}"
            if path.is_file() and not path.is_symlink() and allowed(name):
                yield name, path
