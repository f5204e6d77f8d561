"""``nbreplay pack``, ``unpack`` and ``check``: what is sent, taken in, and looked at before."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from nbreplay.cli.options import json_flag, notebook_argument, opened, print_json, store_of, store_option
from nbreplay.errors import NoRecord
from nbreplay.report.tables import console, plain_table, size
from nbreplay.share.archive import Archive, Manifest
from nbreplay.share.pack import SUFFIX
from nbreplay.share.pack import pack as pack_notebook
from nbreplay.share.unpack import accept
from nbreplay.share.unpack import unpack as unpack_archive

NAMES_SHOWN = 30
"""Lines of imports that `unpack --trust` prints; the rest is counted."""


@click.command(epilog="Example:  nbreplay pack analysis.ipynb -o for-ana.nbr")
@notebook_argument
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="The file to write.  [default: NB with .nbr]")  # fmt: skip
@store_option
def pack(notebook: Path, output: Path | None, store: Path | None) -> None:
    """Write the notebook NB and its records to one file. Input data is not in it.

    Values that cells made are in it, and whoever gets the file can read them.
    """
    target, manifest = pack_notebook(notebook, store_of(notebook, store), output)
    console().print(f"{target}: {len(manifest.files)} files, {size(target.stat().st_size)}", markup=False)


@click.command(epilog="Example:  nbreplay unpack for-ana.nbr ana --trust")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--trust", is_flag=True, help="Accept the records as if you had made them: loading them can run code.")
def unpack(file: Path, folder: Path | None, trust: bool) -> None:
    """Write the notebook in FILE and its store to the new folder DIR (default: FILE without .nbr, here).

    Without --trust the records are data: nothing in them is loaded that could run code; cells that need more run.
    """
    out = console()
    with Archive(file) as archive:
        notebook, store = unpack_archive(archive, folder or Path(file.name.removesuffix(SUFFIX)))
        manifest = archive.manifest
    out.print(f"{notebook}: {_origin(manifest)}", markup=False)
    if trust:
        _tell_imports(store)
        out.print(f"accepted {accept(store)} records as yours", markup=False)
    elif _strangers(store):
        out.print("somebody else made these records; to use them as they are: unpack again, elsewhere, with --trust")


@click.command(epilog="Example:  nbreplay check analysis.ipynb")
@click.argument("target", metavar="NB|FILE", type=click.Path(path_type=Path, readable=False))
@store_option
@json_flag
@click.pass_context
def check(ctx: click.Context, target: Path, store: Path | None, as_json: bool) -> None:
    """Say, before anything runs, what differs here: Python, packages, input files, trust, disk.

    A package FILE is looked at without unpacking it. The exit code is not 0 if something blocks a repeat.
    """
    if target.suffix == SUFFIX:
        with Archive(target) as archive:
            manifest = archive.manifest
        if as_json:
            return print_json(manifest.as_json())
        return console().print(f"{target} is whole: {_origin(manifest)}", markup=False)
    from nbreplay.share.check import findings

    with opened(target, store) as reader:
        found = findings(reader, target.absolute().parent)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in found])
    elif found:
        headers = ("severity", "what", "where", "required", "found", "what to do")
        rows = [(f.severity, f.what, f.where, f.required, f.found, f.remedy) for f in found]
        console().print(plain_table(headers, rows))
    else:
        console().print("nothing differs: what is recorded can be repeated here")
    if any(finding.severity == "blocks" for finding in found):
        ctx.exit(NoRecord.exit_code)


def _origin(manifest: Manifest) -> str:
    return (
        f"says it was made by {manifest.made_by} on {manifest.made_at} with {manifest.made_with}, "
        f"Python {manifest.python} (nobody has signed that); {len(manifest.files)} files"
    )


def _tell_imports(store: Path) -> None:
    from nbreplay.share.imports import imports_of

    out = console()
    names = sorted(imports_of(store).items())
    if not names:
        return out.print("no import can be read off its values (code that hides itself would not show)")
    out.print("loading its values imports, by what can be read off them (code that hides itself would not show):")
    rows: list[list[Any]] = [[name, count] for name, count in names[:NAMES_SHOWN]]
    out.print(plain_table(("name", "in values"), rows, right=("in values",)))
    if len(names) > NAMES_SHOWN:
        out.print(f"and {len(names) - NAMES_SHOWN} more")


def _strangers(store: Path) -> bool:
    with opened(store, None) as reader:
        return any(not known.own for known in reader.lineage.newest_first())
