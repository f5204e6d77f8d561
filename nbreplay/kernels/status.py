"""The words of a cell's status: the object in a reply's metadata, and its badge."""

from __future__ import annotations

from typing import Any

from nbreplay.records import TaskCounts

BADGES = {
    "restored": "restored",
    "replayed": "replayed",
    "partly": "replayed",
    "executed": "ran",
    "failed": "failed",
    "blocked": "blocked (trust)",
    "skipped": "skipped",
    "empty": "empty",
    "not_run": "not run",
}
"""Word of the badge by state. A restored cell must never look like one that ran."""


def cell_object(
    state: str, reason: str = "", *, index: int | None = None, cell_id: str | None = None, saved_reason: str = ""
) -> dict[str, Any]:
    """Return the status of a cell that no record speaks of, in the form of those that have one."""
    tasks = TaskCounts()
    cell: dict[str, Any] = {
        "index": index,
        "cell_id": cell_id,
        "state": state,
        "reason": reason,
        "run_s": 0.0,
        "recorded_s": None,
        "overhead_s": 0.0,
        "bytes_written": 0,
        "saved": False,
        "tasks": {name: getattr(tasks, name) for name in ("total", "executed", "hit", "pruned", "refused")},
    }
    if saved_reason:
        cell["saved_reason"] = saved_reason
    return cell


def badge(cell: dict[str, Any]) -> str:
    """Return what a badge says of *cell*: one or two words, never colour alone."""
    state = str(cell.get("state", ""))
    text = BADGES.get(state, state)
    if state == "partly":
        tasks = cell.get("tasks") or {}
        total = tasks.get("total", 0)
        text += f" {total - tasks.get('executed', 0)}/{total}"
    if cell.get("saved") is False and state in ("executed", "replayed", "partly", "restored", "blocked"):
        text += " + not saved"
    return text
