"""What code reads from outside: globals, imported modules, and the attributes that it takes from them at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import CodeType
from typing import NamedTuple

from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.opcodes import CALLED, DEREF_WRITES, LOAD_FAST, NAMES_OF, STORE_FAST, Step

_GLOBAL_LOADS = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}

IMPORT_ITSELF = ""
"""The attribute that stands for an import as such: where it leads, and in which version."""

Source = tuple[str, tuple[str, ...], str, int]
"""Where something comes from: name, attributes, module and level, as in :class:`Read`."""


class Read(NamedTuple):
    """Something that code reads from outside: a global name or an imported module, and attributes taken from it.

    *module* is empty for a global. *called_bare* says that it is called at once, without arguments, somewhere;
    *certain* that it is read before the code first branches, so in every call. *escapes* says that it is handed on
    somewhere, and not only called at once: then whoever gets it may look at its name.
    """

    name: str
    attributes: tuple[str, ...]
    module: str = ""
    level: int = 0
    called_bare: bool = False
    certain: bool = False
    escapes: bool = True


@dataclass(slots=True)
class Outside:
    """What a code object and all nested ones read and bind beyond their own names, as it is found."""

    reads: dict[Source, int] = field(default_factory=dict)
    bare: set[int] = field(default_factory=set)
    certain: set[int] = field(default_factory=set)
    escaping: set[int] = field(default_factory=set)
    cell_escapes: set[str] = field(default_factory=set)
    said: list[str | None] = field(default_factory=list)  # names and docstrings of nested code
    unknown: list[str] = field(default_factory=list)
    straight: bool = True  # no branch yet, and not inside a nested function
    writes: dict[str, None] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    strings: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    stars: dict[str, None] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    cell_writes: set[str] = field(default_factory=set)

    def read(self, source: Source, *, bare: bool = False, called: bool = False) -> int:
        """Note a read, and return its number."""
        index = self.reads.setdefault(source, len(self.reads))
        if bare:
            self.bare.add(index)
        if not called:
            self.escaping.add(index)
        if self.straight:
            self.certain.add(index)
        return index

    def reads_found(self) -> tuple[Read, ...]:
        """Return what was read, in the order in which it was met."""
        return tuple(
            Read(*source, index in self.bare, index in self.certain, index in self.escaping)
            for index, source in enumerate(self.reads)
        )


class Names:
    """Follows the names of one code object: what each instruction reads, and which locals stand for what was read."""

    def __init__(self, code: CodeType, first_free: int, outside: Outside) -> None:
        self.code = code
        self.first_free = first_free
        self.outside = outside
        self.aliases: dict[int, Source] = {}
        self.stored: set[str] = set()
        # Names that a class body has surely bound itself: until it branches, and if nothing in it is caught.
        self.surely = not code.co_exceptiontable

    def name(self, steps: list[Step], index: int) -> bytes:
        """Return what stands for the name of an instruction; note what that reads from outside."""
        _, op, name, _ = steps[index]
        operation = NAMES_OF[op]
        outside = self.outside
        if operation == "LOAD_GLOBAL":
            outside.names.add(name)
            outside.globals.add(name)
            return b"R" + length(self._read(steps, index, (name, (), "", 0)))
        outside.names.add(name)
        if operation == "LOAD_ATTR":
            outside.attributes.add(name)
        elif operation in _GLOBAL_LOADS:
            if name not in self.stored:
                outside.globals.add(name)
                read = self._read(steps, index, (name, (), "", 0))
                return b"r" + text(name) + length(read)
        elif operation in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            outside.writes[name] = None
        elif operation == "STORE_NAME":
            if self.surely:
                self.stored.add(name)
        elif operation == "DELETE_NAME":
            self.stored.discard(name)
        elif operation == "IMPORT_NAME":
            return self._imported(steps, index, name)
        return b"n" + text(name)

    def _read(self, steps: list[Step], index: int, base: Source) -> int:
        """Note a read of *base* and of the attributes that are taken from it at once; remember what it is stored as."""
        attributes = list(base[1])
        called = steps[index][3]
        index += 1
        while index < len(steps) and NAMES_OF[steps[index][1]] in ("LOAD_ATTR", "IMPORT_FROM"):
            attributes.append(steps[index][2])
            called |= steps[index][3]
            index += 1
        bare = False
        if index < len(steps):
            step = steps[index]
            bare = NAMES_OF[step[1]] == "CALL" and step[2] == 0
            if step[1] == STORE_FAST:
                self.aliases[step[2]] = (base[0], tuple(attributes), base[2], base[3])
        source = (base[0], tuple(attributes), base[2], base[3])
        return self.outside.read(source, bare=bare, called=bool(called & CALLED))

    def local(self, steps: list[Step], index: int) -> None:
        """Note what an instruction on a local name reads, if that stands for something from outside."""
        _, op, slot, called = steps[index]
        if slot >= self.first_free:
            name = self.code.co_freevars[slot - self.first_free]
            if op in DEREF_WRITES:
                self.outside.cell_writes.add(name)
            elif not called:
                self.outside.cell_escapes.add(name)
        elif op == LOAD_FAST and slot in self.aliases:
            self._read(steps, index, self.aliases[slot])

    def _imported(self, steps: list[Step], index: int, name: str) -> bytes:
        """Return what stands for an import inside the code; what is taken from the module is a read."""
        names = steps[index - 1][2] if index else None
        level = steps[index - 2][2] if index > 1 and type(steps[index - 2][2]) is int else 0
        written = b"m" + text(name) + length(level)
        self.outside.read((name, (IMPORT_ITSELF,), name, level))
        after = index + 1
        if type(names) is tuple and names:
            if "*" in names:
                self.outside.stars[name] = None
            # IMPORT_FROM a, STORE a, IMPORT_FROM b, STORE b, POP_TOP
            while after + 1 < len(steps) and NAMES_OF[steps[after][1]] == "IMPORT_FROM":
                taken = steps[after][2]
                self.outside.names.add(taken)
                self.outside.read((name, (taken,), name, level))
                self._bind(steps[after + 1], (name, (taken,), name, level))
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
            self._bind(steps[after], (whole, (), whole, level))
        return written

    def _bind(self, store: Step, base: Source) -> None:
        """Remember that a local name stands for something imported; elsewhere all of it may be used."""
        if NAMES_OF[store[1]] == "STORE_FAST":
            self.aliases[store[2]] = base
        elif NAMES_OF[store[1]].startswith("STORE_"):
            self.outside.read(base)
