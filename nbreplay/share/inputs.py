"""The input files of what was recorded: which of them travel, and what is said of the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbreplay.files import FileDigests, holds_now, locate
from nbreplay.records import CellRun, FileState, TaskRun
from nbreplay.share.archive import digest_stream
from nbreplay.share.layout import WORKFLOW, is_input

SMALL_BYTES = 1 << 20
"""Input files up to this size are in a package unless it is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """An input file.

    Attributes
    ----------
    written : str
        How records name it: ``./x`` below the notebook's folder, else absolute.
    source : Path or None
        Where it is now, if it is as it was recorded.
    entry : str
        Its path in a package; empty if it cannot travel.
    why_not : str
        Why it does not travel; empty if it does.
    """

    written: str
    state: FileState
    source: Path | None
    entry: str
    why_not: str
    sha256: str = ""

    @property
    def included(self) -> bool:
        """Whether it is in the package."""
        return not self.why_not


def inputs_of(runs: Iterable[CellRun], tasks: Iterable[TaskRun], root: Path, *, data: str = "small") -> list[Input]:
    """Return every file that was read and that no recorded run writes, by name.

    Parameters
    ----------
    data : {'small', 'all', 'none'}
        Which of the files below the notebook's folder travel.
    """
    read: dict[str, FileState] = {}
    written: set[str] = set()
    records: list[CellRun | TaskRun] = [*runs, *tasks]
    for run in records:
        written.update(run.files_written)
        for path, state in run.files_read.items():
            if state.digest is not None and not state.folder and state.aspect == "content":
                read[path] = state
    digests = FileDigests()
    return [_input(path, state, root, digests, data) for path, state in sorted(read.items()) if path not in written]


def _input(path: str, state: FileState, root: Path, digests: FileDigests, data: str) -> Input:
    source: Path | None = locate(path, root)
    entry = _entry(path)
    why_not = ""
    if holds_now({path: state}, root, digests) is not None:
        assert source is not None
        why_not = "changed since it was recorded" if source.exists() else "not there any more"
        source = None
    elif not path.startswith("./"):
        why_not = "outside the notebook's folder"
    elif not is_input(entry):
        why_not = "its name does not travel"
    elif data == "none":
        why_not = "--data none"
    elif data == "small" and state.size_bytes > SMALL_BYTES:
        why_not = "large: --data all takes it along"
    sha256 = ""
    if source is not None and not why_not:
        with source.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Input(
        written=path, state=state, source=source, entry="" if why_not else entry, why_not=why_not, sha256=sha256
    )


def _entry(written: str) -> str:
    return str(PurePosixPath(WORKFLOW) / written.removeprefix("./"))


def unchanged(item: Input, size: int, digest: str) -> bool:
    """Whether the file of *item* still has the *size* and blake2b-256 that were packed."""
    if item.source is None:
        return False
    with item.source.open("rb") as stream:
        return digest_stream(stream) == (size, digest)
