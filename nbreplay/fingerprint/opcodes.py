"""Instructions of every supported CPython, decoded into one form, and where control goes from each."""

from __future__ import annotations

import dis
import sys
from types import CodeType
from typing import Any, NamedTuple

OPS: dict[str, int] = dis.opmap
NONE = 0xFFFFFFFF
BLOCK, SEEN, SPIN = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFC  # stand where an opcode would
SHORT_EXIT = 6
"""Instructions: the compiler copies exits of up to four, one of which may stand for two."""
LOAD_FAST, STORE_FAST = OPS["LOAD_FAST"], OPS["STORE_FAST"]
DEREF_WRITES = {OPS["STORE_DEREF"], OPS["DELETE_DEREF"]}
SWAP, NOP = OPS["SWAP"], OPS["NOP"]
_EXTENDED, _CACHE = OPS["EXTENDED_ARG"], OPS["CACHE"]

_DROPPED = {
    "NOP",
    "CACHE",
    "RESUME",
    "PUSH_NULL",
    "PRECALL",
    "MAKE_CELL",
    "COPY_FREE_VARS",
    "NOT_TAKEN",
    "EXTENDED_ARG",
}
_SAME = {  # spellings that mean the same
    "LOAD_METHOD": "LOAD_ATTR",
    "LOAD_FAST_BORROW": "LOAD_FAST",
    "LOAD_FAST_CHECK": "LOAD_FAST",
    "LOAD_CLOSURE": "LOAD_FAST",
    "LOAD_CONST_IMMORTAL": "LOAD_CONST",
    "LOAD_CONST_MORTAL": "LOAD_CONST",
    "JUMP_BACKWARD_NO_INTERRUPT": "JUMP_BACKWARD",
}
_SPLIT = {  # two loads in one instruction, four bits each
    "LOAD_FAST_LOAD_FAST": ("LOAD_FAST", "LOAD_FAST"),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("LOAD_FAST", "LOAD_FAST"),
    "STORE_FAST_STORE_FAST": ("STORE_FAST", "STORE_FAST"),
    "STORE_FAST_LOAD_FAST": ("STORE_FAST", "LOAD_FAST"),
}
_NAME_SHIFT = {"LOAD_GLOBAL": 1, "LOAD_SUPER_ATTR": 2}
if sys.version_info >= (3, 12):
    _NAME_SHIFT["LOAD_ATTR"] = 1

Step = tuple[int, int, Any, int]
"""One instruction that stays: its kind, its opcode, its argument, further bits of the argument.

The argument is a name, a constant, a slot, the word that a jump leads to, or a number.
"""

_DROP, PLAIN, LOCAL, CONST, NAME, JUMP, BRANCH, END, _PAIR, _RETURN, _SMALL = range(11)

_UNCONDITIONAL = {"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD_NO_INTERRUPT"}
_ENDS = {"RETURN_VALUE", "RAISE_VARARGS", "RERAISE", "INTERPRETER_EXIT"}
_TURNED = {"IF_TRUE": "IF_FALSE", "IF_NOT_NONE": "IF_NONE"}


class _Plan(NamedTuple):
    """How one opcode is treated."""

    kind: int
    op: int
    shift: int = 0
    parts: tuple[int, ...] = ()
    sign: int = 1
    turned: int = 0  # 1: the way of the jump comes first


def _branch(name: str, op: int) -> _Plan:
    """Return the plan of a conditional jump: one opcode for both directions and both senses."""
    turned = 0
    plain = name.replace("_FORWARD", "").replace("_BACKWARD", "")
    for sense, other in _TURNED.items():
        if plain == f"POP_JUMP_{sense}":
            plain, turned = f"POP_JUMP_{other}", 1
    same = OPS.get(plain, OPS.get(plain.replace("JUMP_IF", "JUMP_FORWARD_IF"), op))
    return _Plan(BRANCH, same, sign=-1 if "BACKWARD" in name else 1, turned=turned)


def _plans() -> list[_Plan]:
    jumps = set(dis.hasjrel) | set(getattr(dis, "hasjump", ()))
    names, consts = set(dis.hasname), set(dis.hasconst)
    local = set(dis.haslocal) | set(dis.hasfree)
    plans = [_Plan(PLAIN, op) for op in range(256)]
    for name, op in OPS.items():
        if op > 255:
            continue
        same = OPS.get(_SAME.get(name, name), op)
        if name in _DROPPED:
            plan = _Plan(_DROP, op)
        elif name in _SPLIT:
            plan = _Plan(_PAIR, op, parts=tuple(OPS[part] for part in _SPLIT[name]))
        elif name == "RETURN_CONST":
            plan = _Plan(_RETURN, OPS["LOAD_CONST"], parts=(OPS["RETURN_VALUE"],))
        elif name == "LOAD_SMALL_INT":
            plan = _Plan(_SMALL, OPS["LOAD_CONST"])
        elif name in _UNCONDITIONAL:
            plan = _Plan(JUMP, op, sign=-1 if "BACKWARD" in name else 1)
        elif name in _ENDS:
            plan = _Plan(END, op)
        elif op in names:
            plan = _Plan(NAME, same, shift=_NAME_SHIFT.get(name, 0))
        elif op in consts:
            plan = _Plan(CONST, same)
        elif op in local:
            plan = _Plan(LOCAL, same)
        elif op in jumps:
            plan = _branch(name, op)
        else:
            plan = _Plan(PLAIN, same)
        plans[op] = plan
    return plans


