"""What the scheduler plugin knows of each task, and of each client that asked for the cache."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from nbreplay.digest import Digest, Fingerprint
from nbreplay.records import TaskRun
from nbreplay.tasks.ledger import Ledger
from nbreplay.tasks.shape import Key, Shape
from nbreplay.tasks.swap import Promise
from nbreplay.tasks.tally import Tally

MAX_LABELS = 64
"""Cells whose counts a session keeps; a task of an older one that is still running is counted no more."""


@dataclass
class Session:
    """One client that asked: its store, its policy, the cell that it is in, and the counts of its cells."""

    client: str
    ledger: Ledger
    serve: bool
    record: bool
    workers_fit: bool = True
    label: str = ""
    salt: str = ""
    tallies: OrderedDict[str, Tally] = field(default_factory=OrderedDict)

    def tally(self, label: str | None = None) -> Tally:
        """Return the tally of *label*, by default of the cell that the client is in."""
        name = self.label if label is None else label
        found = self.tallies.get(name)
        if found is None:
            found = self.tallies[name] = Tally(name)
            while len(self.tallies) > MAX_LABELS:
                self.tallies.popitem(last=False)
        return found


@dataclass(slots=True)
class Entry:
    """One task that the scheduler holds, or one piece of scattered data (without a shape).

    *strayed* is the P that it had, or ``-``, if its result, or one above it, is not the one that is recorded under
    that: nothing that depends on it is recorded, or found, by P. *unkept_s* is what it would take to have its result
    again, 0 if that is kept. *expected* is the record that it is run to be compared with. *leaf* is what an alias of
    data stands for.
    """

    session: Session
    name: str
    shape: Shape | None = None
    provenance: Fingerprint | None = None
    refused: str = ""
    paths: bool = False
    tally: Tally | None = None
    state: str = ""
    done: bool = False
    keep: bool = False
    lineage: str | None = None
    effects: bool = False
    placed: bool = False
    digest: Digest | None = None
    run: TaskRun | None = None
    promise: Promise | None = None
    target: Key | None = None
    deps: tuple[Key, ...] = ()
    strayed: str = ""
    unkept_s: float = 0.0
    expected: TaskRun | None = None
    leaf: Fingerprint | None = None

    def count(self, state: str) -> None:
        """Count this task as *state*, from whatever it was counted as."""
        if self.tally is None or self.state == state:
            return
        if self.state:
            self.tally.move(self.name, self.state, state)
        else:
            self.tally.add(self.name, state)
            self.tally.unfinished += 1
        self.state = state

    def finish(self) -> None:
        """This task will make no more news for its cell."""
        if self.tally is not None and not self.done:
            self.tally.unfinished -= 1
        self.done = True
