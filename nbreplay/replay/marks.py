"""What in a cell's own code can give another value another time: clocks, fresh identifiers, the system's entropy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from nbreplay.kinds import is_a

_CLOCK = "clock"
_FRESH = "fresh identifier"
_ENTROPY = "system entropy"

SOURCES: Mapping[tuple[str, str], str] = {
    ("time", "time"): _CLOCK,
    ("time", "time_ns"): _CLOCK,
    ("time", "perf_counter"): _CLOCK,
    ("time", "perf_counter_ns"): _CLOCK,
    ("time", "monotonic"): _CLOCK,
    ("time", "process_time"): _CLOCK,
    ("time", "localtime"): _CLOCK,
    ("time", "gmtime"): _CLOCK,
    ("time", "ctime"): _CLOCK,
    ("datetime.datetime", "now"): _CLOCK,
    ("datetime.datetime", "utcnow"): _CLOCK,
    ("datetime.datetime", "today"): _CLOCK,
    ("datetime.date", "today"): _CLOCK,
    ("pandas._libs.tslibs.timestamps.Timestamp", "now"): _CLOCK,
    ("pandas._libs.tslibs.timestamps.Timestamp", "today"): _CLOCK,
    ("uuid", "uuid1"): _FRESH,
    ("uuid", "uuid4"): _FRESH,
    ("tempfile", "mkdtemp"): _FRESH,
    ("tempfile", "mkstemp"): _FRESH,
    ("os", "urandom"): _ENTROPY,
    ("os", "getpid"): _FRESH,
    ("secrets", "token_hex"): _ENTROPY,
    ("secrets", "token_bytes"): _ENTROPY,
    ("secrets", "token_urlsafe"): _ENTROPY,
    ("secrets", "randbelow"): _ENTROPY,
    ("secrets", "choice"): _ENTROPY,
    ("random", "SystemRandom"): _ENTROPY,
}
"""Where (module or class, attribute) gives another value at each call."""

_TIMERS = ("time", "timeit", "prun")
_BY_ENTROPY_WITHOUT_SEED = frozenset({"default_rng", "RandomState", "SeedSequence", "Random"})


def static_marks(transformed: str, namespace: Mapping[str, Any]) -> list[str]:
    """Return why the cell *transformed*, with the names of *namespace*, may give another result another time.

    Only what is named in the cell's own text counts; what a library does inside is not followed.
    """
    try:
        tree = ast.parse(transformed)
    except (SyntaxError, ValueError):
        return []
    return list(dict.fromkeys(_marks(tree, namespace)))


_INPUT = r"In|_ih|_i{1,3}|_i\d+"
_INPUT_NAME = re.compile(_INPUT)
_INPUT_WORD = re.compile(rf"(?<!\w)({_INPUT})(?!\w)")
_OF_HISTORY = re.compile(
    r"\b(history_manager|input_hist_parsed|input_hist_raw)\b"
    r"|run_(line|cell)_magic\('(history|hist|recall|rep|rerun|macro|save|pastebin|notebook|edit|logstart|logstate)'"
)


def reads_inputs(transformed: str, names: Iterable[str], everything: bool) -> bool:
    """Whether a cell may read the text of cells: IPython keeps it, and no digest says that it was edited.

    *names* are those that the cell reaches and no cell bound; with *everything*, a word in a string may be one.
    """
    if any(_INPUT_NAME.fullmatch(name) for name in names) or _OF_HISTORY.search(transformed):
        return True
    return everything and _INPUT_WORD.search(transformed) is not None


def _marks(tree: ast.AST, namespace: Mapping[str, Any]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            mark = SOURCES.get(_origin(node, namespace))
            if mark:
                yield mark
        elif isinstance(node, ast.Call):
            name = _last_name(node.func)
            if name in _BY_ENTROPY_WITHOUT_SEED and not node.args and not node.keywords:
                yield "unseeded generator"
            elif name in ("run_line_magic", "run_cell_magic") and node.args:
                magic = node.args[0]
                if isinstance(magic, ast.Constant) and magic.value in _TIMERS:
                    yield _CLOCK


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _origin(node: ast.Name | ast.Attribute, namespace: Mapping[str, Any]) -> tuple[str, str]:
    """Return where the thing that *node* names comes from; only modules and classes are looked into."""
    if isinstance(node, ast.Name):
        value = namespace.get(node.id)
        module, name = getattr(type(value), "__module__", ""), type(value).__name__
        if module == "builtins" and name in ("builtin_function_or_method", "function"):
            return str(getattr(value, "__module__", "")), str(getattr(value, "__name__", ""))
        return "", ""
    base = _value(node.value, namespace)
    if is_a(base, ModuleType):
        return base.__name__, node.attr
    if is_a(base, type):
        return f"{base.__module__}.{base.__qualname__}", node.attr
    return "", ""


def _value(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return namespace.get(node.id)
    if isinstance(node, ast.Attribute):
        base = _value(node.value, namespace)
        if is_a(base, ModuleType):
            return vars(base).get(node.attr)
    return None
