"""Names of files: whole in memory, relative to the notebook's folder in records, and which of them count at all."""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

MAP_VARIABLE = "NBREPLAY_MAP"
"""Names, as JSON, folders that were recorded elsewhere than they are: ``[["/old", "/new"], ...]``."""
OWN_SUFFIX = ".nbreplay"
"""A store's folder ends so; it is never an input of what is recorded in it."""

_NEVER_PARTS = ("__pycache__", ".ipynb_checkpoints", "dask-scratch-space")
_NEVER_INSIDE = (
    "/.ipython/",
    "/.jupyter/",
    "/share/jupyter/",
    "/jupyter/runtime/",
    "/ipykernel_",
    "/.cache/matplotlib",
    "/.config/matplotlib",
    "/fontconfig",
    "/.fonts/",
    "/share/fonts/",
    "/.config/dask",
    "/etc/dask",
)
_SYSTEM = ("/proc/", "/dev/", "/sys/", "/run/", "/usr/lib", "/usr/share/", "/usr/local/lib", "/lib", "/etc/localtime")


def whole(path: str, folder: str | None = None) -> str:
    """Return *path* as an absolute one; relative ones start in *folder*, by default the current one.

    ``..`` is resolved through the file system, since the folder before it may be a link.
    """
    if not path.startswith("/") or os.name != "posix":
        path = os.path.join(folder if folder is not None else os.getcwd(), path)
    if "/../" in path or path.endswith("/.."):
        head, tail = os.path.split(path)
        return os.path.normpath(os.path.join(os.path.realpath(head), tail) if tail != ".." else os.path.realpath(path))
    return os.path.normpath(path)


def portable(path: str | os.PathLike[str], root: str | os.PathLike[str]) -> str:
    """Return how *path* is written in a record: below *root* as ``./x``, else absolute."""
    full = whole(os.fspath(path))
    for base in _bases(os.fspath(root)):
        if full == base:
            return "."
        if full.startswith(base.rstrip("/") + "/"):
            return "./" + full[len(base.rstrip("/")) + 1 :]
    return full


def locate(written: str, root: str | os.PathLike[str]) -> Path:
    """Return where the file is that a record calls *written*, for a notebook in *root*."""
    if written.startswith("/"):
        for old, new in _moved(os.environ.get(MAP_VARIABLE, "")):
            if written == old or written.startswith(f"{old}/"):
                return Path(new + written[len(old) :])
    return Path(whole(written, _bases(os.fspath(root))[0]))


@lru_cache(maxsize=4)
def _moved(text: str) -> tuple[tuple[str, str], ...]:
    """Return the (recorded folder, folder here) that the environment tells."""
    try:
        return tuple((str(old), str(new)) for old, new in json.loads(text)) if text else ()
    except (ValueError, TypeError):
        return ()


def path_of(name: Any) -> str | None:
    """Return the absolute path that a call names, None for descriptors and what is no path."""
    if isinstance(name, int):
        return None
    path = os.fspath(name) if name is not None else "."
    return whole(os.fsdecode(path)) if path else None


def in_folder(name: Any, folder: Any) -> str | None:
    """As :func:`path_of`, for calls with a ``dir_fd``."""
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(os.fspath(name)):
        return whole(os.fsdecode(name), os.readlink(f"/proc/self/fd/{folder}"))
    return path_of(name)


@lru_cache(maxsize=64)
def _bases(root: str) -> tuple[str, ...]:
    """Return *root* as it is named and, if it goes through a link, as it really is."""
    named = os.path.abspath(root)
    real = os.path.realpath(named)
    return (named,) if named == real else (named, real)


@lru_cache(maxsize=1)
def installed() -> tuple[str, ...]:
    """Return the folders of the standard library, installed packages and matplotlib's caches, with a slash."""
    names = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    with suppress(AttributeError, OSError):  # some embedded interpreters have neither
        names += [*site.getsitepackages(), site.getusersitepackages()]
    cache, config = (os.environ.get(name) for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"))
    names += [os.path.join(base, "matplotlib") for base in (cache, config) if base]
    names.append(os.environ.get("MPLCONFIGDIR", ""))
    names += [entry for entry in sys.path if os.path.basename(entry) in ("site-packages", "dist-packages")]
    names.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    both = {os.path.abspath(name) for name in names if name}
    both |= {os.path.realpath(name) for name in both}
    return tuple(sorted(name + "/" for name in both))


class Counted:
    """Which files count as inputs and outputs of a run of a notebook in *root*.

    Parameters
    ----------
    root : path
        The notebook's folder: everything in it counts, except stores, caches and installed packages.
    ignore : paths
        Folders that never count, such as the store when it lies somewhere else.
    """

    def __init__(self, root: str | os.PathLike[str], ignore: tuple[str, ...] = ()) -> None:
        self.root = os.fspath(root)
        self._home = tuple(base.rstrip("/") + "/" for base in _bases(self.root))
        self._ignore = tuple(os.path.abspath(name).rstrip("/") + "/" for name in ignore)
        self._never = installed()

    def __call__(self, path: str) -> bool:
        slashed = path + "/"
        if slashed.startswith(self._never) or (self._ignore and slashed.startswith(self._ignore)):
            return False
        if OWN_SUFFIX in path and any(part.endswith(OWN_SUFFIX) for part in path.split("/")):
            return False
        if any(part in path for part in _NEVER_PARTS) and not set(_NEVER_PARTS).isdisjoint(path.split("/")):
            return False
        if slashed.startswith(self._home):
            return True
        return not (slashed.startswith(_SYSTEM) or any(part in slashed for part in _NEVER_INSIDE))

    def portable(self, path: str) -> str:
        """As :func:`portable`, for a path that is absolute and clean."""
        for home in self._home:
            if path.startswith(home):
                return "./" + path[len(home) :]
            if path == home[:-1]:
                return "."
        return path

    def inside(self, path: str) -> bool:
        """Say whether *path* is the notebook's folder or below it."""
        return (path + "/").startswith(self._home)


def ignored_entry(name: str) -> bool:
    """Say whether a folder's entry is left out of its listing: our own stores and caches come and go."""
    return name.endswith(OWN_SUFFIX) or name in _NEVER_PARTS or ".nbreplay-part-" in name
