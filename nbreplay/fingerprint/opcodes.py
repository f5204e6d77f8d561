"""Instructions of every supported CPython, decoded into one form, and where control goes from each."""

from __future__ import annotations

import dis
import sys
from types import CodeType
from typing import Any, NamedTuple

from nbreplay.fingerprint.leaves import words

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
_PLAIN_NAMES = words("""
    ASYNC_GEN_WRAP BEFORE_ASYNC_WITH BEFORE_WITH BINARY_OP BINARY_SLICE BINARY_SUBSCR BUILD_CONST_KEY_MAP
    BUILD_INTERPOLATION BUILD_LIST BUILD_MAP BUILD_SET BUILD_SLICE BUILD_STRING BUILD_TEMPLATE BUILD_TUPLE CALL
    CALL_FUNCTION_EX CALL_INTRINSIC_1 CALL_INTRINSIC_2 CALL_KW CHECK_EG_MATCH CHECK_EXC_MATCH CLEANUP_THROW COMPARE_OP
    CONTAINS_OP CONVERT_VALUE COPY DELETE_SUBSCR DICT_MERGE DICT_UPDATE END_FOR END_SEND EXIT_INIT_CHECK FORMAT_SIMPLE
    FORMAT_VALUE FORMAT_WITH_SPEC GET_AITER GET_ANEXT GET_AWAITABLE GET_ITER GET_LEN GET_YIELD_FROM_ITER IMPORT_STAR
    IS_OP LIST_APPEND LIST_EXTEND LIST_TO_TUPLE LOAD_ASSERTION_ERROR LOAD_BUILD_CLASS LOAD_COMMON_CONSTANT LOAD_LOCALS
    LOAD_SPECIAL MAKE_FUNCTION MAP_ADD MATCH_CLASS MATCH_KEYS MATCH_MAPPING MATCH_SEQUENCE POP_EXCEPT POP_ITER POP_TOP
    PREP_RERAISE_STAR PRINT_EXPR PUSH_EXC_INFO RETURN_GENERATOR SETUP_ANNOTATIONS SET_ADD SET_FUNCTION_ATTRIBUTE
    SET_UPDATE STORE_SLICE STORE_SUBSCR SWAP TO_BOOL UNARY_INVERT UNARY_NEGATIVE UNARY_NOT UNARY_POSITIVE UNPACK_EX
    UNPACK_SEQUENCE WITH_EXCEPT_START YIELD_VALUE
""")
"""Instructions of Python 3.11 to 3.14 that are what they say: an opcode and a number that means the same wherever it
stands. One that is in none of these tables may mean anything: :func:`decode` tells.
"""

_POSITIONED = {"END_ASYNC_FOR"}
"""Instructions whose argument, if there is one, says where the loop began, for debuggers: no jump, and no meaning."""

CALLED = 1 << 15
"""Among the further bits of an argument: what is loaded is called at once. Not part of the stream."""

_NULL_BEFORE = sys.version_info < (3, 13)

_NAME_SHIFT = {"LOAD_GLOBAL": 1, "LOAD_SUPER_ATTR": 2}
if sys.version_info >= (3, 12):
    _NAME_SHIFT["LOAD_ATTR"] = 1

Step = tuple[int, int, Any, int]
"""One instruction that stays: its kind, its opcode, its argument, further bits of the argument.

The argument is a name, a constant, a slot, the word that a jump leads to, or a number.
"""

_DROP, PLAIN, LOCAL, CONST, NAME, JUMP, BRANCH, END, _PAIR, _RETURN, _SMALL, _NULL, _BARE, _UNKNOWN = range(14)

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
    plans = [_Plan(_UNKNOWN, op) for op in range(256)]
    for name, op in OPS.items():
        if op > 255:
            continue
        same = OPS.get(_SAME.get(name, name), op)
        if name in _DROPPED:
            plan = _Plan(_DROP, op)
        elif name == "PUSH_NULL":
            plan = _Plan(_NULL, op)
        elif name in _POSITIONED:
            plan = _Plan(_BARE, op)
        elif name.startswith("INSTRUMENTED_"):
            plan = _Plan(_UNKNOWN, op)  # `co_code` does not show them
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
            plan = _Plan(PLAIN if name in _PLAIN_NAMES else _UNKNOWN, same)
        plans[op] = plan
    return plans


