"""The group of all commands, and what becomes of errors that reach it."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from typing import Any

import click

import nbreplay
from nbreplay.errors import NbreplayError

logger = logging.getLogger(__name__)

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of SIGINT, as shells have it."""

# A command's module is imported when the command is asked for: `nbreplay show` does not wait for Jupyter.
_HOMES = {
    "demo": "tour",
    "audit": "run",
    "repeat": "run",
    "show": "look",
    "why": "look",
    "diff": "look",
    "pack": "bundle",
    "unpack": "bundle",
    "check": "check",
    "signers": "bundle",
    "verify": "care",
    "forget": "care",
    "prune": "care",
    "install": "setup",
    "bench": "bench",
}


class Commands(click.Group):
    """Commands by name, each from its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a newcomer's path."""
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command; its module is imported now."""
        if cmd_name not in _HOMES:
            return None
        command = getattr(importlib.import_module(f"nbreplay.cli.{_HOMES[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; ours stay errors of one line, others are bugs and show themselves whole."""
        from nbreplay.report.tables import harmless

        try:
            return super().invoke(ctx)
        except NbreplayError as e:
            logger.debug("failed", exc_info=True)
            click.echo(f"nbreplay: {harmless(' '.join(str(e).split()))}", err=True)
            ctx.exit(e.exit_code)
        except KeyboardInterrupt:
            click.echo("nbreplay: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # The reader (head, less) has seen enough. Python would complain once more when it flushes at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as e:  # a disk, a name, a permission: nothing that the user would find in our source
            logger.debug("failed", exc_info=True)
            click.echo(f"nbreplay: {harmless(str(e))}; check the path, its permissions and its disk", err=True)
            ctx.exit(NbreplayError.exit_code)


@click.group("nbreplay", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(nbreplay.__version__, package_name="nbreplay", message="nbreplay %(version)s")
@click.option("--debug", is_flag=True, hidden=True, help="Log to stderr.")
def group(debug: bool) -> None:
    """Record a distributed notebook once, and never compute the same thing twice.

    \b
    A first look:          nbreplay demo
    Record a notebook:     nbreplay audit analysis.ipynb
    Run what changed:      nbreplay repeat analysis.ipynb -o result.ipynb
    Send it with results:  nbreplay pack analysis.ipynb
    """
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, format="%(name)s: %(message)s")
    if not debug:
        logging.getLogger("traitlets").setLevel(logging.CRITICAL)  # what nbclient logs there is raised as well


def main() -> None:
    """Run the command line."""
    # nbformat brings jsonschema, which imports every checker of formats that it finds installed. This one builds three
    # dozen grammars when it is imported, two seconds of each command; no schema of notebooks has that format.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: it cannot be imported
    group(prog_name="nbreplay")
