"""Modules that cells change (``math.sqrt = ...``, ``helpers.LIMIT = 5``): their attributes are ambient state.

A module is followed from the first cell that could change it: a local one as soon as a cell can reach it, an installed
one when a cell's code stores an attribute on it. Values are compared by identity, and plain data of local modules also
by content, since code may change it in place.
"""

from __future__ import annotations

import ast
import dis
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from nbreplay.digest import Digest
from nbreplay.errors import NbreplayError
from nbreplay.files import paths
from nbreplay.fingerprint import Mode, WalkStopped, walk
from nbreplay.fingerprint.packages import installed
from nbreplay.kinds import is_a, module_of
from nbreplay.namespace.ambient import MODULE, Probe
from nbreplay.serialize import codecs

_DATA = (list, dict, set, bytearray)
_NO_DATA = frozenset({"builtins", "typing", "functools", "re", "pathlib", "datetime", "logging", "_frozen_importlib"})
"""Where types come from whose instances in a module are nobody's state, unless they are lists, dicts ..."""

_LOOK_S = 0.05
"""Seconds for the content of one module's datum; one that takes longer is compared by identity only."""


class NotKept(NbreplayError):
    """A module was changed in a way that cannot be brought back."""


@dataclass(slots=True, eq=False)
class ModuleState:
    """The attributes of a module: each value, and the digest of its content where that is looked at."""

    values: dict[str, Any]
    digests: dict[str, Digest]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleState) and not self.changed_since(other)

    __hash__ = None  # type: ignore[assignment]  # it is compared, never a key

    def changed_since(self, before: ModuleState) -> set[str]:
        """Return the attributes that are other objects, or hold something else, or are gone."""
        return {
            name
            for name in {*self.values, *before.values}
            if self.values.get(name, before) is not before.values.get(name, self)
            or self.digests.get(name) != before.digests.get(name)
        }


def module_probe(name: str) -> Probe:
    """Return the probe that follows the module *name*."""
    return Probe(
        key=MODULE + name,
        module=name,
        raw=lambda: _state(name),
        apply=lambda value, initial: _put(name, value, initial),
        encode=_difference,
        digest=_digest,
    )


def _state(name: str) -> ModuleState:
    module = sys.modules[name]
    local = installed(name) is None
    values = {
        key: value
        for key, value in vars(module).items()
        if not (key.startswith("__") and key.endswith("__")) and not is_a(value, ModuleType)
    }
    if local:
        for key, value in list(values.items()):
            if is_a(value, type) and value.__module__ == name and value.__qualname__ == key:
                values.update((f"{key}.{each}", held) for each, held in vars(value).items() if _is_plain_name(each))
    digests = {}
    for key, value in values.items() if local else ():
        if type(value) in _DATA:
            try:
                digests[key] = walk(value, mode=Mode.VALUE, budget_s=_LOOK_S).digest
            except WalkStopped:
                continue
    return ModuleState(values, digests)


def _difference(now: ModuleState, initial: ModuleState) -> dict[str, Any]:
    changed = now.changed_since(initial)
    kept: dict[str, Any] = {"set": {}, "gone": sorted(changed - now.values.keys()), "lost": []}
    kept["filled"] = sorted(
        name for name in changed & now.values.keys() if now.values[name] is initial.values.get(name)
    )
    for name in sorted(changed & now.values.keys()):
        try:
            codecs.dump(now.values[name])
        except Exception:  # noqa: BLE001  # a value of the user's: pickling it may raise anything
            kept["lost"].append(name)
        else:
            kept["set"][name] = now.values[name]
    return kept


def _digest(kept: dict[str, Any]) -> Digest:
    return walk(kept, mode=Mode.VALUE).digest


def _put(name: str, kept: dict[str, Any], initial: ModuleState) -> None:
    module = sys.modules[name]
    lost = list(kept["lost"])
    now = _state(name)
    for key in sorted(now.changed_since(initial) - kept["set"].keys() - {*kept["gone"]}):
        owner, attribute = _place(module, key)
        if key not in initial.values:
            delattr(owner, attribute)
        else:
            setattr(owner, attribute, initial.values[key])
            lost += [key] if _state(name).digests.get(key) != initial.digests.get(key) else []
    for key, value in kept["set"].items():
        owner, attribute = _place(module, key)
        if key not in kept["filled"] or not _fill(vars(owner).get(attribute), value):
            setattr(owner, attribute, value)
    for key in kept["gone"]:
        owner, attribute = _place(module, key)
        if attribute in vars(owner):
            delattr(owner, attribute)
    if lost:
        raise NotKept(f"a cell set {name}.{lost[0]} to something that cannot be kept; run that cell again")


def _fill(held: Any, value: Any) -> bool:
    """Make *held* hold what *value* does, so that whoever shares it sees that; False if it cannot be done."""
    if type(held) is not type(value):
        return False
    if isinstance(held, list | bytearray):
        held[:] = value
    elif isinstance(held, dict | set):
        held.clear()
        held.update(value)
    else:
        return False
    return True


