"""Members of sets: written in an order that depends on nothing but what they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import xxhash

from nbreplay.fingerprint.leaves import length
from nbreplay.fingerprint.walker import Memory, Walker


class _Aside(NamedTuple):
    """One member, written aside: its digest, and what was numbered, met as a cell and named meanwhile.

    *firsts* are the addresses at which it looks first, of each :class:`Memory` among what was numbered.
    """

    digest: bytes
    found: list[Any]
    cells: list[Any]
    named: list[Any]
    firsts: list[int]


def write_unordered(w: Walker, members: Iterable[Any]) -> None:
    """Write *members* in an order that depends on their content alone.

    Each is written aside, as met from here, and they are sorted by digest. Then what they numbered gets its number
    for good, in that order, and where two of them share an object, that is written too.
    """
    asides = sorted((_aside(w, member) for member in members), key=lambda aside: aside.digest)
    w.out += length(len(asides))
    for digest, found, cells, named, firsts in asides:
        w.out += digest
        w.cells += cells
        w.named += named
        first = iter(firsts)
        for each in found:
            seen = w.memo.get(id(each))
            address = next(first) if type(each) is Memory else 0
            if seen is None:
                if type(each) is Memory:
                    each.first = address  # another member, written aside later, may have looked elsewhere first
                w.memo[id(each)] = len(w.keep)
                w.keep.append(each)
            else:
                w.out += b"@" + length(seen)
        w.out += b";"


def _aside(w: Walker, obj: Any) -> _Aside:
    """Write *obj* aside, as met from here, and undo it."""
    out, before = w.out, len(w.keep)
    cells, named = len(w.cells), len(w.named)
    w.out = bytearray()
    w.in_subwalk += 1
    try:
        w.write(obj)
        digest = xxhash.xxh3_128_digest(w.out)
    finally:
        w.in_subwalk -= 1
        w.out = out
        found = w.keep[before:]
        del w.keep[before:]
        for each in found:
            del w.memo[id(each)]
        w.held.extend(found)
        found_cells, found_named = w.cells[cells:], w.named[named:]
        del w.cells[cells:], w.named[named:]
    firsts = [each.first for each in found if type(each) is Memory]
    return _Aside(digest, found, found_cells, found_named, firsts)
