"""The descriptions that make a package a Floability backpack: input data and compute resources; and taking one in.

Notes
-----
A backpack is a folder with ``workflow/`` (a notebook), ``software/environment.yml``, ``compute/compute.yml`` (a mapping
``vine_factory_config``) and, if there is input, ``data/data.yml`` (profiles of items with source and target).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nbreplay.errors import NotebookError, PackDamaged
from nbreplay.share.inputs import Input
from nbreplay.share.layout import COMPUTE, DATA, ENVIRONMENT, WORKFLOW, is_input

PROFILE = "recorded"
SOURCES = ("backpack", "fs", "http", "s3", "pelican", "xrootd", "multi")
NUMBERS = ("min-workers", "max-workers", "cores", "memory", "disk")


def data_text(inputs: Sequence[Input]) -> str:
    """Return ``data/data.yml``: every input file, also those that are not in the package."""
    items = []
    for item in inputs:
        name = item.written.removeprefix("./")
        entry: dict[str, Any] = {"name": name}
        if item.included:
            entry |= {"source_type": "backpack", "source": item.entry, "checksum": f"sha256:{item.sha256}"}
        else:
            entry |= {"source_type": "fs", "source": name, "checksum": f"xxh3-128:{item.state.digest}"}
            entry["note"] = f"not in the package: {item.why_not}"
        items.append(entry | {"target_location": name, "expected_size": item.state.size_bytes})
    return str(
        yaml.safe_dump(
            {"schema_version": 1.0, "default_profile": PROFILE, "profiles": {PROFILE: {"data": items}}}, sort_keys=False
        )
    )


def compute_text(clusters: Sequence[Mapping[str, Any]]) -> str:
    """Return ``compute/compute.yml``: what the recorded cluster had, or this machine if no cluster is known."""
    cluster = dict(clusters[-1]) if clusters else {}
    workers = _number(cluster.get("n_workers"), 1)
    threads = _number(cluster.get("threads_per_worker"), max(1, (os.cpu_count() or 1) // workers))
    config = {"min-workers": workers, "max-workers": workers, "cores": threads}
    profile = {"kind": "local", "n_workers": workers, "threads_per_worker": threads}
    if isinstance(limit := cluster.get("memory_limit"), (int, str)) and limit:
        profile["memory_limit"] = limit
    return str(yaml.safe_dump({"vine_factory_config": config, "nbreplay": {"cluster": profile}}, sort_keys=False))


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else default


def problems_of(folder: Path) -> list[str]:
    """Return why *folder* is no backpack, a line each; an empty list if it is one."""
    found = []
    workflow = folder / WORKFLOW
    notebooks = sorted(workflow.glob("*.ipynb")) if workflow.is_dir() else []
    if len(notebooks) != 1:
        found.append(f"{WORKFLOW}/ holds {len(notebooks)} notebooks, not one")
    software = _mapping(folder / ENVIRONMENT, found)
    if software is not None and not isinstance(software.get("dependencies"), list):
        found.append(f"{ENVIRONMENT} lists no dependencies")
    compute = _mapping(folder / COMPUTE, found)
    if compute is not None:
        config = compute.get("vine_factory_config")
        if not isinstance(config, dict):
            found.append(f"{COMPUTE} has no vine_factory_config")
        else:
            found += [f"{COMPUTE}: {key} is no whole number" for key in NUMBERS if not _is_count(config.get(key, 1))]
    if (folder / DATA).exists():
        data = _mapping(folder / DATA, found)
        if data is not None:
            found += _data_problems(data)
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _data_problems(data: Mapping[str, Any]) -> list[str]:
    profiles = data.get("profiles") or data.get("data_profiles")
    if not isinstance(profiles, dict) or not profiles:
        return [f"{DATA} has no profiles"]
    if (named := data.get("default_profile")) is not None and named not in profiles:
        return [f"{DATA} has no profile {named!r}"]
    found = []
    for profile in profiles.values():
        items = profile.get("data") if isinstance(profile, dict) else None
        if not isinstance(items, list):
            found.append(f"{DATA}: a profile without data")
            continue
        for item in items:
            if not isinstance(item, dict) or not (item.get("source") or item.get("sources")):
                found.append(f"{DATA}: an item without source")
            elif not (item.get("target_location") or item.get("target_path")):
                found.append(f"{DATA}: an item without target_location")
            elif item.get("source_type", "fs") not in SOURCES:
                found.append(f"{DATA}: unknown source_type {item['source_type']!r}")
    return found


def _mapping(path: Path, problems: list[str]) -> dict[str, Any] | None:
    try:
        plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as e:
        problems.append(f"{path.name} cannot be read ({e.strerror})")
        return None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as e:
        problems.append(f"{path.name} is no YAML ({' '.join(str(e).split())})")
        return None
    if not isinstance(plain, dict):
        problems.append(f"{path.name} is no mapping")
        return None
    return plain


def notebook_of(folder: Path) -> Path:
    """Return the notebook of the backpack *folder*.

    Raises
    ------
    PackDamaged
        It is no backpack; the message has the first reason.
    NotebookError
        There is no such folder.
    """
    if not folder.is_dir():
        raise NotebookError(f"no folder {folder}; check the path")
    problems = problems_of(folder)
    if problems:
        raise PackDamaged(f"{folder} is no backpack: {problems[0]}")
    return next(iter((folder / WORKFLOW).glob("*.ipynb")))


def take_in(backpack: Path, folder: Path) -> Path:
    """Copy the backpack to the new *folder*, its data put where the notebook expects it; return the notebook.

    Raises
    ------
    PackDamaged
        It is no backpack, names a place outside, or lacks data; or the folder is taken.
    """
    notebook = notebook_of(backpack)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PackDamaged(f"{folder} is not empty; name a new folder")
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    try:
        for source in sorted(backpack.rglob("*")):
            if source.is_symlink():
                raise PackDamaged(f"{source} is a link; nothing was taken in")
            if source.is_file():
                _copy(source, temporary / source.relative_to(backpack))
        for source_name, target_name in _staged(backpack):
            if not is_input(f"{WORKFLOW}/{target_name}"):
                raise PackDamaged(f"{DATA} puts a file at {target_name!r}; nothing was taken in")
            source = backpack / source_name
            if not source.resolve().is_relative_to(backpack.resolve()) or not source.is_file():
                raise PackDamaged(f"{DATA} names {source_name!r}, which is not in the backpack; nothing was taken in")
            if not (temporary / WORKFLOW / target_name).exists():
                _copy(source, temporary / WORKFLOW / target_name)
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except OSError as e:
        raise PackDamaged(f"{folder} cannot be written ({e.strerror or e}); name another folder") from e
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder / notebook.relative_to(backpack)


def _staged(backpack: Path) -> Iterator[tuple[str, str]]:
    """Yield (source, target) of the data that the backpack holds itself; the rest is left to whoever runs it."""
    if not (backpack / DATA).exists():
        return
    data = yaml.safe_load((backpack / DATA).read_text(encoding="utf-8"))
    profiles = data.get("profiles") or data.get("data_profiles")
    profile = profiles.get(data.get("default_profile")) or next(iter(profiles.values()))
    for item in profile["data"]:
        source = str(item.get("source", ""))
        if item.get("source_type") == "backpack" or source.startswith("backpack://"):
            yield source.removeprefix("backpack://"), str(item.get("target_location") or item.get("target_path"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
