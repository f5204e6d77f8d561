"""``nbreplay install``: kernelspecs for a Jupyter that lives in another environment."""

from __future__ import annotations

from pathlib import Path

import click

from nbreplay.errors import UsageError


@click.command(epilog="Examples:  nbreplay install --user    nbreplay install --prefix /opt/jupyter --name gpu")
@click.option("--user", is_flag=True, help="For this user.  [default]")
@click.option("--sys-prefix", is_flag=True, help="For this environment.")
@click.option("--prefix", type=click.Path(path_type=Path), metavar="DIR", help="For the environment in DIR.")
@click.option("--name", default="", metavar="NAME", help="Added to the kernels' names, to tell environments apart.")
@click.option("--env", "variables", multiple=True, metavar="K=V", help="A variable that the kernels get.")
def install(user: bool, sys_prefix: bool, prefix: Path | None, name: str, variables: tuple[str, ...]) -> None:
    """Show both kernels to a Jupyter of another environment; they run with the interpreter of this one.

    Within one environment this is not needed: pip puts the kernels where its Jupyter looks.
    """
    from nbreplay.kernels.install import install as write

    pairs = [variable.partition("=") for variable in variables]
    if any(not key or not equals for key, equals, _ in pairs):
        raise UsageError("--env takes NAME=VALUE")
    env = {key: value for key, _, value in pairs}
    try:
        folders = write(user=user, sys_prefix=sys_prefix, prefix=prefix, name=name, env=env)
    except OSError as e:
        raise UsageError(f"the kernels cannot be installed ({e}); try --user or another --prefix") from e
    for folder in folders:
        click.echo(folder)
