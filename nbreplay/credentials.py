"""What looks like a credential: names that say so, and texts of the shapes that services give their keys.

Shapes are recognised by what comes first in them, so that bytes without any are passed over at the speed of a search.
This describes; what has no shape (a password that is a word) is known by its name only.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from nbreplay.digest import Buffer

CREDENTIAL = re.compile(r"KEY|TOKEN|SECRET|PASS|CRED|AUTH|COOKIE|PRIVATE|SIGNATURE|DSN", re.IGNORECASE)
"""Names in the environment and of options whose values are never kept. Wide: a miss costs little."""
ARGUMENT = re.compile(r"passw|secret|token|credential|auth|security|api_?key|private|(^|_)key($|_)|cert", re.IGNORECASE)
"""Names of arguments that clients and clusters are made with, and made again without."""

_NAMED = re.compile(
    r"(passw(or)?d|passphrase|secret|credential|api_?key|access_?key|(auth|access|bearer|api|refresh)_?token|private_?key"
    r"|(^|_)(pwd|token)$)",
    re.IGNORECASE,
)
"""Names of a notebook's variables whose texts are not kept. Narrow: what is taken for one cannot be restored."""
_NO_SECRET = re.compile(r"(?i)^(|none|null|true|false|changeme|example|dummy|your.*|x{3,}|\*+|<.*>|\{.*\}|\$.*)$")


class Shape(NamedTuple):
    """A kind of credential: the bytes that one begins with, and the whole form."""

    kind: str
    starts: tuple[bytes, ...]
    form: re.Pattern[bytes]


def _shape(kind: str, starts: tuple[bytes, ...], form: bytes) -> Shape:
    return Shape(kind, starts, re.compile(form))


SHAPES = (
    _shape("AWS access key", (b"AKIA", b"ASIA"), rb"(?<![A-Za-z0-9])A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), rb"gh[pousr]_[A-Za-z0-9]{36,}"),
    _shape("GitHub token", (b"github_pat_",), rb"github_pat_[A-Za-z0-9_]{22,}"),
    _shape("GitLab token", (b"glpat-",), rb"glpat-[A-Za-z0-9_-]{20,}"),
    _shape("Slack token", (b"xoxb-", b"xoxp-", b"xoxa-", b"xoxr-", b"xoxs-"), rb"xox[bpars]-[A-Za-z0-9-]{10,}"),
    _shape("Google API key", (b"AIza",), rb"AIza[A-Za-z0-9_-]{35}"),
    _shape("Google OAuth token", (b"ya29.",), rb"ya29\.[A-Za-z0-9_-]{20,}"),
    _shape("API key", (b"sk-",), rb"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{20,}"),
    _shape("API key", (b"sk_live_", b"rk_live_"), rb"(?<![A-Za-z0-9])[sr]k_live_[A-Za-z0-9]{16,}"),
    _shape("Hugging Face token", (b"hf_",), rb"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,}"),
    _shape("PyPI token", (b"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{40,}"),
    _shape("npm token", (b"npm_",), rb"(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}"),
    _shape("JSON web token", (b"eyJ",), rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _shape("private key", (b"PRIVATE KEY-----",), rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    _shape("Azure account key", (b"AccountKey=",), rb"AccountKey=[A-Za-z0-9+/=]{40,}"),
    _shape("bearer token", (b"Bearer ",), rb"Bearer [A-Za-z0-9._~+/-]{20,}=*"),
    _shape("password in an address", (b"://",), rb"[a-z][a-z0-9+.-]{1,20}://[^\s/@:\"'<>\x00-\x1f]{1,100}:[^\s/@\"'<>\x00-\x1f]{1,200}@[A-Za-z0-9]"),
)  # fmt: skip
_ASSIGNED = re.compile(rb"(?i)\b([a-z_][a-z0-9_]*)\s*(?:=(?!=)|:)\s*[rbuf]{0,2}([\"'])((?:(?!\2)[^\\\n]|\\.){6,400})\2")
"""``name = "text"`` and ``"name": "text"`` in source; whether the name says so is asked apart."""
_KEYED = re.compile(rb"(?i)([\"'])([a-z_][a-z0-9_ -]*)\1\s*:\s*([\"'])((?:(?!\3)[^\\\n]|\\.){6,400})\3")
BEFORE, AFTER = 160, 600
"""Bytes around a beginning within which the whole form is looked for."""


class Finding(NamedTuple):
    """Something that looks like a credential: its kind, and a part of it that gives nothing away."""

    kind: str
    shown: str


def named(name: str) -> bool:
    """Whether a variable of this name is expected to hold a credential."""
    return bool(_NAMED.search(name))


def is_secret_text(name: str, text: str) -> bool:
    """Whether *text*, the value of the variable *name*, looks like a credential."""
    if named(name) and len(text) >= 6 and not _NO_SECRET.match(text) and not text.isspace():
        return True
    return next(iter(shaped(text.encode("utf-8", "surrogatepass"))), None) is not None


def shaped(data: Buffer) -> Iterator[Finding]:
    """Yield what in *data* has the shape of a credential, each text once."""
    whole = data if isinstance(data, bytes) else bytes(data)
    seen: set[bytes] = set()
    for shape in SHAPES:
        for start in shape.starts:
            at = whole.find(start)
            while at >= 0:
                found = shape.form.search(whole, max(0, at - BEFORE), at + AFTER)
                if found and found[0] not in seen and found.start() <= at and _varied(found[0]):
                    seen.add(found[0])
                    yield Finding(shape.kind, hidden(found[0]))
                at = whole.find(start, at + len(start))


def in_source(text: str) -> Iterator[Finding]:
    """Yield what in the source *text* is, or is called, a credential."""
    data = text.encode("utf-8", "surrogatepass")
    yield from shaped(data)
    pairs = [(m[1], m[3]) for m in _ASSIGNED.finditer(data)] + [(m[2], m[4]) for m in _KEYED.finditer(data)]
    for name, value in dict.fromkeys(pairs):
        plain = value.decode("utf-8", "replace")
        if named(name.decode()) and not _NO_SECRET.match(plain) and not any(True for _ in shaped(value)):
            yield Finding(f"text called {name.decode()}", hidden(value))


def hidden(text: bytes) -> str:
    """Return enough of *text* to find it again, and no more: a short one would be half given away."""
    begin = f"{text[:4].decode('ascii', 'replace')}... " if len(text) >= 20 else ""
    return f"{begin}({len(text)} characters)"


def _varied(text: bytes) -> bool:
    """Whether *text* could have been drawn at random: documentation is full of keys made of one letter."""
    if text.startswith(b"-----BEGIN"):
        return True
    if b"://" in text:
        password = text.rsplit(b"@", 1)[0].rsplit(b":", 1)[-1]
        return not _NO_SECRET.match(password.decode("utf-8", "replace"))
    tail = text[4:]
    counts = Counter(tail)
    entropy = -sum(n / len(tail) * math.log2(n / len(tail)) for n in counts.values()) if tail else 0.0
    return entropy > 2.0
