"""Values that look like credentials: not kept, so that no store and no package can give them away."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from nbreplay.credentials import is_secret_text, shaped

SEARCHED_BYTES = 1 << 16
"""Streams up to this size are searched for the shapes of credentials; longer ones by the names of what they hold."""
ITEMS = 1000
"""Items of a dict whose keys are looked at."""


def credential_in(values: Mapping[str, Any], stream: bytes) -> str:
    """Return what in *values*, pickled as *stream*, looks like a credential, in a few words; empty if nothing does."""
    for name, value in values.items():
        if _is_secret(name, value):
            return f"{name} looks like a credential"
        if type(value) is dict:
            for key, each in islice(value.items(), ITEMS):
                if type(key) is str and _is_secret(key, each):
                    return f"{key!r} in {name} looks like a credential"
    if len(stream) <= SEARCHED_BYTES:
        for finding in shaped(stream):
            return f"it holds what looks like a credential ({finding.kind})"
    return ""


def _is_secret(name: str, value: Any) -> bool:
    return type(value) is str and len(value) <= SEARCHED_BYTES and is_secret_text(name, value)
