"""Large streams in pieces, cut where their content says so: a change stays in its piece."""

from __future__ import annotations

import re
import zlib

CUT_BYTES = 256 * 1024
"""A stream up to this size stays whole."""
PIECE_MIN_BYTES = 32 * 1024
PIECE_MAX_BYTES = 512 * 1024

_CUT = re.compile(rb"\x94")  # MEMOIZE: an object ends near


def cut(stream: bytes) -> list[memoryview]:
    """Cut *stream*, without its frames, in pieces of about 100 kB whose borders depend on the bytes near them only."""
    data = unframed(stream)
    view = memoryview(data)
    pieces = []
    start = 0
    for match in _CUT.finditer(data):
        stop = match.end()
        size = stop - start
        if size < PIECE_MIN_BYTES:
            continue
        while size > PIECE_MAX_BYTES:
            pieces.append(view[start : start + PIECE_MAX_BYTES])
            start += PIECE_MAX_BYTES
            size = stop - start
        if size >= PIECE_MIN_BYTES and not zlib.crc32(view[stop - 24 : stop]) & 0x7FF:
            pieces.append(view[start:stop])
            start = stop
    while start < len(view):
        pieces.append(view[start : start + PIECE_MAX_BYTES])
        start += PIECE_MAX_BYTES
    return pieces


_LARGE = {0x42: 4, 0x58: 4, 0x8E: 8, 0x8D: 8, 0x96: 8}
"""Opcodes that stand between frames with their argument: BINBYTES, BINUNICODE, and the 8-byte ones; length field."""


def unframed(stream: bytes) -> bytes:
    """Return a protocol 5 pickle without frames: they are optional, and every one moves when one object grows."""
    parts = [stream[:2]]
    at = 2
    while at < len(stream):
        opcode = stream[at]
        if opcode == 0x95:
            size = int.from_bytes(stream[at + 1 : at + 9], "little")
            parts.append(stream[at + 9 : at + 9 + size])
            at += 9 + size
        elif opcode in _LARGE:
            width = _LARGE[opcode]
            size = 1 + width + int.from_bytes(stream[at + 1 : at + 1 + width], "little")
            parts.append(stream[at : at + size])
            at += size
        else:
            parts.append(stream[at:])
            break
    return b"".join(parts)
