"""The canonical form of a code object: one instruction stream, whatever way the compiler spelt it.

What only marks positions is dropped, spellings that mean the same are unified, jump targets are renumbered, constants
and names are put where they are used. File names, lines, docstrings, the order of constants and stack sizes vanish by
construction.

=========  ============================================================================
part       bytes
=========  ============================================================================
header     tag, kind flags, counts and names of the parameters
stream     triples of 32-bit numbers: opcode, argument or index into the table, handler that it runs under
table      constants and names in order of first use, each framed
nested     code objects in the constants, the same way, in the table
=========  ============================================================================

Notes
-----
Raw bytecode will not do: the compiler writes ``math.floor(x)`` differently when ``import math`` stands in the same
cell, joins loads on one line but not over two (3.13), numbers lines of class bodies (3.13), and turns branches round,
threads jumps and copies short exits according to where lines break. So the stream follows the flow of control, not the
order of the bytes: from a branch first the way where the condition holds, then the other; short ways to an exit are
written out each time, all else once and then referred to.
"""

from __future__ import annotations

import sys
from array import array
from types import CodeType
from typing import Any

from nbreplay.fingerprint.leaves import framed, length, pure_constant, text
from nbreplay.fingerprint.opcodes import (
    BLOCK,
    BRANCH,
    CALLED,
    CONST,
    END,
    LOCAL,
    NAME,
    NAMES_OF,
    NONE,
    NOP,
    SEEN,
    SHORT_EXIT,
    SPIN,
    Flow,
    Step,
    decode,
    handlers_of,
)
from nbreplay.fingerprint.outside import Names, Outside

_KEPT_FLAGS = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200
"""CO_OPTIMIZED, NEWLOCALS, VARARGS, VARKEYWORDS, GENERATOR, COROUTINE, ITERABLE_COROUTINE, ASYNC_GENERATOR."""

_HAS_DOCSTRING = 0x4000000  # CO_HAS_DOCSTRING, from 3.14 on

_BOOKKEEPING = {"__doc__", "__firstlineno__", "__static_attributes__"}
"""Names that the compiler itself stores in a class body."""


class Encoder:
    """Writes one code object's canonical form; what nested ones read is noted with it."""

    def __init__(self, code: CodeType, outside: Outside) -> None:
        self.code = code
        self.outside = outside
        self.table: dict[bytes, int] = {}
        self.slots: dict[int, int] = {}
        self.arguments = (
            code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
        )
        self.names = Names(code, self.slot_of_free(0), outside)

    def entry(self, data: bytes) -> int:
        return self.table.setdefault(data, len(self.table))

    def slot(self, index: int) -> int:
        if index < self.arguments:
            return index
        return self.slots.setdefault(index, self.arguments + len(self.slots))

    def constant(self, value: Any) -> bytes:
        if type(value) is CodeType:
            outside = self.outside
            straight, outside.straight = outside.straight, False
            written = b"C" + Encoder(value, outside).encode()
            outside.straight = straight
            outside.said += (value.co_qualname, docstring_of(value))
            return written
        if type(value) is str:
            self.outside.strings.add(value)
        elif type(value) is tuple:
            self.outside.strings.update(item for item in value if type(item) is str)
        return b"k" + pure_constant(value)

    def encode(self) -> bytes:
        """Return the canonical form of the code object."""
        code = self.code
        steps, place, unknown = decode(code)
        self.outside.unknown += unknown
        flow = Flow(steps, place, _without_bookkeeping(steps))
        lands, exits = flow.lands, flow.exits
        under = handlers_of(code, place, len(steps)) if code.co_exceptiontable else {}
        names = self.names
        stream: list[int] = []
        add, slots, arguments = stream.extend, self.slots, self.arguments
        numbers: dict[int, int] = {}
        handlers: dict[tuple[int, int], int] = {}
        pending, opened = [lands[0]], 0
        while True:
            if pending:
                index = pending.pop()
            elif opened < len(handlers):
                index = list(handlers)[opened][0]
                opened += 1
            else:
                break
            add((BLOCK, opened, 0))
            while index >= 0:
                if index in numbers:
                    add((SEEN, numbers[index], 0))
                    break
                if exits[index] > SHORT_EXIT:
                    numbers[index] = len(numbers)
                kind, op, arg, low = steps[index]
                if kind == LOCAL:
                    names.local(steps, index)
                    value = arg if arg < arguments else slots.setdefault(arg, arguments + len(slots))
                elif kind == CONST:
                    value = self.entry(self.constant(arg))
                elif kind == NAME:
                    value = self.entry(names.name(steps, index))
                elif kind == BRANCH:
                    value = low = 0
                    self.outside.straight = names.surely = False
                else:
                    value = arg & 0xFFFFFFFF
                handler = under.get(index) if under else None
                if handler is None:
                    add((op | (low & ~CALLED) << 16, value, NONE))
                else:
                    handler = (lands[handler[0]], handler[1])
                    number = handlers.setdefault(handler, len(handlers))
                    add((op | (low & ~CALLED) << 16, value, number << 12 | handler[1]))
                if kind == END:
                    break
                if kind == BRANCH:
                    index, other = flow.ways(index)
                    pending.append(other)
                else:
                    index = lands[index + 1]
            else:
                add((SPIN, 0, 0))
        return self.joined(array("I", stream))

    def joined(self, stream: array[int]) -> bytes:
        code = self.code
        counts = (code.co_flags & _KEPT_FLAGS, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
        parameters = b"".join(map(text, code.co_varnames[: self.arguments]))
        free = array("I", [self.slot(self.slot_of_free(i)) for i in range(len(code.co_freevars))]).tobytes()
        cells = array("I", sorted(self.slot(i) for i in self.slots_of_cells())).tobytes()
        parts = [array("I", counts).tobytes(), parameters, free, cells, stream.tobytes()]
        return b"code" + b"".join(map(framed, parts)) + length(len(self.table)) + b"".join(map(framed, self.table))

    def slots_of_cells(self) -> list[int]:
        code = self.code
        where = {name: index for index, name in enumerate(code.co_varnames)}
        others = [name for name in code.co_cellvars if name not in where]
        own = {name: len(code.co_varnames) + index for index, name in enumerate(others)}
        return [where.get(name, own.get(name, 0)) for name in code.co_cellvars]

    def slot_of_free(self, index: int) -> int:
        code = self.code
        others = sum(name not in code.co_varnames for name in code.co_cellvars)
        return len(code.co_varnames) + others + index


def docstring_of(code: CodeType) -> str | None:
    """Return what becomes the docstring of a function made of *code*, or None."""
    first = code.co_consts[0] if code.co_consts else None
    if sys.version_info >= (3, 14) and not code.co_flags & _HAS_DOCSTRING:
        return None
    return first if isinstance(first, str) else None


def _without_bookkeeping(steps: list[Step]) -> list[bool]:
    """Say which instructions count: not those by which a class body notes its module, lines and docstring."""
    keep = [step[1] != NOP for step in steps]
    for index, step in enumerate(steps):
        if step[0] != NAME or not index or NAMES_OF[step[1]] != "STORE_NAME":
            continue
        before = steps[index - 1]
        if (
            (step[2] in _BOOKKEEPING and before[0] == CONST)
            or (step[2] == "__module__" and before[2] == "__name__")
            or (step[2] == "__qualname__" and before[0] == CONST)
        ):
            keep[index] = keep[index - 1] = False
    return keep
