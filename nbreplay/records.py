"""The frozen records that are kept in journals or sent between processes, and their bytes.

A record is msgpack, fields by name: a field that is added later has a default, one that is unknown is skipped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec

from nbreplay.digest import Buffer, Digest, Fingerprint

Record = TypeVar("Record")


def to_bytes(record: object) -> bytes:
    """Return *record* (any dataclass of this module) as bytes."""
    return msgspec.msgpack.encode(record)


def from_bytes(kind: type[Record], data: Buffer) -> Record:
    """Return the record of type *kind* that *data* holds.

    Raises
    ------
    ValueError
        *data* is not such a record.
    """
    return msgspec.msgpack.decode(data, type=kind)


# ---------------------------------------------------------------- bytes and values


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobRef:
    """Where bytes are. *strong* is their blake2b-256 if they are going to be unpickled, else empty."""

    digest: Digest
    size_bytes: int
    strong: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferRef:
    """A memory buffer: a blob, and the chunks (number to blob) that differ from it."""

    digest: Digest
    size_bytes: int
    base: BlobRef
    patches: dict[int, BlobRef] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueRef:
    """A value as kept: its stream, the buffers that left the stream, and how to read both.

    *content* is the digest of the value itself (equal for equal values), not of its bytes.
    """

    codec: str
    stream: BlobRef
    buffers: tuple[BufferRef, ...] = ()
    content: Digest | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file or folder as it was seen: *digest* of content (None: it was not there); *blob* if the content is kept.

    *aspect* says what was looked at: the ``content``, the ``stat`` (kind and size), or only whether it ``exists``.
    *mode* are a written file's permission bits (0: not known).
    """

    digest: Digest | None
    size_bytes: int = 0
    folder: bool = False
    blob: BlobRef | None = None
    aspect: str = "content"
    mode: int = 0


def blob_refs(record: object) -> Iterator[BlobRef]:
    """Yield all blobs that *record* refers to, wherever in it."""
    if isinstance(record, BlobRef):
        yield record
    elif dataclasses.is_dataclass(record):
        for each in dataclasses.fields(record):
            yield from blob_refs(getattr(record, each.name))
    elif isinstance(record, dict):
        for value in record.values():
            yield from blob_refs(value)
    elif isinstance(record, (list, tuple)):
        for value in record:
            yield from blob_refs(value)


