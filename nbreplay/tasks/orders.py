"""What the scheduler asks of the worker that runs a task."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

from nbreplay.records import from_bytes, to_bytes
from nbreplay.tasks.entries import Entry
from nbreplay.tasks.report import ANNOTATION, Order

COUNTED = "task"
"""Kind of shape that is counted: aliases and data compute nothing."""


def order(ts: Any, entry: Entry, *, above_s: float = 0.0) -> None:
    """Ask the worker to watch *ts* when it runs; *above_s* are seconds of ancestors whose results are not kept."""
    session = entry.session
    if not session.workers_fit or not (session.record or session.serve):
        return
    if entry.shape is None or entry.shape.kind != COUNTED or ts.actor or "a coroutine" in entry.refused:
        return
    ledger = session.ledger
    packed = _packed(
        str(ledger.store.path),
        str(ledger.root),
        entry.keep,
        session.record,
        ledger.settings.scheduler_transfer_bytes,
        ledger.settings.inline_result_bytes,
        entry.shape.own() if entry.shape.by_reference else b"",
        above_s,
        session.salt,
    )
    if entry.expected is not None:
        packed = to_bytes(dataclasses.replace(from_bytes(Order, packed), **ledger.expecting(entry.expected)))
    ts.annotations = {**(ts.annotations or {}), ANNOTATION: packed}


@lru_cache(1024)
def _packed(
    store: str,
    root: str,
    keep: bool,
    record: bool,
    transfer: int,
    inline: int,
    shape: bytes,
    above_s: float,
    salt: str,
) -> bytes:
    """Most tasks of a graph are ordered alike."""
    return to_bytes(
        Order(
            store=store,
            root=root,
            keep=keep,
            record=record,
            transfer_bytes=transfer,
            inline_bytes=inline,
            shape=shape,
            salt=salt,
            above_s=above_s,
        )
    )
