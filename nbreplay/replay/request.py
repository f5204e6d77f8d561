"""What a kernel asks the engine, and what it gets back."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from nbreplay.records import CellRun, CellVisit, OutputMessage, TaskCounts

Outcome = Literal["ok", "error", "interrupted"]


class Policy(enum.Enum):
    """Which of the two kernels this is: one engine, one flag."""

    AUDIT = "audit"
    REPEAT = "repeat"

    @property
    def serves(self) -> bool:
        """Whether recorded runs may stand in for running."""
        return self is Policy.REPEAT


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRequest:
    """One request to run a cell.

    *source* is what the user wrote, *transformed* what IPython made of it. *position* counts code cells from 1, where
    the client told it. *tags* are the cell's, in the notebook.
    """

    source: str
    transformed: str
    cell_id: str | None = None
    position: int | None = None
    tags: tuple[str, ...] = ()
    execution_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A recorded run that stands in for running: its effects on the namespace and on files are already applied.

    *foreign*: it is somebody else's, taken as data.
    """

    run: CellRun
    outputs: Sequence[OutputMessage]
    result_name: str = ""
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do with a request: serve a recorded run, or run the code (*serve* is None)."""

    serve: Served | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStatus:
    """What became of a request, in the words of the public interface.

    *compared* tasks ran although they are recorded; *differing* are the names of those that gave another result.
    """

    state: str
    reason: str
    detail: tuple[str, ...] = ()
    index: int | None = None
    cell_id: str | None = None
    run_s: float = 0.0
    recorded_s: float | None = None
    overhead_s: float = 0.0
    bytes_written: int = 0
    saved: bool | Literal["pending"] = True
    saved_reason: str = ""
    tasks: TaskCounts = field(default_factory=TaskCounts)
    task_rows: tuple[str, ...] = ()
    compared: int = 0
    differing: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the cell object of the reply metadata and of ``--json``."""
        counts: dict[str, int] = {
            name: getattr(self.tasks, name) for name in ("total", "executed", "hit", "pruned", "refused")
        }
        if self.tasks.cancelled:
            counts["cancelled"] = self.tasks.cancelled
        facts: dict[str, object] = {
            "index": self.index,
            "cell_id": self.cell_id,
            "state": self.state,
            "reason": self.reason,
            "run_s": round(self.run_s, 6),
            "recorded_s": self.recorded_s,
            "overhead_s": round(self.overhead_s, 6),
            "bytes_written": self.bytes_written,
            "saved": self.saved,
            "tasks": counts,
        }
        if self.saved is False:
            facts["saved_reason"] = self.saved_reason
        if self.compared:
            facts["verified"] = {"tasks": self.compared, "differing": list(self.differing)}
        if self.detail:
            facts["detail"] = list(self.detail)
        return facts

    @classmethod
    def of(cls, visit: CellVisit) -> CellStatus:
        """Return the status that *visit* kept."""
        return cls(
            state=visit.state,
            reason=visit.reason,
            detail=visit.detail,
            index=visit.position,
            cell_id=visit.cell_id,
            run_s=visit.run_s,
            recorded_s=visit.recorded_s,
            overhead_s=visit.overhead_s,
            bytes_written=visit.bytes_written,
            saved=visit.saved,
            saved_reason=visit.saved_reason,
            tasks=visit.tasks,
            task_rows=visit.task_rows,
        )


def state_of_run(outcome: Outcome, tasks: TaskCounts) -> str:
    """Return the state word of a cell whose code ran."""
    if outcome != "ok":
        return "failed"
    if tasks.total == 0 or tasks.hit + tasks.pruned == 0:
        return "executed"
    return "replayed" if tasks.executed == 0 else "partly"
