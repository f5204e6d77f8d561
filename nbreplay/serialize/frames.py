"""pandas objects: blocks that share memory under copy-on-write come back each with its own.

pandas notes in the blocks which of them share memory and copies before it writes. That note is lost in a pickle; a
restored frame that still shared memory would change together with the other.
"""

from __future__ import annotations

import sys
from typing import Any


def reduce_block(block: Any) -> Any:
    """A block of a frame; NotImplemented if pandas is not as expected."""
    internals = sys.modules.get("pandas._libs.internals")
    make = getattr(internals, "_unpickle_block", None)
    if make is None:
        return NotImplemented
    return restore_block, (block.values, block.mgr_locs.indexer, block.ndim, _shared(block))


def reduce_single(manager: Any) -> Any:
    """The one block of a series."""
    block = manager.blocks[0]
    if not _shared(block):
        return NotImplemented
    return restore_single, (type(manager), block, manager.axes[0])


def _shared(block: Any) -> bool:
    refs = getattr(block, "refs", None)
    return bool(refs is not None and refs.has_reference())


def restore_block(values: Any, placement: Any, ndim: int, shared: bool) -> Any:
    from pandas._libs.internals import _unpickle_block

    if shared:
        values = values.copy(order="K") if type(values).__module__ == "numpy" else values.copy()
    return _unpickle_block(values, placement, ndim)


def restore_single(kind: Any, block: Any, axis: Any) -> Any:
    return kind(block, axis)
