"""Builtin containers: lists, tuples, dicts, sets, buffers, and their subclasses' contents."""

from __future__ import annotations

import array
import collections
import sys
import types
from collections.abc import Iterator
from typing import Any

from nbreplay.digest import CHUNK_BYTES, chunk_digests, digest_chunked, flat
from nbreplay.fingerprint.leaves import length, of_int, text
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


def write_dict(w: Walker, obj: dict[Any, Any]) -> Parts:
    if obj is w.home or obj is sys.modules or obj is w.main:
        return _everything(w, obj)
    if not w.number(obj):
        return None
    if w.collecting:
        w.objects[id(obj)] = obj
    w.out += b"d"
    return mapping(w, obj)


def _everything(w: Walker, obj: dict[str, Any]) -> Parts:
    """Write the notebook's namespace, or the table of modules, met as a value: never what is in it."""
    w.out += b"modules" if obj is sys.modules else b"home"
    if w.task:
        w.refuse(
            "dynamic", "reaches sys.modules" if obj is sys.modules else "reaches all names of the notebook at once"
        )
    return None


def mapping(w: Walker, obj: Any) -> Parts:
    """Write keys and values of a dict in its order."""
    keys = tuple(dict.keys(obj))
    values = list(dict.values(obj))
    if len(keys) <= _FEW_KEYS and set(map(type, keys)) == _TEXT:
        # Many dicts, of instances above all, have the same few names.
        written = w.key_runs.get(keys)
        if written is None:
            start = len(w.out)
            w.sequence(keys)
            w.key_runs[keys] = bytes(w.out[start:])
        else:
            w.out += written
        return w.sequence(values)
    rest = w.sequence(keys)
    if rest is None:
        return w.sequence(values)
    return _both(w, rest, values)


_FEW_KEYS = 16
_TEXT = {str}


def _both(w: Walker, keys: Any, values: list[Any]) -> Iterator[Any]:
    yield from keys
    rest = w.sequence(values)
    if rest is not None:
        yield from rest


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
    import xxhash

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


# ---------------------------------------------------------------- memory


def buffer_bytes(w: Walker, data: Any, address: int | None = None) -> bytes:
    """Return what stands for the bytes of *data*: themselves if few, else their digest. Large ones go by chunks."""
    view = flat(data)
    size = len(view)
    w.buffer_bytes += size
    if size <= 64:
        return b"x" + length(size) + bytes(view)
    chunks = chunk_digests(view)
    if address is not None and size > CHUNK_BYTES:
        w.chunks[address, address + size] = chunks
    return b"X" + length(size) + bytes.fromhex(digest_chunked(chunks, size))


def write_bytearray(w: Walker, obj: bytearray) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    _span_of(w, obj)
    w.out += b"B" + buffer_bytes(w, obj)
    return None


def _span_of(w: Walker, obj: Any) -> None:
    if w.exact and len(obj):
        import ctypes

        kept = (ctypes.c_char * memoryview(obj).nbytes).from_buffer(obj)
        start = ctypes.addressof(kept)
        w.spans.append((start, start + memoryview(obj).nbytes))


def write_array(w: Walker, obj: array.array[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    address, count = obj.buffer_info()
    w.spans.append((address, address + count * obj.itemsize))
    w.out += b"A" + text(obj.typecode) + length(obj.itemsize) + buffer_bytes(w, obj, address)
    return None


def write_memoryview(w: Walker, obj: memoryview) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    shape = obj.shape or ()
    w.out += b"V" + text(obj.format) + (b"R" if obj.readonly else b"W") + length(len(shape))
    w.out += b"".join(map(length, shape)) + buffer_bytes(w, obj if obj.c_contiguous else obj.tobytes())
    return (obj.obj,) if w.exact else None


# ---------------------------------------------------------------- the rest of the builtins, and collections


def named_parts(w: Walker, state: Any) -> Iterator[Any]:
    """Write a mapping that was made for this walk: names in order, and their values. It is no object of the user's."""
    w.out += length(len(state))
    for name, value in state.items():
        w.out += text(str(name))
        yield value


def write_slice(w: Walker, obj: slice) -> Parts:
    w.out += b"y"
    return (obj.start, obj.stop, obj.step)


def write_mappingproxy(w: Walker, obj: types.MappingProxyType[Any, Any]) -> Parts:
    w.out += b"P"
    return (tuple(obj.keys()), tuple(obj.values()))


def write_deque(w: Walker, obj: collections.deque[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    limit = obj.maxlen
    w.out += b"D" + (b"N" if limit is None else of_int(limit))
    return w.sequence(list(collections.deque.__iter__(obj)))


def write_default_dict(w: Walker, obj: collections.defaultdict[Any, Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"dd"
    return _after((obj.default_factory,), w, obj)


def _after(first: tuple[Any, ...], w: Walker, obj: Any) -> Iterator[Any]:
    yield from first
    rest = mapping(w, obj)
    if rest is not None:
        yield from rest


def write_ordered_dict(w: Walker, obj: collections.OrderedDict[Any, Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"do"
    # Its own order, not that of the dict below it, which move_to_end leaves as it was.
    keys = list(collections.OrderedDict.keys(obj))
    return _pairs(w, keys, [dict.__getitem__(obj, key) for key in keys])


def _pairs(w: Walker, keys: list[Any], values: list[Any]) -> Iterator[Any]:
    for part in (keys, values):
        rest = w.sequence(part)
        if rest is not None:
            yield from rest


def write_counter(w: Walker, obj: collections.Counter[Any]) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"dc"
    rest = mapping(w, obj)
    state = vars(obj)
    if not state:
        return rest
    return _chain(rest, (tuple(state), tuple(state.values())))


def _chain(first: Parts, second: tuple[Any, ...]) -> Iterator[Any]:
    if first is not None:
        yield from first
    yield from second


def write_namespace(w: Walker, obj: types.SimpleNamespace) -> Parts:
    if not w.number(obj):
        return None
    w.link(obj)
    w.out += b"n"
    return (vars(obj),) if w.exact else mapping(w, vars(obj))


OPENERS.update(
    {
        list: write_list,
        dict: write_dict,
        tuple: write_tuple,
        set: write_set,
        frozenset: write_frozenset,
        bytearray: write_bytearray,
        array.array: write_array,
        memoryview: write_memoryview,
        slice: write_slice,
        types.MappingProxyType: write_mappingproxy,
        collections.deque: write_deque,
        collections.defaultdict: write_default_dict,
        collections.OrderedDict: write_ordered_dict,
        collections.Counter: write_counter,
        types.SimpleNamespace: write_namespace,
    }
)
