"""A virtual environment that fits a package: its recorded versions, from binary wheels, and both kernels."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import nbreplay
from nbreplay.errors import NbreplayError
from nbreplay.share.environment import parse_requirements
from nbreplay.share.layout import REQUIREMENTS

FOLDER = ".venv"
KERNELS = ("nbreplay-audit", "nbreplay-repeat")


def make_environment(package: Path, told: Callable[[str], None]) -> list[str]:
    """Make ``.venv`` in the unpacked *package*; return lines on what could not be matched, and how to use it.

    Nothing is built: only binary wheels are installed, with the recorded hashes where there are any. A version that
    cannot be had is left to the newest one that can, and named.

    Raises
    ------
    NbreplayError
        There is nothing to install from, or no environment can be made.
    """
    listed = package / REQUIREMENTS
    try:
        wanted = parse_requirements(listed.read_text(encoding="utf-8"))
    except OSError as e:
        raise NbreplayError(f"{listed} cannot be read ({e.strerror}); is {package} an unpacked package?") from e
    folder = package / FOLDER
    python, notes = _interpreter(listed)
    told(f"making {folder} with {python}")
    done = subprocess.run([python, "-m", "venv", str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NbreplayError(f"no virtual environment can be made in {folder}: {_last(done.stderr or done.stdout)}")
    try:
        notes += _install(folder, wanted, told)
        notes += _install_ours(folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return [*notes, f"use it: {folder / 'bin' / 'python'} -m nbreplay repeat NB"]


def _interpreter(listed: Path) -> tuple[str, list[str]]:
    """Return a Python of the recorded minor version if there is one here, else this one and a line on that."""
    found = re.search(r"recorded with Python (\d+\.\d+)", listed.read_text(encoding="utf-8"))
    wanted = found[1] if found else ""
    here = ".".join(platform.python_version_tuple()[:2])
    if not wanted or wanted == here:
        return sys.executable, []
    named = shutil.which(f"python{wanted}")
    if named is not None:
        return named, []
    return sys.executable, [f"not matched: Python {wanted} recorded, {here} here; pickled values will be made anew"]


def _install(folder: Path, wanted: dict[str, tuple[str, tuple[str, ...]]], told: Callable[[str], None]) -> list[str]:
    lines = [
        f"{name}=={version}" + "".join(f" --hash={each}" for each in hashes) + "\n"
        for name, (version, hashes) in wanted.items()
    ]
    told(f"installing {len(lines)} packages")
    exact = folder / "nbreplay-requirements.txt"
    exact.write_text("".join(lines), encoding="utf-8")
    hashed = bool(wanted) and all(hashes for _, hashes in wanted.values())
    options = ["--only-binary", ":all:", *(["--require-hashes"] if hashed else [])]
    if _pip(folder, *options, "--no-deps", "-r", str(exact)).returncode == 0:
        return []
    return list(_one_by_one(folder, wanted, told))


def _one_by_one(
    folder: Path, wanted: dict[str, tuple[str, tuple[str, ...]]], told: Callable[[str], None]
) -> Iterator[str]:
    """Install what can be had as recorded, then the newest of what cannot; yield a line for each of these."""
    for name, (version, hashes) in wanted.items():
        told(f"installing {name} {version}")
        one = folder / "nbreplay-one.txt"
        one.write_text(f"{name}=={version}" + "".join(f" --hash={each}" for each in hashes) + "\n", encoding="utf-8")
        if _pip(folder, "--only-binary", ":all:", "--no-deps", "-r", str(one)).returncode == 0:
            continue
        done = _pip(folder, "--only-binary", ":all:", name)
        if done.returncode:
            yield f"not matched: {name} {version}; nothing of that name can be installed ({_last(done.stderr)})"
        else:
            yield f"not matched: {name} {version} cannot be had as recorded; the newest that fits was installed"


def _install_ours(folder: Path) -> list[str]:
    """Install this nbreplay, from where it came from itself."""
    source = f"nbreplay=={nbreplay.__version__}"
    try:
        text = importlib.metadata.distribution("nbreplay").read_text("direct_url.json")
        url = urlparse(json.loads(text or "{}").get("url", ""))
        if url.scheme == "file" and Path(unquote(url.path)).exists():
            source = unquote(url.path)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        checkout = Path(nbreplay.__file__).parent.parent
        if (checkout / "pyproject.toml").is_file():
            source = str(checkout)
    done = _pip(folder, source)
    if done.returncode:
        return [f"not matched: nbreplay {nbreplay.__version__} cannot be installed ({_last(done.stderr)})"]
    kernels = folder / "share" / "jupyter" / "kernels"
    missing = [name for name in KERNELS if not (kernels / name / "kernel.json").is_file()]
    return [f"not matched: the kernel {name} is not registered" for name in missing]


def _pip(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def _last(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