def _place(module: ModuleType, key: str) -> tuple[Any, str]:
    """Return what holds *key*, the module or a class of its, and the attribute's name there."""
    owner, _, attribute = key.rpartition(".")
    return (vars(module)[owner] if owner else module), attribute


def _is_plain_name(name: str) -> bool:
    return not (name.startswith("__") and name.endswith("__")) and not name.startswith("_abc_")


def shared_with(names: Mapping[str, Collection[int]], modules: Iterable[str]) -> str:
    """Return a name that shares a list, dict, set ... with a local module, and the module; "" if none does.

    Parameters
    ----------
    names : mapping of str to collection of int
        By name, the ids of the objects that it reaches.
    modules : iterable of str
        Names of local modules.
    """
    for each in modules:
        module = sys.modules.get(each)
        values = [value for key, value in list(vars(module).items()) if key != "__builtins__"] if module else []
        held = {id(value) for value in values if _links(value)}
        for name, ids in names.items():
            if not held.isdisjoint(ids):
                return f"{name} is also in the module {each}"
    return ""


def stored_while_imported(source: str, namespace: Mapping[str, Any], before: Collection[str]) -> str:
    """Return a local module that a cell both imported and changed, or may have, "" if there is none.

    Nobody saw it as its import left it, so what was changed is not known. *before* are the modules loaded before. A
    call into new modules may have changed what they hold, if they hold anything that can change.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ""
    stored = {name for name in _stored_on(tree, namespace) if name not in before and installed(name) is None}
    stored.discard("__main__")  # the notebook's own classes: their attributes are kept with them
    met = sys.modules.keys() - _elsewhere  # all but a few are libraries', and were told apart before
    new = {name for name in met if _is_local(name)}
    _elsewhere.update(met - new)
    new -= set(before)
    called = {name for name in _called(tree, namespace) if name in new}
    if called and any(_has_state(sys.modules[name]) for name in new):
        stored |= called
    return next(iter(sorted(stored)), "")


_elsewhere: set[str] = set()
"""Names of modules that are no local ones."""


def _is_local(name: str) -> bool:
    file = getattr(sys.modules.get(name), "__file__", None)
    own = name.partition(".")[0] in ("__main__", "nbreplay")
    return isinstance(file, str) and not own and not file.startswith(paths.installed()) and installed(name) is None


def _called(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules whose functions and classes *tree* calls by name."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        value = _value(node.func, namespace)
        module = module_of(value)
        if isinstance(module, str):
            yield module
        if isinstance(node.func, ast.Attribute):
            base = _value(node.func.value, namespace)
            if is_a(base, ModuleType):
                yield base.__name__


def _has_state(module: ModuleType) -> bool:
    """Whether *module* holds something that its own code can change."""
    for name, value in vars(module).items():
        if name.startswith("__") or is_a(value, ModuleType | type):
            continue
        if is_a(value, FunctionType):
            if any(each.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") for each in dis.get_instructions(value)):
                return True
        elif _links(value):
            return True
    return False


def _links(value: Any) -> bool:
    return type(value) in _DATA or (type(value).__module__ not in _NO_DATA and not is_a(value, type))


# ---------------------------------------------------------------- which modules


def modules_at_risk(source: str, namespace: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """Return the modules that a cell could change.

    Parameters
    ----------
    source : str
        The cell's code, as Python.
    namespace : mapping
        The live namespace.
    names : iterable of str
        Names that the cell can reach.
    """
    found: set[str] = set()
    for name in names:
        value = namespace.get(name)
        if is_a(value, ModuleType) and installed(value.__name__) is None and value.__name__ != "__main__":
            found.add(value.__name__)
            continue
        for module in (module_of(value), module_of(type(value))):
            if module is not None and module in sys.modules and module != "__main__" and installed(module) is None:
                found.add(module)
        if is_a(value, FunctionType) and _stores_attributes(value):
            found.update(
                other.__name__
                for each in value.__code__.co_names
                if isinstance(other := namespace.get(each), ModuleType)
            )
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return found
    found.update(_stored_on(tree, namespace))
    found.discard("__main__")
    return {name for name in found if name in sys.modules and name.partition(".")[0] != "nbreplay"}


def _stores_attributes(function: FunctionType) -> bool:
    return any(each.opname in ("STORE_ATTR", "DELETE_ATTR") for each in dis.get_instructions(function))


def _stored_on(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[str]:
    """Yield the modules on which *tree* stores or deletes an attribute."""
    for node in ast.walk(tree):
        base: ast.expr | None = None
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            base = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            base = node.args[0] if node.args else None
        value = None if base is None else _value(base, namespace)
        if is_a(value, ModuleType):
            yield value.__name__
        elif is_a(value, type) and value.__module__ in sys.modules and installed(value.__module__) is None:
            yield value.__module__


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return namespace.get(node.id, sys.modules.get(node.id))  # the cell itself may import it
    if isinstance(node, ast.Attribute):
        base = _value(node.value, namespace)
        return vars(base).get(node.attr) if is_a(base, ModuleType) else None
    return None
