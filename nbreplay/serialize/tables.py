"""Arrow tables, and pandas frames and series of simple columns, as Arrow streams: data only.

A frame is written like this only if it comes back exactly: that is tried, column types and index included, before it is
decided. All else is left to pickle.
"""

from __future__ import annotations

import sys
from typing import Any

from nbreplay.digest import Buffer, flat


def dump_table(value: Any) -> memoryview | None:
    """Return a ``pyarrow.Table`` as an Arrow stream; None if it is none, or has extension types (they run code)."""
    arrow = sys.modules.get("pyarrow")
    if arrow is None or type(value) is not arrow.Table or not all(_is_plain(arrow, f.type) for f in value.schema):
        return None
    sink = arrow.BufferOutputStream()
    with arrow.ipc.new_stream(sink, value.schema) as writer:
        writer.write_table(value)
    return flat(memoryview(sink.getvalue()))


def load_table(stream: Buffer) -> Any:
    """Return the table in *stream*; its columns lie in the stream's memory.

    Raises
    ------
    ValueError
        *stream* is not such a table.
    """
    import pyarrow

    try:
        table = pyarrow.ipc.open_stream(pyarrow.py_buffer(flat(stream))).read_all()
        table.validate(full=True)
    except (pyarrow.ArrowException, OSError, EOFError) as e:
        raise ValueError(f"not an Arrow stream: {e}") from e
    if not all(_is_plain(pyarrow, field.type) for field in table.schema):
        raise ValueError("extension types")
    return table


def _is_plain(arrow: Any, kind: Any) -> bool:
    if isinstance(kind, arrow.BaseExtensionType):
        return False
    return all(_is_plain(arrow, kind.field(i).type) for i in range(kind.num_fields))
