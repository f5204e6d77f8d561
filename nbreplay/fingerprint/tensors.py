"""Tensors of torch: dtype, shape, strides and bytes. torch is never imported here to look."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint.atoms import name_of
from nbreplay.fingerprint.buffers import buffer_bytes
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import length, of_int, text
from nbreplay.fingerprint.mappings import named_parts
from nbreplay.fingerprint.openers import CHOOSERS, Opener, Parts
from nbreplay.fingerprint.reduced import by_reduce
from nbreplay.fingerprint.state import shape_of, state_dict
from nbreplay.fingerprint.walker import Memory, Walker

_PARTS = {
    "torch.sparse_coo": ("_indices", "_values"),
    "torch.sparse_csr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_bsr": ("crow_indices", "col_indices", "values"),
    "torch.sparse_csc": ("ccol_indices", "row_indices", "values"),
    "torch.sparse_bsc": ("ccol_indices", "row_indices", "values"),
}


def write_tensor(w: Walker, obj: Any) -> Parts:
    layout = str(obj.layout)
    if w.exact and layout == "torch.strided" and obj.device.type == "cpu" and not obj.is_quantized:
        if not w.number(obj):
            return None
        w.link(obj)
        return _exact(w, obj)
    # What else there is (quantised, nested, other back ends) goes as pickle takes it.
    if w.exact or obj.is_quantized or obj.is_nested or (layout != "torch.strided" and layout not in _PARTS):
        return by_reduce(w, obj, shape_of(type(obj)))
    if not w.number(obj):
        return None
    w.link(obj)
    return _tensor(w, obj, layout)


def _tensor(w: Walker, obj: Any, layout: str) -> Iterator[Any]:
    import torch

    w.out += b"tt" + text(str(obj.dtype)) + text(layout) + text(str(obj.device))
    w.out += length(obj.ndim) + b"".join(map(length, obj.shape)) + (b"G" if obj.requires_grad else b"-")
    yield from write_type_of(w, type(obj))
    yield from named_parts(w, state_dict(obj) or {})
    plain = obj.detach()
    if layout != "torch.strided":
        w.out += b"c" if layout == "torch.sparse_coo" and plain.is_coalesced() else b"-"
        yield from (w.hold(getattr(plain, name)()) for name in _PARTS[layout])
        return
    if not plain.is_contiguous():
        w.out += b"s" + b"".join(map(of_int, plain.stride()))
    w.out += b"n" if plain.is_neg() else b"j" if plain.is_conj() else b"."
    if plain.is_meta:
        w.out += b"meta"
    elif plain.numel():
        flat = plain.resolve_conj().resolve_neg().cpu().contiguous().reshape(-1).view(torch.uint8)
        w.out += buffer_bytes(w, flat.numpy())
    if obj.is_leaf and obj.grad is not None:
        w.out += b"grad"
        yield obj.grad


def _exact(w: Walker, obj: Any) -> Iterator[Any]:
    """Write all that can be observed: the memory with its place in the storage, gradient, hooks, what it was computed
    from."""
    import torch

    plain = obj.detach()
    bits = b"n" if plain.is_neg() else b"j" if plain.is_conj() else b"."
    w.out += b"tx" + text(str(obj.dtype)) + bits + (b"G" if obj.requires_grad else b"-")
    w.out += length(obj.ndim) + b"".join(map(length, obj.shape)) + b"".join(map(of_int, obj.stride()))
    storage = obj.untyped_storage()
    start, here = storage.data_ptr(), obj.data_ptr()
    if storage.nbytes():
        w.spans.append((start, start + storage.nbytes()))
    known = w.memory.get(-start)
    if known is None:
        known = w.memory[-start] = Memory(here)
    if w.number(known):
        known.first = here
        w.out += b"new"
    else:
        w.out += of_int(here - known.first)
    if plain.numel():
        if plain.is_conj():
            inner: Any = torch
            plain = inner._C._conj(plain)  # what lies in the memory
        if plain.is_neg():
            plain = plain._neg_view()
        flat = plain.contiguous().reshape(-1).view(torch.uint8).numpy()
        w.out += buffer_bytes(w, flat, flat.__array_interface__["data"][0])
    yield from write_type_of(w, type(obj))
    yield from named_parts(w, state_dict(obj) or {})
    yield obj._backward_hooks
    yield getattr(obj, "_post_accumulate_grad_hooks", None)
    if obj.is_leaf:
        yield obj.grad
    else:
        w.out += b"of" + text(type(obj.grad_fn).__name__)
        yield from _leaves(w, obj.grad_fn)


_MOST_NODES = 10_000
"""Nodes of a graph that are looked at for the tensors that it ends in."""


def _leaves(w: Walker, node: Any) -> Iterator[Any]:
    """Yield the tensors whose gradients a graph adds to."""
    seen, front = {node}, [node]
    while front and len(seen) < _MOST_NODES:
        at = front.pop()
        variable = getattr(at, "variable", None)
        if variable is not None:
            yield w.hold(variable)
        fresh = [each for each, _ in at.next_functions if each is not None and each not in seen]
        seen.update(fresh)
        front += fresh


def _choose(cls: type) -> Opener | None:
    if "torch" not in sys.modules:
        return None
    return write_tensor if any(name_of(base) in _BASES for base in cls.__mro__[:-1]) else None


_BASES = frozenset({"torch:Tensor", "torch._tensor:Tensor"})

CHOOSERS.insert(1, _choose)
