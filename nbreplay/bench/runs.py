"""One run of a workload in one condition: in a fresh process and a folder of its own, with all that can be compared."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time
from typing import Any

from nbformat import NotebookNode

from nbreplay.bench import scheduler_witness, witness
from nbreplay.bench.memory import Peak
from nbreplay.bench.model import Tasks
from nbreplay.config import store_beside
from nbreplay.replay.reader import open_store
from nbreplay.share.facts import store_bytes
from nbreplay.share.headless import Outcome, Request, Told, run_notebook
from nbreplay.share.launch import PLAIN
from nbreplay.share.notebook import code_cells, write_notebook

NOT_RUN = ("restored", "not_run", "empty", "skipped")
VALUES = "values"
_OF_A_RUN = {"execution_count", "transient", "traceback"}


@dataclass(slots=True, kw_only=True)
class Run:
    """What one run took, and what it left.

    Attributes
    ----------
    wall_s, kernel_s, settle_s : float
        From the first request to the last reply; before it, the kernel's start; after it, the wait for the writer.
    cluster_s : float
        Part of *wall_s*: from a scheduler's start to its last worker's, over all clusters.
    clusters : int
        How many clusters started.
    touch_s : float
        Seconds to read every final value afterwards: a lazy restore has done nothing yet.
    cells : list
        The cell objects of ``--json``.
    tasks : dict
        What became of the tasks of the cells that ran, by name.
    values, outputs, files : dict and list
        Digests of final values and written files by name; outputs by cell.
    peak_bytes, store_bytes : int
        Peak memory of all processes together; what the store takes. 0: unknown, or none.
    error : str
        Why the run did not come to its end.
    """

    condition: str
    change: str = ""
    wall_s: float = 0.0
    kernel_s: float = 0.0
    settle_s: float = 0.0
    cluster_s: float = 0.0
    clusters: int = 0
    touch_s: float = 0.0
    cells: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, Tasks] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    outputs: list[Any] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    peak_bytes: int = 0
    store_bytes: int = 0
    error: str = ""
    note: str = ""
    problems: list[str] = field(default_factory=list)

    @property
    def ran(self) -> tuple[int, ...]:
        """The cells whose code ran."""
        return tuple(cell["index"] for cell in self.cells if cell["state"] not in NOT_RUN)


def run(
    condition: str,
    path: Path,
    notebook: NotebookNode,
    kernel: str,
    *,
    scratch: Path,
    store: Path | None = None,
    since: float = 0.0,
    names: tuple[str, ...] = (),
    first_timed: int = 1,
    change: str = "",
    environment: Mapping[str, str] | None = None,
    told: Told | None = None,
) -> Run:
    """Run *notebook* on *kernel*, as the file *path*, which is written.

    Parameters
    ----------
    scratch : Path
        Where notes and the kernels' messages go.
    store : Path or None
        The store, where it is not the one beside the notebook.
    since : float
        Files of the notebook's folder that are older are not compared: they are none of the run's.
    names : tuple of str
        Names whose values are asked for at the end; without them, all that the namespace has (the plain kernel only:
        under Repeat it would bring every handle to life).
    first_timed : int
        The cell that the clock starts with.
    """
    write_notebook(notebook, path)
    events, clock = scratch / "clusters.jsonl", _Clock(first_timed, told)
    events.unlink(missing_ok=True)
    request = Request(
        kernel=kernel,
        store=store,
        log=scratch / "kernels.log",
        environment={
            "NBREPLAY_BENCH_CLUSTERS": str(events),
            "DASK_DISTRIBUTED__SCHEDULER__PRELOAD": json.dumps([scheduler_witness.__file__]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environment or {}),
        },
        epilogue={VALUES: _asks(names)},
    )
    with Peak() as peak:
        outcome = run_notebook(path, notebook, request, clock)
    made = Run(condition=condition, change=change, peak_bytes=peak.size_bytes)
    made.wall_s = clock.wall_s if first_timed > 1 else outcome.wall_s
    made.kernel_s, made.settle_s = outcome.kernel_s, outcome.settle_s
    made.cells = outcome.cells
    if outcome.error is not None:
        made.error = str(outcome.error)
    _take(made, outcome)
    made.clusters, made.cluster_s = _clusters(events, clock.ended)
    made.files = dict(_files(path.parent, since))
    if kernel != PLAIN:
        store = store or store_beside(path)
        made.store_bytes, made.tasks = store_bytes(store), _tasks(store)
    return made


class _Clock:
    """Takes the time from one cell's request to the last reply."""

    def __init__(self, first: int, told: Told | None) -> None:
        self.first, self.told, self.wall_s, self._began, self.ended = first, told, 0.0, 0.0, 0.0

    def __call__(self, number: int, cell: dict[str, Any] | None) -> None:
        if cell is None and number == self.first:
            self._began = perf_counter()
        elif cell is not None:
            self.wall_s, self.ended = perf_counter() - self._began, time()
        if self.told is not None:
            self.told(number, cell)


