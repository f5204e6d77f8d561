"""What can be said of a store before a notebook runs on it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nbformat import NotebookNode

from nbreplay.errors import NotebookError, StoreForeign, StoreUnwritable
from nbreplay.replay.reader import StoreReader, open_store
from nbreplay.share.notebook import code_cells, source_of


def look_at(store: Path, notebook: NotebookNode, *, recording: bool) -> None:
    """Raise if *notebook* should not run on *store*; a store that is not there yet is fine.

    Raises
    ------
    StoreUnwritable
        The point of the run is to record it, and that cannot be.
    StoreForeign, StoreNewer
        It is no store, of a later version, or of another notebook.
    """
    if store.exists() and not store.is_dir():
        raise StoreForeign(f"{store} is a file, not a store; name another --store")
    parent = store if store.exists() else _first_that_exists(store.absolute().parent)
    if recording and not os.access(parent, os.W_OK | os.X_OK):
        raise StoreUnwritable(f"{parent} cannot be written, so nothing would be recorded; name another --store")
    try:
        if not store.exists() or not any(store.iterdir()):
            return
    except OSError as e:
        raise StoreForeign(f"{store} cannot be read ({e.strerror or e}); name another --store") from e
    with open_store(store) as reader:
        if _is_of_another(reader, code_cells(notebook)):
            raise StoreForeign(f"{store} holds the runs of another notebook; name another --store")


def _is_of_another(reader: StoreReader, cells: Sequence[NotebookNode]) -> bool:
    """Whether nothing recorded looks like any of *cells*: no id, no source."""
    runs = [run for run in reader.runs() if run.source.strip()]
    if not runs:
        return False
    ids = {cell.get("id") for cell in cells} - {None}
    sources = {source_of(cell).strip() for cell in cells}
    return not any(run.cell_id in ids or run.source.strip() in sources for run in runs)


def _first_that_exists(folder: Path) -> Path:
    for parent in (folder, *folder.parents):
        if parent.exists():
            return parent
    raise NotebookError(f"there is no folder {folder}; check the path")
