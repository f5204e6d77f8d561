"""``nbreplay pack``, ``unpack`` and ``signers``: what is sent, taken in, and of whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nbreplay.cli.amounts import Size
from nbreplay.cli.options import json_flag, notebook_argument, opened, print_json, store_of, store_option
from nbreplay.cli.progress import ByteProgress
from nbreplay.errors import SecretsFound
from nbreplay.report.tables import console, plain_table, size
from nbreplay.share.archive import Archive, Manifest
from nbreplay.share.layout import SUFFIX

NAMES_SHOWN = 30
"""Lines of imports that `unpack --trust` prints; the rest is counted."""


@click.command(epilog="Examples:  nbreplay pack nb.ipynb -o ana.nbr    nbreplay pack nb.ipynb --from 5 --exclude raw")
@notebook_argument
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The file to write.  [default: NB with .nbr]",
)
@click.option(
    "--from",
    "first",
    type=click.IntRange(min=1),
    default=1,
    metavar="K",
    help="Only what cells from K on need: the state after cell K-1, their values and results.",
)
@click.option("--only", multiple=True, metavar="NAME", help="Only the value of NAME (more than once: of these).")
@click.option(
    "--exclude", multiple=True, metavar="NAME", help="Not the value of NAME, nor what shares objects with it."
)
@click.option(
    "--max",
    "max_bytes",
    type=Size(),
    metavar="SIZE",
    help="Leave out results of tasks, the cheapest to compute first, until SIZE is enough (such as 200MB).",
)
@click.option("--no-values", is_flag=True, help="Fingerprints only: what was done can be compared, not read.")
@click.option(
    "--data",
    type=click.Choice(["small", "all", "none"]),
    default="small",
    show_default=True,
    help="Input files below the notebook's folder that are packed; small is up to 1 MiB each.",
)
@click.option(
    "--sign",
    "key",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="KEY",
    help="Sign with this SSH key (see ssh-keygen).",
)
@click.option("--hashes", is_flag=True, help="Ask pip for the hashes of the recorded packages.")
@click.option("--with-secrets", is_flag=True, help="Pack although something in it looks like a credential.")
@store_option
@json_flag
def pack(
    notebook: Path,
    output: Path | None,
    store: Path | None,
    first: int,
    only: tuple[str, ...],
    exclude: tuple[str, ...],
    max_bytes: int | None,
    no_values: bool,
    data: str,
    key: Path | None,
    hashes: bool,
    with_secrets: bool,
    as_json: bool,
) -> None:
    """Write the notebook NB and its records to one file, with small input files and the list of packages.

    Values that cells made are in it, and whoever gets the file can read them. What was left out is listed.
    """  # fmt: skip
    from nbreplay.share.cut import Wanted
    from nbreplay.share.pack import Order
    from nbreplay.share.pack import pack as pack_notebook

    wanted = Wanted(
        first=first, only=frozenset(only), exclude=frozenset(exclude), max_bytes=max_bytes, values=not no_values
    )
    order = Order(wanted=wanted, data=data, confirmed=with_secrets, hashes=hashes, key=key)
    try:
        with ByteProgress("packing") as told:
            packed = pack_notebook(notebook, store_of(notebook, store), output, order, told)
    except SecretsFound as e:
        for line in e.findings:
            click.echo(line, err=True)
        raise
    manifest = packed.manifest
    if as_json:
        return print_json({"file": str(packed.path), "bytes": packed.path.stat().st_size} | manifest.as_json())
    out = console()
    out.print(f"{packed.path}: {len(manifest.files)} files, {size(packed.path.stat().st_size)}")
    if manifest.left_out:
        out.print(plain_table(("left out", "why"), [list(row) for row in manifest.left_out]))
    for secret in packed.secrets:
        out.print(f"looks like a credential, and is in it: {secret}", style="yellow")


@click.command(epilog="Example:  nbreplay unpack for-ana.nbr ana --trust")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, readable=False))
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), required=False)
@click.option("--trust", is_flag=True, help="Accept the records as if you had made them: loading them can run code.")
@click.option(
    "--env",
    "make_env",
    is_flag=True,
    help="Also make a virtual environment, DIR/.venv, with the recorded packages and both kernels.",
)
def unpack(file: Path, folder: Path | None, trust: bool, make_env: bool) -> None:
    """Write the notebook in FILE, its store and its small input to the new folder DIR (default: FILE without .nbr).

    Without --trust, and unless somebody signed it whom you accept (see `nbreplay signers`), the records are data:
    nothing in them is loaded that could run code; cells that need more run. FILE may be a Floability backpack, too.
    """  # fmt: skip
    from nbreplay.share import signatures
    from nbreplay.share.accept import accept_records, subject_of
    from nbreplay.share.backpack import take_in
    from nbreplay.share.unpack import unpack as unpack_archive

    out = console()
    if file.is_dir():
        notebook = take_in(file, folder or Path(file.name))
        out.print(f"{notebook}: a backpack without records; record it with: nbreplay audit {notebook}")
    else:
        with ByteProgress("checking") as told:
            archive = Archive(file, told=told)
        with archive, ByteProgress("unpacking") as told:
            signed = signatures.verify(archive.manifest_bytes, archive.signature) if archive.signature else None
            notebook, store = unpack_archive(archive, folder or Path(file.name.removesuffix(SUFFIX)), told)
            manifest = archive.manifest
            subject, label = subject_of(archive.manifest_bytes, manifest, signed)
        out.print(f"{notebook}: {origin(manifest, signed)}")
        if trust or (signed is not None and signed.signer):
            _tell_imports(store)
            out.print(f"accepted {accept_records(store, subject, label)} records as yours")
        elif _strangers(store):
            out.print(
                "somebody else made these records; to use them as they are: unpack again, elsewhere, with --trust"
            )
    if make_env:
        from nbreplay.share.fit import make_environment

        for line in make_environment(notebook.parent.parent, told=out.print):
            out.print(line)


@click.command(epilog="Example:  nbreplay signers --accept ana ana.pub")
@click.option(
    "--accept",
    "accepting",
    type=(str, click.Path(path_type=Path, dir_okay=False)),
    metavar="NAME KEY.pub",
    help="Accept packages that this SSH key signs, as of NAME.",
)
@click.option(
    "--withdraw",
    metavar="NAME",
    help="Accept nothing of NAME any more, nor what was accepted; for a package, the start of its digest.",
)
@json_flag
def signers(accepting: tuple[str, Path] | None, withdraw: str | None, as_json: bool) -> None:
    """List whose packages you accept; accept somebody, or withdraw that.

    What was accepted of somebody who is withdrawn is a stranger's again, in every store.
    """  # fmt: skip
    from nbreplay.share import signatures
    from nbreplay.share.accept import accepted_rows, withdraw_accepted

    out = console()
    if accepting is not None:
        signer = signatures.accept(*accepting)
        return out.print(f"accepted: {signer.name} ({signer.kind})")
    if withdraw is not None:
        return out.print(f"withdrawn: {withdraw_accepted(withdraw)}")
    rows = accepted_rows()
    if as_json:
        return print_json([dict(zip(("what", "name", "key"), row, strict=True)) for row in rows])
    out.print(plain_table(("what", "name", "key"), rows) if rows else "you accept nobody's packages but your own")


def origin(manifest: Manifest, signed: Any) -> str:
    """Return who made a package, and who says so."""
    if signed is None:
        who = "nobody has signed that"
    elif signed.signer:
        who = f"signed by {signed.signer}, whom you accept"
    else:
        who = f"signed by a key that you have not accepted, {signed.fingerprint}"
    return (
        f"says it was made by {manifest.made_by} on {manifest.made_at} with {manifest.made_with}, "
        f"Python {manifest.python} ({who}); {len(manifest.files)} files"
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