# ---------------------------------------------------------------- namespaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Why a value could not be kept, and the cell runs (boundary ids, in order) that touched it."""

    type_name: str
    reason: str
    touched_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameState:
    """What is known of one name at a boundary.

    *unit* is where its value is kept (None: a hole). *digest* is its content's. *globals* are the names that code
    reachable from the value reads. *handle* is the kind of the handle it is, or holds, if any. *definitions* are the
    lineages of the notebook's classes and functions that it reaches.
    """

    unit: str | None
    digest: Digest
    type_name: str
    size_bytes: int = 0
    globals: tuple[str, ...] = ()
    handle: str = ""
    hole: Hole | None = None
    summary: str = ""
    definitions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is pickled as one stream: a covariable, or a definition.

    *needs* are units that must be loaded first; *modules* are (name, distribution version) that loading imports.
    *foreign*: somebody wrote it whom this user had not accepted; it is read as data only, whoever's this record is.
    """

    uid: str
    value: ValueRef
    names: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    modules: tuple[tuple[str, str], ...] = ()
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Names that share objects, and the digest of all of them together (sharing counts)."""

    names: tuple[str, ...]
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What a cell run saw of the namespace: digest by name (None: the name was not bound).

    *everything* says why, if the cell could see all names; then a further name is a difference, too. *definitions* are
    the lineages that each name reached: equal classes are not one class.
    """

    names: dict[str, Digest | None] = field(default_factory=dict)
    groups: tuple[Group, ...] = ()
    ambient: dict[str, Digest] = field(default_factory=dict)
    everything: str = ""
    definitions: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """What a cell run changed in the namespace. *groups* are the covariables of the changed names afterwards."""

    names: dict[str, NameState] = field(default_factory=dict)
    deleted: tuple[str, ...] = ()
    groups: tuple[Group, ...] = ()
    units: tuple[Unit, ...] = ()
    ambient: dict[str, ValueRef] = field(default_factory=dict)
    modules: tuple[tuple[str, str], ...] = ()
    result: str = ""


# ---------------------------------------------------------------- runs


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCounts:
    """Tasks of a cell run: ``executed + hit + pruned + cancelled = total``; *refused* is part of *executed*."""

    total: int = 0
    executed: int = 0
    hit: int = 0
    pruned: int = 0
    refused: int = 0
    cancelled: int = 0

    def __add__(self, other: TaskCounts) -> TaskCounts:
        return TaskCounts(
            total=self.total + other.total,
            executed=self.executed + other.executed,
            hit=self.hit + other.hit,
            pruned=self.pruned + other.pruned,
            refused=self.refused + other.refused,
            cancelled=self.cancelled + other.cancelled,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputMessage:
    """One message that a cell sent on IOPub: its type, its content as JSON text, its buffers."""

    msg_type: str
    content: str
    metadata: str = "{}"
    buffers: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRun:
    """One execution of one cell.

    *boundary* names the state after it, ``<run>:<number>``; *parent* the state before it (None: the empty start).
    *code* is the cell's fingerprint, *occurrence* counts equal cells before it in its run. *marks* are reasons why the
    result might differ another time (clock, network, unseeded generator ...). *skipped_boundary* is not empty if the
    state after it could not be kept, and says why.
    *folder* is where it ran, if it holds there only (it asked for the place, and left its name).
    """

    boundary: str
    parent: str | None
    run: str
    number: int
    code: Fingerprint
    source: str
    outcome: Literal["ok", "error", "interrupted"]
    cell_id: str | None = None
    position: int | None = None
    occurrence: int = 0
    execution_count: int = 0
    restored_from: str = ""
    reads: Reads = field(default_factory=Reads)
    writes: Writes = field(default_factory=Writes)
    files_read: dict[str, FileState] = field(default_factory=dict)
    files_written: dict[str, FileState] = field(default_factory=dict)
    outputs: BlobRef | None = None
    run_s: float = 0.0
    overhead_s: float = 0.0
    bytes_written: int = 0
    tasks: TaskCounts = field(default_factory=TaskCounts)
    task_names: dict[str, TaskCounts] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    saved_reason: str = ""
    state: str = ""
    reason: str = ""
    python: str = ""
    wall_time: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellVisit:
    """One request for one cell, under either kernel, and what came of it: what `show` and `why` read.

    *boundary* is where it led to ("" if the state after it was not kept). *detail* is the long form of *reason*:
    the lines of a source difference, the two values of a name.
    """

    session: str
    number: int
    kernel: str
    boundary: str
    state: str
    reason: str
    detail: tuple[str, ...] = ()
    cell_id: str | None = None
    position: int | None = None
    source: str = ""
    run_s: float = 0.0
    recorded_s: float | None = None
    overhead_s: float = 0.0
    bytes_written: int = 0
    saved: bool | Literal["pending"] = True
    saved_reason: str = ""
    tasks: TaskCounts = field(default_factory=TaskCounts)
    task_rows: tuple[str, ...] = ()
    wall_time: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """What was kept of *names* in the unit *unit* is not what they were: it is never loaded again, but recomputed."""

    unit: str
    names: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """One execution of one Dask task whose result is known.

    *provenance* is P, *content* is K ("" where an input's digest was not known), *result_digest* is C. *result* is None
    if the result was not worth keeping. *components* is the blob of (label, name, digest) rows that `why` reads.
    *lineage* is the digest of what was read from files here and in the ancestors ("": nothing), *effects* says whether
    an ancestor wrote files, *placed* that the result holds the name of the folder it was made in, so that *provenance*
    and *content* hold there only. *parts* are the rows themselves where they are few. *chain_s* is *compute_s* and that
    of the ancestors whose results are not kept: what it would take to have it again. *program* tells which steps a
    fused task held ("": one): *files_written* are those of all of them.
    """

    provenance: Fingerprint
    content: Fingerprint | Literal[""] = ""
    name: str = ""
    result_digest: Digest | None = None
    result: ValueRef | None = None
    not_kept: str = ""
    files_read: dict[str, FileState] = field(default_factory=dict)
    files_written: dict[str, FileState] = field(default_factory=dict)
    compute_s: float = 0.0
    components: BlobRef | None = None
    nondeterministic: bool = False
    python: str = ""
    lineage: str = ""
    effects: bool = False
    placed: bool = False
    parts: tuple[tuple[str, str, str, str], ...] = ()
    chain_s: float = 0.0
    program: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDiffers:
    """The same task on the same inputs gave another result: *first* is kept, *other* is not (digests of content)."""

    name: str
    provenance: str
    first: Digest
    other: Digest
    wall_time: str = ""
