"""Builtin containers of values in a row: lists, tuples, sets, and their kin."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from typing import Any

import xxhash

from nbreplay.fingerprint.leaves import length, of_int
from nbreplay.fingerprint.openers import OPENERS, Parts
from nbreplay.fingerprint.unordered import write_unordered
from nbreplay.fingerprint.walker import Walker


def write_list(w: Walker, obj: list[Any]) -> Parts:
    if not w.number(obj):
        return None
    if w.collecting:
        w.objects[id(obj)] = obj
    w.out += b"l"
    return w.sequence(obj)


def write_tuple(w: Walker, obj: tuple[Any, ...]) -> Parts:
    """Write a tuple in place; one that holds what can change is numbered."""
    leaf_of = w.leaves
    for item in obj:
        if type(item) not in leaf_of:
            break
    else:
        w.out += b"t"
        return w.sequence(obj)
    digest = pure_digest(w, obj)
    if digest is not None:
        w.out += b"p" + digest
        return None
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"u"
    return w.sequence(obj)


def write_set(w: Walker, obj: Any) -> Parts:
    if not w.number(obj):
        return None
    if w.collecting:
        w.objects[id(obj)] = obj
    w.out += b"S"
    members(w, obj)
    return None


def write_frozenset(w: Walker, obj: frozenset[Any]) -> Parts:
    digest = pure_digest(w, obj)
    if digest is not None:
        w.out += b"p" + digest
        return None
    if not w.number(obj):
        return None
    w.out += b"Z"
    members(w, obj)
    return None


def members(w: Walker, obj: Any) -> None:
    """Write the members of a set in an order that does not depend on the hash seed."""
    values = list(set.__iter__(obj) if isinstance(obj, set) else frozenset.__iter__(obj))
    leaf_of = w.leaves
    if all(type(value) in leaf_of for value in values):
        w.out += b"q" + length(len(values)) + b"".join(sorted(leaf_of[type(value)](value) for value in values))
        return
    w.out += b"m"
    write_unordered(w, values)


def pure_digest(w: Walker, root: Any) -> bytes | None:
    """Return the digest of a tuple or frozenset if nothing below it can change, else None. Both are remembered.

    A part that occurs many times, in a tuple of tuples, is looked at once.
    """
    known = w.pure
    if id(root) in known:
        return known[id(root)]
    leaf_of = w.leaves
    stack: list[tuple[Any, Iterator[Any], list[bytes]]] = [(root, iter(root), [])]
    while stack:
        obj, parts, written = stack[-1]
        for part in parts:
            leaf = leaf_of.get(type(part))
            if leaf is not None:
                written.append(leaf(part))
                continue
            if type(part) is not tuple and type(part) is not frozenset:
                break
            if id(part) not in known:
                stack.append((part, iter(part), []))
                break
            digest = known[id(part)]
            if digest is None:
                break
            written.append(b"p" + digest)
        else:
            if type(obj) is frozenset:
                written.sort()
            tag = b"Z" if type(obj) is frozenset else b"t"
            digest = xxhash.xxh3_128_digest(tag + length(len(written)) + b"".join(written))
            known[id(obj)] = digest
            w.hold(obj)
            stack.pop()
            if stack:
                stack[-1][2].append(b"p" + digest)
            continue
        if stack[-1][0] is not obj:
            continue  # a part was opened
        for above, _, _ in stack:  # something here can change: so all above can
            known[id(above)] = None
            w.hold(above)
        return None
    return known[id(root)]


def write_slice(w: Walker, obj: slice) -> Parts:
    w.out += b"y"
    return (obj.start, obj.stop, obj.step)


def write_deque(w: Walker, obj: collections.deque[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    limit = obj.maxlen
    w.out += b"D" + (b"N" if limit is None else of_int(limit))
    return w.sequence(list(collections.deque.__iter__(obj)))


OPENERS.update(
    {
        list: write_list,
        tuple: write_tuple,
        set: write_set,
        frozenset: write_frozenset,
        slice: write_slice,
        collections.deque: write_deque,
    }
)
