"""From what a finished task told to its record, and to what it passes on to the tasks below it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nbreplay.digest import Digest, Fingerprint, combine
from nbreplay.records import FileState, TaskRun
from nbreplay.tasks.entries import Entry
from nbreplay.tasks.provenance import lineage, placed
from nbreplay.tasks.report import Report
from nbreplay.tasks.shape import data_leaf, evaluate
from nbreplay.tasks.shuffles import RUNS_FOR_OTHERS

if TYPE_CHECKING:
    from nbreplay.tasks.ledger import Ledger

Above = Sequence[Entry | None]
"""The dependencies of a task, in the order of its shape; None: nothing is known of one."""

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def content_of(entry: Entry, above: Above) -> Fingerprint | None:
    """Return K of *entry*, or None if it has none: an input's digest is not known, or it takes part in a shuffle, where
    what is received is not among the inputs.
    """
    assert entry.shape is not None
    if entry.shape.role:
        return None
    leaves = []
    for one in above:
        if one is None:
            return None
        leaf = _data(one)
        if leaf:
            leaves.append(bytes.fromhex(leaf))
        elif one.digest:
            leaves.append(data_leaf(bytes.fromhex(one.digest)))
        else:
            return None
    return Fingerprint(combine("task content", evaluate(entry.shape, leaves)))


def pass_on(entry: Entry, above: Above, reads: Mapping[str, FileState], *, writes: bool, is_placed: bool) -> None:
    """Fill what *entry* passes on: lineage of files, whether files were written, whether it is bound to this place."""
    marks = [one.lineage if one is not None else None for one in above]
    known = [mark for mark in marks if mark is not None]
    entry.lineage = lineage(reads, known) if len(known) == len(marks) else None
    entry.effects = writes or any(one is not None and one.effects for one in above)
    entry.placed = is_placed or any(one is not None and one.placed for one in above)


def inherit(entry: Entry, target: Entry | None) -> None:
    """*entry* has the result of *target*."""
    if target is not None:
        entry.digest, entry.lineage = target.digest, target.lineage
        entry.unkept_s = target.unkept_s
        entry.leaf = _data(target)
        if target.strayed:
            stray(entry)
        entry.effects, entry.placed = target.effects, target.placed


def _data(entry: Entry) -> Fingerprint | None:
    """Return the name of the data that *entry* is, or is an alias of."""
    return entry.provenance if entry.shape is not None and entry.shape.kind == "data" else entry.leaf


def learn(entry: Entry, above: Above, report: Report | None, root: Path) -> TaskRun | None:
    """Take *report* in and return the record of the run, None if it must not be recorded."""
    if report is None:
        entry.digest, entry.lineage = None, None
        return None
    # What senders and barriers of a shuffle return is a number of this run; it tells nothing of what was sent.
    means = entry.shape is None or entry.shape.role not in RUNS_FOR_OTHERS
    entry.digest = report.digest if means else None
    if any(one is not None and one.strayed for one in above):
        stray(entry)
    chain_s = report.seconds + sum(one.unkept_s for one in above if one is not None)
    entry.unkept_s = chain_s if report.not_kept and not entry.refused else 0.0
    pass_on(entry, above, report.reads, writes=bool(report.writes), is_placed=report.placed)
    _count(entry, report)
    if entry.expected is not None:
        return None  # it is recorded, and was run to be compared
    if entry.refused or report.digest is None or entry.shape is None:
        return None
    content = content_of(entry, above) if entry.deps else None
    provenance = entry.provenance if entry.lineage is not None else None
    if provenance is None and content is None:
        return None
    if entry.placed:
        provenance = placed(provenance, root) if provenance else None
        content = placed(content, root) if content else None
    return TaskRun(
        provenance=provenance or Fingerprint(""),
        content=content or "",
        name=entry.name,
        result_digest=entry.digest,
        not_kept=report.not_kept if means else "part of a peer-to-peer shuffle",
        files_read=report.reads,
        files_written=report.writes,
        compute_s=report.seconds,
        chain_s=chain_s,
        python=PYTHON,
        lineage=entry.lineage or "",
        effects=any(one is not None and one.effects for one in above),
        placed=entry.placed,
        program=entry.shape.program,
    )


def stray(entry: Entry) -> None:
    """What *entry* holds is not what its P names: from here on things go by content."""
    entry.strayed = entry.strayed or entry.provenance or "-"
    entry.provenance = None


def compared_with_first(entry: Entry, run: TaskRun, ledger: Ledger) -> TaskRun | None:
    """Return what is recorded of *run*: nothing if the same task had another result before; the first one is kept."""
    if ledger.strays(run) is None:
        return run
    stray(entry)
    tell_differs(entry)
    return None


def tell_differs(entry: Entry) -> None:
    """Let the cell of *entry* know that it depends on when it runs."""
    if entry.tally is not None:
        entry.tally.say(f"{entry.name}: gave another result for the same inputs; the first is kept")
        mark = f"nondeterministic task {entry.name}"
        if mark not in entry.tally.marks:
            entry.tally.marks.append(mark)


def refuse(entry: Entry, reason: str) -> TaskRun | None:
    """*entry* turns out not to be cacheable; return its record, which means nothing."""
    run, entry.run = entry.run, None
    if not entry.refused:
        entry.refused = reason
        if entry.tally is not None and entry.state == "executed":
            entry.tally.refuse(entry.name, reason)
    return run


def compared(entry: Entry, report: Report, ledger: Ledger) -> None:
    """*entry* was run although it is recorded, if it was."""
    expected = entry.expected
    if expected is None:
        return
    if report.compared == "other":
        ledger.differ(entry.name, expected, Digest(report.other))
        tell_differs(entry)
    if report.digest != expected.result_digest:
        stray(entry)  # the recorded result could not be had
    if entry.tally is not None and report.compared in ("same", "other"):
        entry.tally.compare(entry.name, same=report.compared == "same")


def _count(entry: Entry, report: Report) -> None:
    tally = entry.tally
    if tally is None:
        return
    tally.read(report.reads)
    tally.wrote(report.writes)
    tally.refusals += [reason for reason in report.refusals if reason not in tally.refusals]
    tally.marks += [mark for mark in report.marks if mark not in tally.marks]
    if report.refusals and not entry.refused:
        entry.refused = report.refusals[0]
        tally.refuse(entry.name, entry.refused)
    elif report.not_kept and not entry.refused:
        tally.say(f"{entry.name}: result not kept: {report.not_kept}")


def served(entry: Entry, above: Above, run: TaskRun, root: Path) -> TaskRun | None:
    """*entry* was served by K. Return the record under which what it is now finds it by P, None if P is not known."""
    entry.count("hit")
    entry.run = run
    entry.digest = run.result_digest
    if any(one is not None and one.strayed for one in above):
        stray(entry)
    pass_on(entry, above, run.files_read, writes=bool(run.files_written), is_placed=run.placed)
    if entry.tally is not None:
        entry.tally.read(run.files_read)
        entry.tally.wrote(run.files_written)
    if not entry.provenance or entry.lineage is None:
        return None
    effects = any(one is not None and one.effects for one in above)
    where = placed(entry.provenance, root) if entry.placed else entry.provenance
    return dataclasses.replace(run, provenance=where, lineage=entry.lineage, effects=effects, placed=entry.placed)
