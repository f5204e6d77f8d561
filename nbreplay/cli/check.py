"""``nbreplay check``: saying no early."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import click

from nbreplay.cli.bundle import origin
from nbreplay.cli.options import json_flag, opened, print_json, store_of, store_option
from nbreplay.cli.progress import ByteProgress
from nbreplay.errors import ClusterUnfit, NoRecord
from nbreplay.report.tables import console, plain_table, seconds, size
from nbreplay.share.layout import SUFFIX

SEVERITIES = {"blocks": 0, "recompute": 1, "note": 2}


@click.command(epilog="Examples:  nbreplay check analysis.ipynb    nbreplay check for-ana.nbr")
@click.argument("target", metavar="NB|FILE", type=click.Path(path_type=Path, readable=False), required=False)
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=1),
    metavar="K",
    help="As `repeat --from K`.  [default: 1; for a package, the cell that it was packed from]",
)
@click.option(
    "--live",
    metavar="ADDRESS",
    help="Look at a running cluster as well: versions, the plugin, whether workers see the store.",
)
@store_option
@json_flag
@click.pass_context
def check(
    ctx: click.Context, target: Path | None, first: int | None, live: str | None, store: Path | None, as_json: bool
) -> None:
    """Say, before anything runs, what differs here, and what a repeat would do.

    The notebook NB, a store's folder or a package FILE are only read; nothing of them is loaded. The exit code is not 0
    if something blocks a repeat. What cannot be told is said to be unknown.
    """  # fmt: skip
    if target is None and live is None:
        raise click.UsageError("name a notebook, a package, or --live ADDRESS")
    facts: dict[str, Any] = {}
    blocked = False
    if target is not None and target.suffix == SUFFIX and not target.is_dir():
        with tempfile.TemporaryDirectory(prefix="nbreplay-check-") as scratch:
            blocked = _package(target, Path(scratch) / "package", first, facts, as_json)
    elif target is not None:
        blocked = _notebook(target, store, first or 1, facts, as_json)
    if live is not None:
        blocked = _live(live, target, store, facts, as_json) or blocked
    if as_json:
        print_json(facts)
    if blocked:
        ctx.exit(ClusterUnfit.exit_code if target is None else NoRecord.exit_code)


def _package(target: Path, folder: Path, first: int | None, facts: dict[str, Any], as_json: bool) -> bool:
    """Look at a package: it is unpacked to a folder that goes away again."""
    from nbreplay.share import signatures
    from nbreplay.share.archive import Archive
    from nbreplay.share.unpack import unpack

    with ByteProgress("checking") as told:
        archive = Archive(target, told=told)
    with archive:
        manifest = archive.manifest
        signed = signatures.verify(archive.manifest_bytes, archive.signature) if archive.signature else None
        notebook, store = unpack(archive, folder)
    facts["package"] = manifest.as_json() | {"signature": dataclasses.asdict(signed) if signed else None}
    if not as_json:
        out = console()
        out.print(f"{target} is whole: {origin(manifest, signed)}")
        if manifest.left_out:
            out.print(plain_table(("left out", "why"), [list(row) for row in manifest.left_out]))
    accepted = signed is not None and bool(signed.signer)
    return _notebook(notebook, store, first or manifest.first, facts, as_json, accepted=accepted, package=True)


def _notebook(
    notebook: Path, store: Path | None, first: int, facts: dict[str, Any], as_json: bool, *, accepted: bool = False,
    package: bool = False,
) -> bool:  # fmt: skip
    from nbreplay.replay.start import NotebookFile
    from nbreplay.share.check import findings, strange_addresses
    from nbreplay.share.plan import plan

    with opened(notebook, store) as reader:
        found = findings(reader, notebook.absolute().parent)
        if package:  # where it will be unpacked is not here: what is not in it is not missing yet
            found = [f for f in found if f.what != "disk"]
        if accepted:
            found = [f for f in found if f.what != "trust"]
        cells = NotebookFile(notebook).cells() if notebook.is_file() else []
        if any(f.what == "trust" for f in found):
            found += strange_addresses(cells)
        planned = plan(reader, cells, notebook.absolute().parent, first=first, accepted=accepted) if cells else None
    found.sort(key=lambda finding: SEVERITIES[finding.severity])
    facts["findings"] = [dataclasses.asdict(finding) for finding in found]
    facts["plan"] = dataclasses.asdict(planned) if planned is not None else None
    if not as_json:
        out = console()
        if found:
            headers = ("severity", "what", "where", "required", "found", "what to do")
            rows = [(f.severity, f.what, f.where, f.required, f.found, f.remedy) for f in found]
            out.print(plain_table(headers, rows))
        else:
            out.print("nothing differs: what is recorded can be repeated here")
        if planned is not None:
            out.print(
                plain_table(
                    ("cell", "will be", "recorded", "tasks", "why"),
                    [(c.number, c.fate, seconds(c.recorded_s), c.tasks or "", c.reason) for c in planned.cells],
                    right=("cell", "recorded", "tasks"),
                )
            )
            out.print(_totals(planned))
    return any(finding.severity == "blocks" for finding in found)


def _totals(planned: Any) -> str:
    least, most = seconds(planned.seconds), seconds(planned.seconds_at_most)
    time = f"about {least}" if least == most else f"{least} to {most}"
    unknown = f" and {planned.unknown} cells whose time is unknown" if planned.unknown else ""
    return (
        f"by the record it takes {time}{unknown}; the cluster is {planned.cluster}; "
        f"all values take {size(planned.memory_bytes)} of memory, the store {size(planned.store_bytes)} of disk"
    )


def _live(address: str, target: Path | None, store: Path | None, facts: dict[str, Any], as_json: bool) -> bool:
    from nbreplay.tasks.survey import survey

    folder = store_of(target, store) if target is not None and target.suffix != SUFFIX else store
    rows = survey(address, folder)
    facts["live"] = [dataclasses.asdict(row) for row in rows]
    if not as_json:
        headers = ("severity", "what", "where", "required", "found", "what to do")
        console().print(
            plain_table(headers, [(r.severity, r.what, r.where, r.required, r.found, r.remedy) for r in rows])
            if rows
            else f"the cluster at {address} can take part: same versions, and its workers see the store"
        )
    return any(row.severity == "blocks" for row in rows)
