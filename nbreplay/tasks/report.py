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
"""Bytes per second that a kept result is read with, until it was measured; the page cache is faster, a shared folder
slower."""

MEASURED_BYTES = 1 << 20
"""Loads from this size on are measured."""

FIXED_S = 0.002
"""Seconds that a load task costs beside the reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Scheduler to worker, with a task: watch it, and perhaps keep its result.

    *shape* is not empty if the task runs code of local modules; it is the digest of what the planner saw of it.
    *salt* is the state of the process that the planner took for the task's, where both are one.
    *above_s* are the seconds that ancestors took whose results are not kept: they would have to run again, too.

    With *expect*, the digest of a recorded result, the task is run to be compared with it, and the recorded result
    (*expected*, a :class:`~nbreplay.records.ValueRef`, and the blobs in *given*) stands if the new one is another.
    """

    store: str
    root: str
    keep: bool = False
    record: bool = True
    transfer_bytes: int = 0
    inline_bytes: int = INLINE_BYTES
    shape: bytes = b""
    above_s: float = 0.0
    salt: str = ""
    expect: str = ""
    expected: bytes = b""
    given: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inline:
    """A dumped value that travels in the message itself."""

    codec: str
    stream: bytes
    buffers: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Worker to scheduler, with the news that a task is finished.

    *pending* says that the result is being written and that a :class:`Stored` will follow. *changed* are the inputs
    (keys as text) that the task changed in place. *compared* is what came of an order that expected a result:
    ``same``, ``other`` (whose digest then is *other*), or ``unknown``.
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
    changed: tuple[str, ...] = ()
    compared: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Worker to scheduler: a result was written, or was not, and why.

    *small* are blobs of *result*, by digest, that are too small for files: they go to the scheduler's journal.
    """

    token: str
    result: ValueRef | None = None
    small: dict[str, bytes] = field(default_factory=dict)
    inline: Inline | None = None
    not_kept: str = ""


class Rate:
    """How quickly results are read in this process, measured as they are loaded."""

    def __init__(self) -> None:
        self.bytes_per_s = READ_RATE

    def loaded(self, size_bytes: int, seconds: float) -> None:
        """Take one load in; small ones say more about this program than about the disk."""
        if size_bytes >= MEASURED_BYTES and seconds > 0:
            self.bytes_per_s += 0.2 * (size_bytes / seconds - self.bytes_per_s)


RATE = Rate()


def worth_keeping(seconds: float, size_bytes: int) -> bool:
    """Whether loading *size_bytes* will be cheaper than computing for *seconds* again."""
    return size_bytes <= ALWAYS_BYTES or seconds > size_bytes / RATE.bytes_per_s + FIXED_S
