"""The present, as recorded runs are compared with it: names, ambient state, files, packages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from nbreplay.digest import Digest
from nbreplay.files import FileDigests, holds_now
from nbreplay.fingerprint.packages import version_of
from nbreplay.namespace import Tracker
from nbreplay.records import FileState, Group, NameState


class Now:
    """The live namespace and the files below *root*, asked by digest."""

    def __init__(self, tracker: Tracker, files: FileDigests, root: Path) -> None:
        self._tracker = tracker
        self._files = files
        self._root = root

    @property
    def states(self) -> Mapping[str, NameState]:
        """Every live user name, loaded or not."""
        return self._tracker.states

    @property
    def definitions(self) -> Mapping[str, NameState]:
        """Every live class and function of the notebook, by lineage."""
        return self._tracker.definitions

    def group_of(self, names: Collection[str]) -> tuple[Group, ...]:
        """Return the covariables of more than one name that hold any of *names*."""
        return self._tracker.group_of(names)

    def ambient_digests(self) -> Mapping[str, Digest]:
        """Return the ambient state, by key."""
        return self._tracker.ambient_digests()

    def changed_file(self, files: Mapping[str, FileState]) -> str | None:
        """Return the first of *files* that is not as recorded."""
        return holds_now(dict(files), self._root, self._files) if files else None

    def version(self, module: str) -> str:
        """Return the version of the distribution that *module* belongs to ("" if there is none)."""
        return version_of(module)
