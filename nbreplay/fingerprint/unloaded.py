"""Modules that code imports and that this process has not loaded: by their source, and that of what they import.

They are not loaded for that: importing runs code.
"""

from __future__ import annotations

import ast
import importlib.machinery
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

from nbreplay.digest import digest_bytes
from nbreplay.fingerprint import packages, refusals
from nbreplay.fingerprint.code import CodeRecord, analyse
from nbreplay.fingerprint.leaves import length, text
from nbreplay.fingerprint.refused_names import BY_PATH
from nbreplay.fingerprint.walker import Walker

_SOURCE_MAX_BYTES = 4 << 20
_MODULES_MAX = 300
"""Local modules that one import may lead to; beyond, it is refused: looking at them takes too long."""


def unloaded(w: Walker, name: str, wanted: tuple[str, ...]) -> bytes:
    """Return what stands for the module *name*, of which code takes *wanted* (nothing: all of it)."""
    written = bytearray()
    waiting, seen = [name], {name}
    while waiting:
        here = waiting.pop()
        part, imports = _module(w, here, wanted if here == name else ())
        written += text(here) + length(len(part)) + part
        # Importing a.b imports a.
        for found in sorted({every for each in imports for every in _with_parents(each)} - seen):
            seen.add(found)
            waiting.append(found)
        if len(seen) > _MODULES_MAX:
            w.refuse("opaque", f"module {name} imports more local modules than are looked at")
            break
    return bytes(written)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        yield ".".join(parts[:count])


def _module(w: Walker, name: str, wanted: tuple[str, ...]) -> tuple[bytes, set[str]]:
    """Return what stands for one module, and the modules that it imports."""
    spec = _spec(name)
    origin = getattr(spec, "origin", None)
    if spec is None or not isinstance(origin, str):
        return b"nowhere", set()
    where = packages.judge(name, None if origin in ("built-in", "frozen") else origin)
    if where is not None:
        return packages.name_bytes(where, name, ""), set()
    try:
        source = Path(origin).read_bytes()
        if not origin.endswith(".py") or len(source) > _SOURCE_MAX_BYTES:
            return b"file" + bytes.fromhex(digest_bytes(source)), set()
        tree = ast.parse(source)
        code = compile(tree, "<module>", "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        w.refuse("opaque", f"module {name} cannot be read")
        return b"unreadable", set()
    package = name if origin.endswith("__init__.py") else name.rpartition(".")[0]
    bound = dict(_bound(tree, package))
    if w.task:
        for record in _reached(code, wanted):
            _refuse(w, record, bound)
    return b"source" + analyse(code).digest, {module for module, _ in bound.values() if module}


def _spec(name: str) -> importlib.machinery.ModuleSpec | None:
    """Find a module without importing the packages that it is in."""
    places: list[str] | None = None
    spec = None
    for part in _with_parents(name):
        try:
            for finder in sys.meta_path:
                spec = finder.find_spec(part, places)
                if spec is not None:
                    break
        except Exception:  # noqa: BLE001  # finders are anybody's
            return None
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or ())
    return spec


def _bound(tree: ast.AST, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names that imports bind, with the module and what is taken from it ("": the module itself)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield each.asname or each.name.partition(".")[0], (each.name, "")
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for each in node.names:
                yield each.asname or each.name, (module, each.name)
                if not node.module or packages.installed(module) is None:  # it may be a module of its own
                    yield f"{module}.{each.name} ", (f"{module}.{each.name}", "")


def _reached(code: CodeType, wanted: tuple[str, ...]) -> Iterator[CodeRecord]:
    """Yield the records of the module's functions and classes that *wanted* reach by name; of all, if unsure."""
    own = {const.co_name: const for const in code.co_consts if isinstance(const, CodeType)}
    if not wanted or not own.keys() >= set(wanted):
        yield analyse(code)
        return
    waiting, seen = list(wanted), set(wanted)
    while waiting:
        record = analyse(own[waiting.pop()])
        yield record
        further = (record.names & own.keys()) - seen
        seen |= further
        waiting += further


def _refuse(w: Walker, record: CodeRecord, bound: dict[str, tuple[str, str]]) -> None:
    """Note why what *record* reads, as far as its names tell, makes a result unrepeatable."""
    for read in record.reads:
        module, own = bound.get(read.name, ("", "")) if not read.module else (read.module, "")
        taken = (own, *read.attributes) if own else read.attributes
        if not module:
            module, taken = "builtins", (read.name,)
            if read.name in bound or f"builtins:{read.name}" not in BY_PATH:
                continue
        for count in range(1, len(taken) + 1):
            refusal = refusals.by_name(module, ".".join(taken[:count]))
            if refusal is not None:
                w.refusals[refusal] = None
