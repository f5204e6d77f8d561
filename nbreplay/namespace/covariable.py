"""Names that share objects: connected components over linking objects and overlapping memory."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

Span = tuple[int, int]


class Partition:
    """Which names are linked, kept up to date name by name.

    Two names are linked if one object that can change is reachable from both, or if they view overlapping memory. A
    covariable is a connected component. Memory of labels links with other memory only: frames hand them on, and only
    who has the memory otherwise could write to it.

    Examples
    --------
    >>> partition = Partition()
    >>> partition.put("a", [1, 2]); partition.put("b", [2]); partition.put("c", [3])
    >>> sorted(partition.component("a"))
    ['a', 'b']
    """

    def __init__(self) -> None:
        self._ids: dict[str, Sequence[int]] = {}
        self._spans: dict[str, tuple[tuple[int, int, bool], ...]] = {}
        self._owners: dict[int, str | set[str]] = {}
        self._links: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._overlaps: dict[str, set[str]] | None = {}

    def put(self, name: str, ids: Sequence[int], spans: Iterable[Span] = (), labels: Iterable[Span] = ()) -> None:
        """Say what *name* reaches now: ids of objects that link, address ranges of memory and of labels' memory."""
        told = ((spans, False), (labels, True))
        memory = tuple((start, stop, label) for each, label in told for start, stop in each if start < stop)
        if self._ids.get(name) != ids:
            self._unlink(name)
            self._ids[name] = ids
            for ident in ids:
                owner = self._owners.get(ident)
                if owner is None:
                    self._owners[ident] = name
                    continue
                others = {owner} if isinstance(owner, str) else owner
                if name in others:
                    continue
                for other in others:
                    self._links[name][other] += 1
                    self._links[other][name] += 1
                self._owners[ident] = others | {name}
        if self._spans.get(name, ()) != memory:
            self._spans[name] = memory
            self._overlaps = None

    def drop(self, name: str) -> None:
        """*name* is gone."""
        self._unlink(name)
        self._ids.pop(name, None)
        if self._spans.pop(name, ()):
            self._overlaps = None

    def has(self, ident: int) -> bool:
        """Whether any name reaches the object with this id."""
        return ident in self._owners

    def owners(self, ids: Iterable[int]) -> set[str]:
        """Return the names that reach any of the objects with these *ids*."""
        found: set[str] = set()
        for ident in ids:
            owner = self._owners.get(ident, ())
            found.update({owner} if isinstance(owner, str) else owner)
        return found

    def _unlink(self, name: str) -> None:
        for ident in self._ids.get(name, ()):
            owner = self._owners.get(ident)
            if owner == name:
                del self._owners[ident]
            elif isinstance(owner, set) and name in owner:
                rest = owner - {name}
                self._owners[ident] = next(iter(rest)) if len(rest) == 1 else rest
                for other in rest:
                    self._links[name][other] -= 1
                    self._links[other][name] -= 1

    def component(self, name: str) -> frozenset[str]:
        """Return the covariable of *name*, itself included."""
        found = {name}
        front = [name]
        overlaps = self._overlapping()
        while front:
            at = front.pop()
            near = {other for other, count in self._links.get(at, {}).items() if count > 0}
            for other in (near | overlaps.get(at, set())) - found:
                found.add(other)
                front.append(other)
        return frozenset(found)

    def _overlapping(self) -> dict[str, set[str]]:
        if self._overlaps is None:
            overlaps: defaultdict[str, set[str]] = defaultdict(set)
            last: list[tuple[int, bool, str]] = []  # spans that may still overlap: (stop, whether of labels, name)
            told = sorted((*span, name) for name, spans in self._spans.items() for span in spans)
            for start, stop, label, name in told:
                last = [item for item in last if item[0] > start]
                for _, as_label, other in last:
                    if other != name and not (label and as_label):
                        overlaps[name].add(other)
                        overlaps[other].add(name)
                last = [item for item in last if item[1:] != (label, name) or item[0] > stop]
                last.append((stop, label, name))
            self._overlaps = dict(overlaps)
        return self._overlaps


def relative(spans: Iterable[Span]) -> list[tuple[int, int, int]]:
    """Return *spans* as (number of the memory, offset in it, length): how views lie, without addresses."""
    spans = list(spans)
    starts: dict[Span, tuple[int, int]] = {}
    number = -1
    begin = end = 0
    for start, stop in sorted(set(spans)):
        if number < 0 or start >= end:
            number, begin, end = number + 1, start, stop
        end = max(end, stop)
        starts[start, stop] = (number, begin)
    # Numbered by first appearance: the order of addresses is an accident.
    order: dict[int, int] = {}
    found = []
    for start, stop in spans:
        number, begin = starts[start, stop]
        found.append((order.setdefault(number, len(order)), start - begin, stop - start))
    return found
