"""A run that somebody else recorded, taken as data: what it says is used, what it would run is not.

It may stand in for its cell if all its values can be read without unpickling, it wrote no files, changes no state of
the process but generators of random numbers, and imports nothing anew. Its units then stay marked: whenever they are
loaded, they are read as data, also by later sessions.
"""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Iterator

from nbreplay.errors import NbreplayError, StoreError
from nbreplay.namespace.ambient import RNG
from nbreplay.namespace.manifest import is_name
from nbreplay.records import CellRun, Unit
from nbreplay.replay.outputs import dropped_line, encode_messages, harmless
from nbreplay.replay.request import Served
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.serialize.session import Session as Identities
from nbreplay.serialize.units import load_unit
from nbreplay.store import Store

logger = logging.getLogger(__name__)

ACCEPT = "`nbreplay unpack FILE --trust` accepts it"


def as_data(run: CellRun, store: Store) -> tuple[CellRun | None, str]:
    """Return *run* with its units marked, or None and what in it is more than data."""
    reason = next(_more_than_data(run, store), "")
    if reason:
        return None, f"recorded by somebody whose store you have not accepted, and {reason}; {ACCEPT}"
    units = tuple(dataclasses.replace(unit, foreign=True) for unit in run.writes.units)
    return dataclasses.replace(run, writes=dataclasses.replace(run.writes, units=units)), ""


def without_acting(served: Served, store: Store) -> Served:
    """Return *served* with the outputs that cannot act, and a line on what was left out; its record has them, too.

    Otherwise a later session would take them for this user's own, and show all.
    """
    kept, dropped = harmless(served.outputs)
    if dropped:
        kept = [*kept, dropped_line(dropped)]
    run = served.run
    try:
        ref = store.put(encode_messages(kept)) if kept else None
    except StoreError:  # it cannot be written: nothing of this will be recorded, either
        ref = None
    return dataclasses.replace(served, run=dataclasses.replace(run, outputs=ref), outputs=kept, foreign=True)


def _more_than_data(run: CellRun, store: Store) -> Iterator[str]:
    if run.files_written:
        yield f"it wrote {next(iter(run.files_written))}"
    for key, value in run.writes.ambient.items():
        if not key.startswith(RNG) or value.codec not in codecs.DATA_CODECS:
            yield f"it changed the state of {key}"
    for module, _ in run.writes.modules:
        if module not in sys.modules:
            yield f"it imports {module}"
    for name, state in run.writes.names.items():
        if state.unit is None:
            yield f"{name} was not kept"
        if state.handle:
            yield f"{name} is a {state.handle}"
    for unit in run.writes.units:
        if reason := _unreadable(unit, store):
            names = [name for name in unit.names if is_name(name)] or ["a class or function"]
            yield f"{', '.join(names[:3])} {'is' if len(names) == 1 else 'are'} more than data ({reason})"


def _unreadable(unit: Unit, store: Store) -> str:
    """Return why *unit* cannot be read as data: it is tried, for a stream may lie about what it holds."""
    if unit.needs:
        return "it refers to a class or function of the notebook"
    try:
        load_unit(unit.value, store.get, Identities({}), trust=Trust.UNKNOWN)
    except NbreplayError as e:
        return str(e)
    except Exception as e:  # whatever libraries make of a stranger's numbers
        logger.debug("unit %s cannot be read as data", unit.uid, exc_info=True)
        return type(e).__name__
    return ""
