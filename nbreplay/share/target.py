"""What ``--cluster`` and ``--map`` mean, as variables for the kernel that obeys them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from nbreplay.errors import UsageError
from nbreplay.files.paths import MAP_VARIABLE
from nbreplay.share.layout import COMPUTE
from nbreplay.tasks.handles_target import KINDS, VARIABLE

_ADDRESS = re.compile(r"[a-z]+://\S+|[\w.-]+:\d{1,5}")


def cluster_variables(named: str | None, notebook: Path) -> dict[str, str]:
    """Return the variable for the cluster *named*: an address, a kind, or a file such as ``compute.yml``.

    A kind takes its arguments from the ``compute.yml`` of the package that *notebook* came in, if it is of this kind.

    Raises
    ------
    UsageError
        It is none of these.
    """
    if named is None:
        return {}
    if _ADDRESS.fullmatch(named):
        return {VARIABLE: json.dumps({"address": named})}
    if named in KINDS:
        beside = _profile(notebook.absolute().parent.parent / COMPUTE)
        return {VARIABLE: json.dumps(beside if beside and beside["kind"] == named else {"kind": named})}
    profile = _profile(Path(named))
    if profile is None:
        raise UsageError(
            f"--cluster {named}: neither an address, nor one of {', '.join(KINDS)}, nor a file with nbreplay: cluster:"
        )
    return {VARIABLE: json.dumps(profile)}


def _profile(path: Path) -> dict[str, Any] | None:
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
        profile = plain["nbreplay"]["cluster"]
    except (OSError, KeyError, TypeError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return profile if isinstance(profile, dict) and profile.get("kind") in KINDS else None


def map_variables(pairs: Sequence[str]) -> dict[str, str]:
    """Return the variable for ``OLD=NEW`` folders: where files are that were recorded elsewhere.

    Raises
    ------
    UsageError
        One of *pairs* has another form.
    """
    mapped = []
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not equals or not old.startswith("/") or not new:
            raise UsageError(f"--map {pair}: write it as /recorded/folder=/folder/here")
        mapped.append([old.rstrip("/"), str(Path(new).absolute())])
    return {MAP_VARIABLE: json.dumps(mapped)} if mapped else {}
