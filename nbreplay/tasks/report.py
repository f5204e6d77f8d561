"""What scheduler plugin and workers tell each other about a task: small frozen records, as msgpack bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from nbreplay.digest import Digest
from nbreplay.records import FileState, ValueRef

ANNOTATION = "nbreplay-task"
"""Annotation of a task, and key in its finish metadata, under which these travel."""

INLINE_BYTES = 64 * 1024
"""Dumped results up to this size travel in the finish message and are kept in the scheduler's journal."""

ALWAYS_BYTES = 4 * 1024
"""Dumped results up to this size are kept whatever they cost: the record itself is about as large."""

READ_RATE = 800e6
"""Bytes per second that a kept result is read with; the page cache is faster, a shared folder slower."""

FIXED_S = 0.002
"""Seconds that a load task costs beside the reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Scheduler to worker, with a task: watch it, and perhaps keep its result.

    *shape* is not empty if the task runs code of local modules; it is the digest of what the planner saw of it.
    """

    store: str
    root: str
    keep: bool = False
    record: bool = True
    transfer_bytes: int = 0
    inline_bytes: int = INLINE_BYTES
    shape: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A dumped value that travels in the message itself."""

    codec: str
    stream: bytes
    buffers: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Worker to scheduler, with the news that a task is finished.

    *pending* says that the result is being written and that a :class:`Stored` will follow.
    """

    digest: Digest | None = None
    seconds: float = 0.0
    reads: dict[str, FileState] = field(default_factory=dict)
    writes: dict[str, FileState] = field(default_factory=dict)
    refusals: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    placed: bool = False
    inline: Inline | None = None
    not_kept: str = ""
    pending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Worker to scheduler: a result was written, or was not, and why."""

    token: str
    result: ValueRef | None = None
    inline: Inline | None = None
    not_kept: str = ""


def worth_keeping(seconds: float, size_bytes: int) -> bool:
    """Whether loading *size_bytes* will be cheaper than computing for *seconds* again."""
    return size_bytes <= ALWAYS_BYTES or seconds > size_bytes / READ_RATE + FIXED_S
