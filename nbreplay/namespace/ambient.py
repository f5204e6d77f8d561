"""State of the process that no name holds, as it changes from cell to cell.

Each probe looks at one library, and only once that is imported. What counts is the *logical* state: what cells, run or
restored, have done to it. What differs from process to process before any cell ran is "initial", everywhere.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbreplay.digest import Digest, combine
from nbreplay.fingerprint import Mode, walk

logger = logging.getLogger(__name__)

INITIAL = Digest("initial")
RNG = "rng:"
"""Prefix of the keys of random generators: they are inputs of the cells that move them, and restored last."""


MODULE = "module:"
"""Prefix of the keys of modules that cells may have changed; they are followed as they are met."""


OPTIONS = frozenset(
    {"decimal", "locale", "matplotlib", "numpy errors", "numpy print", "pandas options", "polars config"}
    | {"sklearn config", "time zone", "torch options", "xarray options"}
)
"""What code that runs in this process sees, whether it names it or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """How one piece of ambient state is looked at and put back. All calls are on the main thread, between cells.

    *raw* gives the state as it is (None: it cannot be seen); *encode* what is kept of it, given also the initial state
    (by default, all); *apply* puts that back. *default* gives the state that a fresh import has, for libraries that a
    cell may import and change at once; *untouched* says the same where it cannot be computed. *words*: an import can
    change this state, so a change in a cell that imports something counts only if one of these words stands in the
    cell. *digest* gives what of the kept state counts as an input, where that is not all of it.
    """

    key: str
    raw: Callable[[], Any]
    apply: Callable[[Any, Any], None]
    module: str = ""
    encode: Callable[[Any, Any], Any] = lambda raw, initial: raw
    default: Callable[[], Any] | None = None
    untouched: Callable[[Any, Collection[str]], bool] | None = None
    words: frozenset[str] = frozenset()
    digest: Callable[[Any], Digest] | None = None
    early: bool = False


_registered: list[Probe] = []


def register(probe: Probe) -> None:
    """Look at one more piece of ambient state in kernels that start from now on; once per key."""
    if all(known.key != probe.key for known in _registered):
        _registered.append(probe)


