"""``store.json``: what makes a folder a store, in which format, and which one it is."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from nbreplay.errors import StoreForeign, StoreNewer, StoreUnwritable
from nbreplay.store.disk import TEMPORARY, Disk, temporary_name
from nbreplay.store.failpoints import reach

FORMAT = 1
"""Format of the folder; a newer one is refused, an older one read and migrated by copy."""
NAME = "store.json"
FOLDERS = ("journals", "blobs")


def read_identity(path: Path) -> str | None:
    """Return the identity (32 hex digits) of the store in *path*; None if there is no store.

    Raises
    ------
    StoreNewer
        A newer nbreplay made it.
    StoreForeign
        The folder is something else.
    """
    if not path.exists():
        return None
    if not path.is_dir():
        raise StoreForeign(f"{path} is not a folder")
    for name in (NAME, *FOLDERS, "quarantine", "index"):
        if (path / name).is_symlink():
            # Somebody else's link could have us write, or remove, anywhere; a store on another disk is named as such.
            raise StoreForeign(f"{path / name} is a link; a store elsewhere is named by --store or NBREPLAY_STORE")
    try:
        version, identity = _parse(path)
    except FileNotFoundError:
        if is_empty(path) or looks_like_one(path):
            return None
        raise StoreForeign(f"{path} is not a store, and not empty; name another folder") from None
    except ValueError as e:
        if looks_like_one(path):
            return None
        raise StoreForeign(f"{path / NAME} is not the description of a store ({e})") from e
    except OSError as e:
        raise StoreForeign(f"{path / NAME} cannot be read ({e.strerror or e}); check its permissions") from e
    if version > FORMAT:
        raise StoreNewer(str(path), version, FORMAT)
    return identity


def is_empty(path: Path) -> bool:
    """Return whether nothing is in *path*, or only what a process left that died while it made a store there."""
    return all(
        entry.name.startswith(TEMPORARY) or (entry.name in FOLDERS and entry.is_dir() and not any(entry.iterdir()))
        for entry in path.iterdir()
    )


def looks_like_one(path: Path) -> bool:
    """Return whether *path* is a store whose description was lost: it has the folders of one, and nothing else's."""
    known = {NAME, "quarantine", "index", "full", *FOLDERS}
    names = {entry.name for entry in path.iterdir() if not entry.name.startswith(TEMPORARY)}
    return set(FOLDERS) <= names and names <= known


def make_store(path: Path, disk: Disk) -> str:
    """Make a store of *path*, or give one that lost its description a new one; return its identity.

    Two processes may do it at once: the first description stands.

    Raises
    ------
    StoreUnwritable
        It cannot be made.
    """
    from nbreplay import __version__

    try:
        return _made(path, disk, f"nbreplay {__version__}")
    except OSError as e:
        raise StoreUnwritable(f"no store can be made in {path}: {e}") from e


def _made(path: Path, disk: Disk, made_by: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    disk.make_folder(path)
    reach("store.folder")
    for name in FOLDERS:
        disk.make_folder(path / name)
    facts = {"format": FORMAT, "id": os.urandom(16).hex(), "made_by": made_by}
    temporary = path / temporary_name()
    disk.write_whole(temporary, (json.dumps(facts) + "\n").encode())
    try:
        with contextlib.suppress(OSError):  # somebody else's is there, or there are no hard links here
            os.link(temporary, path / NAME)
        try:
            _parse(path)
        except (OSError, ValueError):
            disk.rename(temporary, path / NAME)
    finally:
        with contextlib.suppress(OSError):
            disk.remove(temporary)
    disk.sync_folder(path)
    reach("store.described")
    return _parse(path)[1]


def _parse(path: Path) -> tuple[int, str]:
    """Return format and identity; OSError if there is no description, ValueError if it is none."""
    try:
        facts = json.loads((path / NAME).read_bytes())
        version, identity = int(facts["format"]), bytes.fromhex(facts["id"])
    except (KeyError, TypeError, RecursionError) as e:
        raise ValueError(f"no {e}") from e
    if len(identity) != 16:
        raise ValueError("no identity")
    return version, identity.hex()
