"""Looks at the live values: by a walk, which says all, or quickly, which says at best that nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import BuiltinFunctionType, ModuleType
from typing import Any

from nbreplay.digest import combine
from nbreplay.fingerprint import Mode, Walk, walk
from nbreplay.kinds import is_a
from nbreplay.namespace.figures import figure_of, of_library
from nbreplay.namespace.hidden import hidden_state, shareable
from nbreplay.namespace.known import Known
from nbreplay.namespace.live import Live
from nbreplay.namespace.manifest import is_definition
from nbreplay.namespace.quick import token_of
from nbreplay.serialize.functions import importable, own_globals, plain
from nbreplay.serialize.session import Session
from nbreplay.serialize.standin import StandIn

SMALL_COUNT = 1000
"""Objects in small names together; at about 3 us each, what may be looked at after every cell."""

ATOMS = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, ModuleType, BuiltinFunctionType, type(Ellipsis)}
)
"""Types of values that stay what they are."""


def look(
    live: Live,
    node: str,
    value: Any,
    stop: Callable[[], bool] | None = None,
    figures: dict[int, Walk] | None = None,
) -> Known:
    """Walk *value* and return what was seen; the partition follows. *figures* are those that were walked just now."""
    found = _walked(live, value, stop, {} if figures is None else figures)
    before = live.known.get(node)
    linked, lineages = _definitions(live.session, found)
    hidden, weak = hidden_state(found.objects.values())
    linked += weak
    digest = combine("hidden", found.digest, hidden) if hidden else found.digest
    loaded = live.translated.get(node)
    if loaded is not None and loaded[0] == digest:
        digest = loaded[1]
    own, own_spans = of_library()
    known = Known(
        value=value,
        digest=digest,
        ids=tuple(each for each in (*shareable(found.objects), *linked) if each not in own or each == id(value)),
        spans=tuple(each for each in found.spans if each not in own_spans),
        labels=tuple(found.labels),
        held=found.objects,
        definitions=lineages,
        globals=tuple(sorted(found.globals)),
        opaque=tuple(dict.fromkeys(found.opaque)),
        count=found.count,
        size_bytes=found.size_bytes,
        kept_ids=None if before is None else before.kept_ids,
        kept_definitions=None if before is None else before.kept_definitions,
        token=token_of(value),
        chunks=found.chunks,
    )
    live.known[node] = known
    # Definitions are referred to in a pickle, not held: a sample would not show that they changed.
    small = found.size_bytes <= live.settings.small_unit_bytes and known.token is None and not is_definition(node)
    small = small and not found.unpickled
    live.quick.take(node, value, small=small and type(value) not in ATOMS and not is_a(value, type))
    live.partition.put(node, known.ids, known.spans, known.labels)
    return known


def _walked(live: Live, value: Any, stop: Callable[[], bool] | None, figures: dict[int, Walk]) -> Walk:
    """Walk *value*; an artist is its figure and its place there: from each of them everything is reached."""
    figure = figure_of(value)
    if figure is None:
        return walk(value, mode=Mode.NAMESPACE, home=live.user_ns, stop=stop)
    found = figures.get(id(figure))
    if found is None:
        found = figures[id(figure)] = walk(figure, mode=Mode.NAMESPACE, home=live.user_ns, stop=stop)
    if value is figure:
        return found
    place = next((place for place, ident in enumerate(found.objects) if ident == id(value)), None)
    if place is None:
        return walk(value, mode=Mode.NAMESPACE, home=live.user_ns, stop=stop)
    return replace(found, digest=combine("artist", found.digest, str(place)))


def _definitions(session: Session, found: Walk) -> tuple[list[int], tuple[str, ...]]:
    """Give lineages to the notebook's code in a walk; return functions that link names, and the lineages."""
    linked = []
    lineages: dict[str, None] = {}
    for each in sorted(found.definitions, key=lambda each: not isinstance(each, type)):  # methods' owners first
        if importable(each):
            continue
        if isinstance(each, type):
            lineages[session.adopt(each)] = None
        elif id(each) in session.methods and session.lineage(each) is None:
            continue
        elif plain(each):
            lineages[session.adopt(each)] = None
        else:
            linked.append(id(each))
            if own_globals(each):
                linked.append(id(each.__globals__))
    return linked, tuple(lineages)


def small(live: Live) -> set[str]:
    """Return the names that are looked at after every cell: the smallest ones, within limits together."""
    settings = live.settings
    found = set()
    total_bytes = count = 0
    # What nobody can change need not be looked at.
    able = [item for item in live.known.items() if type(item[1].value) not in ATOMS]
    for node, known in sorted(able, key=lambda item: item[1].count):
        if known.size_bytes > settings.small_unit_bytes:
            continue
        total_bytes += known.size_bytes
        count += known.count
        if total_bytes > settings.small_total_bytes or count > SMALL_COUNT:
            break
        found.add(node)
    return found


def same(live: Live, node: str, known: Known, value: Any) -> bool:
    """Whether *value* certainly is as it was, seen without a walk."""
    if known.value is not value:
        return False
    if type(value) in ATOMS or type(value) is StandIn:
        return True
    if known.token is not None:
        return bool(known.token == token_of(value))
    return not known.opaque and live.quick.same(node, value)
