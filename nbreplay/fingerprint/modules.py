"""Modules as values: installed ones by name and version, local ones by what they hold."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from nbreplay.digest import digest_bytes
from nbreplay.fingerprint import packages
from nbreplay.fingerprint.leaves import text, words
from nbreplay.fingerprint.openers import CHOOSERS, OPENERS, Opener, Parts
from nbreplay.fingerprint.walker import Walker

_BOOKKEEPING = frozenset(
    words("""
        __builtins__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __path__ __spec__ __annotations__
        __warningregistry__ __annotate__ __conditional_annotations__
    """)
)


def write_module(w: Walker, module: ModuleType) -> Parts:
    name = module.__dict__.get("__name__", "")
    where = packages.installed(name)
    if name in ("__main__", "builtins"):
        w.globals.add("globals")
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


def _choose(cls: type) -> Opener | None:
    return write_module if issubclass(cls, ModuleType) else None


OPENERS[ModuleType] = write_module
CHOOSERS.append(_choose)
