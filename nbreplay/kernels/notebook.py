"""Which notebook a kernel serves, and where its store is.

Nothing in Jupyter's protocol says it, so it is asked in this order: the Jupyter server's session name, VS Code's
variable, ``NBREPLAY_NOTEBOOK``; otherwise there is none, and what is recorded goes to a store of the working folder.
``--store`` or ``NBREPLAY_STORE`` decides the place alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from nbreplay.config import store_beside

FOLDER_STORE = "notebooks.nbreplay"
"""Name of the store of a working folder whose notebook is not known."""


class Place(NamedTuple):
    """The notebook (None: not known), its store, and the folder that recorded paths are relative to."""

    notebook: Path | None
    store: Path
    root: Path


def find_place(
    environ: Mapping[str, str], namespace: Mapping[str, object], cwd: Path, store: Path | None = None
) -> Place:
    """Return the place of this kernel.

    Parameters
    ----------
    environ
        The process's environment.
    namespace
        The user's, where ``__session__`` and ``__vsc_ipynb_file__`` may stand.
    cwd
        Where relative paths start.
    store
        The place that a setting or option names; it comes before ``NBREPLAY_STORE``.
    """
    notebook = next(_notebooks(environ, namespace, cwd), None)
    root = notebook.parent if notebook else cwd
    named = str(store or environ.get("NBREPLAY_STORE") or "")
    if named:
        return Place(notebook, cwd / Path(named).expanduser(), root)
    return Place(notebook, store_beside(notebook) if notebook else cwd / FOLDER_STORE, root)


def _notebooks(environ: Mapping[str, str], namespace: Mapping[str, object], cwd: Path) -> Iterator[Path]:
    for named in (
        environ.get("JPY_SESSION_NAME"),
        namespace.get("__session__"),
        namespace.get("__vsc_ipynb_file__"),
        environ.get("NBREPLAY_NOTEBOOK"),
    ):
        if not isinstance(named, str) or not named:
            continue
        path = cwd / Path(named).expanduser()
        # A console's session has a name, too; text notebooks (py:percent, Markdown) count when they are there.
        if path.suffix == ".ipynb" or (path.suffix and path.is_file()):
            yield path
