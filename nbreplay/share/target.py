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
from nbreplay.share.layout import COMPUTE, MANIFEST
from nbreplay.tasks.handles_target import KINDS, VARIABLE

AMOUNTS = frozenset(
    {"n_workers", "jobs", "threads_per_worker", "cores", "processes", "memory", "memory_limit", "walltime"}
)
"""Arguments of clusters that are taken from a package."""
_AMOUNT = re.compile(r"\d{1,12}(\.\d{1,6})?\s?[KMGT]?i?B?|auto|\d{1,3}(:\d{2}){1,2}")
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
    except (OSError, KeyError, TypeError, RecursionError, UnicodeDecodeError, yaml.YAMLError):
        return None
    if not isinstance(profile, dict) or profile.get("kind") not in KINDS:
        return None
    if (path.absolute().parent.parent / MANIFEST).exists():
        return {name: value for name, value in profile.items() if name == "kind" or _is_amount(name, value)}
    return profile


def _is_amount(name: object, value: object) -> bool:
    """Whether an argument that somebody's package gives to a cluster is an amount, and nothing else.

    Clusters also take modules to load, commands to run and addresses to listen on: whoever names a file of their own
    means them, whoever sends a package does not decide them.
    """
    if name not in AMOUNTS or isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) or (isinstance(value, str) and bool(_AMOUNT.fullmatch(value)))


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
