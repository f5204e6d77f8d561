"""Identity of code: one canonical instruction stream per code object.

What only marks positions is dropped, spellings that mean the same are unified, jump targets are renumbered, constants
and names are put where they are used. File names, lines, docstrings, the order of constants and stack sizes vanish by
construction. What the code reads from outside is listed beside the stream, by place of first use, and is resolved anew
at each walk: a record depends on the code object alone and is kept.

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
from collections.abc import Callable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple

import xxhash

from nbreplay.fingerprint.leaves import LEAVES, framed, length, text
from nbreplay.fingerprint.opcodes import (
    BLOCK,
    BRANCH,
    CONST,
    DEREF_WRITES,
    END,
    LOAD_FAST,
    LOCAL,
    NAME,
    NAMES_OF,
    NONE,
    NOP,
    SEEN,
    SHORT_EXIT,
    SPIN,
    STORE_FAST,
    Flow,
    Step,
    decode,
    handlers_of,
)

PYTHON = bytes(sys.version_info[:2])
"""Opcodes, and what the standard library does, change with the minor version."""

_KEPT_FLAGS = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x80 | 0x100 | 0x200
"""CO_OPTIMIZED, NEWLOCALS, VARARGS, VARKEYWORDS, GENERATOR, COROUTINE, ITERABLE_COROUTINE, ASYNC_GENERATOR."""

_GLOBAL_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
IMPORT_ITSELF = ""
"""The attribute that stands for an import as such: where it leads, and in which version."""

_BOOKKEEPING = {"__doc__", "__firstlineno__", "__static_attributes__"}
"""Names that the compiler itself stores in a class body."""


class Read(NamedTuple):
    """Something that code reads from outside: a global name or an imported module, and attributes taken from it.

    *module* is empty for a global. *called_bare* says that it is called at once, without arguments, somewhere;
    *certain* that it is read before the code first branches, so in every call.
    """

    name: str
    attributes: tuple[str, ...]
    module: str = ""
    level: int = 0
    called_bare: bool = False
    certain: bool = False


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """What is known of a code object from itself alone."""

    digest: bytes
    reads: tuple[Read, ...]
    writes: tuple[str, ...]  # global names that it binds or deletes
    names: frozenset[str]  # every global and attribute name in it
    strings: frozenset[str]  # every text constant: it may ask for an attribute by one
    global_names: frozenset[str]
    star_imports: tuple[str, ...] = ()
    cell_writes: frozenset[str] = frozenset()  # free variables that it may bind


@dataclass(slots=True)
class _Context:
    """What one analysis gathers over a code object and all nested ones."""

    reads: dict[tuple[str, tuple[str, ...], str, int], int] = field(default_factory=dict)
    bare: set[int] = field(default_factory=set)
    certain: set[int] = field(default_factory=set)
    straight: bool = True  # no branch yet, and not inside a nested function
    writes: dict[str, None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    stars: dict[str, None] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    cell_writes: set[str] = field(default_factory=set)

    def read(self, name: str, attributes: tuple[str, ...], module: str = "", level: int = 0, bare: bool = False) -> int:
        index = self.reads.setdefault((name, attributes, module, level), len(self.reads))
        if bare:
            self.bare.add(index)
        if self.straight:
            self.certain.add(index)
        return index


def pure_constant(value: Any) -> bytes:
    """Return a constant of a code object: numbers, text, and tuples and frozensets of them."""
    leaf = LEAVES.get(type(value))
    if leaf is not None:
        return leaf(value)
    if type(value) is tuple:
        return b"t" + length(len(value)) + b"".join(map(pure_constant, value))
    if type(value) is frozenset:
        return b"z" + length(len(value)) + b"".join(sorted(map(pure_constant, value)))
    if type(value) is slice:
        return b"y" + pure_constant((value.start, value.stop, value.step))
    raise TypeError(f"a constant of type {type(value).__name__}")


class _Encoder:
    """Writes one code object's canonical form; nested ones share its context."""

    def __init__(self, code: CodeType, context: _Context) -> None:
        self.code = code
        self.context = context
        self.table: dict[bytes, int] = {}
        self.slots: dict[int, int] = {}
        self.arguments = (
            code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 0x4) + bool(code.co_flags & 0x8)
        )
        self.first_free = self.slot_of_free(0)
        self.aliases: dict[Any, tuple[str, tuple[str, ...], str, int]] = {}
        self.stored: set[str] = set()

    def entry(self, data: bytes) -> int:
        return self.table.setdefault(data, len(self.table))

    def slot(self, index: int) -> int:
        if index < self.arguments:
            return index
        return self.slots.setdefault(index, self.arguments + len(self.slots))

    def constant(self, value: Any) -> bytes:
        if type(value) is CodeType:
            straight, self.context.straight = self.context.straight, False
            written = b"C" + _Encoder(value, self.context).encode()
            self.context.straight = straight
            return written
        if type(value) is str:
            self.context.strings.add(value)
        elif type(value) is tuple:
            self.context.strings.update(item for item in value if type(item) is str)
        return b"k" + pure_constant(value)

    def encode(self) -> bytes:
        """Return the canonical form of the code object."""
        code = self.code
        steps, place = decode(code)
        flow = Flow(steps, place, _without_bookkeeping(steps))
        under = handlers_of(code, place, len(steps)) if code.co_exceptiontable else {}
        stream = array("I")
        numbers: dict[int, int] = {}
        handlers: dict[tuple[int, int], int] = {}
        pending, opened = [flow.next(0)], 0
        while True:
            if pending:
                index = pending.pop()
            elif opened < len(handlers):
                index = list(handlers)[opened][0]
                opened += 1
            else:
                break
            stream.extend((BLOCK, opened, 0))
            while index >= 0:
                if index in numbers:
                    stream.extend((SEEN, numbers[index], 0))
                    break
                if flow.exits[index] > SHORT_EXIT:
                    numbers[index] = len(numbers)
                kind, op, arg, low = steps[index]
                if kind == LOCAL:
                    value = self.local(steps, index)
                elif kind == CONST:
                    value = self.entry(self.constant(arg))
                elif kind == NAME:
                    value = self.name(steps, index)
                elif kind == BRANCH:
                    value = low = 0
                    self.context.straight = False
                else:
                    value = arg & 0xFFFFFFFF
                handler = under.get(index)
                if handler is None:
                    stream.extend((op | low << 16, value, NONE))
                else:
                    handler = (flow.next(handler[0]), handler[1])
                    stream.extend(
                        (op | low << 16, value, handlers.setdefault(handler, len(handlers)) << 12 | handler[1])
                    )
                if kind == END:
                    break
                index, other = flow.after(index)
                if other is not None:
                    pending.append(other)
            else:
                stream.extend((SPIN, 0, 0))
        return self.joined(stream)

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

    # ------------------------------------------------------------ names

    def name(self, steps: list[Step], index: int) -> int:
        """Write an instruction with a name; note what it reads from outside."""
        _, op, name, _ = steps[index]
        operation = NAMES_OF[op]
        context = self.context
        if operation == "LOAD_GLOBAL":
            context.names.add(name)
            context.globals.add(name)
            return self.entry(b"R" + length(self.outside(steps, index, (name, (), "", 0))))
        context.names.add(name)
        if operation in _GLOBAL_LOADS:
            if name not in self.stored:
                context.globals.add(name)
                read = self.outside(steps, index, (name, (), "", 0))
                return self.entry(b"r" + text(name) + length(read))
        elif operation in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            context.writes[name] = None
        elif operation == "STORE_NAME":
            self.stored.add(name)
        elif operation == "IMPORT_NAME":
            return self.imported(steps, index, name)
        return self.entry(b"n" + text(name))

    def outside(self, steps: list[Step], index: int, base: tuple[str, tuple[str, ...], str, int]) -> int:
        """Note a read of *base* and of the attributes that are taken from it at once; remember what it is stored as."""
        attributes = list(base[1])
        index += 1
        while index < len(steps) and NAMES_OF[steps[index][1]] in ("LOAD_ATTR", "IMPORT_FROM"):
            attributes.append(steps[index][2])
            index += 1
        bare = False
        if index < len(steps):
            step = steps[index]
            bare = NAMES_OF[step[1]] == "CALL" and step[2] == 0
            if step[1] == STORE_FAST:
                self.aliases[step[2]] = (base[0], tuple(attributes), base[2], base[3])
        return self.context.read(base[0], tuple(attributes), base[2], base[3], bare)

    def local(self, steps: list[Step], index: int) -> int:
        """Write an instruction on a local name; note what is read if it stands for something from outside."""
        _, op, slot, _ = steps[index]
        if slot in self.aliases and op == LOAD_FAST:
            self.outside(steps, index, self.aliases[slot])
        elif op in DEREF_WRITES and slot >= self.first_free:
            self.context.cell_writes.add(self.code.co_freevars[slot - self.first_free])
        return self.slot(slot)

    def imported(self, steps: list[Step], index: int, name: str) -> int:
        """Write an import inside the code; what is taken from the module is a read."""
        names = steps[index - 1][2] if index else None
        level = steps[index - 2][2] if index > 1 and type(steps[index - 2][2]) is int else 0
        written = self.entry(b"m" + text(name) + length(level))
        self.context.read(name, (IMPORT_ITSELF,), name, level)
        after = index + 1
        if type(names) is tuple and names:
            if "*" in names:
                self.context.stars[name] = None
            # IMPORT_FROM a, STORE a, IMPORT_FROM b, STORE b, POP_TOP
            while after + 1 < len(steps) and NAMES_OF[steps[after][1]] == "IMPORT_FROM":
                taken = steps[after][2]
                self.context.names.add(taken)
                self.context.read(name, (taken,), name, level)
                self.bind(steps[after + 1], (name, (taken,), name, level))
                after += 2
            return written
        whole = name
        if after < len(steps) and NAMES_OF[steps[after][1]] == "IMPORT_FROM":
            # `import a.b as c` is IMPORT_FROM b, SWAP, POP_TOP, STORE c
            while after < len(steps) and not NAMES_OF[steps[after][1]].startswith("STORE_"):
                after += 1
        else:
            whole = name.partition(".")[0]  # `import a.b` binds a
        if after < len(steps):
            self.bind(steps[after], (whole, (), whole, level))
        return written

    def bind(self, store: Step, base: tuple[str, tuple[str, ...], str, int]) -> None:
        """Remember that a local name stands for something imported; elsewhere all of it may be used."""
        if NAMES_OF[store[1]] == "STORE_FAST":
            self.aliases[store[2]] = base
        elif NAMES_OF[store[1]].startswith("STORE_"):
            self.context.read(*base)


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


def analyse(code: CodeType) -> CodeRecord:
    """Return the record of *code*, made anew."""
    context = _Context()
    data = _Encoder(code, context).encode()
    reads = tuple(
        Read(name, attributes, module, level, index in context.bare, index in context.certain)
        for index, (name, attributes, module, level) in enumerate(context.reads)
    )
    return CodeRecord(
        digest=xxhash.xxh3_128_digest(PYTHON + data),
        reads=reads,
        writes=tuple(context.writes),
        names=frozenset(context.names),
        strings=frozenset(context.strings),
        global_names=frozenset(context.globals),
        star_imports=tuple(context.stars),
        cell_writes=frozenset(context.cell_writes),
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
