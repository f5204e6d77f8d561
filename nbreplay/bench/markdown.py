"""What a bench gave, as Markdown for a README: the tables, the means, and what they were measured on."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from nbreplay.bench.machine import one_line
from nbreplay.bench.results import (
    Results,
    changes_table,
    peers_of,
    peers_table,
    summary_rows,
    times_table,
)


def as_markdown(results: Results) -> str:
    """Return *results* as Markdown."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    rounds = 1 + max((sample.round for sample in results.samples), default=0)
    yield f"Measured with `nbreplay bench --size {results.size} --rounds {rounds}`:"
    yield f"{one_line(results.machine)}."
    yield "Times from first request to last reply, the start of clusters included: median (minimum-maximum)."
    yield ""
    yield from table_lines(times_table(results))
    yield ""
    yield "| over all of them (geometric means) | here | aim | published |"
    yield "|---|---:|---:|---:|"
    for text, shown, aim, published in summary_rows(results):
        yield f"| {_cell(text.strip())} | {shown} | {_cell(aim)} | {_cell(published)} |"
    yield ""
    yield "Each edit once, in the first round:"
    yield ""
    yield from table_lines(changes_table(results))
    peers = peers_of(results)
    if peers:
        yield ""
        yield "Other ways to save work, in the same run:"
        yield ""
        yield from table_lines(peers_table(results, peers))
    for note in results.notes:
        yield ""
        yield note


def table_lines(table: Table) -> Iterator[str]:
    """Yield the lines of *table* as a table of Markdown."""
    columns = table.columns
    yield "| " + " | ".join(_cell(str(column.header).strip()) for column in columns) + " |"
    yield "|" + "|".join("---:" if column.justify == "right" else "---" for column in columns) + "|"
    for row in zip(*(column.cells for column in columns), strict=True):
        yield "| " + " | ".join(_cell(cell.plain if isinstance(cell, Text) else str(cell)) for cell in row) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
