"""What a cell's code names, and what it could touch through those names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from nbreplay.namespace.reader import read


@dataclass(frozen=True, slots=True)
class CellNames:
    """The names in a cell's code.

    *loads* may be read, *stores* and *deletes* may be bound and unbound. *dynamic* says why names do not tell what the
    cell touches ("" if they do). *imports* are the modules it imports, in order; *words* all identifiers in its text.
    """

    loads: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    deletes: frozenset[str] = frozenset()
    dynamic: str = ""
    imports: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Every name."""
        return self.loads | self.stores | self.deletes


@dataclass(frozen=True, slots=True)
class Touched:
    """The names that a cell could touch; *everything* says why it is all of them."""

    names: frozenset[str] = frozenset()
    everything: str = ""


def cell_names(transformed_source: str, live_names: Collection[str] = ()) -> CellNames:
    """Return the names in a cell.

    Parameters
    ----------
    transformed_source : str
        The cell's text after IPython's transformation (magics are calls).
    live_names : collection of str
        Names that are bound: an identifier in a string constant or in a magic's text counts as a load if it is one.

    Examples
    --------
    >>> sorted(cell_names("y = x + 1; z = y").loads)
    ['x']
    """
    names = read(transformed_source, live_names)
    return CellNames(
        loads=frozenset(names.loads),
        stores=frozenset(names.stores),
        deletes=frozenset(names.deletes),
        dynamic=names.dynamic,
        imports=tuple(dict.fromkeys(names.imports)),
        words=frozenset(names.words),
    )
