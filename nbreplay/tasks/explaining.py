"""Why a task runs, and not its record is taken: the first part of its fingerprint that differs from the nearest record.

Of each version of a task's code, and of some of its calls, the parts are kept once: a record of kind ``task-parts``
under the task's name. Texts (sources, short values) are blobs, so a helper that many tasks use is kept once, too.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any

import xxhash
from dask._task_spec import Alias, DataNode, GraphNode, NestedContainer, Task, TaskRef
from dask.utils import key_split

from nbreplay.digest import Digest, Fingerprint
from nbreplay.errors import StoreError
from nbreplay.files import holds_now
from nbreplay.fingerprint.describe import describe
from nbreplay.records import TaskRun, from_bytes, to_bytes
from nbreplay.store import Store
from nbreplay.tasks.parts import PARTS, Row, TaskParts
from nbreplay.tasks.shape import Key, Shape

if TYPE_CHECKING:
    from nbreplay.tasks.ledger import Ledger
    from nbreplay.tasks.planner import Plan

logger = logging.getLogger(__name__)

CALLS_KEPT = 32
"""Calls of one version of a task whose arguments are kept: enough to find the one that was meant."""
NAMES_EXPLAINED = 20
"""Names of tasks in one graph that are explained; each takes a look into the index, on the scheduler's loop."""
DIFF_LINES = 20
_VERSIONS = 12
_SUBJECTS = 50_000

_subjects: dict[str, Any] = {}


def remember(components: Iterable[Any]) -> None:
    """Note what the parts of a fingerprint are, for as long as this process may have to say it.

    Values are put in words now, since they may change; code stays as it is, so its source is looked up when needed.
    """
    for part in components:
        if part.digest not in _subjects:
            if len(_subjects) >= _SUBJECTS:
                _subjects.clear()
            subject = part.subject
            _subjects[part.digest] = subject if type(subject) is CodeType else describe(subject)


def text_of(digest: str) -> str:
    """Return the part with *digest* in words, "" if nobody knows."""
    subject = _subjects.get(digest, "")
    return describe(subject) if type(subject) is CodeType else str(subject)


def arguments_of(node: GraphNode | None) -> tuple[str, ...]:
    """Return the arguments of a task, each in short words; results of other tasks by those tasks' names."""
    if type(node) is not Task:
        return ()
    words = [_shown(arg) for arg in node.args]
    return (*words, *(f"{name}={_shown(arg)}" for name, arg in node.kwargs.items()))


def _shown(arg: Any) -> str:
    if isinstance(arg, Alias):
        return f"the result of {key_split(arg.target)}"
    if isinstance(arg, TaskRef):
        return f"the result of {key_split(arg.key)}"
    if isinstance(arg, DataNode):
        return describe(arg.value)
    if isinstance(arg, NestedContainer):
        return f"a collection of {len(arg.args)}"
    return describe(arg) if not callable(arg) else f"the function {getattr(arg, '__name__', type(arg).__name__)}"


