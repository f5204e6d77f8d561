"""Tables for the terminal; each takes plain data and returns something that rich prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

NEVER_RUN = ("empty", "not_run", "skipped")

NARROWEST = 120
"""Columns that a table may use where the output is no terminal and has no width of its own."""

# Shape and word first, colour second: a restored cell must not look like one that ran.
STATE_STYLES = {
    "restored": ("=", "cyan"),
    "replayed": ("~", "green"),
    "partly": ("~", "yellow"),
    "executed": (">", ""),
    "failed": ("!", "bold red"),
    "blocked": ("#", "bold magenta"),
    "skipped": ("-", "dim"),
    "empty": (" ", "dim"),
    "not_run": (" ", "dim"),
}


# Control characters but tab and line feed, and those that turn the direction of writing: names and reasons in a package
# are a stranger's, and could move the cursor over what is said of him.
_CONTROLS = dict.fromkeys(
    [
        *range(0x0A),
        *range(0x0B, 0x20),
        *range(0x7F, 0xA0),
        0x200E,
        0x200F,
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ],
    "?",
)


def harmless(text: str) -> str:
    """Return *text* without characters that do something else than show themselves."""
    return text.translate(_CONTROLS)


class _Console(Console):
    """A console on which text is text, whoever wrote it."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))


def console(*, stderr: bool = False) -> Console:
    """Return a console for results (or, with *stderr*, for progress); brackets and colons in texts mean themselves."""
    made = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = max(made.width, NARROWEST)
    return made


def seconds(value: float | None) -> str:
    """Return a time with the digits that mean something."""
    if value is None:
        return ""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms" if value >= 0.00095 else f"{value * 1000:.1f} ms"
    return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s" if value < 120 else f"{value / 60:.1f} min"


def size(value: int) -> str:
    """Return a number of bytes in the unit that fits."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def state(word: str) -> Text:
    """Return a state as a mark and a word."""
    mark, style = STATE_STYLES.get(word, ("?", ""))
    return Text(f"{mark} {word.replace('_', ' ')}", style=style)


def task_counts(tasks: Mapping[str, int]) -> str:
    """Return task counters in words; nothing if there were no tasks."""
    if not tasks.get("total"):
        return ""
    parts = [f"{tasks['executed']} run"]
    for word, key in (("served", "hit"), ("pruned", "pruned"), ("cancelled", "cancelled")):
        if tasks.get(key):
            parts.append(f"{tasks[key]} {word}")
    if tasks.get("refused"):
        parts[0] += f" ({tasks['refused']} not cacheable)"
    return ", ".join(parts)


def cells_table(cells: Sequence[Mapping[str, Any]], title: str = "") -> Table:
    """Return a row for each cell object of ``--json``."""
    table = Table(title=title or None, title_justify="left", box=None, padding=(0, 1), header_style="dim")
    table.add_column("cell", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("recorded", justify="right", no_wrap=True)
    table.add_column("kept", justify="right", no_wrap=True)
    table.add_column("tasks")
    table.add_column("why", overflow="fold")
    for cell in cells:
        table.add_row(
            str(cell["index"] or "?"),
            state(cell["state"]),
            seconds(cell["run_s"]) if cell["state"] not in NEVER_RUN else "",
            seconds(cell["recorded_s"]),
            _kept(cell),
            task_counts(cell["tasks"]),
            Text(cell["reason"]),
        )
    return table


def losses(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each cell whose state could not be kept, with the reason."""
    return [
        f"the state after cell {cell['index']} was not kept: {cell.get('saved_reason') or 'no reason was given'}"
        for cell in cells
        if cell["saved"] is False and cell["state"] not in NEVER_RUN
    ]


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """Return a table of texts; columns named in *right* are numbers."""
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for header in headers:
        table.add_column(header, justify="right" if header in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    return table


def _kept(cell: Mapping[str, Any]) -> Text:
    if cell["saved"] is False and cell["state"] not in NEVER_RUN:
        return Text("not kept", style="yellow")
    if cell["saved"] == "pending":
        return Text("pending", style="dim")
    return Text(size(cell["bytes_written"]) if cell["bytes_written"] else "")
