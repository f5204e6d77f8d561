"""Lines about the names of a namespace, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass

from nbreplay.namespace.live import Live


@dataclass(frozen=True, slots=True, kw_only=True)
class VariableRow:
    """A line about a name: *state* is ``loaded``, ``unloaded`` or ``hole``, *boundary* where its value was written."""

    name: str
    type_name: str
    summary: str
    size_bytes: int
    state: str
    boundary: str
    reason: str = ""


def describe(live: Live) -> list[VariableRow]:
    """Return a row for every name."""
    rows = []
    for name, state in sorted(live.states.items()):
        kind = "unloaded" if name in live.unloaded else "loaded"
        rows.append(
            VariableRow(
                name=name,
                type_name=state.type_name,
                summary=state.summary,
                size_bytes=state.size_bytes,
                state="hole" if state.hole is not None else kind,
                boundary=(state.unit or "").rpartition("/")[0],
                reason=state.hole.reason if state.hole is not None else "",
            )
        )
    return rows
