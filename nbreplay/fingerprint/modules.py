"""Modules as values: installed ones by name and version, local ones by what they hold."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nbreplay.digest import digest_bytes
from nbreplay.fingerprint import packages
from nbreplay.fingerprint.code import analyse
from nbreplay.fingerprint.leaves import text, words
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker

_BOOKKEEPING = frozenset(
    words("""
        __builtins__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __path__ __spec__ __annotations__
        __warningregistry__ __annotate__ __conditional_annotations__
    """)
)
_SOURCE_MAX_BYTES = 4 << 20


def write_module(w: Walker, module: ModuleType) -> Parts:
    name = module.__dict__.get("__name__", "")
    where = packages.installed(name)
    if where is not None:
        w.out += packages.name_bytes(where, name, "")
        return None
    if name == "__main__" or (w.home is not None and module.__dict__ is w.home):
        w.out += b"main"
        if w.task:
            w.refuse("dynamic", "reaches __main__ as a module: any name of the notebook")
        return None
    if w.exact:  # what a module holds is not the namespace's; its source is looked at where modules are recorded
        w.out += b"M" + text(str(name))
        return None
    if not w.number(module):
        return None
    return _contents(w, module, str(name))


def _contents(w: Walker, module: ModuleType, name: str) -> Iterator[Any]:
    namespace = module.__dict__
    w.out += b"X" + text(name)
    found = local_file(name)
    if found is not None:
        w.out += found
    for key in sorted(key for key in namespace if isinstance(key, str) and key not in _BOOKKEEPING):
        start = len(w.out)
        w.out += text(key)
        yield namespace[key]
        w.component("module", f"{name}.{key}", start, namespace[key])
    w.out += b"."


def local_file(name: Any) -> bytes | None:
    """Return what stands for the file of a *compiled* local module; None for others."""
    module = sys.modules.get(name) if isinstance(name, str) else None
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or file.endswith((".py", ".pyc")) or packages.installed(name) is not None:
        return None
    try:
        return b"file" + bytes.fromhex(digest_bytes(Path(file).read_bytes()))
    except OSError:
        return None


def unloaded(w: Walker, name: str) -> bytes:
    """Return what stands for a module that code imports and that this process has not loaded. It is not loaded now."""
    try:
        spec = importlib.util.find_spec(name) if "." not in name or name.rpartition(".")[0] in sys.modules else None
    except (ImportError, ValueError, AttributeError):
        spec = None
    origin = getattr(spec, "origin", None)
    if spec is None or not isinstance(origin, str):
        return b"nowhere"
    where = packages.judge(name, None if origin in ("built-in", "frozen") else origin)
    if where is not None:
        return packages.name_bytes(where, name, "")
    try:
        source = Path(origin).read_bytes()
        if origin.endswith(".py") and len(source) <= _SOURCE_MAX_BYTES:
            return b"source" + analyse(compile(source, "<module>", "exec", dont_inherit=True)).digest
        return b"file" + bytes.fromhex(digest_bytes(source))
    except (OSError, SyntaxError, ValueError):
        w.refuse("opaque", f"module {name} cannot be read")
        return b"unreadable"


def _choose(cls: type) -> Opener | None:
    return write_module if issubclass(cls, ModuleType) else None


OPENERS[ModuleType] = write_module
CHOOSERS.append(_choose)
