"""Loggers that cells set up: they live in the process, and no record brings them back."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

from nbreplay.fingerprint.packages import installed


def logging_state() -> Mapping[str, tuple[Any, ...]]:
    """Return how the root logger and those of no installed library are set up: levels, handlers, their streams."""
    manager = logging.Logger.manager
    loggers: dict[str, logging.Logger] = {"root": logging.root}
    for name, logger in list(manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and not _of_a_library(name):
            loggers[name] = logger
    return {
        name: (logger.level, logger.propagate, logger.disabled, len(logger.filters), _handlers(logger))
        for name, logger in loggers.items()
        if (logger.level, logger.propagate, logger.disabled, logger.filters, logger.handlers)
        != (0, True, False, [], [])
    } | {"": (manager.disable,)}


def logging_changed(
    before: Mapping[str, tuple[Any, ...]], after: Mapping[str, tuple[Any, ...]], names: Mapping[str, Collection[int]]
) -> str:
    """Return what a cell did to loggers, or the name that it changed and that a handler writes to; "" if nothing."""
    if before != after:
        return "it sets up loggers"
    held = {
        each
        for name, state in after.items()
        if name
        for _, _, *objects in state[4]
        for each in objects
        if each is not None
    }
    name = next((name for name, ids in names.items() if not held.isdisjoint(ids)), "")
    return f"a logger holds {name}" if name else ""


def names_logging(source: str, reached: Iterable[Any]) -> bool:
    """Whether a cell's text, or notebook code that it reaches, names loggers at all.

    Libraries set up loggers, also of each other, when they are imported: that happens again by itself.
    """
    return "log" in source.lower() or any(_code_names(each.__code__) for each in reached if type(each) is FunctionType)


def _code_names(code: CodeType) -> bool:
    inner = (each for each in code.co_consts if isinstance(each, CodeType))
    return any("log" in name.lower() for name in code.co_names) or any(map(_code_names, inner))


def _handlers(logger: logging.Logger) -> tuple[tuple[Any, ...], ...]:
    return tuple(
        (type(handler).__name__, handler.level, id(handler), _stream(handler)) for handler in list(logger.handlers)
    )


def _stream(handler: logging.Handler) -> int | None:
    stream = getattr(handler, "stream", None)
    return None if stream is None or stream in (sys.stdout, sys.stderr) else id(stream)


def _of_a_library(name: str) -> bool:
    top = name.partition(".")[0]
    return top in sys.stdlib_module_names or top == "nbreplay" or (top in sys.modules and installed(top) is not None)
