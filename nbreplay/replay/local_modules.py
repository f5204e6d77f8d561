"""Modules of the user's own, beside the notebook or installed for editing: inputs of the cells that use them.

What counts is the file as it was when the module was loaded. A cell that runs with a module whose file was edited
since is recorded with the old content, so that no later session takes its result for one of the new.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from nbreplay.digest import Digest, combine
from nbreplay.files import FileDigests, paths, portable, unseen
from nbreplay.fingerprint.packages import installed
from nbreplay.kinds import is_a, module_of
from nbreplay.records import FileState


class LocalModules:
    """The local modules of this process, and what their files held when they were loaded.

    Parameters
    ----------
    digests : FileDigests
        Cache of digests.
    root : Path
        The notebook's folder.
    """

    def __init__(self, digests: FileDigests, root: Path) -> None:
        self._digests = digests
        self._root = root
        self._loaded: dict[str, tuple[object, str, FileState]] = {}
        self._foreign: set[str] = set()
        self._stamps: dict[str, Digest] = {}

    def refresh(self) -> None:
        """Look at modules that were loaded, or loaded again, since the last call; right after a cell."""
        folders = paths.installed()
        self._stamps.clear()
        for name in sys.modules.keys() - self._foreign:
            module = sys.modules.get(name)
            file = getattr(module, "__file__", None)
            own = name.partition(".")[0] in ("__main__", "nbreplay")
            # The folder tells most of them apart at once; asking for a module's distribution may read them all.
            if own or not isinstance(file, str) or file.startswith(folders) or installed(name) is not None:
                self._foreign.add(name)
                continue
            spec = getattr(module, "__spec__", None)
            known = self._loaded.get(name)
            if known is None or known[0] is not spec:  # a reload gives a module another spec
                with unseen():
                    state = self._digests.digest(file)
                self._loaded[name] = (spec, portable(file, self._root), state)

    @property
    def names(self) -> list[str]:
        """The local modules that are loaded."""
        return list(self._loaded)

    def stamp(self, namespace: dict[str, Any]) -> bytes:
        """Return what stands for the files that code with the globals *namespace* comes from, or names."""
        file, name = namespace.get("__file__"), namespace.get("__name__")
        if not isinstance(file, str) or name in self._foreign or file.startswith(paths.installed()):
            return b""
        known = self._stamps.get(file)
        if known is None:
            files = self.used_by(list(namespace.values()))
            own = self._loaded.get(name) if isinstance(name, str) else None
            if own is not None:
                files[own[1]] = own[2]
            else:  # loaded by a path, under no name that an import would find
                with unseen():
                    files[portable(file, self._root)] = self._digests.digest(file)
            known = combine(*(part for path in sorted(files) for part in (path, files[path].digest or "")))
            self._stamps[file] = known
        return bytes.fromhex(known)

    def used_by(self, values: Iterable[Any]) -> dict[str, FileState]:
        """Return the files of the modules that *values* reach, as they were loaded."""
        if not self._loaded:
            return {}
        found: set[str] = set()
        front = {name for value in values for name in self._named(value)}
        while front:
            found |= front
            front = {
                name
                for each in front
                if (module := sys.modules.get(each)) is not None
                for value in list(vars(module).values())
                for name in self._named(value)
            } - found
        return {path: state for name in found for _, path, state in [self._loaded[name]]}

    def _named(self, value: Any) -> Iterator[str]:
        """Yield the local modules that *value* is, comes from, or names in its code."""
        if is_a(value, ModuleType):
            names: list[Any] = [value.__name__]
        else:
            names = [module_of(value), module_of(type(value))]
        for name in names:
            if name in self._loaded:
                yield name
        if is_a(value, FunctionType):
            yield from self._in_code(value.__code__)

    def _in_code(self, code: CodeType) -> Iterator[str]:
        """Yield the local modules whose names stand in *code*: a function may import them when it runs."""
        for name in code.co_names:
            if name in self._loaded:
                yield name
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from self._in_code(constant)
