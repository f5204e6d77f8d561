"""The function behind ``nbreplay install``: kernelspecs for a Jupyter that lives in another environment.

Notes
-----
In the specs that the wheel brings, ``argv`` begins with ``python``, and jupyter_client replaces that by the *server's*
interpreter: right inside one environment, wrong between two. Here the interpreter is absolute.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from nbreplay.errors import UsageError

POLICIES = ("audit", "repeat")
_NAME = re.compile(r"[a-z0-9._-]*\Z")


def install(
    *,
    user: bool = False,
    sys_prefix: bool = False,
    prefix: Path | None = None,
    name: str = "",
    env: Mapping[str, str] | None = None,
    interpreter: str = sys.executable,
) -> list[Path]:
    """Write both kernelspecs and return their folders.

    Parameters
    ----------
    user, sys_prefix, prefix
        Where Jupyter will find them, at most one: the user's Jupyter folder (the default), this environment, another
        environment's prefix.
    name : str
        Added to the kernels' names, to tell environments apart.
    env
        Variables that the kernels are started with.
    interpreter : str
        The Python that runs them.

    Raises
    ------
    UsageError
        More than one place was asked for, or the name has other characters than Jupyter allows.
    """
    if user + sys_prefix + (prefix is not None) > 1:
        raise UsageError("--user, --sys-prefix and --prefix exclude each other; name one of them")
    if not _NAME.match(name.lower()):
        raise UsageError(f"{name!r} cannot be part of a kernel's name; use letters, digits and - . _")
    parent = _kernels_dir(sys_prefix=sys_prefix, prefix=prefix)
    written = []
    for policy in POLICIES:
        folder = parent / (f"nbreplay-{policy}-{name.lower()}" if name else f"nbreplay-{policy}")
        written.append(_write(folder, policy, kernel_json(policy, interpreter=interpreter, name=name, env=env or {})))
    return written


def kernel_json(policy: str, *, interpreter: str, name: str = "", env: Mapping[str, str]) -> dict[str, Any]:
    """Return the content of ``kernel.json`` for *policy*, started by *interpreter*."""
    label = f" ({name})" if name else ""
    spec: dict[str, Any] = {
        "argv": [interpreter, "-P", "-m", f"nbreplay.kernels.{policy}", "-f", "{connection_file}"],
        "display_name": f"NBReplay {policy.capitalize()}{label}",
        "language": "python",
        "interrupt_mode": "signal",
        "kernel_protocol_version": "5.5",
        "metadata": {"debugger": True, "supported_encryption": ["curve"]},
    }
    if env:
        spec["env"] = dict(env)
    return spec


def _kernels_dir(*, sys_prefix: bool, prefix: Path | None) -> Path:
    if prefix is None and not sys_prefix:
        from jupyter_core.paths import jupyter_data_dir

        return Path(jupyter_data_dir()) / "kernels"
    return (prefix or Path(sys.prefix)) / "share" / "jupyter" / "kernels"


def _write(folder: Path, policy: str, spec: Mapping[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kernel.json").write_text(json.dumps(spec, indent=2) + "\n", encoding="utf-8")
    logos = _logos(policy)
    for logo in logos.glob("logo-*") if logos else ():
        shutil.copyfile(logo, folder / logo.name)
    return folder


def _logos(policy: str) -> Path | None:
    """Return the folder with the logos: a checkout's, or where the installed wheel put its kernelspecs."""
    checkout = Path(__file__).parents[2] / "kernelspecs" / policy
    if checkout.is_dir():
        return checkout
    try:
        files = metadata.files("nbreplay") or []
    except metadata.PackageNotFoundError:
        return None
    wanted = f"kernels/nbreplay-{policy}/kernel.json"
    return next((Path(str(file.locate())).parent for file in files if str(file).endswith(wanted)), None)
