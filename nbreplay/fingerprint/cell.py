"""The fingerprint of a notebook cell's source: layout and comments do not count, docstrings and magics do."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Callable
from typing import Any

from nbreplay.digest import Fingerprint, combine
from nbreplay.fingerprint.code import PYTHON
from nbreplay.fingerprint.leaves import length, pure_constant, text

_VERSION = "cell-1"


def cell_fingerprint(source: str, transform: Callable[[str], str] | None = None) -> Fingerprint:
    """Return the fingerprint of a cell's *source*, as the user wrote it.

    Parameters
    ----------
    source : str
        The cell.
    transform : callable, optional
        IPython's ``transform_cell``; without it the default one is used if IPython is there.

    Notes
    -----
    Python counts by its syntax tree; a ``;`` at the end counts, since it hides the result. What does not parse, and
    cells that open with ``%%``, count by their text without blank space at line ends.
    """
    if source.lstrip().startswith("%%"):
        return _textual(source)
    try:
        plain = (transform or _transform)(source)
        tree = ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _textual(source)
    try:
        body = _tree(tree)
    except (TypeError, RecursionError):
        return _textual(source)
    quiet = b";" if _hides_result(plain) else b""
    return Fingerprint(combine(_VERSION, PYTHON, b"python", body, quiet))


def _transform(source: str) -> str:
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return source
    manager = TransformerManager()  # type: ignore[no-untyped-call]
    return str(manager.transform_cell(source))


def _textual(source: str) -> Fingerprint:
    lines = [line.rstrip() for line in source.strip().splitlines()]
    return Fingerprint(combine(_VERSION, PYTHON, b"text", "\n".join(lines)))


def _hides_result(source: str) -> bool:
    """Say whether the last thing in *source* before comments is a semicolon (the rule of IPython's display hook)."""
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in (
                tokenize.COMMENT,
                tokenize.NL,
                tokenize.NEWLINE,
                tokenize.ENDMARKER,
                tokenize.INDENT,
                tokenize.DEDENT,
            ):
                last = token.string
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return source.rstrip().endswith(";")
    return last == ";"


def _tree(root: ast.AST) -> bytes:
    """Return a syntax tree's types, fields and values, framed; positions are attributes of nodes and do not occur."""
    out = bytearray()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.AST):
            fields = [name for name in node._fields if name not in ("kind", "type_comment", "ctx")]
            out += b"n" + text(type(node).__name__) + length(len(fields))
            stack.extend(getattr(node, name, None) for name in reversed(fields))
        elif isinstance(node, list):
            out += b"l" + length(len(node))
            stack.extend(reversed(node))
        else:
            out += pure_constant(node)
    return bytes(out)
