"""``nbreplay install``: kernelspecs for a Jupyter that lives in another environment."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import click

import nbreplay
from nbreplay.errors import UsageError

KERNELS = {"audit": "NBReplay Audit", "repeat": "NBReplay Repeat"}


@click.command(epilog="Examples:  nbreplay install --user    nbreplay install --prefix /opt/jupyter --name gpu")
@click.option("--user", "place", flag_value="user", default=True, help="For this user.  [default]")
@click.option("--sys-prefix", "place", flag_value="sys-prefix", help="For this environment.")
@click.option("--prefix", type=click.Path(path_type=Path), metavar="DIR", help="For the environment in DIR.")
@click.option("--name", default="", metavar="NAME", help="Added to the kernels' names, to tell environments apart.")
@click.option("--env", "variables", multiple=True, metavar="K=V", help="A variable that the kernels get.")
def install(place: str, prefix: Path | None, name: str, variables: tuple[str, ...]) -> None:
    """Show both kernels to a Jupyter of another environment; they run with the interpreter of this one.

    Within one environment this is not needed: pip puts the kernels where its Jupyter looks.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    pairs = [variable.partition("=") for variable in variables]
    if any(not key or not equals for key, equals, _ in pairs):
        raise UsageError("--env takes NAME=VALUE")
    environment = {key: value for key, _, value in pairs}
    target = str(prefix) if prefix else sys.prefix if place == "sys-prefix" else None
    for kernel, shown in KERNELS.items():
        folder_name = f"nbreplay-{kernel}" + (f"-{name.lower()}" if name else "")
        with tempfile.TemporaryDirectory() as scratch:
            _write_spec(Path(scratch), kernel, f"{shown} ({name})" if name else shown, environment)
            try:
                where = KernelSpecManager().install_kernel_spec(
                    scratch, kernel_name=folder_name, user=target is None, prefix=target
                )
            except (OSError, ValueError) as e:
                raise UsageError(f"{folder_name} cannot be installed ({e}); try --user or another --prefix") from e
        click.echo(where)


def _write_spec(folder: Path, kernel: str, shown: str, environment: dict[str, str]) -> None:
    """Write the shipped spec to *folder*, with this interpreter by its absolute path."""
    source = _shipped(kernel)
    for file in source.iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    spec = json.loads((source / "kernel.json").read_text(encoding="utf-8"))
    # Jupyter replaces a bare "python" by the interpreter of its server, which is the wrong one here.
    spec["argv"][0] = sys.executable
    spec["display_name"] = shown
    if environment:
        spec["env"] = {**spec.get("env", {}), **environment}
    (folder / "kernel.json").write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")


def _shipped(kernel: str) -> Path:
    """Return the folder of the spec that came with this package: in the environment, or in a checkout."""
    places = (
        Path(sys.prefix) / "share" / "jupyter" / "kernels" / f"nbreplay-{kernel}",
        Path(nbreplay.__file__).parent.parent / "kernelspecs" / kernel,
    )
    for place in places:
        if (place / "kernel.json").is_file():
            return place
    raise UsageError(f"this installation lacks its kernelspec ({places[0]}); install nbreplay again")
