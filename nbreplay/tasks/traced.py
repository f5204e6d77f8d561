"""A task run as a worker runs it for us: the same call, watched, and afterwards told about.

Called in the task's own thread. Nothing here may make a task fail that would have worked: what goes wrong after the
user's code is a reason for not keeping the result.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from dask.utils import key_split

from nbreplay.digest import Buffer, Digest, flat
from nbreplay.records import BlobRef, FileState, ValueRef, from_bytes
from nbreplay.serialize import codecs
from nbreplay.tasks.dasks_own import changes_only_its_own, does_nothing
from nbreplay.tasks.inputs import SAMPLE, Inputs
from nbreplay.tasks.load import folder, load_value
from nbreplay.tasks.report import Inline, Order, Report, worth_keeping

logger = logging.getLogger(__name__)

CHANGES = "changes its inputs in place"
"""Why a task, and those that share its inputs, are not cached."""

Later = Callable[[str, "codecs.Dumped", Digest, Order, object], bool]
"""Takes a dumped result to be written in the background; False if its queue is full."""


class Traced:
    """Stands for a task's ``run_spec`` in a worker, from the moment it is about to run.

    Parameters
    ----------
    node : GraphNode
        What is run.
    order : Order
        What the scheduler asks for.
    done : callable
        Takes the report, in the task's thread, before the result leaves it.
    later : callable
        Where large results go to be written.
    token : str
        Names this run of this task.
    """

    is_coro = False

    def __init__(self, node: Any, order: Order, done: Callable[[Report], None], later: Later, token: str) -> None:
        self.node = node
        self.order = order
        self.done = done
        self.later = later
        self.token = token

    def __call__(self, values: Mapping[Any, Any] = {}) -> object:  # as in GraphNode; never changed
        name, before = self._inputs(values)
        with watched(self.order) as scope:
            start = time.perf_counter()
            value = self.node(values)
            seconds = time.perf_counter() - start
        try:
            told = self._other_code() or self._changed(name, before)
            if told is None and self.order.expect:
                told, value = compare(value, seconds, scope, self.order)
            self.done(told or self._report(value, seconds, scope))
        except Exception:
            logger.warning("what task %r did could not be told; it is not cached", self.node, exc_info=True)
        return value

    def _report(self, value: object, seconds: float, scope: Any) -> Report:
        idle = value is None and does_nothing(self.node)
        return report(value, seconds, scope, self.order, self.later, self.token, idle=idle)

    def _inputs(self, values: Mapping[Any, Any]) -> tuple[str, Inputs | None]:
        """Look at the inputs, if this run is in the sample; return the kind of task that it is, too."""
        if not values or not self.order.record or changes_only_its_own(self.node):
            return "", None
        name = getattr(getattr(self.node, "func", None), "__name__", "") or type(self.node).__name__
        name += "/" + key_split(getattr(self.node, "key", ""))
        if not SAMPLE.takes(name):
            return name, None
        inputs = Inputs(values)
        SAMPLE.took(name, inputs.seconds)
        return name, inputs

    @staticmethod
    def _changed(name: str, before: Inputs | None) -> Report | None:
        changed = before.changed() if before is not None else ()
        if not changed:
            return None
        SAMPLE.found(name)
        return Report(refusals=(CHANGES,), changed=changed, not_kept=CHANGES)

    def _other_code(self) -> Report | None:
        """Modules live as long as their process: one that was edited since is not what the planner has looked at."""
        if not self.order.shape:
            return None
        from nbreplay.tasks.prints import make_shaper

        if make_shaper(Path(self.order.root), salt=self.order.salt).shape("", self.node).own() == self.order.shape:
            return None
        return Report(refusals=("its worker holds another version of a local module; restart the cluster",))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.node, name)

    def __repr__(self) -> str:
        return repr(self.node)


def compare(value: object, seconds: float, scope: Any, order: Order) -> tuple[Report, object]:
    """Return what is told of a task that was run to be compared with its record, and the value that stands.

    It is the recorded one, so that what depends on it is still what the records say. If that cannot be had, the new
    one stands, under its own digest.
    """
    try:
        digest = content_digest(value)
    except Exception:
        logger.debug("no digest of a %s", type(value).__name__, exc_info=True)
        digest = None
    seen = scope.seen() if scope is not None else None
    reads = dict(seen.reads) if seen is not None else {}
    writes = dict(seen.writes) if seen is not None else {}
    said: dict[str, Any] = {"seconds": seconds, "reads": reads, "writes": writes}
    if digest is None or digest == order.expect:
        return Report(digest=digest, compared="unknown" if digest is None else "same", **said), value
    try:
        recorded = load_value(from_bytes(ValueRef, order.expected), order.given, order.store)
    except Exception:
        logger.debug("the recorded result could not be had", exc_info=True)
        return Report(digest=digest, compared="other", other=digest, **said), value
    return Report(digest=Digest(order.expect), compared="other", other=digest, **said), recorded


def watched(order: Order) -> AbstractContextManager[Any]:
    """Return the context in which a task is watched for files; nothing is watched if nobody will record it."""
    if not order.record:
        return nullcontext()
    from nbreplay.tasks.watching import scope

    return scope(Path(order.root))


def content_digest(value: object) -> Digest | None:
    """Return C, the digest of *value*'s content, or None if it has none that can be relied on."""
    from nbreplay.fingerprint import Mode, walk

    seen = walk(value, mode=Mode.VALUE)
    return None if seen.refusals else seen.digest


