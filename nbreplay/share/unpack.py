"""A package taken in: into a fresh folder, whole or not at all; accepted only by an explicit act."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path

from nbreplay.config import store_beside
from nbreplay.errors import PackDamaged
from nbreplay.share.archive import READ_BYTES, STORE, Archive
from nbreplay.store import Store


def unpack(archive: Archive, folder: Path) -> tuple[Path, Path]:
    """Write the notebook and the store of *archive* to *folder*, which must not be there; return both paths.

    Raises
    ------
    PackDamaged
        The folder is taken or cannot be written, or the archive changed since it was looked at.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackDamaged(f"{folder} is there already; name a new folder: nbreplay unpack {archive.path} DIR")
    manifest = archive.manifest
    notebook = folder / manifest.notebook
    store = store_beside(notebook)
    temporary = None
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
        for path in manifest.files:
            inside = path.removeprefix(f"{STORE}/")
            _copy(archive, path, temporary / (path if inside == path else f"{store.name}/{inside}"))
        if folder.exists():
            folder.rmdir()  # empty, as was seen above; if it is not any more, this fails and nothing is lost
        temporary.chmod(0o755)
        temporary.rename(folder)
    except zipfile.BadZipFile as e:
        raise PackDamaged(f"{archive.path} changed while it was unpacked ({e}); try again") from e
    except OSError as e:
        raise PackDamaged(f"{folder} cannot be written ({e.strerror or e}); name another folder") from e
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
    return notebook, store


def accept(store: Path) -> int:
    """Give every record of *store* this user's MAC, as if this user had made it; return how many there were."""
    with_mac = Store.open(store, create=False)
    try:
        return with_mac.admit()
    finally:
        with_mac.close()


def _copy(archive: Archive, path: str, target: Path) -> None:
    """Write one file, and look again that it is what the manifest says: what was read before may have changed."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    size, digest = archive.manifest.files[path]
    hasher = hashlib.blake2b(digest_size=32)
    with archive.stream(path) as stream, target.open("xb") as out:
        target.chmod(0o600)
        while (data := stream.read(READ_BYTES)) and out.tell() + len(data) <= size:
            hasher.update(data)
            out.write(data)
    if data or hasher.hexdigest() != digest:
        raise PackDamaged(f"{archive.path} changed while it was unpacked; try again")
