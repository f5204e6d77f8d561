"""From a module to the distribution that it was installed with, and its version.

Three kinds of module: installed (with a distribution, or part of Python), which go by name and version; local ones (a
file beside the notebook, an editable install), which are walked like notebook code; and what the notebook itself made.
"""

from __future__ import annotations

import importlib.metadata
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import nbreplay
from nbreplay.fingerprint.leaves import text


class Installed(NamedTuple):
    """A distribution: its name and version. Python itself is ``("python", "3.11")``."""

    name: str
    version: str


_PYTHON = Installed("python", f"{sys.version_info[0]}.{sys.version_info[1]}")
_OURS = "nbreplay"
_SITE_PARTS = ("/site-packages/", "/dist-packages/")


@cache
def _stdlib_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths["stdlib"], paths["platstdlib"], f"{sys.base_prefix}/lib/python{_PYTHON.version}"}
    return tuple(folder.rstrip("/") + "/" for folder in folders)


@cache
def _distributions() -> dict[str, list[str]]:
    """Return the distributions of each top-level module; slow, so only for modules not called like theirs."""
    return {top: list(names) for top, names in importlib.metadata.packages_distributions().items()}


@cache
def _version(name: str) -> str | None:
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    # `found.version` parses everything as an email; a line of the head takes a hundredth of that.
    for line in (found.read_text("METADATA") or "").splitlines():
        field, colon, version = line.partition(":")
        if field.lower() == "version" and version.strip():
            return version.strip()
        if not colon and not line.startswith((" ", "\t")):
            break
    return found.version


@cache
def _installed_top(top: str) -> Installed | None:
    if top == _OURS:  # in nearly every pickle: from a checkout it would cost the look at all distributions
        return Installed(_OURS, nbreplay.__version__)
    version = _version(top)
    if version is not None:
        return Installed(top, version)
    names = sorted(set(_distributions().get(top, ())))
    if not names:
        return None
    # A namespace package (google.*, dask's companions) may belong to several: all their versions count.
    return Installed("+".join(names), "+".join(_version(name) or "?" for name in names))


def judge(module_name: str, file: str | None) -> Installed | None:
    top = module_name.partition(".")[0]
    if top == _OURS:
        return _installed_top(_OURS)
    if file is None:
        # Built in, frozen, or made in memory.
        return _PYTHON if top in sys.stdlib_module_names or top in sys.builtin_module_names else None
    path = file.replace("\\", "/")
    if any(part in path for part in _SITE_PARTS):
        return _installed_top(top)
    if top in sys.stdlib_module_names and path.startswith(_stdlib_folders()):
        return _PYTHON
    return None


_known: dict[tuple[str, str | None], Installed | None] = {}
_quick: dict[str, tuple[ModuleType, str, Installed | None]] = {}
"""By name: a module as it was when it was last looked at, its file, and the answer."""


def installed(module_name: str | None) -> Installed | None:
    """Return the distribution of a loaded module; None if it is local, the notebook's, or not loaded."""
    if not isinstance(module_name, str) or module_name == "__main__":
        return None
    module = sys.modules.get(module_name)
    if module is None:
        return None
    quick = _quick.get(module_name)
    if quick is not None and quick[0] is module and module.__dict__.get("__file__") is quick[1]:
        return quick[2]
    file = _file_of(module)
    key = (module_name, file)
    if key not in _known:
        _known[key] = judge(module_name, file)
    found = _known[key]
    if found is None and file is None:
        return _by_parent(module_name)
    if type(module) is ModuleType and isinstance(module.__dict__.get("__file__"), str):
        _quick[module_name] = (module, module.__dict__["__file__"], found)
    return found


def _by_parent(module_name: str) -> Installed | None:
    """Return the distribution of a module without a file (a C submodule, one made in memory) by its package's."""
    parent = module_name.rpartition(".")[0]
    return installed(parent) if parent else None


def _file_of(module: Any) -> str | None:
    namespace = module.__dict__ if isinstance(module, ModuleType) else {}
    file = namespace.get("__file__")
    if file is None:
        spec = namespace.get("__spec__")
        origin = getattr(spec, "origin", None)
        if origin in ("built-in", "frozen") or origin is None:
            places = namespace.get("__path__")
            # A namespace package has a path and no file.
            return next((f"{place}/" for place in places), None) if places is not None else None
        file = origin
    return file if isinstance(file, str) else None


def versions() -> dict[str, str]:
    """Return the distributions that were met so far in this process, with their versions."""
    return {found.name: found.version for found in _known.values() if found is not None}


MISSING = object()
"""What :func:`find` and :func:`attribute` return for what is not there."""


def find(module_name: str, qualname: str) -> object:
    """Return what ``module.qualname`` is now, or :data:`MISSING`."""
    found: Any = sys.modules.get(module_name, MISSING)
    for part in qualname.split("."):
        if found is MISSING:
            return MISSING
        found = attribute(found, part) if isinstance(found, ModuleType) else getattr(found, part, MISSING)
    return found


def attribute(module: ModuleType, name: str) -> object:
    """Return what a module holds under *name*; one that an installed module makes on demand is made."""
    found = module.__dict__.get(name, MISSING)
    if found is not MISSING:
        return found
    if installed(module.__dict__.get("__name__")) is None and "__getattr__" not in module.__dict__:
        return MISSING
    try:
        return getattr(module, name, MISSING)
    except Exception:  # noqa: BLE001  # a module's __getattr__ may raise anything
        return MISSING


def name_bytes(where: Installed, module_name: str, qualname: str) -> bytes:
    """Return what stands for an installed object: distribution, version, module and name."""
    return b"L" + text(where.name) + text(where.version) + text(module_name) + text(qualname)


def version_of(module_name: str) -> str:
    """Return the version of the distribution that a module, loaded or not, belongs to; "" if there is none."""
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names or top == "__main__":
        return ""
    found = _installed_top(top)
    return found.version if found is not None else ""


def distribution_of(module_name: str) -> Installed | None:
    """Return the distribution that a module, loaded or not, belongs to; None for Python's own and for local ones."""
    top = module_name.partition(".")[0]
    return None if top in sys.stdlib_module_names or top in ("__main__", _OURS) else _installed_top(top)


_stamps: list[Callable[[dict[str, Any]], bytes]] = []


def stamp(namespace: dict[str, Any]) -> bytes:
    """Return what stands for the files of the local modules that code with the globals *namespace* can reach.

    Namespaces refer to what local modules define by its own code; whoever records them says which files that means.
    """
    return _stamps[-1](namespace) if _stamps else b""


def stamp_by(how: Callable[[dict[str, Any]], bytes]) -> None:
    """Let *how* say what stands for the files of local modules, as they were loaded, from now on."""
    _stamps[:] = [how]
