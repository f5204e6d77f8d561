"""The software that a record was made with, as files that installers read."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

import nbreplay
from nbreplay.errors import NbreplayError
from nbreplay.fingerprint.packages import distribution_of
from nbreplay.records import CellRun
from nbreplay.share.layout import BINDER, ENVIRONMENT, REQUIREMENTS

ALWAYS = ("ipykernel", "dask", "distributed", "dill", "cloudpickle")
"""What the kernels need besides, and what reads pickled values."""


def packages_of(runs: Iterable[CellRun], loaded: Iterable[str] = ()) -> dict[str, str]:
    """Return distribution to version of everything that the runs imported, or that loading their values imports.

    A version is the recorded one. What is not installed here any more goes by the name of its module. *loaded* are
    further modules, of which no version was recorded: the one that is installed here counts.
    """
    found: dict[str, str] = {}
    for run in runs:
        units = (module for unit in run.writes.units for module in unit.modules)
        for module, version in (*run.writes.modules, *units):
            known = distribution_of(module)
            if version and module.partition(".")[0] not in ("nbreplay", "python"):
                found[canonicalize_name(known.name if known else module.partition(".")[0])] = version
    for module in loaded:
        known = distribution_of(module)
        if known is not None:
            found.setdefault(canonicalize_name(known.name), known.version)
    for name in ALWAYS:
        try:
            found.setdefault(name, importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            continue
    return dict(sorted(found.items()))


def closure(packages: Mapping[str, str]) -> dict[str, str]:
    """Return *packages* and what they require, as installed here: pinned, so that the same can be installed again."""
    pinned = dict(packages)
    waiting = list(packages)
    while waiting:
        for name in _described(waiting.pop())[1]:
            version = _described(name)[0]
            if name not in pinned and name != "nbreplay" and version:
                pinned[name] = version
                waiting.append(name)
    return dict(sorted(pinned.items()))


@cache
def _described(name: str) -> tuple[str, tuple[str, ...]]:
    """Return the version of the distribution *name* and the names that it requires here; "" if it is not installed.

    Of its metadata the head is read, not the long description below: that takes ten times as long.
    """
    try:
        text = importlib.metadata.distribution(name).read_text("METADATA") or ""
    except importlib.metadata.PackageNotFoundError:
        return "", ()
    version, required = "", list[str]()
    for line in text.split("\n\n", 1)[0].splitlines():
        field, _, value = line.partition(": ")
        if field == "Version":
            version = value.strip()
        elif field == "Requires-Dist":
            required += _required(value)
    return version, tuple(required)


def _required(line: str) -> Iterator[str]:
    marker = line.partition(";")[2]
    if "extra" in marker and " or " not in marker:
        return
    try:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
    except (InvalidRequirement, ValueError):
        return


def hashes_of(pinned: Mapping[str, str]) -> dict[str, str]:
    """Return the sha256 of the wheel of each package, as the package index that pip is set up for has them.

    Raises
    ------
    NbreplayError
        pip cannot find out.
    """
    with tempfile.TemporaryDirectory(prefix="nbreplay-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--only-binary", ":all:", "--report", f"{folder}/report.json", "-r", str(wanted)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise NbreplayError(f"pip does not tell the hashes ({lines[-1]}); pack without --hashes")
        report: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    hashes: dict[str, str] = {}
    for item in report.get("install", ()):
        name = canonicalize_name(item["metadata"]["name"])
        digest = item.get("download_info", {}).get("archive_info", {}).get("hashes", {}).get("sha256")
        if digest:
            hashes[name] = str(digest)
    return hashes


def environment_files(name: str, pinned: Mapping[str, str], hashes: Mapping[str, str]) -> dict[str, str]:
    """Return path in a package to text, for conda, for pip and for repo2docker."""
    plain = [f"{package}=={version}" for package, version in pinned.items()]
    lines = [
        f"{line} --hash=sha256:{hashes[package]}" if package in hashes else line
        for line, package in zip(plain, pinned, strict=True)
    ]
    ours = f"nbreplay=={nbreplay.__version__}"
    conda = {
        "name": name,
        "channels": ["conda-forge"],
        "dependencies": [f"python={platform.python_version()}", "pip", {"pip": [*plain, ours]}],
    }
    major, minor, _ = platform.python_version_tuple()
    head = f"# recorded with Python {platform.python_version()} on {platform.platform()}\n"
    return {
        ENVIRONMENT: head + yaml.safe_dump(conda, sort_keys=False),
        REQUIREMENTS: head + "\n".join(lines) + "\n",
        BINDER[0]: head + "\n".join([*plain, ours]) + "\n",
        BINDER[1]: f"python-{major}.{minor}\n",
    }


def parse_requirements(text: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return name to (version, hashes) of the pinned requirements in *text*; other lines are passed over."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        try:
            requirement = Requirement(words[0])
        except InvalidRequirement:
            continue
        pins = [spec.version for spec in requirement.specifier if spec.operator == "=="]
        if len(pins) == 1 and requirement.url is None:
            hashes = tuple(word.removeprefix("--hash=") for word in words[1:] if word.startswith("--hash=sha256:"))
            found[canonicalize_name(requirement.name)] = (pins[0], hashes)
    return found
