"""What in a package looks like a credential: found before anything is written, named without being shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nbformat import NotebookNode

from nbreplay.credentials import Finding, in_source, named, shaped
from nbreplay.digest import Digest
from nbreplay.errors import StoreError
from nbreplay.records import CellRun, CellVisit, TaskRun, ValueRef
from nbreplay.share.cut import Cut
from nbreplay.share.inputs import Input
from nbreplay.share.notebook import code_cells, source_of
from nbreplay.store import Store

MAX_BYTES = 16 << 20
"""A buffer above this is not searched: it is an array, in which no text is expected."""
MAX_FILE_BYTES = 4 << 20


class Secret(NamedTuple):
    """Where something looks like a credential, and what it looks like."""

    where: str
    finding: Finding

    def __str__(self) -> str:
        return f"{self.where}: {self.finding.kind} {self.finding.shown}"


def secrets_in(notebook: NotebookNode, taken: Cut, store: Store, inputs: Sequence[Input]) -> list[Secret]:
    """Return what looks like a credential in what would be packed, each once per place."""
    found = [*_in_notebook(notebook), *_in_sources(taken), *_in_values(taken, store), *_in_files(inputs)]
    return list(dict.fromkeys(found))


def _in_notebook(notebook: NotebookNode) -> Iterator[Secret]:
    for n, cell in enumerate(code_cells(notebook), 1):
        for finding in in_source(source_of(cell)):
            yield Secret(f"the source of cell {n}", finding)
        for finding in shaped(str(cell.get("outputs", "")).encode("utf-8", "surrogatepass")):
            yield Secret(f"the output of cell {n} in the notebook", finding)
    for cell in notebook.cells:
        if cell.cell_type != "code":
            for finding in shaped(source_of(cell).encode("utf-8", "surrogatepass")):
                yield Secret("a text cell", finding)


def _in_sources(taken: Cut) -> Iterator[Secret]:
    seen: set[str] = set()
    records: list[CellRun | CellVisit] = [*taken.runs, *taken.visits]
    for record in records:
        if record.source not in seen:
            seen.add(record.source)
            for finding in in_source(record.source):
                yield Secret(f"the recorded source of cell {record.position or record.number}", finding)


def _in_values(taken: Cut, store: Store) -> Iterator[Secret]:
    looked: dict[Digest, list[Finding]] = {}
    for run in taken.runs:
        cell = f"cell {run.position or run.number}"
        for name, state in run.writes.names.items():
            if named(name) and state.type_name in ("str", "bytes") and _has(taken, run, name):
                yield Secret(f"the value of {name} ({cell})", Finding("text by its name", ""))
        for unit in run.writes.units:
            names = ", ".join(n for n in unit.names if "/d" not in n) or "a definition"
            for finding in _in_value(unit.value, taken, store, looked):
                yield Secret(f"the value of {names} ({cell})", finding)
        for key, value in run.writes.ambient.items():
            for finding in _in_value(value, taken, store, looked):
                yield Secret(f"the state of {key} after {cell}", finding)
        if run.outputs is not None:
            for finding in _in_blob(run.outputs.digest, taken, store, looked):
                yield Secret(f"the recorded output of {cell}", finding)
        yield from _in_written(run, cell, taken, store, looked)
    for task in taken.tasks:
        if task.result is not None:
            for finding in _in_value(task.result, taken, store, looked):
                yield Secret(f"the result of a task {task.name}", finding)
        if task.components is not None:
            for finding in _in_blob(task.components.digest, taken, store, looked):
                yield Secret(f"the source of a task {task.name}", finding)
        yield from _in_written(task, f"a task {task.name}", taken, store, looked)


def _in_written(
    run: CellRun | TaskRun, who: str, taken: Cut, store: Store, looked: dict[Digest, list[Finding]]
) -> Iterator[Secret]:
    for path, state in run.files_written.items():
        if state.blob is not None and state.size_bytes <= MAX_FILE_BYTES:
            for finding in _in_blob(state.blob.digest, taken, store, looked):
                yield Secret(f"the file {path} that {who} wrote", finding)


def _has(taken: Cut, run: CellRun, name: str) -> bool:
    uid = run.writes.names[name].unit
    return any(unit.uid == uid and unit.value.stream.digest in taken.blobs for unit in run.writes.units)


def _in_value(value: ValueRef, taken: Cut, store: Store, looked: dict[Digest, list[Finding]]) -> Iterable[Finding]:
    blobs = [value.stream, *(buffer.base for buffer in value.buffers)]
    for blob in blobs:
        if blob is value.stream or blob.size_bytes <= MAX_BYTES:
            yield from _in_blob(blob.digest, taken, store, looked)


def _in_blob(digest: Digest, taken: Cut, store: Store, looked: dict[Digest, list[Finding]]) -> list[Finding]:
    if digest not in taken.blobs:
        return []  # it stays at home
    if digest not in looked:
        try:
            looked[digest] = list(shaped(store.get(digest)))
        except StoreError:
            looked[digest] = []  # not there, or damaged: it will not be packed, either
    return looked[digest]


def _in_files(inputs: Sequence[Input]) -> Iterator[Secret]:
    for item in inputs:
        if item.included and item.source is not None and item.state.size_bytes <= MAX_FILE_BYTES:
            data = item.source.read_bytes()
            findings = in_source(data.decode("utf-8", "replace")) if item.written.endswith(".py") else shaped(data)
            for finding in findings:
                yield Secret(f"the input file {item.written}", finding)
