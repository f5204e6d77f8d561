"""Amounts as people write them: sizes and ages."""

from __future__ import annotations

import re
from typing import Any

import click

_SIZES = {
    "": 1,
    "k": 10**3,
    "m": 10**6,
    "g": 10**9,
    "t": 10**12,
    "ki": 1 << 10,
    "mi": 1 << 20,
    "gi": 1 << 30,
    "ti": 1 << 40,
}
_AGES = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0, "y": 365 * 86400.0}
_SHARES = {"": 1.0, "%": 0.01}


class _Amount(click.ParamType[Any]):
    units: dict[str, float]
    examples: str

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the amount that the text *value* is."""
        if not isinstance(value, str):
            return float(value)
        match = re.fullmatch(r"([0-9]*\.?[0-9]+)\s*([a-z%]*)", value.strip().lower())
        unit = match[2] if match else ""
        unit = unit if unit in self.units else unit.removesuffix("b")
        if match is None or unit not in self.units:
            self.fail(f"{value!r} is no {self.name}; write it as {self.examples}", param, ctx)
        return float(match[1]) * self.units[unit]


class Size(_Amount):
    """Bytes."""

    name = "size"
    units = {unit: float(factor) for unit, factor in _SIZES.items()}  # noqa: RUF012  # as click has it
    examples = "500MB or 20GiB"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        return int(super().convert(value, param, ctx))


class Age(_Amount):
    """Seconds."""

    name = "age"
    units = _AGES
    examples = "12h, 30d or 8w"


class Share(_Amount):
    """A part of a whole, from 0 to 1."""

    name = "share"
    units = _SHARES
    examples = "5% or 0.05"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return a number from 0 to 1."""
        share = super().convert(value, param, ctx)
        if share > 1:
            self.fail(f"{value!r} is more than all", param, ctx)
        return share
