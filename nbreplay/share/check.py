"""Saying no early: what would keep a recorded notebook from being repeated here, before anything runs."""

from __future__ import annotations

import ast
import platform
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nbreplay.files import FileDigests, holds_now
from nbreplay.fingerprint.packages import version_of
from nbreplay.records import CellRun, FileState
from nbreplay.replay.reader import StoreReader
from nbreplay.replay.start import FileCell

Severity = Literal["blocks", "recompute", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that differs: what and where, what is required and found, how bad, and what to do."""

    what: str
    where: str
    required: str
    found: str
    severity: Severity
    remedy: str


def findings(reader: StoreReader, root: Path) -> list[Finding]:
    """Return what differs between the newest recorded runs of *reader* and this place; none if all can be repeated."""
    runs = _newest(reader)
    found = [*_python(runs), *_packages(runs), *_inputs(runs, root), *_trust(reader), *_disk(reader, root)]
    found += _differing(reader)
    if not runs:
        found.append(
            Finding(
                what="store",
                where=str(root),
                required="a recorded run",
                found="none",
                severity="blocks",
                remedy="nbreplay audit NB",
            )
        )
    return found


def _newest(reader: StoreReader) -> list[tuple[str, CellRun]]:
    """Return (label, run) of the newest lineage."""
    tips = reader.lineage.tips()
    try:
        numbered = reader.lineage.numbered(tips[0]) if tips else {}
    except LookupError:
        numbered = {}
    return [(f"cell {number}", run) for number, run in sorted(numbered.items())]


def _cells(labels: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(labels))


def _python(runs: Sequence[tuple[str, CellRun]]) -> Iterator[Finding]:
    here = ".".join(platform.python_version_tuple()[:2])
    for there in sorted({".".join(run.python.split(".")[:2]) for _, run in runs if run.python}):
        if there != here:
            yield Finding(
                what="Python",
                where=_cells([label for label, run in runs if run.python.startswith(there + ".")]),
                required=there,
                found=here,
                severity="recompute",
                remedy=f"use Python {there}, or let the cells run",
            )


def _packages(runs: Sequence[tuple[str, CellRun]]) -> Iterator[Finding]:
    needed: dict[tuple[str, str], list[str]] = {}
    for label, run in runs:
        units = (module for unit in run.writes.units for module in unit.modules)
        for module, version in (*run.writes.modules, *units):
            needed.setdefault((module.partition(".")[0], version), []).append(label)
    for (module, version), labels in sorted(needed.items()):
        here = version_of(module)
        if here != version:
            yield Finding(
                what="package",
                where=_cells(labels),
                required=f"{module} {version}",
                found=here or "not installed",
                severity="recompute",
                remedy=f"install {module} {version}, or let the cells run",
            )


def _inputs(runs: Sequence[tuple[str, CellRun]], root: Path) -> Iterator[Finding]:
    digests = FileDigests()
    seen: dict[str, list[int]] = {}
    states: dict[str, FileState] = {}
    for number, (_, run) in enumerate(runs):
        for path, state in run.files_read.items():
            if holds_now({path: state}, root, digests) is not None:
                seen.setdefault(path, []).append(number)
                states[path] = state
    for path, readers in sorted(seen.items()):
        there = (root / path).exists()
        after = readers[-1] + 1
        start = f", or start below: --from {runs[after][0].removeprefix('cell ')}" if after < len(runs) else ""
        yield Finding(
            what="input file",
            where=_cells([runs[number][0] for number in readers]),
            required=_described(path, states[path]),
            found="changed" if there else "missing",
            severity="recompute" if there else "note",
            remedy="cells that read it run again" if there else f"put it back{start}",
        )


def _described(path: str, state: FileState) -> str:
    """Return *path* with what it has to hold, so that the right file can be found."""
    if state.digest is None:
        return f"{path}, not there"
    if state.folder or state.aspect != "content":
        return path
    return f"{path}, {state.size_bytes} bytes, xxh3 {state.digest[:12]}"


def _trust(reader: StoreReader) -> Iterator[Finding]:
    strangers = sum(not known.own for known in reader.lineage.newest_first())
    if strangers:
        yield Finding(
            what="trust",
            where=f"{strangers} cell runs",
            required="records that you made or accepted",
            found="somebody else's",
            severity="recompute",
            remedy="nbreplay unpack FILE --trust, if you trust its sender",
        )


_SCHEMES = ("tcp://", "tls://", "ucx://", "ucxx://", "ws://", "wss://")
_HOST = re.compile(r"[A-Za-z0-9_.-]+:\d{2,5}")
_CALLS = ("Client", "connect", "get_client", "SSHCluster")


def strange_addresses(cells: Sequence[FileCell]) -> Iterator[Finding]:
    """Yield the addresses in the source of somebody else's *cells*: whoever runs such a cell calls there.

    A scheduler that is called is trusted: it may send code, and gets what the cell has.
    """
    for cell in cells:
        for address in dict.fromkeys(_addresses(cell.source)):
            yield Finding(
                what="address",
                where=f"cell {cell.number}",
                required="a cluster that you know",
                found=address,
                severity="note",
                remedy="if the cell runs, it connects there; have it make its own cluster, or change the address",
            )


def _addresses(source: str) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_SCHEMES):
            yield node.value
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in _CALLS:
            for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(given, ast.Constant) and isinstance(given.value, str) and _HOST.fullmatch(given.value):
                    yield given.value


def _differing(reader: StoreReader) -> Iterator[Finding]:
    """Tasks that gave different results for the same inputs: what is served is the first of them."""
    times = Counter(differing.name for differing in reader.differing())
    for name, count in times.most_common():
        yield Finding(
            what="nondeterministic task",
            where=name,
            required="the same result for the same inputs",
            found=f"another one, {count} time{'s' if count > 1 else ''}",
            severity="note",
            remedy="the first result is served; mark it with nbreplay.volatile if it must run each time",
        )


def _disk(reader: StoreReader, root: Path) -> Iterator[Finding]:
    free, needed = shutil.disk_usage(root).free, reader.size_bytes()
    if free < needed:
        yield Finding(
            what="disk",
            where=str(root),
            required=f"{needed} bytes",
            found=f"{free} bytes free",
            severity="note",
            remedy="free some space: new results may not be kept",
        )