class Explainer:
    """The parts of tasks in one store. Keeping is for a background thread, explaining is quick."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[tuple[str, tuple[Any, ...]], set[tuple[str, ...]]] = {}

    # ------------------------------------------------------------ keeping

    def has_room(self, shape: Shape) -> bool:
        """Whether calls of this version of a task are still to be kept by this process; quick."""
        calls = self._known.get((shape.name, shape.components))
        return calls is None or len(calls) < CALLS_KEPT

    def is_new(self, shape: Shape, call: tuple[str, ...]) -> bool:
        """Whether this version of a task, or this call of it, is still to be kept by this process."""
        calls = self._known.setdefault((shape.name, shape.components), set())
        if call in calls:
            return False
        calls.add(call)
        return True

    def keep(self, shape: Shape, call: tuple[str, ...]) -> None:
        """Record the parts of a task that has run, unless that was done before."""
        if not self.store.writable:
            return
        rows = tuple((label, name, digest, self._text(digest)) for label, name, digest, _ in shape.components)
        parts = TaskParts(name=shape.name, rows=rows, call=call)
        if any(old.rows == rows and old.call == call for old in self._recorded(shape.name)):
            return
        self.store.append(PARTS, to_bytes(parts), [_key(shape.name)])

    def _text(self, digest: str) -> str:
        text = text_of(digest)
        return self.store.put(text.encode("utf-8", "surrogatepass")).digest if text else ""

    # ------------------------------------------------------------ explaining

    def _recorded(self, name: str) -> list[TaskParts]:
        found = []
        for stored in self.store.find(PARTS, _key(name))[-_VERSIONS * CALLS_KEPT :]:
            try:
                found.append(from_bytes(TaskParts, stored.body))
            except ValueError:
                logger.debug("the parts of a task cannot be read", exc_info=True)
        return found

    def explain(self, shape: Shape, call: tuple[str, ...], fresh: Collection[str]) -> str:
        """Return why the task of *shape*, called with *call*, has no record; *fresh* are inputs that run as well."""
        recorded = self._recorded(shape.name)
        if not recorded:
            return f"{shape.name}: no task of this name was recorded"
        rows = shape.components
        same = [old for old in recorded if _digests(old.rows) == _digests(rows)]
        if not same:
            nearest = max(reversed(recorded), key=lambda old: _likeness(old, rows, call))
            return f"{shape.name}: {self._difference(nearest, rows)}"
        nearest = max(reversed(same), key=lambda old: _agreement(old.call, call))
        if nearest.call != call:
            return f"{shape.name}: {_call_difference(nearest.call, call)}"
        if fresh:
            return f"{shape.name}: its input changed: {', '.join(sorted(set(fresh)))}"
        return f"{shape.name}: an input of it, or what that was made from, changed"

    def _difference(self, old: TaskParts, rows: Sequence[Row]) -> str:
        """Return the first parts that differ, in words: code with the lines, values with both."""
        before, after = _by_name(old.rows), _by_name(rows)
        said: list[str] = []
        for label, name in after:
            was, now = before.get((label, name)), after[label, name]
            if was is not None and was[0] != now[0]:
                words = self._changed(label, name, was, now)
                if words:
                    said.append(words)
        gone = [name for label, name in before if (label, name) not in after and label != "function"]
        new = [name for label, name in after if (label, name) not in before and label != "function"]
        if not said and (gone or new):
            said.append(
                "it uses " + " and ".join([*(f"{n} now" for n in new[:3]), *(f"no {n} any more" for n in gone[:3])])
            )
        return "; ".join(_ordered(said)[:3]) or "its code, or what it reads, changed"

    def _changed(self, label: str, name: str, was: tuple[str, str], now: tuple[str, str]) -> str:
        old, new = self._kept_text(was[1]), text_of(now[0])
        if label == "function":
            return f"the code of {name} changed" + _source_difference(old, new)
        if label == "class":
            return f"the class {name} changed" + (_source_difference(old, new) if old.startswith("#") else "")
        if old.startswith("#") or new.startswith("#") or not old or old == new:
            # A function: that it changed is said where its code is. Or a container that looks the same from outside.
            return "" if old.startswith("#") or not old else f"the content of {_kind(label, name)} changed ({new})"
        return f"{_kind(label, name)} is {new}, was {old}"

    def _kept_text(self, digest: str) -> str:
        try:
            return bytes(self.store.get(Digest(digest))).decode("utf-8", "surrogatepass") if digest else ""
        except StoreError:
            return ""


def _ordered(said: list[str]) -> list[str]:
    """Code first: what else differs may follow from it."""
    return sorted(dict.fromkeys(said), key=lambda words: not words.startswith(("the code", "the class")))


_KINDS = {"global": "the global ", "closure": "the variable ", "method": "the method "}


def _kind(label: str, name: str) -> str:
    return _KINDS.get(label, "") + name


def _key(name: str) -> bytes:
    return b"N" + xxhash.xxh3_128_digest(name.encode("utf-8", "surrogatepass"))


def _digests(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    return [(label, name, digest) for label, name, digest, _ in rows]


def _by_name(rows: Iterable[Row]) -> dict[tuple[str, str], tuple[str, str]]:
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for label, name, digest, text in rows:
        found.setdefault((label, name), (digest, text))
    return found


def _likeness(old: TaskParts, rows: Sequence[Row], call: tuple[str, ...]) -> tuple[int, int]:
    return len(set(_digests(old.rows)) & set(_digests(rows))), _agreement(old.call, call)


def _agreement(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(a == b for a, b in zip(one, other, strict=False)) - abs(len(one) - len(other))


def _call_difference(old: Sequence[str], new: Sequence[str]) -> str:
    if len(old) != len(new):
        return f"it is called with {len(new)} arguments, was with {len(old)}"
    place = next(index for index, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
    name, equals, value = new[place].partition("=")
    if equals and old[place].startswith(f"{name}=") and name.isidentifier():
        return f"argument {name} is {value}, was {old[place].partition('=')[2]}"
    return f"argument {place + 1} is {new[place]}, was {old[place]}"


def _source_difference(old: str, new: str) -> str:
    """Return the lines of source that differ, below each other; "" if one of the sources is not known."""
    before, after = (text.splitlines()[1:] for text in (old, new))
    if not before or not after:
        return ""
    lines = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    lines = [line for line in lines if not line.startswith("@@")]
    if len(lines) > DIFF_LINES:
        lines = [*lines[:DIFF_LINES], f"... {len(lines) - DIFF_LINES} more lines"]
    return "".join(f"\n    {line}" for line in lines)


def reasons(ledger: Ledger, made: Plan, nodes: Mapping[Key, GraphNode]) -> list[str]:
    """Return why tasks of a plan run that could have been served, one reason for each name."""
    rows: dict[str, str] = {}
    for key in made.prints:
        one = made.prints[key]
        shape = one.shape
        if key not in made.misses or one.provenance is None or shape is None or shape.kind != "task":
            continue
        if shape.name in rows or key in made.again:
            continue
        if len(rows) >= NAMES_EXPLAINED:
            break
        why = _unusable(ledger, made.runs.get(key), one.provenance)
        if not why:
            fresh = [key_split(dep) for dep in shape.deps if dep in made.misses or dep not in made.prints]
            rows[shape.name] = ledger.explainer.explain(shape, arguments_of(nodes.get(key)), fresh)
        else:
            rows[shape.name] = f"{shape.name}: {why}"
    return list(rows.values())


def _unusable(ledger: Ledger, run: TaskRun | None, provenance: Fingerprint) -> str:
    """Return why there is a record of a task and yet the task runs; "" if there is none."""
    if run is not None:
        return f"its result was not kept{': ' if run.not_kept else ''}{run.not_kept}"
    for run in ledger.lookup([provenance])[0]:
        changed = holds_now(run.files_read, ledger.root, ledger.digests) if run.files_read else None
        if changed is not None:
            return f"the file {changed} changed, which it reads"
        return "a file changed that its input was made from"
    return ""
