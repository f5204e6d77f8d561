"""What loading a store's values would import: read off the pickles without loading any of them."""

from __future__ import annotations

import io
import pickletools
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbreplay.errors import StoreError
from nbreplay.records import CellRun, TaskRun, ValueRef, from_bytes
from nbreplay.store import Store

SMALL_BYTES = 1 << 18
"""Streams above this are not read for the packages that they need: opcode by opcode is slow."""

_PROTOCOL = b"\x80"
_VERSIONS = frozenset({b"\x02", b"\x03", b"\x04", b"\x05"})


def imports_of(store: Path) -> dict[str, int]:
    """Return each callable or class that the pickles of *store* name, and how many of them do."""
    opened = Store.open(store, create=False, read_only=True)
    counts: dict[str, int] = {}
    try:
        for value in _values(opened):
            try:
                named = set(names_in(bytes(opened.get(value.stream))))
            except StoreError:
                continue  # not there, or damaged: nothing can be loaded from it either
            for name in named:
                counts[name] = counts.get(name, 0) + 1
    finally:
        opened.close()
    return counts


def modules_of(values: Iterable[ValueRef], store: Store) -> set[str]:
    """Return the modules that the pickles of *values* name; those of large streams are left to what was recorded."""
    found: set[str] = set()
    for value in values:
        if value.stream.size_bytes <= SMALL_BYTES:
            try:
                found.update(name.rpartition(".")[0] for name in names_in(bytes(store.get(value.stream))))
            except StoreError:
                continue
    return found


def names_in(stream: bytes) -> Iterator[str]:
    """Yield what the pickles in *stream* import, as ``module.name``; a stream may hold several, behind a header.

    A pickle can hide a name from this (built at load time, for instance): it describes, it does not protect.
    """
    file = io.BytesIO(stream)  # shared: a copy for each place where a pickle may begin would take for ever
    yield from _names_from(file, 0)
    start = stream.find(_PROTOCOL, 1)
    while start > 0:
        if stream[start + 1 : start + 2] in _VERSIONS:
            yield from _names_from(file, start)
        start = stream.find(_PROTOCOL, start + 1)


def _names_from(file: io.BytesIO, start: int) -> Iterator[str]:
    """Yield what a pickle that begins at *start* imports; what stands before it turns out to be none, included."""
    file.seek(start)
    strings: list[str] = []
    memo: dict[int, str] = {}
    try:
        for opcode, argument, _ in pickletools.genops(file):
            match opcode.name:
                case "GLOBAL" | "INST":
                    yield str(argument).replace(" ", ".")
                case "STACK_GLOBAL" if len(strings) >= 2:
                    yield f"{strings[-2]}.{strings[-1]}"
                case "SHORT_BINUNICODE" | "BINUNICODE" | "BINUNICODE8" | "UNICODE":
                    strings.append(str(argument))
                case "MEMOIZE":
                    memo[len(memo)] = strings[-1] if strings else ""
                case "BINPUT" | "LONG_BINPUT" | "PUT":
                    memo[int(str(argument))] = strings[-1] if strings else ""
                case "BINGET" | "LONG_BINGET" | "GET":
                    strings.append(memo.get(int(str(argument)), ""))
    except (ValueError, IndexError, UnicodeDecodeError):
        return


def _values(store: Store) -> Iterable[ValueRef]:
    for stored in store.scan("cell"):
        try:
            run = from_bytes(CellRun, stored.body)
        except ValueError:
            continue
        yield from (unit.value for unit in run.writes.units)
        yield from run.writes.ambient.values()
    for stored in store.scan("task"):
        try:
            task = from_bytes(TaskRun, stored.body)
        except ValueError:
            continue
        if task.result is not None:
            yield task.result
