"""One file to send: the notebook, and what it needs to be repeated without its input data."""

from __future__ import annotations

import ast
import getpass
import hashlib
import os
import platform
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nbformat import NotebookNode

import nbreplay
from nbreplay.config import Settings, store_beside
from nbreplay.errors import NoRecord, PackDamaged, SecretsFound
from nbreplay.replay.start import FileCell
from nbreplay.share import signatures
from nbreplay.share.archive import READ_BYTES, Manifest, Told, nobody
from nbreplay.share.backpack import compute_text, data_text
from nbreplay.share.cut import Cut, Wanted, cut
from nbreplay.share.environment import closure, environment_files, hashes_of, packages_of
from nbreplay.share.imports import modules_of
from nbreplay.share.inputs import Input, inputs_of
from nbreplay.share.layout import COMPUTE, DATA, MANIFEST, SIGNATURE, SUFFIX, WORKFLOW, allowed
from nbreplay.share.notebook import code_cells, read_notebook, source_of
from nbreplay.share.secrets import Secret, secrets_in
from nbreplay.store import Store

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Every entry's time: when a file was touched is nobody's business, and equal packs are equal bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How to pack.

    Attributes
    ----------
    wanted : Wanted
        Which values and results.
    data : {'small', 'all', 'none'}
        Which input files.
    confirmed : bool
        Pack although something looks like a credential.
    hashes : bool
        Ask pip for the hashes of the packages.
    key : Path or None
        SSH key to sign with.
    """

    wanted: Wanted = field(default_factory=Wanted)
    data: str = "small"
    confirmed: bool = False
    hashes: bool = False
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What was written: where, its manifest, the input files, and what looked like a credential and was confirmed."""

    path: Path
    manifest: Manifest
    inputs: Sequence[Input]
    secrets: Sequence[Secret]


def pack(
    notebook: Path, store: Path, output: Path | None = None, order: Order = Order(), told: Told = nobody
) -> Packed:
    """Write *notebook* and what of its *store* is asked for to *output* (default: beside the notebook).

    *told* is called now and then with (bytes written, bytes in all).

    Raises
    ------
    NotebookError
        The notebook cannot be used.
    NoRecord
        It was never recorded.
    SecretsFound
        Something looks like a credential; nothing is written.
    PackDamaged
        The file cannot be written, or cannot be what was asked for.
    """
    read = read_notebook(notebook)
    if not store.is_dir():
        raise NoRecord(f"{notebook} is not recorded; record it with: nbreplay audit {notebook}")
    entry = f"{WORKFLOW}/{notebook.name}"
    if not allowed(entry):
        raise PackDamaged(f"the name {notebook.name!r} does not travel; rename the notebook")
    target = output or notebook.with_suffix(SUFFIX)
    if target.exists() and not target.is_file():
        raise PackDamaged(f"{target} is no plain file; name another place with -o")
    cells = [FileCell(n, cell.get("id"), source_of(cell)) for n, cell in enumerate(code_cells(read), 1)]
    with Store.open(store, create=False, read_only=True) as opened:
        taken = cut(opened, cells, order.wanted)
        inputs = inputs_of(taken.runs, taken.tasks, notebook.absolute().parent, data=order.data)
        secrets = secrets_in(read, taken, opened, inputs)
        if secrets and not order.confirmed:
            raise SecretsFound(
                f"{len(secrets)} things look like credentials, first {secrets[0]}; leave names out with --exclude, "
                "edit the notebook, or confirm with --with-secrets",
                tuple(map(str, secrets)),
            )
        try:
            manifest = _write(notebook, read, opened, taken, inputs, target.resolve(), order, told)
        except OSError as e:
            if e.filename is not None and store in Path(e.filename).parents:
                raise PackDamaged(f"{e.filename} cannot be read ({e.strerror}); see: nbreplay verify {notebook}") from e
            raise PackDamaged(f"{target} cannot be written ({e.strerror or e}); name another place with -o") from e
    return Packed(path=target, manifest=manifest, inputs=inputs, secrets=secrets)


