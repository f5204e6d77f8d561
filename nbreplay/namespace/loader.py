"""From units to the live namespace: only what a cell can reach, in phases."""

from __future__ import annotations

import importlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from nbreplay.errors import StoreError
from nbreplay.foreign import GUARD, LOAD_LIMIT_S, Overdue
from nbreplay.namespace.ambient import RNG
from nbreplay.namespace.live import Live
from nbreplay.namespace.looking import look
from nbreplay.records import BlobRef, Unit, ValueRef
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.serialize.standin import StandIn
from nbreplay.serialize.units import load_unit

logger = logging.getLogger(__name__)

Get = Callable[[BlobRef], memoryview]

_EXACT = frozenset(
    {"builtins", "datetime", "decimal", "fractions", "functools", "numpy", "pathlib", "re", "types", "typing", "uuid"}
    | {"collections", "dataclasses", "enum", "itertools", "math", "operator", "random", "string", "zoneinfo", "pandas"}
)
"""Tops of modules whose objects come back with the digest that they had."""


class Loader:
    """Loads units into a live namespace.

    Parameters
    ----------
    live : Live
        The namespace.
    get : callable or None
        ``Store.get``; None: there is no store, and nothing to load.
    trust : Trust
        Whose units these are. Records of unknown origin never get here.
    """

    def __init__(self, live: Live, get: Get | None, trust: Trust = Trust.OWN) -> None:
        self.live = live
        self.get = get
        self.trust = trust
        self._loading: Counter[str] = Counter()
        live.session.find = self._find

    def bring(self, names: Iterable[str]) -> list[str]:
        """Load *names* and whatever must be there first, in phases; return what went wrong, in words."""
        live = self.live
        problems: list[str] = []
        wanted = sorted((name for name in names if name in live.unloaded), key=self._phase)
        moved = bool(wanted or live.pending_ambient)
        probes = live.ambient.probes
        keys = [key for key in probes if key in live.pending_ambient]
        keys += [key for key in live.pending_ambient if key not in probes]
        early = [key for key in keys if key in probes and (not probes[key].module or probes[key].early)]
        for key in early:
            if not key.startswith(RNG):
                self._put(key, problems)
        if live.pending_modules and any(map(self._needs_modules, wanted)):
            moved = True
            self._import(problems)
        try:
            for name in wanted:
                if name in live.unloaded:
                    problems += self._load_name(name)
            for key in keys:
                if key in live.pending_ambient and not key.startswith(RNG):
                    self._put(key, problems)
            for key in keys:
                if key in live.pending_ambient:
                    self._put(key, problems)
        finally:  # an interrupt leaves the rest for later
            if moved:
                live.ambient.rebase()
        return problems

    def _needs_modules(self, name: str) -> bool:
        """Whether *name* is made of more than builtin types; for those alone nothing has to be imported."""
        state = self.live.state(name)
        unit = self.live.units.get(state.unit or "") if state is not None else None
        if unit is None or any("/d" in need for need in unit.needs):
            return True
        return any(module.partition(".")[0] not in ("builtins", "nbreplay") for module, _ in unit.modules)

    def _phase(self, name: str) -> tuple[int, str]:
        """Return when *name* is loaded: code of classes may look up modules and functions while values are loaded."""
        state = self.live.state(name)
        kind = state.type_name.rpartition(".")[2] if state is not None else ""
        return {"module": 0, "function": 1, "type": 1}.get(kind, 2), name

    def _put(self, key: str, problems: list[str]) -> None:
        live = self.live
        ref = live.pending_ambient.pop(key)
        try:
            value = None if ref is None else self._value(ref)
        except Exception as e:  # damaged, or of another version  # noqa: BLE001
            problems.append(f"{key} could not be read: {e}")
            return
        problem = live.ambient.put(key, value)
        if problem:
            problems.append(problem)

    def _value(self, ref: ValueRef) -> object:
        if self.get is None:
            raise StoreError("there is no store to load from")
        return codecs.load(ref, self.get, trust=self.trust)

    def _import(self, problems: list[str]) -> None:
        live = self.live
        pending, live.pending_modules = live.pending_modules, {}
        for name in pending:
            try:
                importlib.import_module(name)
            except Exception as e:  # an import may raise anything  # noqa: BLE001
                problems.append(f"module {name} cannot be imported: {e}")

    def _load_name(self, name: str) -> list[str]:
        live = self.live
        state = live.state(name)
        if state is None:
            live.unloaded.discard(name)
            return []
        if state.unit is None:
            hole = state.hole
            reason = hole.reason if hole is not None else "it was not kept"
            live.bind(name, StandIn(hole.type_name if hole is not None else state.type_name, reason, name))
            return [f"{name} could not be kept ({reason})"]
        problem = self._load(state.unit)
        if problem and name in live.unloaded:
            live.bind(name, StandIn(state.type_name, problem, name))
        if problem:
            return [f"{name} could not be loaded: {problem}"]
        if state.hole is None:
            return []
        live.unmade[name] = live.user_ns.get(name)
        return [f"{name} holds a {state.hole.type_name} that could not be kept"]

    def _load(self, uid: str, *, again: bool = False) -> str:
        """Load one unit and bind what still points to it; return what went wrong.

        With *again* a unit may be loaded while it is being loaded: two classes may refer to each other before either
        exists. What exists already is taken, not made twice.
        """
        live = self.live
        unit = live.units.get(uid)
        if unit is None or self.get is None:
            return f"its unit {uid} is not known here"
        if self._loading[uid] > (1 if again else 0):
            return ""
        self._loading[uid] += 1
        try:
            for lineage in unit.needs:
                if lineage not in live.session.objects and not self._is_loading(lineage):
                    self._find(lineage)
            with GUARD.loading():
                trust = Trust.UNKNOWN if unit.foreign else self.trust
                values = load_unit(unit.value, self.get, live.session, trust=trust)
        except RecursionError as e:
            return f"it is nested too deeply: {e}"
        except Overdue:
            return f"its own code takes longer than {LOAD_LIMIT_S:g} s to load it"
        except Exception as e:  # unpickling runs code of libraries and of the user's classes
            logger.debug("unit %s could not be loaded", uid, exc_info=True)
            return f"{type(e).__name__}: {e}"
        finally:
            self._loading[uid] -= 1
        bound = {}
        for node in [node for node in live.unloaded if (state := live.state(node)) is not None and state.unit == uid]:
            key = live.keys.get(node, node)
            if key in values:
                live.bind(node, values[key])
                bound[node] = values[key]
        if inexact(unit):
            self._compare(bound)
        return ""

    def _compare(self, bound: dict[str, object]) -> None:
        """Note how what was just loaded looks: from there on only a change is a change."""
        live = self.live
        for node, value in bound.items():
            state = live.state(node)
            live.translated.pop(node, None)
            try:
                known = look(live, node, value)
            except Exception:  # walking runs code of the value's class
                logger.debug("%s cannot be looked at", node, exc_info=True)
                continue
            if state is not None and known.digest != state.digest and not known.opaque:
                live.translated[node] = (known.digest, state.digest)
                known.digest = state.digest
            known.kept_ids = known.ids
            known.kept_definitions = known.definitions

    def _is_loading(self, lineage: str) -> bool:
        state = self.live.state(lineage)
        return state is not None and state.unit is not None and self._loading[state.unit] > 0

    def _find(self, lineage: str) -> object:
        """Load the definition of *lineage*; called by streams that refer to it."""
        live = self.live
        state = live.state(lineage)
        if state is None or state.unit is None:
            return None
        problem = self._load(state.unit, again=True)
        if problem:
            raise StoreError(f"a definition that it needs could not be loaded: {problem}")
        return live.session.objects.get(lineage)


def inexact(unit: Unit) -> bool:
    """Whether what *unit* holds may look otherwise when it is loaded, and must be looked at then."""
    names = [name for name, _ in unit.modules]
    if len(unit.names) > 1 and any(name.partition(".")[0] == "pandas" for name in names):
        return True  # frames that share memory under copy-on-write come back apart
    return any(name.partition(".")[0] not in _EXACT or name.startswith("numpy.ma") for name in names)
