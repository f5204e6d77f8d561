"""The facts of a headless run, in the form of ``--json``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from nbreplay.errors import NbreplayError
from nbreplay.replay.reader import open_store
from nbreplay.share.headless import NO_TASKS, Outcome


def settle(outcome: Outcome, store: Path) -> None:
    """Say of cells that were still being written when they replied what became of it; the kernel is gone by now."""
    pending = {cell["index"]: cell for cell in outcome.cells if cell["saved"] == "pending"}
    if not pending:
        return
    try:
        with open_store(store) as reader:
            sessions = list(reader.sessions().values())
    except NbreplayError:
        sessions = []
    for visit in sessions[-1] if sessions else []:
        cell = pending.get(visit.position or 0)
        if cell is not None and visit.saved != "pending":
            cell.update(saved=visit.saved, bytes_written=visit.bytes_written)
            if not visit.saved:
                cell["saved_reason"] = visit.saved_reason
            del pending[cell["index"]]
    for cell in pending.values():
        cell.update(saved=False, saved_reason=f"it was not written before the kernel ended ({_room(store)})")


def facts(outcome: Outcome, *, notebook: Path, kernel: str, store: Path) -> dict[str, Any]:
    """Return what ``--json`` writes."""
    tasks = dict(NO_TASKS)
    for cell in outcome.cells:
        for name, number in cell["tasks"].items():
            tasks[name] = tasks.get(name, 0) + number
    return {
        "notebook": str(notebook),
        "kernel": kernel,
        "wall_s": round(outcome.wall_s, 6),
        "ok": outcome.ok,
        "cells": outcome.cells,
        "totals": {
            "tasks": tasks,
            "bytes_written": sum(cell["bytes_written"] for cell in outcome.cells),
            "store_bytes": store_bytes(store),
        },
    } | verified(outcome)


def verified(outcome: Outcome) -> dict[str, Any]:
    """Return what came of tasks that were run although they are recorded; nothing if none was."""
    found = [cell["verified"] for cell in outcome.cells if "verified" in cell]
    if not found:
        return {}
    differing = [name for one in found for name in one["differing"]]
    return {"verified": {"tasks": sum(one["tasks"] for one in found), "differing": differing}}


def _room(store: Path) -> str:
    """Return how much can be written where *store* is: a full disk keeps also its own mention from being written."""
    try:
        return f"{shutil.disk_usage(store).free // 1000} kB are free on its disk"
    except OSError as e:
        return str(e)


def store_bytes(store: Path) -> int:
    """Return what the store takes on disk; 0 if there is none."""
    try:
        with open_store(store) as reader:
            return reader.size_bytes()
    except NbreplayError:
        return 0
