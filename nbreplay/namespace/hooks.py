"""Code of the notebook that runs though no cell names it: what the process was told to call.

A signal's handler, a finaliser, a callback of the garbage collector, a file in the place of ``sys.stdout``: they are
looked for where Python, its standard library and IPython keep such things. Library functions that cells replaced are
found through the modules that are followed anyway.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # CPython's own; it has no stub
import builtins
import gc
import logging
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from nbreplay.fingerprint import Mode, Walk, WalkStopped, walk
from nbreplay.kinds import is_a
from nbreplay.namespace.hidden import shareable
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import is_name

LOOK_S = 0.05
"""Seconds for a look at one hook; what takes longer could touch anything."""

_SYS = ("excepthook", "unraisablehook", "displayhook", "breakpointhook", "stdout", "stderr", "stdin")
_WARNINGS = ("showwarning", "formatwarning", "_showwarnmsg_impl")
_EVENTS = ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell")
_BUILTINS = dict(vars(builtins))
_SIGNALS = tuple(map(int, signal.valid_signals()))


def names_of_hooks(live: Live) -> set[str]:
    """Return the names that installed hooks of the notebook can reach: any cell could touch them."""
    names: set[str] = set()
    for hook in hooks(live):
        try:
            found = walk(hook, mode=Mode.NAMESPACE, home=live.user_ns, budget_s=LOOK_S)
        except WalkStopped:
            return set(live.states)
        names |= found.globals | _sharing(live, found)
    return names


def shared_with_hooks(live: Live) -> set[str]:
    """Return the names that share objects with hooks: restored, they would be objects that no hook knows."""
    names: set[str] = set()
    for hook in hooks(live):
        try:
            names |= _sharing(live, walk(hook, mode=Mode.NAMESPACE, home=live.user_ns, budget_s=LOOK_S))
        except WalkStopped:
            return set(live.states)
    return names


def _sharing(live: Live, found: Walk) -> set[str]:
    return set(filter(is_name, live.partition.owners(shareable(found.objects))))


def hooks(live: Live) -> list[Any]:
    """Return what the process was told to call and is the notebook's."""
    return [each for each in _installed(live) if each is not None and _is_users(live, each)]


def _installed(live: Live) -> Iterator[Any]:
    for number in _SIGNALS:
        handler = _signal.getsignal(number)  # signal's own makes an enum member of every number: this runs at each cell
        if callable(handler):
            yield handler
    yield from gc.callbacks
    yield from (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
    for owner, names in ((sys, _SYS), (warnings, _WARNINGS)):
        yield from (getattr(owner, name, None) for name in names)
    for name, value in list(vars(builtins).items()):
        if _BUILTINS.get(name) is not value and name != "_":
            yield value
    for logger in [logging.root, *list(logging.root.manager.loggerDict.values())]:
        yield from getattr(logger, "handlers", ())
        yield from getattr(logger, "filters", ())
    registry: dict[Any, Any] = getattr(weakref.finalize, "_registry", {})
    for info in list(registry.values()):
        yield from (info.func, *(info.args or ()), *(info.kwargs or {}).values())
    yield from live.ambient.replaced()
    yield from _of_the_shell(live)


def _of_the_shell(live: Live) -> Iterator[Any]:
    shell = live.results.shell
    callbacks = getattr(getattr(shell, "events", None), "callbacks", {})
    for event in _EVENTS:
        yield from callbacks.get(event, ())
    formatters = getattr(getattr(shell, "display_formatter", None), "formatters", {})
    for formatter in list(formatters.values()):
        yield from getattr(formatter, "type_printers", {}).values()
    yield from getattr(shell, "input_transformers_post", ())


def _is_users(live: Live, value: Any) -> bool:
    """Whether *value* is code of the notebook's, an instance of its classes, or a method of an object of its."""
    for _ in range(4):
        if value is None:
            return False
        if is_a(value, partial):
            value = value.func
        elif is_a(value, MethodType):
            if _is_code(live, value.__func__):
                return True
            value = value.__self__
        elif is_a(value, BuiltinFunctionType):
            value = value.__self__
        else:
            break
    return _is_code(live, value) or type(value).__module__ == "__main__" or live.partition.has(id(value))


def _is_code(live: Live, value: Any) -> bool:
    return is_a(value, FunctionType) and value.__globals__ is live.user_ns
