"""One file to send: the notebook, and what it needs to be repeated without its input data."""

from __future__ import annotations

import getpass
import json
import os
import platform
import stat
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import nbreplay
from nbreplay.errors import NoRecord, PackDamaged
from nbreplay.replay.reader import open_store
from nbreplay.share.archive import MANIFEST, READ_BYTES, Manifest, allowed, digest_stream, store_files
from nbreplay.share.notebook import read_notebook

SUFFIX = ".nbr"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every entry's time: when a file was touched is nobody's business, and equal packs are equal bytes."""


def pack(notebook: Path, store: Path, output: Path | None = None) -> tuple[Path, Manifest]:
    """Write *notebook* and its *store* to *output* (default: beside the notebook); input data stays at home.

    Raises
    ------
    NotebookError
        The notebook cannot be used.
    NoRecord
        It was never recorded.
    """
    read_notebook(notebook)
    if not store.is_dir():
        raise NoRecord(f"{notebook} is not recorded; record it with: nbreplay audit {notebook}")
    with open_store(store) as reader:
        if not reader.runs():
            raise NoRecord(f"{store} holds no runs; record the notebook with: nbreplay audit {notebook}")
    if not allowed(notebook.name):
        raise PackDamaged(f"the name {notebook.name!r} does not travel; rename the notebook")
    target = output or notebook.with_suffix(SUFFIX)
    if target.exists() and not target.is_file():
        raise PackDamaged(f"{target} is no plain file; name another place with -o")
    try:
        return target, _write(notebook, store, target.resolve())
    except OSError as e:
        if e.filename is not None and store in Path(e.filename).parents:
            raise PackDamaged(f"{e.filename} cannot be read ({e.strerror}); see: nbreplay verify {notebook}") from e
        raise PackDamaged(f"{target} cannot be written ({e.strerror or e}); name another place with -o") from e


def _write(notebook: Path, store: Path, target: Path) -> Manifest:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            files = {}
            for path, source in [(notebook.name, notebook), *store_files(store)]:
                files[path] = _add(archive, path, source)
            manifest = Manifest(
                made_by=_user(),
                made_with=f"nbreplay {nbreplay.__version__}",
                python=platform.python_version(),
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                notebook=notebook.name,
                files=files,
            )
            archive.writestr(_entry(MANIFEST), json.dumps(manifest.as_json(), indent=1))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return manifest


def _add(archive: zipfile.ZipFile, path: str, source: Path) -> tuple[int, str]:
    """Add the file *source* as it is now; a journal that grows meanwhile is cut where it ended at first."""
    with source.open("rb") as whole:
        size = os.fstat(whole.fileno()).st_size
        digest = digest_stream(_Head(whole, size))
        whole.seek(0)
        with archive.open(_entry(path, size), "w") as entry:
            head = _Head(whole, size)
            while data := head.read(READ_BYTES):
                entry.write(data)
    return digest


def _entry(path: str, size: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.external_attr = (stat.S_IFREG | 0o600) << 16
    entry.file_size = size
    return entry


class _Head:
    """The first *size* bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, wanted: int) -> bytes:
        data = self._stream.read(min(wanted, self._left))
        self._left -= len(data)
        return data


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process without a user name, as in some containers
        return "unknown"