_PLANS = _plans()
NAMES_OF = {op: name for name, op in OPS.items()}


def decode(code: CodeType) -> tuple[list[Step], list[int]]:
    """Return the instructions that stay, and for each word of the code the index of the next one that does."""
    raw = code.co_code
    consts, names = code.co_consts, code.co_names
    steps: list[Step] = []
    place: list[int] = []
    arg = 0
    total = len(raw)
    for offset in range(0, total, 2):
        place.append(len(steps))
        op = raw[offset]
        if op == _CACHE:
            continue
        arg |= raw[offset + 1]
        if op == _EXTENDED:
            arg <<= 8
            continue
        kind, same, shift, parts, sign, turned = _PLANS[op]
        if kind in (LOCAL, PLAIN, END):
            steps.append((kind, same, arg, 0))
        elif kind == CONST:
            steps.append((CONST, same, consts[arg], 0))
        elif kind == NAME:
            # The lowest bit asks for a method or pushes a null; the others mean something.
            low = (arg & ((1 << shift) - 1)) >> 1 if shift else 0
            steps.append((NAME, same, names[arg >> shift], low))
        elif kind in (JUMP, BRANCH):
            end = offset + 2
            while end < total and raw[end] == _CACHE:
                end += 2
            steps.append((kind, same, (end + sign * arg * 2) // 2, turned))
        elif kind == _PAIR:
            steps.append((LOCAL, parts[0], arg >> 4, 0))
            steps.append((LOCAL, parts[1], arg & 15, 0))
        elif kind == _RETURN:
            steps.append((CONST, same, consts[arg], 0))
            steps.append((END, parts[0], 0, 0))
        elif kind == _SMALL:
            steps.append((CONST, same, arg, 0))
        arg = 0
    place.append(len(steps))
    if SWAP in raw:
        _unswap(steps)
    return steps, place


def _unswap(steps: list[Step]) -> None:
    """Write ``SWAP 2, STORE a, STORE b`` as ``STORE b, STORE a``, as the compiler does if no line begins between."""
    for index in range(len(steps) - 2):
        first, second = steps[index + 1], steps[index + 2]
        swaps = steps[index][1] == SWAP and steps[index][2] == 2
        if swaps and first[1] == second[1] == STORE_FAST and first[2] != second[2]:
            steps[index : index + 3] = (PLAIN, NOP, 0, 0), second, first


def _varints(table: bytes) -> list[int]:
    """Return the numbers of an exception table (six bits a byte, bit 6 says that more follow)."""
    numbers, number = [], 0
    for byte in table:
        number = (number << 6) | (byte & 63)
        if not byte & 64:
            numbers.append(number)
            number = 0
    return numbers


def handlers_of(code: CodeType, place: list[int], count: int) -> dict[int, tuple[int, int]]:
    """Return, for each instruction that runs under one, its handler: where it starts, and depth with the lasti flag."""
    under: dict[int, tuple[int, int]] = {}
    numbers = _varints(code.co_exceptiontable)
    for start, size, target, depth in zip(numbers[0::4], numbers[1::4], numbers[2::4], numbers[3::4], strict=True):
        for index in range(place[start], min(place[start + size], count)):
            under[index] = (place[target], depth)
    return under


class Flow:
    """Where control goes from each instruction, jumps followed."""

    def __init__(self, steps: list[Step], place: list[int], keep: list[bool]) -> None:
        self.steps, self.place, self.keep = steps, place, keep
        self.exits = [SHORT_EXIT + 1] * (len(steps) + 1)  # instructions until the code ends, if it runs straight there
        for index in range(len(steps) - 1, -1, -1):
            kind = steps[index][0]
            if kind == END:
                self.exits[index] = 1
            elif not keep[index]:
                self.exits[index] = self.exits[index + 1]
            elif kind == JUMP:
                target = place[steps[index][2]]
                if target > index:
                    self.exits[index] = self.exits[target]
            elif kind != BRANCH:
                self.exits[index] = self.exits[index + 1] + 1

    def next(self, index: int) -> int:
        """Return the instruction at which control arrives by way of *index*; -1 if it turns in a circle of jumps."""
        for _ in self.steps:
            if not self.keep[index]:
                index += 1
            elif self.steps[index][0] == JUMP:
                index = self.place[self.steps[index][2]]
            else:
                return index
        return -1

    def after(self, index: int) -> tuple[int, int | None]:
        """Return where control goes after an instruction, and the other way of a branch."""
        kind, _, target, turned = self.steps[index]
        following = self.next(index + 1)
        if kind != BRANCH:
            return following, None
        jumped = self.next(self.place[target])
        return (jumped, following) if turned else (following, jumped)
