"""Identities of callables and values for planners, from :mod:`nbreplay.fingerprint`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from nbreplay.digest import combine
from nbreplay.fingerprint import Mode, walk
from nbreplay.fingerprint.atoms import register_atom
from nbreplay.tasks.explaining import remember
from nbreplay.tasks.literal import Literals
from nbreplay.tasks.relative import relative_to
from nbreplay.tasks.shape import Coded
from nbreplay.tasks.shaper import Shaper

LIFTED = frozenset({"files"})
"""Kinds of refusal that do not stand where the files of a task are traced."""


class FingerprintCoder:
    """The coder of one submission: everything is looked at once, and anew at the next one.

    Parameters
    ----------
    traced : bool
        Whether the tasks' files will be seen; if not, code that opens files is refused.
    root : Path or None
        The folder that paths in objects are relative to.
    salt : str
        Part of the identity of every callable: the state of the process that it runs in.
    """

    def __init__(self, *, traced: bool = True, root: Path | None = None, salt: str = "") -> None:
        self.root = root
        self.salt = salt
        self.lifted = LIFTED if traced else frozenset()
        self._memo: dict[tuple[int, bool], tuple[object, Coded]] = {}

    def callable(self, func: Callable[..., Any]) -> Coded:
        """Return the transitive identity of *func*."""
        return self._code(func, True)

    def value(self, value: object) -> Coded:
        """Return the identity of the content of *value*, code in it included."""
        return self._code(value, False)

    def _code(self, value: object, called: bool) -> Coded:
        known = self._memo.get((id(value), called))
        if known is not None and known[0] is value:
            return known[1]
        coded = self._walk(value, called)
        self._memo[id(value), called] = (value, coded)
        return coded

    def _walk(self, value: object, called: bool) -> Coded:
        if _is_volatile(value):
            return Coded(bytes(16), ("declared volatile",))
        try:
            with relative_to(self.root) as met:
                seen = walk(value, mode=Mode.TASK, called=called)
        except Exception as error:  # noqa: BLE001  # anything a user's object, or a cluster, may raise
            # Whatever a user's object raises while it is looked at, the task runs.
            return Coded(bytes(16), (f"a {type(value).__name__} cannot be fingerprinted: {error}",))
        refusals = [str(r) for r in seen.refusals if getattr(r, "kind", "") not in self.lifted]
        paths = met.path or len(refusals) < len(seen.refusals)  # code that opens files may have paths of its own
        remember(seen.components)
        parts = tuple((c.label, c.name, c.digest, "") for c in seen.components)
        imported = any(map(_is_imported, seen.definitions))
        digest = combine("in a state", self.salt, seen.digest) if self.salt and called else seen.digest
        return Coded(bytes.fromhex(digest), tuple(refusals), parts, imported, paths)


def _is_imported(definition: Any) -> bool:
    """Whether *definition* is of a module that each process imports for itself, so that another may hold an older
    one.
    """
    name = getattr(definition, "__module__", None)
    if not isinstance(name, str) or name in ("__main__", "__mp_main__"):
        return False
    if "<" in getattr(definition, "__qualname__", ""):  # made in a function: it is sent as it is
        return False
    return getattr(sys.modules.get(name), "__file__", None) is not None


def _local_files(filesystem: Any) -> bytes:
    """Stand for a filesystem of this machine: what is read through it is traced, its options decide nothing else."""
    options = getattr(filesystem, "storage_options", {})
    return b"local files" + repr(sorted((str(k), str(v)) for k, v in options.items())).encode()


register_atom("fsspec.implementations.local:LocalFileSystem", _local_files)
register_atom("pyarrow._fs:LocalFileSystem", lambda filesystem: b"local files of arrow")


def _is_volatile(value: object) -> bool:
    while isinstance(value, partial):
        value = value.func
    return bool(getattr(value, "__nbreplay_volatile__", False))


def make_shaper(root: Path | None, *, traced: bool = True, salt: str = "") -> Shaper:
    """Return a shaper for one submission of a notebook in the folder *root*; *salt* is the state its tasks run in."""
    return Shaper(FingerprintCoder(traced=traced, root=root, salt=salt), Literals(root))
