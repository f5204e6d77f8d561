"""A run's files as a verifying trace: do its inputs hold, keep its outputs, put them back."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nbreplay.digest import Buffer
from nbreplay.errors import BlobDamaged, BlobMissing
from nbreplay.files.digests import FileDigests, stat_or_none, stat_state
from nbreplay.files.paths import locate
from nbreplay.files.runs import unseen
from nbreplay.records import BlobRef, FileState

KEEP_BYTES = 1 << 30
"""A written file above this size is not kept: it would pass through memory."""


def now(written: str, state: FileState, root: str | os.PathLike[str], digests: FileDigests) -> FileState:
    """Return what is there now, looked at as *state* was."""
    path = os.fspath(locate(written, root))
    if state.digest is None or state.aspect != "content":
        return stat_state(stat_or_none(path), state.aspect)
    return digests.digest(path)


def holds_now(
    states: Mapping[str, FileState],
    root: str | os.PathLike[str],
    digests: FileDigests,
    *,
    after: Mapping[str, FileState] | None = None,
) -> str | None:
    """Return the first path whose state is not as recorded, None if all are.

    *after*, if given, is what the run wrote: a file that was not there, and that the run made, may then also be as the
    run left it. Code that branches on its own output being there would take the other branch; so this is a choice.
    """
    with unseen():
        for written, state in states.items():
            if now(written, state, root, digests).digest != state.digest:
                left = after.get(written) if after is not None and state.digest is None else None
                if left is None or left.digest != _as_left(written, left, root, digests):
                    return written
    return None


def _as_left(written: str, left: FileState, root: str | os.PathLike[str], digests: FileDigests) -> str | None:
    if left.folder:
        return stat_state(stat_or_none(os.fspath(locate(written, root))), "exists").digest
    return digests.digest(locate(written, root)).digest


def keep(
    states: Mapping[str, FileState],
    root: str | os.PathLike[str],
    put: Callable[..., BlobRef],
    *,
    limit_bytes: int = KEEP_BYTES,
) -> dict[str, FileState]:
    """Return *states* with the contents of files kept through *put*.

    A state without a blob afterwards could not be kept: too large, changed since, or unreadable. Such a run cannot put
    its files back.
    """
    kept = dict(states)
    with unseen():
        for written, state in states.items():
            if state.digest is None or state.folder or state.size_bytes > limit_bytes:
                continue
            try:
                data = locate(written, root).read_bytes()
            except OSError:
                continue
            blob = put(data)
            if blob.digest == state.digest:
                kept[written] = replace(state, blob=blob)
    return kept


def missing_blobs(states: Mapping[str, FileState]) -> list[str]:
    """Return the written paths that could not be put back because their content is not kept."""
    return [written for written, state in states.items() if _needs_blob(state) and state.blob is None]


def _needs_blob(state: FileState) -> bool:
    return state.digest is not None and not state.folder


def put_back(
    states: Mapping[str, FileState],
    root: str | os.PathLike[str],
    get: Callable[[BlobRef], Buffer],
    *,
    digests: FileDigests | None = None,
    allowed: str | os.PathLike[str] | None = None,
    before: Mapping[str, FileState] | None = None,
) -> list[str]:
    """Make the files of *states* what they were after the run, and return what went wrong.

    Parameters
    ----------
    states : mapping of str to FileState
        What a run wrote, contents kept.
    root : path
        The notebook's folder.
    get : callable
        Returns a blob's bytes, verified.
    digests : FileDigests, optional
        Cache of digests; files that are as they should be are not touched.
    allowed : path, optional
        Nothing outside this folder is touched (for records of somebody else's); links that lead out are refused, too.
    before : mapping of str to FileState, optional
        What the run read. A file that the run removed is removed only if it still is what the run found.
    """
    known = digests if digests is not None else FileDigests()
    problems = []
    with unseen():
        for written, state in sorted(states.items()):
            try:
                problem = _put_back(written, state, root, get, known, allowed, before or {})
            except (OSError, BlobMissing, BlobDamaged) as e:
                problem = f"{written} could not be put back: {e}"
            if problem:
                problems.append(problem)
    return problems


def _put_back(
    written: str,
    state: FileState,
    root: str | os.PathLike[str],
    get: Callable[[BlobRef], Buffer],
    digests: FileDigests,
    allowed: str | os.PathLike[str] | None,
    before: Mapping[str, FileState],
) -> str:
    path = Path(os.path.realpath(locate(written, root)))
    if allowed is not None and not path.is_relative_to(os.path.realpath(allowed)):
        return f"{written} lies outside {os.fspath(allowed)}; accept the record first (--trust)"
    if state.folder:
        path.mkdir(parents=True, exist_ok=True)
        return ""
    if state.digest is None:
        return _remove(written, path, digests, before.get(written), allowed)
    if digests.digest(path).digest == state.digest:
        return ""
    if path.is_dir():
        return f"{written} is a folder now"
    if state.blob is None:
        return f"{written} was not kept (too large, or changed after the run)"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, get(state.blob), state.mode)
    digests.forget(os.fspath(path))
    return ""


def _remove(
    written: str, path: Path, digests: FileDigests, read: FileState | None, allowed: str | os.PathLike[str] | None
) -> str:
    found = stat_or_none(os.fspath(path))
    if found is None:
        return ""
    if stat.S_ISDIR(found.st_mode):
        try:
            path.rmdir()
        except OSError:
            return f"{written} was removed by the run, and is a folder with files now"
        return ""
    same = read is not None and read.digest is not None
    same = same and read is not None and now_of(path, read, digests).digest == read.digest
    if not same or allowed is not None:
        return f"{written} was removed by the run, and is there now; remove it yourself"
    path.unlink()
    return ""


def now_of(path: Path, state: FileState, digests: FileDigests) -> FileState:
    """As :func:`now`, for a path."""
    if state.aspect != "content":
        return stat_state(stat_or_none(os.fspath(path)), state.aspect)
    return digests.digest(path)


def _write(path: Path, data: Buffer, mode: int) -> None:
    """Write whole or not at all. The mode: that of the file that is there, else the recorded one, else the usual."""
    found = stat_or_none(os.fspath(path))
    if found is not None:
        mode = stat.S_IMODE(found.st_mode)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.nbreplay-part-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.chmod(name, (mode & 0o777) or 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def merge(
    runs: Iterable[tuple[Mapping[str, FileState], Mapping[str, FileState]]],
) -> tuple[dict[str, FileState], dict[str, FileState]]:
    """Return (reads, writes) of *runs*, each (reads, writes), in their order, as if they were one run.

    What an earlier one wrote is no input of the whole. Of two that read one path, the first counts.
    """
    reads: dict[str, FileState] = {}
    writes: dict[str, FileState] = {}
    for run_reads, run_writes in runs:
        for path, state in run_reads.items():
            if path not in writes:
                reads.setdefault(path, state)
        writes.update(run_writes)
    return reads, writes
