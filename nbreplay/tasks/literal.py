"""Plain arguments to bytes: exact types, framed, in order; paths below the notebook's folder relative to it.

=====  =============================================
tag    then
=====  =============================================
``n``  nothing (None); ``t``/``f`` are True and False
``i``  length, decimal or hexadecimal text of an int
``d``  8 bytes of a float
``s``  length, UTF-8 (surrogates pass) of a str
``b``  length, bytes
``r``  length, the rest of a path below the folder (a str); ``p`` of a ``PosixPath``, ``q`` elsewhere
``(``  number, members of a tuple; ``[`` list; ``{`` dict, keys and values in turn
``:``  start, stop, step of a slice
``.``  nothing (Ellipsis)
=====  =============================================

The first thing that is none of these makes the whole argument somebody else's (a value, by content).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path, PosixPath
from typing import Any

MAX_MEMBERS = 1000
"""Members of one container that are looked at here; larger ones are values, and are walked at C speed."""

MAX_DEPTH = 12


class Literals:
    """Encodes plain arguments. *met_path* says whether the last one held a path below *root*."""

    def __init__(self, root: Path | None) -> None:
        self.root = "" if root is None else os.path.abspath(root)
        self.met_path = False

    def encode(self, value: object, parts: list[bytes]) -> bool:
        """Append *value* to *parts* and return True, or leave *parts* as they are and return False."""
        self.met_path = False
        mark = len(parts)
        if self._encode(value, parts, 0):
            return True
        del parts[mark:]
        return False

    def append(self, value: Any, parts: list[bytes]) -> None:
        """Append one plain value that is no container; *met_path* stays true if it was."""
        kind = type(value)
        if kind is str:
            self._text(value, parts)
        elif kind is int:
            text = b"%x" % value  # hexadecimal has no limit on digits
            parts.append(b"i%d:" % len(text) + text)
        else:
            self._encode(value, parts, 0)

    def _encode(self, value: Any, parts: list[bytes], depth: int) -> bool:
        kind = type(value)
        if value is None:
            parts.append(b"n")
        elif kind is bool:
            parts.append(b"t" if value else b"f")
        elif kind is int:
            text = b"%x" % value  # hexadecimal has no limit on digits
            parts.append(b"i%d:" % len(text) + text)
        elif kind is str:
            self._text(value, parts)
        elif kind is float:
            parts.append(b"d" + struct.pack("<d", value))
        elif kind is bytes:
            parts.append(b"b%d:" % len(value) + value)
        elif kind is tuple or kind is list:
            return self._members(b"(" if kind is tuple else b"[", value, parts, depth)
        elif kind is dict:
            flat = [member for item in value.items() for member in item]
            return self._members(b"{", flat, parts, depth)
        elif kind is slice:
            return self._members(b":", (value.start, value.stop, value.step), parts, depth)
        elif kind is PosixPath:
            self._path(str(value), parts)
        elif value is Ellipsis:
            parts.append(b".")
        else:
            return False
        return True

    def _members(self, tag: bytes, members: list[object] | tuple[object, ...], parts: list[bytes], depth: int) -> bool:
        if len(members) > MAX_MEMBERS or depth > MAX_DEPTH:
            return False
        parts.append(tag + b"%d:" % len(members))
        return all(self._encode(member, parts, depth + 1) for member in members)

    def _text(self, text: str, parts: list[bytes]) -> None:
        tag, text = (b"r", self._rest(text)) if self._below(text) else (b"s", text)
        data = text.encode("utf-8", "surrogatepass")
        parts.append(tag + b"%d:" % len(data) + data)

    def _path(self, text: str, parts: list[bytes]) -> None:
        tag, text = (b"p", self._rest(text)) if self._below(text) else (b"q", text)
        data = text.encode("utf-8", "surrogatepass")
        parts.append(tag + b"%d:" % len(data) + data)

    def _below(self, text: str) -> bool:
        root = self.root
        return bool(root) and text.startswith(root) and (len(text) == len(root) or text[len(root)] == "/")

    def _rest(self, text: str) -> str:
        self.met_path = True
        return text[len(self.root) :]
