"""What ``%nbreplay`` shows: a table with a plain and a rich face, and no other state."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """Lines, then a table, then lines; as text for consoles, as HTML where there is a browser.

    Attributes
    ----------
    heading
        Lines above the table.
    columns, rows
        The table; without rows it is left out.
    notes
        Lines below the table, shown as they are (a difference of sources, say).
    """

    heading: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([*self.heading, *_text_table(self.columns, self.rows), *self.notes]) or "nothing"

    def _repr_html_(self) -> str:
        parts = [f"<div>{html.escape(line)}</div>" for line in self.heading]
        if self.rows:
            head = "".join(f'<th style="text-align:left">{html.escape(name)}</th>' for name in self.columns)
            body = "".join(
                "<tr>" + "".join(f'<td style="text-align:left">{html.escape(cell)}</td>' for cell in row) + "</tr>"
                for row in self.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        if self.notes:
            parts.append(f"<pre>{html.escape(chr(10).join(self.notes))}</pre>")
        return "".join(parts) or "<div>nothing</div>"


def view(
    *heading: str, columns: Sequence[str] = (), rows: Iterable[Sequence[object]] = (), notes: Iterable[str] = ()
) -> View:
    """Return a view; cells of *rows* are shown as text, None as nothing."""
    made = tuple(tuple("" if cell is None else str(cell) for cell in row) for row in rows)
    return View(tuple(heading), tuple(columns), made, tuple(notes))


def seconds(value: float | None) -> str:
    """Return a time for people: ``0.3 ms``, ``1.24 s``, ``3 min 20 s``."""
    if value is None:
        return ""
    if value < 1:
        return f"{value * 1000:.1f} ms"
    if value < 60:
        return f"{value:.2f} s"
    return f"{int(value) // 60} min {int(value) % 60} s"


def size(value: float | None) -> str:
    """Return a size for people: ``812 B``, ``1.4 MiB``."""
    if value is None:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def _text_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    cells = [[cell.replace("\n", " ") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(columns), *cells]) for i in range(len(columns))]
    lines = [list(columns), ["-" * width for width in widths], *cells]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
