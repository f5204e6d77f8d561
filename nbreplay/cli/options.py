"""What several commands take: a notebook, a store, a file for facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nbreplay.config import store_beside
from nbreplay.errors import CellUnknown, NoRecord, NotebookError
from nbreplay.replay.reader import StoreReader, open_store

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

notebook_argument: Decorator = click.argument("notebook", metavar="NB", type=click.Path(path_type=Path, readable=False))

store_option: Decorator = click.option(
    "--store",
    envvar="NBREPLAY_STORE",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The store.  [default: NB without .ipynb, with .nbreplay, beside the notebook; env NBREPLAY_STORE]",
)

json_flag: Decorator = click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")


def store_of(notebook: Path | None, store: Path | None) -> Path:
    """Return the folder of the store that *notebook* and ``--store`` mean.

    Without either, it is the only store in the working folder. A folder in place of a notebook is a store.
    """
    if store is not None:
        return store
    if notebook is not None:
        return notebook if notebook.is_dir() else store_beside(notebook)
    found = sorted(Path().glob("*.nbreplay"))
    if len(found) != 1:
        raise NoRecord(f"{len(found) or 'no'} stores in this folder; name the notebook")
    return found[0]


def opened(notebook: Path | None, store: Path | None) -> StoreReader:
    """Open the store of *notebook* for reading.

    Raises
    ------
    NotebookError
        Neither the notebook nor its store is there.
    NoRecord
        The notebook was never recorded.
    """
    folder = store_of(notebook, store)
    if not folder.exists():
        if notebook is not None and not notebook.exists():
            raise NotebookError(f"no notebook {notebook}; check the path")
        if store is None:
            raise NoRecord(f"{notebook} is not recorded; record it with: nbreplay audit {notebook}")
    return open_store(folder)


def cell_number(text: str) -> int:
    """Return the cell number that *text* is."""
    try:
        return int(text)
    except ValueError:
        raise CellUnknown(f"{text!r} is no cell number; cells are counted from 1, code cells only") from None


def print_json(facts: object) -> None:
    """Print *facts* on stdout."""
    click.echo(json.dumps(facts, indent=2, default=str))
