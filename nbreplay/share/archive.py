"""The file that is sent: a zip archive whose manifest names every file in it, by size and digest.

Entries are stored, not compressed: blobs are compressed already, and an archive whose sizes are plain cannot grow.

Notes
-----
An archive is a stranger's. It is looked at whole before the first byte is written (:mod:`nbreplay.share.layout` has the
names), and nothing in it is unpickled here.
"""

from __future__ import annotations

import hashlib
import json
import stat
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from nbreplay.config import store_beside
from nbreplay.errors import PackDamaged, StoreNewer
from nbreplay.share.layout import MANIFEST, SIGNATURE, allowed, is_notebook, is_store_file

FORMAT = 1
READ_BYTES = 1 << 20
MANIFEST_MAX_BYTES = 64 << 20
"""Bytes: room for 300,000 files; a larger manifest is not read."""
SIGNATURE_MAX_BYTES = 64 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large an archive may be: files in it, and bytes of all of them together."""

    files: int = 200_000
    total_bytes: int = 64 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an archive says of itself. All of it is a claim; sizes and digests are checked against the files.

    Attributes
    ----------
    notebook : str
        Its path in the archive.
    files : dict
        Path to (size in bytes, blake2b-256).
    packages : dict
        Distribution to version: what the recorded values and cells need.
    left_out : tuple of (str, str)
        What was recorded and is not in the archive, and why.
    first : int
        The cell from which the archive can be repeated without its input files; 1 is the start.
    """

    made_by: str
    made_with: str
    python: str
    made_at: str
    notebook: str
    files: dict[str, tuple[int, str]]
    platform: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    first: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the content of the manifest's entry."""
        return {
            "format": FORMAT,
            "made_by": self.made_by,
            "made_with": self.made_with,
            "made_at": self.made_at,
            "python": self.python,
            "platform": self.platform,
            "notebook": self.notebook,
            "first": self.first,
            "packages": self.packages,
            "left_out": [list(row) for row in self.left_out],
            "files": [{"path": path, "size": size, "blake2b": digest} for path, (size, digest) in self.files.items()],
        }

    def as_bytes(self) -> bytes:
        """Return the manifest as it is written and signed: JSON in one form, keys sorted."""
        return (json.dumps(self.as_json(), indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode()

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Manifest:
        """Return the manifest in *plain*; KeyError, TypeError or ValueError if there is none."""
        return cls(
            **{key: str(plain[key]) for key in ("made_by", "made_with", "python", "made_at", "notebook", "platform")},
            files={str(row["path"]): (int(row["size"]), str(row["blake2b"])) for row in plain["files"]},
            packages={str(name): str(version) for name, version in plain["packages"].items()},
            left_out=tuple((str(what), str(why)) for what, why in plain["left_out"]),
            first=int(plain["first"]),
        )


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


Told = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) by what may take long."""


def nobody(done: int, total: int) -> None:
    """Where nobody waits for long."""


class Archive:
    """An archive that was looked at and holds what its manifest says.

    Parameters
    ----------
    path : Path
        The file.
    limits : Limits
        What is too large.
    told : callable
        Called now and then with (bytes checked, bytes in all).

    Attributes
    ----------
    manifest_bytes, signature : bytes
        The manifest as it stands there, and the signature of that; empty if nobody signed.

    Raises
    ------
    PackDamaged
        It is no archive of ours, truncated, altered, or made to do harm.
    StoreNewer
        A later version made it.
    """

    def __init__(self, path: Path, limits: Limits = Limits(), told: Told = nobody) -> None:
        self.path = path
        self._told = told
        try:
            self._file = path.open("rb")
        except OSError as e:
            raise PackDamaged(f"{path} cannot be read ({e.strerror}); check the path") from e
        try:
            self._zip = zipfile.ZipFile(self._file)
            self._check_names(limits)
            self.manifest = self._read_manifest()
            self.signature = self._read_signature()
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
            if not allowed(name):
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
        for name in seen:
            if any(parent in seen for parent in map(str, PurePosixPath(name).parents)):
                raise self._damaged(f"{name!r} is in a folder that is a file")

    def _read_manifest(self) -> Manifest:
        try:
            self.manifest_bytes = self._read_whole(MANIFEST, MANIFEST_MAX_BYTES)
            plain = json.loads(self.manifest_bytes)
            version = int(plain["format"])
            if version > FORMAT:
                raise StoreNewer(str(self.path), version, FORMAT)
            manifest = Manifest.from_json(plain)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as e:
            raise self._damaged(f"its manifest cannot be read ({e!r})") from e
        if not is_notebook(manifest.notebook) or manifest.notebook not in manifest.files:
            raise self._damaged("its manifest names no notebook")
        return manifest

    def _read_signature(self) -> bytes:
        return self._read_whole(SIGNATURE, SIGNATURE_MAX_BYTES) if SIGNATURE in self._zip.namelist() else b""

    def _read_whole(self, name: str, largest: int) -> bytes:
        try:
            entry = self._zip.getinfo(name)
        except KeyError:
            raise self._damaged(f"it has no {name}") from None
        if entry.file_size > largest:
            raise self._damaged(f"its {name} is too large")
        return self._zip.read(entry)

    def _check_files(self) -> None:
        there = set(self._zip.namelist()) - {MANIFEST, SIGNATURE}
        if there != set(self.manifest.files):
            odd = sorted(there ^ set(self.manifest.files))[0]
            raise self._damaged(f"{odd!r} is in the archive or in its manifest, not in both")
        if sum(is_notebook(path) for path in there) != 1:
            raise self._damaged("it holds more than one notebook")
        store = f"{store_beside(Path(self.manifest.notebook)).as_posix()}/"
        for path in filter(is_store_file, there):
            if not path.startswith(store):
                raise self._damaged(f"{path!r} belongs to no store of its notebook")
        total, done = sum(entry.file_size for entry in self._zip.infolist()), 0
        for path, said in self.manifest.files.items():
            self._told(done, total)
            done += said[0]
            with self.stream(path) as stream:
                if digest_stream(stream) != said:
                    raise self._damaged(f"{path!r} is not what its manifest says")

    def _damaged(self, reason: str) -> PackDamaged:
        return PackDamaged(f"{self.path} cannot be unpacked: {reason}; nothing was written, ask for it again")