def report(
    value: object, seconds: float, scope: Any, order: Order, later: Later, token: str, *, idle: bool = False
) -> Report:
    """Return what is to be told of a finished task, and put its result on the way to the store. *idle*: it is known to
    do nothing.
    """
    try:
        digest = content_digest(value)
    except Exception:
        logger.debug("no digest of a %s", type(value).__name__, exc_info=True)
        digest = None
    if not order.record:
        return Report(digest=digest, seconds=seconds)
    seen = scope.seen() if scope is not None else None
    reads = dict(seen.reads) if seen is not None else {}
    writes = dict(seen.writes) if seen is not None else {}
    refusals = tuple(seen.refusals) if seen is not None else ()
    marks = tuple(seen.marks) if seen is not None else ()
    if digest is None:
        return Report(seconds=seconds, reads=reads, writes=writes, refusals=refusals, marks=marks, not_kept="no digest")
    said: dict[str, Any] = {"digest": digest, "seconds": seconds, "reads": reads, "refusals": refusals, "marks": marks}
    if refusals:
        return Report(**said, writes=writes, not_kept=refusals[0])
    if value is None and not writes and not idle:
        return Report(**said, not_kept="returned nothing, and no file was seen being written")
    writes, placed, problem = _keep_files(writes, order)
    said |= {"writes": writes}
    if problem:
        return Report(**said, not_kept=problem)
    try:
        dumped = codecs.dump(value)
    except Exception as error:  # noqa: BLE001  # anything a user's object, or a cluster, may raise
        return Report(**said, not_kept=f"cannot be dumped: {error}")
    size = len(dumped.stream) + sum(buffer.nbytes for buffer in dumped.buffers)
    again_s = seconds + order.above_s
    if not (order.keep or writes or worth_keeping(again_s, size)):
        return Report(**said, not_kept=f"cheaper to compute ({again_s:.3f} s) than to load ({size} bytes)")
    placed = placed or _names_folder([dumped.stream, *_may_hold_text(value, dumped.buffers)], order.root)
    if size <= order.inline_bytes:
        return Report(**said, placed=placed, inline=as_inline(dumped))
    if later(token, dumped, digest, order, value):
        return Report(**said, placed=placed, pending=True)
    return Report(**said, placed=placed, not_kept="the queue of results to be written is full")


def as_inline(dumped: codecs.Dumped) -> Inline:
    """Return *dumped* in a form that travels in a message."""
    return Inline(codec=dumped.codec, stream=bytes(dumped.stream), buffers=tuple(bytes(b) for b in dumped.buffers))


def _names_folder(parts: list[Any], root: str) -> bool:
    """Whether the folder's own name is somewhere in *parts*; then they mean something in this place only."""
    name = os.fsencode(root)
    wide = root.encode("utf-32-le", "surrogatepass")  # as arrays of text hold it
    for part in parts:
        # bytes has a fast search and memoryview none; a copy costs less than the write that follows.
        data = bytes(flat(part))
        if name in data or (b"\0\0\0" in data and wide in data):
            return True
    return False


def _may_hold_text(value: object, buffers: list[memoryview]) -> list[memoryview]:
    """Return the *buffers* of *value* in which there may be text; an array of numbers that are no bytes has none."""
    dtype = getattr(value, "dtype", None)
    if type(value).__module__ != "numpy" or dtype is None:
        return buffers
    return [] if getattr(dtype, "kind", "") in "fcMmiu" and dtype.itemsize > 1 else buffers


def _keep_files(writes: dict[str, FileState], order: Order) -> tuple[dict[str, FileState], bool, str]:
    if not writes:
        return writes, False, ""
    from nbreplay.files import keep

    placed = False

    def put(data: Buffer, *, digest: Digest | None = None, strong: bool = False) -> BlobRef:
        nonlocal placed
        placed = placed or _names_folder([data], order.root)
        return folder(order.store).put(data, digest=digest, strong=strong)

    try:
        return keep(writes, Path(order.root), put), placed, ""
    except Exception as error:
        logger.debug("written files cannot be kept", exc_info=True)
        return writes, False, f"written files cannot be kept: {error}"
