"""The fingerprint of a notebook cell's source: layout and comments do not count, docstrings and magics do."""

from __future__ import annotations

import ast
import contextlib
import io
import re
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
        plain, tree = _parsed(source, transform)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _textual(source)
    try:
        body = _tree(tree)
    except (TypeError, RecursionError):
        return _textual(source)
    quiet = b";" if _hides_result(plain) else b""
    return Fingerprint(combine(_VERSION, PYTHON, b"python", body, quiet))


_PROMPT = re.compile(r"\bIn *\[|^\s*\.\.\.", re.MULTILINE)
"""What may be a pasted prompt, though it is Python, too: an annotation, or an ellipsis."""


def _parsed(source: str, transform: Callable[[str], str] | None) -> tuple[str, ast.Module]:
    """Return *source* as Python, and its tree; what is Python as it stands is not transformed, which takes long."""
    if transform is None and not _PROMPT.search(source):
        with contextlib.suppress(SyntaxError):
            return source, ast.parse(source)
    plain = (transform or _transform)(source)
    return plain, ast.parse(plain)


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
    if ";" not in source:
        return False
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


_heads: dict[type[ast.AST], tuple[bytes, tuple[str, ...]]] = {}


def _head(kind: type[ast.AST]) -> tuple[bytes, tuple[str, ...]]:
    """Return what opens a node of *kind*, and its fields from the last to the first."""
    fields = [name for name in kind._fields if name not in ("kind", "type_comment", "ctx")]
    return b"n" + text(kind.__name__) + length(len(fields)), tuple(reversed(fields))


def _tree(root: ast.AST) -> bytes:
    """Return a syntax tree's types, fields and values, framed; positions are attributes of nodes and do not occur."""
    out = bytearray()
    stack: list[Any] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.AST):
            head, fields = _heads.get(type(node)) or _heads.setdefault(type(node), _head(type(node)))
            out += head
            stack.extend([getattr(node, name, None) for name in fields])
        elif isinstance(node, list):
            out += b"l" + length(len(node))
            stack.extend(reversed(node))
        else:
            out += pure_constant(node)
    return bytes(out)
