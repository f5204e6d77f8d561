"""Tensors of torch as views of their storage's memory, which numpy's arrays may view, too.

A tensor that still has the graph it was computed by is refused: it comes back by running its cells.
"""

from __future__ import annotations

from typing import Any

from nbreplay.serialize import array_views, reducers

TORCH = "torch"


def _tensor(dump: Any, tensor: Any) -> Any:
    import torch

    if tensor.grad_fn is not None:
        raise TypeError("a tensor with the graph that it was computed by")
    if (
        tensor.layout is not torch.strided
        or tensor.device.type != "cpu"
        or tensor.is_quantized
        or (hasattr(tensor, "has_names") and tensor.has_names())
        or tensor.is_inference()
        or tensor.is_nested
    ):
        return NotImplemented
    storage = tensor.untyped_storage()
    memory = _memory(dump, storage, tensor)
    parameter = isinstance(tensor, torch.nn.Parameter)
    args = (
        type(tensor),
        memory,
        tensor.data_ptr() - (memory.address if memory is not None else 0),
        tensor.dtype,
        tuple(tensor.shape),
        tensor.stride(),
        tensor.requires_grad,
        tensor.is_conj(),
        tensor.is_neg(),
    )
    hooks = (tensor._backward_hooks, getattr(tensor, "_post_accumulate_grad_hooks", None))
    state = (tensor.grad, dict(tensor.__dict__), *hooks)
    bare = not parameter and tensor.grad is None and not tensor.__dict__ and hooks == (None, None)
    return (make_tensor, args) if bare else (make_tensor, args, state, None, None, set_tensor)


def _memory(dump: Any, storage: Any, tensor: Any = None) -> Any:
    """Return the memory of *storage*; None if it has none."""
    size = storage.nbytes()
    if not size:
        return None
    start = storage.data_ptr()
    low, high = start, start + size
    if tensor is not None and size > _WHOLE_BYTES:
        low, high = _covered(tensor)
    return dump.memories.of_library(start, size, low, high, storage, TORCH)


_WHOLE_BYTES = 1 << 20
"""Storages up to this size are kept whole, whatever looks at them."""


def _covered(tensor: Any) -> tuple[int, int]:
    """Return the addresses that a tensor covers; its strides are never negative."""
    low = tensor.data_ptr()
    if not tensor.numel():
        return low, low
    last = sum(stride * (count - 1) for stride, count in zip(tensor.stride(), tensor.shape, strict=True))
    return low, low + (last + 1) * tensor.itemsize


def _storage(dump: Any, storage: Any) -> Any:
    if storage.device.type != "cpu":
        return NotImplemented
    return make_storage, (_memory(dump, storage),)


def _generator(_: Any, generator: Any) -> Any:
    import torch

    if generator is torch.default_generator:
        return reducers.attribute_of, (TORCH, "default_generator")
    return NotImplemented


BY_NAME = {
    "torch:Tensor": _tensor,
    "torch._tensor:Tensor": _tensor,
    "torch.storage:UntypedStorage": _storage,
    "torch._C:Generator": _generator,
    "torch:Generator": _generator,
}


# ---------------------------------------------------------------- named in streams


def make_storage(memory: Any) -> Any:
    import torch

    if memory is None:
        return torch.empty(0, dtype=torch.uint8).untyped_storage()
    array_views.whole(memory)
    return torch.from_numpy(memory.raw).untyped_storage()


def make_tensor(
    kind: Any,
    memory: Any,
    offset: int,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    requires_grad: bool,
    conj: bool,
    neg: bool,
) -> Any:
    import torch

    made: Any = torch.empty(0, dtype=dtype)
    if memory is None:
        made = torch.empty_strided(shape, strides, dtype=dtype)
    else:
        array_views.whole(memory)
        flat = getattr(memory.raw.base, "untyped_storage", None) and memory.raw.base
        storage = (flat if flat is not None else _from_numpy(memory.raw)).untyped_storage()
        with torch.no_grad():
            made.set_(storage, (offset - memory.start) // dtype.itemsize, shape, strides)
    if conj:
        made = made.conj()
    if neg:
        made = made._neg_view()
    if issubclass(kind, torch.nn.Parameter):
        made = torch.nn.Parameter(made, requires_grad=requires_grad)
    else:
        if kind is not torch.Tensor:
            made = made.as_subclass(kind)
        if requires_grad:
            made.requires_grad_(True)
    return made


def _from_numpy(raw: Any) -> Any:
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is read-only: so was what shared it
        return torch.from_numpy(raw)


def set_tensor(tensor: Any, state: tuple[Any, ...]) -> None:
    grad, attributes, backward, accumulated = state
    if grad is not None:
        tensor.grad = grad
    tensor.__dict__.update(attributes)
    if backward is not None:
        tensor._backward_hooks = backward
    if accumulated is not None:
        tensor._post_accumulate_grad_hooks = accumulated


def own_bytes(size: int) -> Any:
    """Return an array on a storage of torch's, which can be resized like any."""
    import torch

    return torch.empty(size, dtype=torch.uint8).numpy()
