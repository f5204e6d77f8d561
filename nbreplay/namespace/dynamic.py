"""What makes names not tell what a cell touches: code that finds objects in other ways."""

from __future__ import annotations

import ast

DYNAMIC_NAMES = frozenset({"exec", "eval", "compile", "globals", "locals", "__import__", "ctypes", "breakpoint"})
_ATTRIBUTES = frozenset(
    {"get_objects", "get_referrers", "get_referents", "_getframe", "_current_frames", "currentframe", "user_ns"}
    | {
        "user_global_ns",
        "user_module",
        "run_cell",
        "run_code",
        "push",
        "ex",
        "ev",
        "f_globals",
        "f_locals",
        "__globals__",
    }
)
_SHELL_ONLY = frozenset({"push", "ex", "ev", "run_cell", "run_code"})
"""Attributes that mean the shell's only after ``get_ipython()``; on anything else they are somebody's method."""

CODE_MAGICS = frozenset({"time", "timeit", "capture", "prun", "memit", "mprun", "lprun"})
"""Magics whose text is code of the cell's."""

KNOWN_MAGICS = frozenset(
    {"matplotlib", "config", "nbreplay", "pwd", "cd", "ls", "env", "set_env", "load_ext", "pip", "conda", "precision"}
    | {"bash", "sh", "script", "html", "HTML", "latex", "javascript", "js", "svg", "SVG", "markdown", "writefile", "sx"}
    | {"alias", "cat", "cp", "mv", "mkdir", "rm", "rmdir", "head", "less", "more", "pinfo", "pinfo2", "psource", "pdoc"}
    | {"history", "hist", "system", "colors", "xmode", "pprint", "automagic", "logstart", "logstop", "page", "file"}
)
"""Other magics that do not touch names, or only those in their text."""


def is_dynamic(attribute: str, owner: ast.expr | None = None) -> bool:
    """Whether *attribute* of *owner* (None: of a module that it is imported from) finds objects without their names."""
    if attribute in _SHELL_ONLY:
        return owner is not None and is_shell(owner)
    return attribute in _ATTRIBUTES


def is_shell(node: ast.expr) -> bool:
    """Whether *node* is, by its name, IPython's shell."""
    if isinstance(node, ast.Call):
        node = node.func
    return isinstance(node, ast.Name) and node.id in ("get_ipython", "ip", "ipython", "shell")
