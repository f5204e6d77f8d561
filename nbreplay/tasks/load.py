"""Tasks that load a kept result in place of the task that made it. They run in workers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dask._task_spec import Task

from nbreplay.digest import Buffer, Digest
from nbreplay.errors import BlobMissing
from nbreplay.records import BlobRef, ValueRef, from_bytes, to_bytes
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.store.blobs import BlobFolder
from nbreplay.tasks.report import RATE, Inline
from nbreplay.tasks.sending import Given

_FOLDERS: dict[str, BlobFolder] = {}


def folder(store_dir: str) -> BlobFolder:
    """Return this process's blob folder of the store at *store_dir*."""
    found = _FOLDERS.get(store_dir)
    if found is None:
        found = _FOLDERS[store_dir] = BlobFolder(Path(store_dir))
    return found


def blob_refs(ref: ValueRef) -> list[BlobRef]:
    """Return all blobs of *ref*."""
    refs = [ref.stream]
    for buffer in ref.buffers:
        refs += [buffer.base, *buffer.patches.values()]
    return refs


def load_value(ref: ValueRef, given: dict[str, bytes], store_dir: str) -> object:
    """Return the value of *ref*: small blobs are *given*, large ones are read from the store's folder."""

    def get(wanted: BlobRef | Digest) -> memoryview:
        digest = wanted.digest if isinstance(wanted, BlobRef) else wanted
        data = given.get(digest)
        if data is not None:
            return memoryview(bytearray(data))
        began = time.perf_counter()
        content = folder(store_dir).get(wanted)
        RATE.loaded(len(content), time.perf_counter() - began)
        return content

    return codecs.load(ref, get, trust=Trust.OWN)


def load_task(packed: bytes, given: dict[str, bytes], store_dir: str, rewindable: bool) -> object:
    """Body of a load task.

    If the result cannot be had and the scheduler has kept what is needed to compute it (*rewindable*), it is told to.
    """
    try:
        return load_value(from_bytes(ValueRef, packed), given, store_dir)
    except Exception as error:
        if not rewindable:
            raise
        from distributed import Reschedule

        _tell_broken(f"{type(error).__name__}: {error}", unseen=not sees(store_dir))
        raise Reschedule from error


def sees(store_dir: str) -> bool:
    """Whether this process sees the store at *store_dir*."""
    return os.path.isfile(os.path.join(store_dir, "store.json"))


def make_load(key: Any, ref: ValueRef, given: Mapping[str, bytes], store_dir: str, *, rewindable: bool = True) -> Task:
    """Return the task *key* that loads *ref*."""
    return Task(key, load_task, to_bytes(ref), given, store_dir, rewindable)


def is_load(spec: object) -> bool:
    """Whether *spec* is one of our load tasks."""
    return type(spec) is Task and spec.func is load_task


def gather(ref: ValueRef, get: Callable[[BlobRef], Buffer], largest_bytes: float) -> Given:
    """Return the blobs of *ref* up to *largest_bytes*: those that a worker cannot read for itself.

    Raises
    ------
    BlobMissing, BlobDamaged
        One of them is not there, or not what it should be.
    """
    return Given({blob.digest: bytes(get(blob)) for blob in blob_refs(ref) if blob.size_bytes <= largest_bytes})


def write_inline(inline: Inline, put: Callable[..., BlobRef], content: Digest | None) -> ValueRef:
    """Put a dumped value that came in a message, and return where it is."""
    dumped = codecs.Dumped(inline.codec, inline.stream, [memoryview(bytearray(b)) for b in inline.buffers])
    return codecs.write(dumped, put, content=content)


def _tell_broken(reason: str, *, unseen: bool) -> None:
    from dask.context import thread_state
    from distributed import get_worker

    worker = get_worker()
    message = {"op": "nbreplay-broken", "key": thread_state.key, "reason": reason, "unseen": unseen}
    worker.loop.add_callback(worker.batched_stream.send, message)


__all__ = ["BlobMissing", "blob_refs", "folder", "gather", "is_load", "load_task", "load_value", "make_load", "sees"]