_PLANS = _plans()
NAMES_OF = {op: name for name, op in OPS.items()}
_CALL_FORMS = {OPS["LOAD_METHOD"]} if "LOAD_METHOD" in OPS and OPS["LOAD_METHOD"] < 256 else set()


def decode(code: CodeType) -> tuple[list[Step], list[int], list[str]]:
    """Return the instructions that stay, and for each word of the code the index of the next one that does.

    Last, the names of instructions that this version of the package does not know; so they may mean anything.
    """
    raw = code.co_code
    consts, names = code.co_consts, code.co_names
    steps: list[Step] = []
    place: list[int] = []
    unknown: list[str] = []
    add, note, plans = steps.append, place.append, _PLANS
    arg = called = word = 0
    for op, low in zip(raw[::2], raw[1::2], strict=True):
        note(len(steps))
        word += 1
        if op == _CACHE:
            continue
        arg |= low
        if op == _EXTENDED:
            arg <<= 8
            continue
        kind, same, shift, parts, sign, turned = plans[op]
        if kind == LOCAL:
            add((LOCAL, same, arg, called))
        elif kind in (PLAIN, END):
            add((kind, same, arg, 0))
        elif kind == CONST:
            add((CONST, same, consts[arg], 0))
        elif kind == NAME:
            # The lowest bit asks for a method or pushes a null; the others mean something.
            if op in _CALL_FORMS or (shift and arg & 1):
                called = CALLED
            add((NAME, same, names[arg >> shift], called | ((arg & ((1 << shift) - 1)) >> 1 if shift else 0)))
        elif kind in (JUMP, BRANCH):
            end = word * 2
            while end < len(raw) and raw[end] == _CACHE:
                end += 2
            add((kind, same, end // 2 + sign * arg, turned))
        elif kind == _NULL:
            if _NULL_BEFORE:
                called, arg = CALLED, 0
                continue
            if steps and steps[-1][0] in (LOCAL, NAME):
                kind, same, value, bits = steps[-1]
                steps[-1] = (kind, same, value, bits | CALLED)
        elif kind == _PAIR:
            add((LOCAL, parts[0], arg >> 4, 0))
            add((LOCAL, parts[1], arg & 15, 0))
        elif kind == _RETURN:
            add((CONST, same, consts[arg], 0))
            add((END, parts[0], 0, 0))
        elif kind == _SMALL:
            add((CONST, same, arg, 0))
        elif kind == _BARE:
            add((PLAIN, same, 0, 0))
        elif kind == _UNKNOWN:
            unknown.append(NAMES_OF.get(op, f"number {op}"))
            add((PLAIN, same, arg, 0))
        arg = called = 0
    note(len(steps))
    if SWAP in raw:
        _unswap(steps)
    return steps, place, unknown


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
    """Where control goes from each instruction, jumps followed.

    *lands* is, for each instruction, the one at which control arrives by way of it; -1 if it turns in a circle of
    jumps. *exits* is how many instructions there are until the code ends, if it runs straight there.
    """

    def __init__(self, steps: list[Step], place: list[int], keep: list[bool]) -> None:
        self.steps, self.place, self.keep = steps, place, keep
        count = len(steps)
        exits = self.exits = [SHORT_EXIT + 1] * (count + 1)
        lands = self.lands = list(range(count + 1))
        back: list[int] = []
        for index in range(count - 1, -1, -1):
            kind = steps[index][0]
            if kind == END:
                exits[index] = 1
            elif not keep[index]:
                exits[index] = exits[index + 1]
                lands[index] = lands[index + 1]
            elif kind == JUMP:
                target = place[steps[index][2]]
                if target > index:
                    exits[index] = exits[target]
                    lands[index] = lands[target]
                else:
                    back.append(index)
            elif kind != BRANCH:
                exits[index] = exits[index + 1] + 1
        if back:
            for index in range(count - 1, -1, -1):
                if lands[index] != index or index in back:
                    lands[index] = self._next(index)

    def _next(self, index: int) -> int:
        for _ in self.steps:
            if not self.keep[index]:
                index += 1
            elif self.steps[index][0] == JUMP:
                index = self.place[self.steps[index][2]]
            else:
                return index
        return -1

    def ways(self, index: int) -> tuple[int, int]:
        """Return the two ways from a branch."""
        _, _, target, turned = self.steps[index]
        following, jumped = self.lands[index + 1], self.lands[self.place[target]]
        return (jumped, following) if turned else (following, jumped)
