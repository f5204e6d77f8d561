"""External programs whose files are declared, so that the run that started them can be recorded."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nbreplay.files.runs import unseen
from nbreplay.files.watch import declare

PathLike = str | os.PathLike[str]


def run(
    cmd: str | Sequence[PathLike],
    *,
    reads: Iterable[PathLike] = (),
    writes: Iterable[PathLike] = (),
    check: bool = True,
    cwd: PathLike | None = None,
    env: Mapping[str, str] | None = None,
    input: str | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run an external program as a part of a cell or task that can be cached.

    The program's files are those declared; arguments that name existing files count as read without being declared.
    What it prints is shown, and returned.

    Parameters
    ----------
    cmd : str or sequence of str
        The program and its arguments; a string is split as a shell would, but no shell runs.
    reads, writes : paths
        Files and folders that the program reads, and that it writes.
    check : bool
        Raise ``subprocess.CalledProcessError`` if the exit code is not 0.
    cwd, env, input, timeout
        As in :func:`subprocess.run`.

    Returns
    -------
    subprocess.CompletedProcess
        With ``stdout`` and ``stderr`` as text.

    Examples
    --------
    >>> run(["true"]).returncode
    0
    """
    words = shlex.split(cmd) if isinstance(cmd, str) else [os.fspath(word) for word in cmd]
    base = os.fspath(cwd) if cwd is not None else os.curdir
    outputs = [os.path.join(base, path) for path in writes]
    inputs = [os.path.join(base, path) for path in reads]
    named = {os.path.normpath(path) for path in (*inputs, *outputs)}
    with unseen():
        inputs += [
            path
            for word in words[1:]
            if os.path.exists(path := os.path.join(base, word)) and os.path.normpath(path) not in named
        ]
        if os.sep in words[0]:
            inputs.append(os.path.join(base, words[0]))
    declare(reads=tuple(inputs), writes=tuple(outputs))
    with unseen():
        done: subprocess.CompletedProcess[str] = subprocess.run(
            words, cwd=cwd, env=env, input=input, timeout=timeout, capture_output=True, text=True, check=False
        )
    for text, stream in ((done.stdout, sys.stdout), (done.stderr, sys.stderr)):
        if text:
            _show(text, stream)
    if check:
        done.check_returncode()
    return done


def _show(text: str, stream: Any) -> None:
    stream.write(text)
    stream.flush()
