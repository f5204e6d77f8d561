"""Tables, arrays and types of Arrow: what chunks they came in does not count."""

from __future__ import annotations

from typing import Any

import xxhash

from nbreplay.fingerprint.buffers import buffer_bytes
from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.openers import Parts
from nbreplay.fingerprint.reduced import by_reduce
from nbreplay.fingerprint.state import shape_of
from nbreplay.fingerprint.walker import Walker

_ROWS_AT_ONCE = 1 << 18
"""Rows that are made contiguous at a time."""


class _Sink:
    """Takes an Arrow stream piece by piece and hashes it."""

    def __init__(self) -> None:
        self.hasher = xxhash.xxh3_128()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.hasher.update(view)
        self.size += view.nbytes
        return view.nbytes

    def flush(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    def tell(self) -> int:
        return self.size

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def write_arrow(w: Walker, obj: Any) -> Parts:
    """Write a table, batch or array of Arrow's as a stream of batches of a fixed size."""
    import pyarrow as pa

    w.hold(obj)
    kind = type(obj).__name__
    if isinstance(obj, pa.Table):
        table = obj
    elif isinstance(obj, pa.RecordBatch):
        table = pa.Table.from_batches([obj])
    else:
        table = pa.table({"": obj})
    if w.exact:
        _note_memory(w, table)
    sink = _Sink()
    with pa.PythonFile(sink, mode="w") as file, pa.ipc.new_stream(file, table.schema) as writer:
        for start in range(0, table.num_rows, _ROWS_AT_ONCE):
            writer.write_table(_packed(table.slice(start, _ROWS_AT_ONCE)))
    w.buffer_bytes += sink.size
    kind = "Array" if kind not in ("Table", "RecordBatch", "ChunkedArray") else kind
    w.out += b"ar" + text(kind) + length(table.num_rows) + sink.hasher.digest()
    return None


def write_arrow_buffer(w: Walker, obj: Any) -> Parts:
    """Write a buffer: its bytes, which may be a ``bytearray``'s or an array's."""
    if not w.exact or not obj.is_cpu:
        return by_reduce(w, obj, shape_of(type(obj)))
    if not w.number(obj):
        return None
    w.link(obj)
    w.spans.append((obj.address, obj.address + obj.size))
    w.out += b"ab" + (b"W" if obj.is_mutable else b"R") + buffer_bytes(w, obj, obj.address)
    return None


def _note_memory(w: Walker, table: Any) -> None:
    """Note the memory of the columns: an array made of numpy's is a view of it."""
    spans = w.labels if w.in_labels else w.spans
    for column in table.columns:
        for chunk in column.chunks:
            for buffer in chunk.buffers():
                if buffer is not None and buffer.size:
                    spans.append((buffer.address, buffer.address + buffer.size))


def _packed(table: Any) -> Any:
    """Return a table whose memory holds its rows and nothing else: a slice drags its neighbours along."""
    import pyarrow as pa

    columns = []
    for column in table.columns:
        chunks = column.chunks or [pa.array([], column.type)]
        # Arrow copies only what has two parts.
        columns.append(pa.concat_arrays([*pa.chunked_array(chunks).unify_dictionaries().chunks, chunks[0].slice(0, 0)]))
    return pa.Table.from_arrays(columns, schema=table.schema)


def write_arrow_type(w: Walker, obj: Any) -> Parts:
    import pyarrow as pa

    schema = obj if isinstance(obj, pa.Schema) else pa.schema([obj if isinstance(obj, pa.Field) else pa.field("", obj)])
    w.out += b"at" + text(type(obj).__name__ if isinstance(obj, pa.Schema | pa.Field) else "DataType")
    return (schema.serialize().to_pybytes(),)