def _write(
    notebook: Path, read: NotebookNode, store: Store, taken: Cut, inputs: Sequence[Input], target: Path, order: Order,
    told: Told,
) -> Manifest:  # fmt: skip
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    temporary = Path(name)
    try:
        with (
            os.fdopen(descriptor, "wb") as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive,
            tempfile.TemporaryDirectory(prefix=".nbreplay-", dir=target.parent) as scratch,
        ):
            entry = f"{WORKFLOW}/{notebook.name}"
            packages = packages_of(taken.runs, modules_of(taken.values(), store))
            pinned = closure(packages)
            hashes = hashes_of(pinned) if order.hashes else {}
            texts = {
                **environment_files(notebook.stem, pinned, hashes),
                DATA: data_text(inputs),
                COMPUTE: compute_text(list(_clusters(read))),
            }
            files = {entry: _add(archive, entry, notebook)}
            for path, text in texts.items():
                files[path] = _add_bytes(archive, path, text.encode())
            folder = store_beside(Path(entry)).as_posix()
            sources = [(f"{folder}/{path}", file) for path, file in _store_files(store, taken, Path(scratch) / "store")]
            sources += [(item.entry, item.source) for item in inputs if item.included and item.source is not None]
            total = sum(source.stat().st_size for _, source in sources)
            for path, source in sources:
                told(out.tell(), total)
                files[path] = _add(archive, path, source)
            left_out = [*taken.left_out, *((item.written, item.why_not) for item in inputs if not item.included)]
            manifest = Manifest(
                made_by=_user(),
                made_with=f"nbreplay {nbreplay.__version__}",
                python=platform.python_version(),
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                notebook=entry,
                files=files,
                platform=f"{platform.system()} {platform.machine()}",
                packages=packages,
                left_out=tuple(left_out),
                first=order.wanted.first,
            )
            data = manifest.as_bytes()
            _add_bytes(archive, MANIFEST, data)
            if order.key is not None:
                _add_bytes(archive, SIGNATURE, signatures.sign(data, order.key))
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return manifest


def _store_files(store: Store, taken: Cut, scratch: Path) -> Iterator[tuple[str, Path]]:
    """Yield (path in the store, file): journals written anew with the records taken, large blobs as they are."""
    large: list[Path] = []
    with Store.open(scratch, settings=Settings()) as copy:
        for digest in taken.blobs:
            file = store.blobs().path(digest)
            if file.is_file() and not file.is_symlink():
                large.append(file)
            elif store.has(digest):
                copy.put(store.get(digest), digest=digest)
        by_kind: dict[str, list[tuple[bytes, tuple[bytes, ...]]]] = {}
        for row in taken.rows:
            by_kind.setdefault(row.kind, []).append((row.body, row.keys))
        for kind, rows in by_kind.items():
            copy.append_many(kind, rows)
    yield "store.json", scratch / "store.json"
    for folder in ("journals", "blobs"):
        for path in sorted((scratch / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(scratch).as_posix(), path
    for path in large:
        yield f"blobs/{path.parent.name}/{path.name}", path


def _clusters(notebook: NotebookNode) -> Iterator[dict[str, Any]]:
    """Yield the plain arguments of every cluster or client that the notebook makes by its name."""
    for cell in code_cells(notebook):
        try:
            tree = ast.parse(source_of(cell))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                plain = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
                if name.endswith(("Cluster", "Client")) and "n_workers" in plain:
                    yield plain


def _add(archive: zipfile.ZipFile, path: str, source: Path) -> tuple[int, str]:
    """Add the file *source* as it is now; one that grows meanwhile is cut where it ended at first."""
    hasher = hashlib.blake2b(digest_size=32)
    with source.open("rb") as whole:
        size = os.fstat(whole.fileno()).st_size
        with archive.open(_entry(path, size), "w") as entry:
            head = _Head(whole, size)
            while data := head.read(READ_BYTES):
                hasher.update(data)
                entry.write(data)
    return size - head.left, hasher.hexdigest()


def _add_bytes(archive: zipfile.ZipFile, path: str, data: bytes) -> tuple[int, str]:
    archive.writestr(_entry(path, len(data)), data)
    return len(data), hashlib.blake2b(data, digest_size=32).hexdigest()


def _entry(path: str, size: int = 0) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, EPOCH)
    entry.external_attr = (stat.S_IFREG | 0o600) << 16
    entry.file_size = size
    return entry


class _Head:
    """The first *size* bytes of a stream."""

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, wanted: int) -> bytes:
        data = self._stream.read(min(wanted, self.left))
        self.left -= len(data)
        return data


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a process without a user name, as in some containers
        return "unknown"
