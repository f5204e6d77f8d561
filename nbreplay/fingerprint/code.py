"""Identity of code: what is known of a code object from itself alone.

That is the digest of its canonical form, and what it reads from outside, by place of first use. What that leads to is
resolved anew at each walk; so a record depends on the code object alone and is kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType

import xxhash

from nbreplay.fingerprint.outside import Outside, Read
from nbreplay.fingerprint.stream import Encoder

PYTHON = bytes(sys.version_info[:2])
"""Opcodes, and what the standard library does, change with the minor version."""


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """What is known of a code object from itself alone."""

    digest: bytes
    reads: tuple[Read, ...]
    writes: tuple[str, ...]  # global names that it binds or deletes
    names: frozenset[str]  # every global and attribute name in it
    strings: frozenset[str]  # every text constant: it may ask for an attribute by one
    global_names: frozenset[str]
    attributes: frozenset[str] = frozenset()  # names that it takes from objects
    star_imports: tuple[str, ...] = ()
    cell_writes: frozenset[str] = frozenset()  # free variables that it may bind
    cell_escapes: frozenset[str] = frozenset()  # free variables that it hands on, and not only calls
    said: tuple[str | None, ...] = ()  # names and docstrings of the code in it
    unknown: tuple[str, ...] = ()  # instructions that are not understood


def analyse(code: CodeType) -> CodeRecord:
    """Return the record of *code*, made anew."""
    outside = Outside()
    data = Encoder(code, outside).encode()
    return CodeRecord(
        digest=xxhash.xxh3_128_digest(PYTHON + data),
        reads=outside.reads_found(),
        writes=tuple(outside.writes),
        names=frozenset(outside.names),
        strings=frozenset(outside.strings),
        global_names=frozenset(outside.globals),
        attributes=frozenset(outside.attributes | (outside.strings if "getattr" in outside.names else set())),
        star_imports=tuple(outside.stars),
        cell_writes=frozenset(outside.cell_writes),
        cell_escapes=frozenset(outside.cell_escapes),
        said=tuple(outside.said),
        unknown=tuple(dict.fromkeys(outside.unknown)),
    )


class CodeCache:
    """Records of code objects, by identity first and by equality for copies that another process sent."""

    def __init__(self, limit: int = 20_000) -> None:
        self.limit = limit
        self._by_id: dict[int, tuple[CodeType, CodeRecord]] = {}
        self._by_value: dict[tuple[CodeType, bytes], CodeRecord] = {}

    def __call__(self, code: CodeType) -> CodeRecord:
        """Return the record of *code*."""
        found = self._by_id.get(id(code))
        if found is not None and found[0] is code:
            return found[1]
        # Equality of code objects leaves the exception table out on 3.11.
        key = (code, code.co_exceptiontable)
        record = self._by_value.get(key)
        if record is None:
            record = analyse(code)
            if len(self._by_value) >= self.limit:
                self._by_value.clear()
            self._by_value[key] = record
        if len(self._by_id) >= self.limit:
            self._by_id.clear()
        self._by_id[id(code)] = (code, record)
        return record


CODES: Callable[[CodeType], CodeRecord] = CodeCache()
"""The records of this process."""
