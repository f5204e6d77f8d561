"""Edits as data: (cell, old text, new text), applied to a notebook's source."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

from nbformat import NotebookNode

from nbreplay.share.notebook import cell_at, source_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change of one place: in code cell *cell* (from 1) the one occurrence of *old* becomes *new*."""

    cell: int
    old: str
    new: str


def edited(notebook: NotebookNode, edits: Iterable[Edit]) -> NotebookNode:
    """Return a copy of *notebook* with *edits* applied in their order; cell ids stay.

    Raises
    ------
    CellUnknown
        An edit names a cell that is not there.
    ValueError
        The old text is not in its cell, or is there more than once: the edit would not mean one thing.
    """
    changed = copy.deepcopy(notebook)
    for edit in edits:
        cell = cell_at(changed, edit.cell)
        source = source_of(cell)
        if (found := source.count(edit.old)) != 1:
            raise ValueError(f"{edit.old!r} is {found} times in cell {edit.cell}, an edit needs it once")
        cell["source"] = source.replace(edit.old, edit.new)
    return changed