def _asks(names: tuple[str, ...]) -> str:
    values = "{" + ", ".join(f"{name!r}: {name}" for name in names) + "}"
    what = f"tell({values})" if names else "tell_all(globals())"
    function, _, arguments = what.partition("(")
    return f"import runpy as _runpy\nprint(_runpy.run_path({witness.__file__!r})[{function!r}]({arguments})"


def _take(made: Run, outcome: Outcome) -> None:
    text, made.touch_s = outcome.epilogue.get(VALUES, ("", 0.0))
    try:
        made.values = json.loads(text.strip().rpartition("\n")[2]) if text.strip() else {}
    except ValueError:
        made.problems.append(f"the values could not be asked for: {text[-200:]}")
    made.outputs = [
        [{key: value for key, value in output.items() if key not in _OF_A_RUN} for output in cell["outputs"]]
        for cell in code_cells(outcome.notebook)
    ]


def _clusters(events: Path, until: float) -> tuple[int, float]:
    """Return how many clusters started *until* the last reply, and the seconds that they took."""
    if not events.exists():
        return 0, 0.0
    count, total, began, ready = 0, 0.0, 0.0, 0.0
    for line in events.read_text(encoding="utf-8").splitlines():
        event, when = json.loads(line)
        if when > until:
            break
        if event == "scheduler":
            total += max(0.0, ready - began)
            count, began, ready = count + 1, when, when
        elif when - began < 30:
            ready = when
    return count, total + max(0.0, ready - began)


def _files(folder: Path, since: float) -> Iterator[tuple[str, str]]:
    """Yield the digests of what the notebook wrote, or was given, in *folder*."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix == ".ipynb" or parts[0].endswith(".nbreplay") or not path.is_file():
            continue
        if path.stat().st_mtime >= since:
            if "__pycache__" in parts or "dask-scratch-space" in parts or ".ipynb_checkpoints" in parts:
                continue
            yield "/".join(parts), hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _tasks(store: Path) -> dict[str, Tasks]:
    """Return what became of the tasks of the last session's cells that ran, by name."""
    with open_store(store) as reader:
        sessions = list(reader.sessions().values())
        runs = {known.boundary: known for known in reader.runs()}
    found: dict[str, list[int]] = {}
    for visit in sessions[-1] if sessions else []:
        known = runs.get(visit.boundary)
        if visit.state in NOT_RUN or known is None:
            continue
        for name, counts in known.task_names.items():
            total = found.setdefault(name, [0, 0, 0])
            for n, count in enumerate((counts.executed, counts.hit, counts.pruned)):
                total[n] += count
    return {name: Tasks(*counts) for name, counts in found.items()}


def copied(folder: Path, to: Path) -> Path:
    """Copy *folder* to *to*, which is replaced, times of files included."""
    with suppress(FileNotFoundError):
        shutil.rmtree(to)
    shutil.copytree(folder, to, symlinks=True)
    return to


def own_environment(folder: Path) -> dict[str, str]:
    """Return variables by which kernels leave the present user's IPython folder alone."""
    return {"IPYTHONDIR": str(folder / "ipython")}
