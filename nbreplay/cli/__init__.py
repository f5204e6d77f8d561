"""The command nbreplay, and ``dask nbreplay``: what is typed becomes plain calls, errors become one line."""

from __future__ import annotations

from nbreplay.cli.app import group, main

__all__ = ["group", "main"]
