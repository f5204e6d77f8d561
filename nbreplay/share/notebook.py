"""Notebook files: read with the reason if they cannot be, written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from nbreplay.errors import CellUnknown, NotebookError

PYTHON = {"python", "ipython", "python3"}


def read_notebook(path: Path) -> NotebookNode:
    """Return the notebook in *path*, brought to nbformat 4, known to hold Python code.

    Raises
    ------
    NotebookError
        It is missing, not a notebook, has no code cells, or asks for another language.
    """
    if path.is_dir():
        raise NotebookError(f"{path} is a folder; name the notebook file in it")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotebookError(f"no notebook {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as e:
        raise NotebookError(f"{path} cannot be read ({e}); check the file") from e
    try:
        plain = json.loads(text)
    except ValueError as e:
        raise NotebookError(f"{path} is not JSON ({e}); is it a notebook, and complete?") from e
    return parse_notebook(plain, str(path))


def parse_notebook(plain: Any, where: str) -> NotebookNode:
    """Return the notebook that the JSON value *plain* is; *where* is named in errors."""
    try:
        notebook: NotebookNode = nbformat.reads(json.dumps(plain), as_version=4)
        cells = code_cells(notebook)
    except Exception as e:  # nbformat answers malformed files with errors of any class
        raise NotebookError(f"{where} is not a notebook ({e}); open it in Jupyter and save it again") from e
    language = _language(notebook)
    if language and language.lower() not in PYTHON:
        raise NotebookError(f"{where} is written in {language}; nbreplay runs Python notebooks")
    if not cells:
        raise NotebookError(f"{where} has no code cells; there is nothing to run")
    return notebook


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write *notebook* to *path*; whoever reads meanwhile sees the old file or the new one."""
    write_text(path, nbformat.writes(notebook) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path* as a whole, through links; a pipe or a device is written to, not replaced."""
    temporary = None
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.resolve()
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        with contextlib.suppress(FileNotFoundError):
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except (OSError, RuntimeError) as e:  # RuntimeError: links in a circle
        reason = getattr(e, "strerror", None) or e
        raise NotebookError(f"{path} cannot be written ({reason}); name another place with -o") from e
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()  # there only if it could not take its place, Ctrl-C included


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the code cells in their order, empty ones included: the K-th is cell K."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def cell_at(notebook: NotebookNode, number: int) -> NotebookNode:
    """Return code cell *number*, counted from 1."""
    cells = code_cells(notebook)
    if not 1 <= number <= len(cells):
        raise CellUnknown(f"no cell {number}: the notebook has {len(cells)} code cells, counted from 1")
    return cells[number - 1]


def source_of(cell: NotebookNode) -> str:
    """Return the source of *cell* as one text."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def tags_of(cell: NotebookNode) -> list[str]:
    """Return the tags of *cell*."""
    return [str(tag) for tag in cell.get("metadata", {}).get("tags", [])]


def _language(notebook: NotebookNode) -> str:
    metadata = notebook.get("metadata", {})
    named = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return str(named or "")
