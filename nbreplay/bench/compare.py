"""Right before fast: a run against the plain run of the same notebook, and against the oracle."""

from __future__ import annotations

from collections.abc import Iterator

from nbreplay.bench.model import Change, Tasks
from nbreplay.bench.runs import Run


def differences(run: Run, plain: Run) -> Iterator[str]:
    """Yield what differs between *run* and the *plain* run of the same notebook: values, outputs, files."""
    if run.error:
        yield f"it did not come to its end: {run.error}"
        return
    yield from run.problems
    for name, value in plain.values.items():
        if name not in run.values:
            yield f"the value of {name} is not there"
        elif run.values[name] != value:
            yield f"the value of {name} differs"
    for number, (one, two) in enumerate(zip(plain.outputs, run.outputs, strict=True), 1):
        if one != two:
            yield f"the output of cell {number} differs: {_short(two)} instead of {_short(one)}"
    for name in sorted({*plain.files, *run.files}):
        if plain.files.get(name) != run.files.get(name):
            what = (
                "is missing" if name not in run.files else "differs" if name in plain.files else "should not be there"
            )
            yield f"the file {name} {what}"


def against_oracle(run: Run, change: Change, expected: dict[str, Tasks] | None = None) -> Iterator[str]:
    """Yield where what *run* ran is not what the oracle says for *change*."""
    ran, must, may = set(run.ran), set(change.cells), {*change.cells, *change.may}
    if must - ran:
        yield f"cells {_listed(must - ran)} did not run, but had to"
    if ran - may:
        yield f"cells {_listed(ran - may)} ran, but did not have to"
    tasks = dict(change.tasks) if expected is None else expected
    for name in sorted({*tasks, *run.tasks} if change.exact else tasks):
        want, got = tasks.get(name, Tasks()), run.tasks.get(name, Tasks())
        raced = min(got.executed - want.executed, want.hit, change.racing.get(name, 0))
        if raced > 0:
            want = Tasks(executed=want.executed + raced, hit=want.hit - raced, pruned=want.pruned)
        if got.executed != want.executed:
            yield f"{got.executed} tasks {name} were executed instead of {want.executed}"
        elif change.exact and (got.hit, got.pruned) != (want.hit, want.pruned):
            yield f"tasks {name}: {got.hit} served and {got.pruned} pruned instead of {want.hit} and {want.pruned}"
    if run.clusters and not run.tasks:
        yield "a cluster started although no task was asked for"


def _listed(numbers: set[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 160 else text[:157] + "..."
