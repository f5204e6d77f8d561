"""A package taken in: into a fresh folder, whole or not at all; accepted only by an explicit act."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from nbreplay.config import store_beside
from nbreplay.errors import PackDamaged
from nbreplay.share.archive import READ_BYTES, Archive, Told, nobody
from nbreplay.share.layout import MANIFEST, SIGNATURE, is_store_file


def unpack(archive: Archive, folder: Path, told: Told = nobody) -> tuple[Path, Path]:
    """Write what *archive* holds to *folder*, new or empty; return the paths of the notebook and of its store.

    *told* is called now and then with (bytes written, bytes in all).

    Raises
    ------
    PackDamaged
        The folder is taken or cannot be written, or the archive changed since it was looked at.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackDamaged(f"{folder} is not empty; name a new folder: nbreplay unpack {archive.path} DIR")
    manifest = archive.manifest
    notebook = folder / manifest.notebook
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        total, done = sum(size for size, _ in manifest.files.values()), 0
        for path, (size, _) in manifest.files.items():
            told(done, total)
            _copy(archive, path, temporary / path)
            done += size
        (temporary / MANIFEST).write_bytes(archive.manifest_bytes)
        if archive.signature:
            (temporary / SIGNATURE).write_bytes(archive.signature)
        _take_place(temporary, folder)
    except zipfile.BadZipFile as e:
        raise PackDamaged(f"{archive.path} changed while it was unpacked ({e}); try again") from e
    except OSError as e:
        raise PackDamaged(f"{folder} cannot be written ({e.strerror or e}); name another folder") from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return notebook, store_beside(notebook)


def _take_place(temporary: Path, folder: Path) -> None:
    """Let *temporary* be *folder*; one that somebody stands in (``.``) stays, and gets the content."""
    temporary.chmod(0o755)
    if folder.exists():
        if folder == Path.cwd():
            for entry in sorted(temporary.iterdir()):
                entry.rename(folder / entry.name)
            return
        folder.rmdir()  # empty, as was seen; if it is not any more, this fails and nothing is lost
    temporary.rename(folder)


def _copy(archive: Archive, path: str, target: Path) -> None:
    """Write one file, and look again that it is what the manifest says: what was read before may have changed."""
    private = is_store_file(path)
    target.parent.mkdir(mode=0o700 if private else 0o755, parents=True, exist_ok=True)
    size, digest = archive.manifest.files[path]
    hasher = hashlib.blake2b(digest_size=32)
    with archive.stream(path) as stream, target.open("xb") as out:
        target.chmod(0o600 if private else 0o644)
        while (data := stream.read(READ_BYTES)) and out.tell() + len(data) <= size:
            hasher.update(data)
            out.write(data)
    if data or hasher.hexdigest() != digest:
        raise PackDamaged(f"{archive.path} changed while it was unpacked; try again")
