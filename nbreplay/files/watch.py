"""Watching what runs read and write."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from nbreplay.files import audit, native, runs, wrappers
from nbreplay.files.digests import FileDigests
from nbreplay.files.paths import Counted, path_of
from nbreplay.files.scope import Scope

_installed = [False]
_lock = threading.Lock()


class Watch:
    """Sees the files that runs use in this process.

    Parameters
    ----------
    digests : FileDigests, optional
        Shared cache of digests.
    ignore : paths
        Folders that never count: the store, where it is not beside the notebook.

    Examples
    --------
    >>> watch = Watch()
    >>> watch.install()
    >>> with watch.scope(Path()) as scope:
    ...     found = os.path.exists("no such file")
    >>> scope.seen().reads["./no such file"].digest is None
    True
    """

    def __init__(self, digests: FileDigests | None = None, ignore: tuple[str | os.PathLike[str], ...] = ()) -> None:
        self.digests = digests if digests is not None else FileDigests()
        self.ignore = tuple(os.fspath(path) for path in ignore)

    @staticmethod
    def install() -> None:
        """Install hook and wrappers, once per process. An audit hook stays until the process ends."""
        with _lock:
            if _installed[0]:
                return
            _installed[0] = True
            sys.addaudithook(audit.hook)
            wrappers.install()
            native.install()
            os.register_at_fork(after_in_child=runs.forked)

    @contextmanager
    def scope(
        self, root: str | os.PathLike[str], *, threads: Literal["current", "main+children"] = "current"
    ) -> Iterator[Scope]:
        """Give the events of this thread to a scope, for a notebook in *root*, until the block ends.

        Parameters
        ----------
        root : path
            The notebook's folder.
        threads : str
            ``current`` for a task: this thread and those it starts. ``main+children`` for a cell: this thread and all
            threads that cells ever started, Dask's and Jupyter's own excepted.

        Yields
        ------
        Scope
            Ask :meth:`Scope.seen` after the block.
        """
        main = threads != "current"
        made = Scope(Counted(root, self.ignore), self.digests, strict=not main)
        runs.enter(made, main=main)
        try:
            yield made
        finally:
            runs.leave(made)


_shared: list[Watch] = []


def shared_watch() -> Watch:
    """Return the watch of this process, installed."""
    if not _shared:
        _shared.append(Watch())
    _shared[0].install()
    return _shared[0]


def declare(*, reads: tuple[str | Path, ...] = (), writes: tuple[str | Path, ...] = ()) -> None:
    """Say that the run on this thread reads and is about to write these paths, for code that nobody can watch."""
    for path in reads:
        runs.tell(lambda scope, name: scope.read_tree(path_of(name) or name), (os.fspath(path),))
    for path in writes:
        runs.tell(lambda scope, name: scope.write_tree(path_of(name) or name), (os.fspath(path),))