class Ambient:
    """The ambient state of one kernel.

    Parameters
    ----------
    probes : collection of Probe
        The registry.
    root : Path
        The notebook's folder; paths are kept relative to it.
    """

    def __init__(self, probes: Collection[Probe], root: Path) -> None:
        probes = [*_registered, *probes]
        self.probes = {probe.key: probe for probe in probes}
        self.root = root
        self.initial: dict[str, Any] = {}
        self._last: dict[str, Any] = {}
        self._digests: dict[str, Digest] = dict.fromkeys(self.probes, INITIAL)
        for probe in probes:
            if not probe.module or probe.module in sys.modules:
                raw = _look(probe)
                if raw is not None:
                    self.initial[probe.key] = self._last[probe.key] = raw

    def digests(self) -> Mapping[str, Digest]:
        """Return the digest of the logical state of every key; libraries that are not imported are initial."""
        return self._digests

    def rebase(self) -> None:
        """Take the state as it is as unchanged: what was just done to it was not done by a cell."""
        for probe in self._present():
            raw = _look(probe)
            if raw is not None:
                self._last[probe.key] = raw
                self.initial.setdefault(probe.key, raw)

    def changes(self, words: Collection[str], imported: bool) -> dict[str, tuple[Any, Digest]]:
        """Return what a cell changed, by key: the value to keep and its digest; it is the logical state from now on.

        Parameters
        ----------
        words : collection of str
            Identifiers in the cell's text.
        imported : bool
            Whether modules were imported while it ran.
        """
        found = {}
        for probe in self._present():
            raw = _look(probe)
            if raw is None:
                continue
            key = probe.key
            if key not in self._last and self._is_fresh(probe, raw, words):
                self._last[key] = self.initial[key] = raw
                continue
            if key not in self.initial:
                default = _default(probe)
                self.initial[key] = default
                self._last.setdefault(key, default)
            if raw == self._last.get(key):
                continue
            self._last[key] = raw
            if imported and probe.words and probe.words.isdisjoint(words):
                continue
            value = None if raw == self.initial.get(key) else probe.encode(raw, self.initial.get(key))
            digest = INITIAL
            if value is not None:
                digest = probe.digest(value) if probe.digest else walk(value, mode=Mode.VALUE).digest
            self._digests[key] = digest
            found[key] = (value, digest)
        return found

    def options(self) -> Digest:
        """Return what stands for the options of libraries in this process, as they are now; empty if as at the start.

        Callable at any time, from any thread: a cell may set one and compute at once.
        """
        parts: list[str] = []
        for probe in self._present():
            if probe.key in OPTIONS and (raw := _look(probe)) is not None:
                initial = self.initial.get(probe.key)
                initial = _default(probe) if initial is None else initial
                if raw != initial:
                    parts += [probe.key, walk(probe.encode(raw, initial), mode=Mode.VALUE).digest]
        return combine(*parts) if parts else Digest("")

    def replaced(self) -> list[Any]:
        """Return what cells put in the place of attributes of modules that are followed."""
        found: list[Any] = []
        for key, last in self._last.items():
            initial = self.initial.get(key)
            if key.startswith(MODULE) and initial is not None:
                found += [last.values[name] for name in last.changed_since(initial) if name in last.values]
        return found

    def set_logical(self, digests: Mapping[str, Digest]) -> None:
        """The logical state is now as a record says; the process follows when :meth:`put` is called."""
        self._digests = {**dict.fromkeys(self.probes, INITIAL), **digests}

    def follow(self, probe: Probe) -> None:
        """Look at one more piece of state from now on; what it is now is its initial state."""
        if probe.key in self.probes:
            return
        self.probes[probe.key] = probe
        self._digests = {**self._digests, probe.key: self._digests.get(probe.key, INITIAL)}
        raw = _look(probe)
        if raw is not None:
            self.initial[probe.key] = self._last[probe.key] = raw

    def put(self, key: str, value: Any) -> str:
        """Put the state of *key* as it was kept (None: the initial one); return what went wrong, if anything."""
        if key.startswith(MODULE) and key not in self.probes:
            problem = self._follow_module(key[len(MODULE) :])
            if problem:
                return problem
        probe = self.probes.get(key)
        if probe is None:
            return f"nothing here knows the ambient state {key!r}"
        if probe.module:
            try:
                __import__(probe.module)
            except Exception as e:  # noqa: BLE001  # a library's import may raise anything
                return f"{probe.module} cannot be imported: {e}"
        initial = self.initial.get(key)
        try:
            if value is None:
                if initial is not None:
                    probe.apply(probe.encode(initial, initial), initial)
            else:
                probe.apply(value, initial)
        except Exception as e:  # options of another version, a folder that is gone ...
            logger.debug("ambient state %s could not be put back", key, exc_info=True)
            return f"{key} could not be put back: {e}"
        return ""

    def _follow_module(self, name: str) -> str:
        from nbreplay.namespace.patches import module_probe

        try:
            __import__(name)
        except Exception as e:  # noqa: BLE001  # a module's import may raise anything
            return f"{name} cannot be imported: {e}"
        self.follow(module_probe(name))
        return ""

    def _present(self) -> list[Probe]:
        return [probe for probe in self.probes.values() if not probe.module or probe.module in sys.modules]

    def _is_fresh(self, probe: Probe, raw: Any, words: Collection[str]) -> bool:
        """Whether a library that a cell imported has its state as an import leaves it."""
        if probe.untouched is not None:
            return probe.untouched(raw, words)
        return probe.default is None or raw == _default(probe)


def _look(probe: Probe) -> Any:
    try:
        return probe.raw()
    except Exception:  # a library of another version
        logger.debug("ambient state %s cannot be seen", probe.key, exc_info=True)
        return None


def _default(probe: Probe) -> Any:
    try:
        return None if probe.default is None else probe.default()
    except Exception:  # see _look  # noqa: BLE001
        return None
