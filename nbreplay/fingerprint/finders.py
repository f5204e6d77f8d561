"""How code finds objects of the namespace: by global names, by names in its texts, or in ways that no name tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nbreplay.fingerprint.code import CodeRecord

if TYPE_CHECKING:
    from nbreplay.fingerprint.walker import Walker

FINDERS = frozenset({"exec", "eval", "globals", "__import__", "breakpoint"})
"""Builtins that find anything; in ``Walk.globals`` ``globals`` stands for every such way."""

FINDING_VALUES = FINDERS | {"locals", "vars", "dir"}
"""Builtins that do when a value holds them; called by name in a function, the last ones see its own names only."""

_ATTRIBUTES = frozenset(
    {"get_objects", "get_referrers", "get_referents", "_getframe", "_current_frames", "currentframe", "user_ns"}
    | {"user_global_ns", "user_module", "run_cell", "run_code", "f_globals", "f_locals", "__globals__"}
)
"""Attributes and imported names that find anything."""

TEXT_NAME = "'"
"""Before a word in ``Walk.globals`` that stands in a text: a name, if there is such a name."""

TEXT_MAX = 2_000
"""Characters of one text in a function that are searched for names."""

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def meet_code(w: Walker, record: CodeRecord) -> None:
    """Note what code of the notebook may look up: globals, names in its texts (``df.query("@x")``), or anything."""
    w.globals |= record.global_names
    if not _ATTRIBUTES.isdisjoint(record.names):
        w.globals.add("globals")
    for constant in record.strings:
        if len(constant) <= TEXT_MAX:
            w.globals.update(TEXT_NAME + word for word in _IDENTIFIER.findall(constant))
