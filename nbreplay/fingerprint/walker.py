"""One walk over a value's object graph, and what it finds.

Objects that can change are numbered in the order in which they are met; a second meeting writes the number. So cycles
end, sharing counts, and nothing depends on an object's identity. What cannot change (numbers, text, tuples of them) is
written in place, however often. The walk keeps its own stack: depth costs nothing.

===========  ==========================================================================
``@n``       an object that was met before, by number
``( ... )``  everything else: a tag, lengths or counts, then the parts
===========  ==========================================================================
"""

from __future__ import annotations

import abc
import gc
import os
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import FunctionType
from typing import Any, NamedTuple

import xxhash

from nbreplay.digest import Digest
from nbreplay.fingerprint import leaves
from nbreplay.fingerprint.code import PYTHON
from nbreplay.fingerprint.found import Component, Mode, Walk, WalkStopped
from nbreplay.fingerprint.leaves import LEAVES, length, run, text, tuple_runs, words
from nbreplay.fingerprint.openers import FINISHERS, Opener, Parts, fill, opener_of
from nbreplay.fingerprint.refusals import Refusal
from nbreplay.fingerprint.refused_names import Kind
from nbreplay.foreign import GUARD, LIMIT_S, Overdue, TooSlow
from nbreplay.kinds import is_a

ALGORITHM = b"nbreplay-fingerprint-3"
"""Changes whenever the same value would be written differently."""

_EXACT_LEAVES = {**LEAVES, float: leaves.of_float_exact}
_CHECK_EVERY = 256
_HIDDEN_LEVELS, _HIDDEN_MOST = 3, 50
_HOSTS = frozenset({"IPython", "ipykernel", "nbreplay", "tornado", "zmq"})
"""What runs the notebook: everything is reachable from it, and nobody's value."""
_LEADING = (types.BuiltinFunctionType, types.MethodType, list, tuple)
_SHARED_KINDS = frozenset({"_io", "sqlite3", "__main__", "array", "collections", "mmap"})
_PACK_RUN = 4  # shorter runs cost more to pack than to write


def _may_be_shared(obj: Any) -> bool:
    """Whether *obj*, which something opaque holds, may be a value of the user's: not what libraries keep for all."""
    if type(obj) is dict:
        return "__name__" not in obj and "__builtins__" not in obj
    return type(obj) in (list, set, bytearray) or type(obj).__module__ in _SHARED_KINDS


class Memory:
    """Stands for a buffer that arrays look at. *first* is where the array looks that was met first, an address."""

    __slots__ = ("first",)

    def __init__(self, first: int) -> None:
        self.first = first


class ShallowClass(NamedTuple):
    """A class that was met only as the type of something."""

    cls: type


class Walker:
    """The state of one walk; openers get it and write to it."""

    __slots__ = tuple(
        words("""
            mode exact task home main out memo keep held leaves openers pure tokens type_tokens collecting objects spans
            chunks definitions globals opaque refusals components buffer_bytes opened deadline stop pardon later memory
            shallow asks named cells bound_cells in_subwalk key_runs called abstract ranges unpickled labels in_labels
        """)
    )

    def __init__(
        self,
        mode: Mode,
        *,
        home: dict[str, Any] | None = None,
        budget_s: float | None = None,
        stop: Callable[[], bool] | None = None,
        called: bool = False,
    ) -> None:
        self.mode = mode
        self.exact = mode is Mode.NAMESPACE
        self.task = mode is Mode.TASK
        self.home = home
        self.main = getattr(sys.modules.get("__main__"), "__dict__", None)
        self.out = bytearray()
        self.memo: dict[int, int] = {}
        self.keep: list[Any] = []  # index is the number; holding objects keeps ids from being used again
        self.held: list[Any] = []
        self.leaves: dict[type, Callable[[Any], bytes]] = _EXACT_LEAVES if self.exact else LEAVES
        self.openers: dict[type, Opener] = {}
        self.pure: dict[int, bytes | None] = {}
        self.tokens: dict[int, tuple[bytes | None, Refusal | None]] = {}
        self.type_tokens: dict[int, bytes | None] = {}
        self.collecting = self.exact
        self.objects: dict[int, object] = {}
        self.spans: list[tuple[int, int]] = []
        self.labels: list[tuple[int, int]] = []
        self.in_labels = 0
        self.chunks: dict[tuple[int, int], bytes] = {}
        self.definitions: dict[int, type | FunctionType] = {}
        self.globals: set[str] = set()
        self.opaque: list[str] = []
        self.refusals: dict[Refusal, None] = {}
        self.components: list[Component] = []
        self.buffer_bytes = 0
        self.opened = 0
        self.deadline = None if budget_s is None else time.monotonic() + budget_s
        self.stop = stop
        self.later: list[type] = []
        self.memory: dict[int, Memory] = {}  # by id of a buffer's owner
        self.shallow: set[int] = set()  # classes met through instances only
        # __doc__, __name__ ...: what code asks functions for. Whoever gets a function as data may ask for any of them.
        self.ranges: dict[int, list[tuple[int, int]]] = {}  # of arrays met, by id of whose memory they look at
        self.abstract: list[abc.ABCMeta] = []  # abstract classes of libraries that code reads
        self.asks: set[str] = {"__doc__", "__annotations__"} if mode is Mode.VALUE else set()
        self.called = called  # what is written next is a function that is only called, not handed on
        self.named: list[Any] = []  # functions and classes that could be asked
        self.pardon = False  # what is being written is a generator that the code seeds first
        self.cells: list[Any] = []  # cells of functions in the order in which they were met, each time
        self.bound_cells: set[int] = set()  # ids of those that code may bind
        self.in_subwalk = 0
        self.key_runs: dict[tuple[str, ...], bytes] = {}
        self.unpickled = False  # something was met of which a pickle may not show all

    # ------------------------------------------------------------ for openers

    def number(self, obj: Any) -> bool:
        """Give *obj* the next number and return True; write its number and return False if it was met before."""
        seen = self.memo.get(id(obj))
        if seen is not None:
            self.out += b"@" + length(seen)
            return False
        self.memo[id(obj)] = len(self.keep)
        self.keep.append(obj)
        return True

    def link(self, obj: Any) -> None:
        """Note that *obj* can change, so that names which reach it belong together."""
        if self.collecting:
            self.objects[id(obj)] = obj

    def hold(self, obj: Any) -> Any:
        """Keep a temporary object alive until the walk ends."""
        self.held.append(obj)
        return obj

    def meet_cell(self, cell: Any, bound: bool) -> None:
        """Note a function's closure cell, and whether the function may bind it."""
        self.cells.append(cell)
        if bound:
            self.bound_cells.add(id(cell))

    def refuse(self, kind: Kind, why: str) -> None:
        """Note a reason why there is no fingerprint."""
        self.refusals[Refusal(kind, why)] = None

    def unseen(self, obj: Any, why: str) -> None:
        """Write *obj*, whose content cannot be seen, so that it equals nothing, not even itself at another time."""
        cls = type(obj)
        # As type itself has them: a metaclass may answer anything, or raise.
        module, qualname = type.__dict__["__module__"].__get__(cls), type.__dict__["__qualname__"].__get__(cls)
        name = f"{module}.{qualname}" if type(module) is str else str.__str__(qualname)
        self.opaque.append(name)
        if self.collecting and not is_a(obj, BaseException) and cls.__module__.partition(".")[0] not in _HOSTS:
            self._link_held(obj)
        self.refuse("opaque", f"an object of type {name} {why}")
        self.out += b"?" + text(name) + os.urandom(16)

    def _link_held(self, obj: Any) -> None:
        """Link what *obj*, which shows nothing, holds: a writer its stream, a cursor its connection."""
        self.objects[id(obj)] = obj
        front = [obj]
        for _ in range(_HIDDEN_LEVELS):
            held = [each for each in gc.get_referents(*front) if each is not self.home and each is not self.main]
            self.objects.update((id(each), each) for each in held if _may_be_shared(each))
            front = [each for each in held if is_a(each, _LEADING)][:_HIDDEN_MOST]

    def component(self, label: str, name: str, start: int, subject: Any) -> None:
        """Note as a component what was written since *start*."""
        if self.task and not self.in_subwalk:
            part = Digest(xxhash.xxh3_128_hexdigest(memoryview(self.out)[start:]))
            self.components.append(Component(label, name, part, subject))

    def sequence(self, values: Sequence[Any]) -> Parts:
        """Write a list or tuple of parts: its length, then one run if all are of one simple type; else yield them."""
        count = len(values)
        self.out += length(count)
        if count >= _PACK_RUN:
            kinds = set(map(type, values))
            if len(kinds) == 1:
                kind = kinds.pop()
                packed = run(values, kind, self.exact)
                if packed is not None:
                    self.out += packed
                    return None
                if kind is tuple and self._tuples(values):
                    return None
                if kind is tuple or kind not in LEAVES:
                    return iter(values)
        out, leaf_of = self.out, self.leaves
        for index, value in enumerate(values):
            leaf = leaf_of.get(type(value))
            if leaf is None:
                return iter(values[index:])
            out += leaf(value)
        return None

    def _tuples(self, values: Sequence[tuple[Any, ...]]) -> bool:
        """Write tuples of numbers and text, which nobody can change, as one piece; False if there is more to them."""
        pieces = tuple_runs(values, self.exact)
        if pieces is None:
            return False
        self.opened += len(values)
        for piece in pieces:
            self.out += piece
            self.check_stop()
        return True

    # ------------------------------------------------------------ the walk

    def walk(self, root: Any) -> Walk:
        """Walk *root* and return what was found."""
        with GUARD:
            return self._walk(root)

    def _walk(self, root: Any) -> Walk:
        self.out += ALGORITHM + PYTHON + (b"N" if self.exact else b"V")
        self.write(root)
        while self.later:
            # By number, not by when it was met: below a set that is not the same.
            cls = min(self.later, key=lambda each: self.memo[id(each)])
            self.later.remove(cls)
            if id(cls) in self.shallow:
                self.shallow.discard(id(cls))
                self.collecting = False
                self.write(ShallowClass(cls))
                self.collecting = self.exact
        for finish in FINISHERS:
            self._finish(finish)
        digest = Digest(xxhash.xxh3_128_hexdigest(self.out))
        return Walk(
            digest=digest,
            objects=self.objects,
            spans=self.spans,
            labels=self.labels,
            chunks=self.chunks,
            definitions=list(self.definitions.values()),
            globals=frozenset(self.globals),
            opaque=self.opaque,
            unpickled=self.unpickled,
            refusals=list(self.refusals),
            components=self.components,
            count=self.opened + len(self.keep),
            size_bytes=len(self.out) + self.buffer_bytes,
        )

    def _finish(self, finish: Callable[[Walker], Iterable[Any]]) -> None:
        try:
            for part in finish(self):
                self.write(part)
        except (WalkStopped, KeyboardInterrupt):
            raise
        except BaseException as e:  # noqa: BLE001  # see write
            self.unseen(e, f"was raised while looking at a value ({type(e).__name__})")

    def write(self, root: Any) -> None:
        """Write *root* and everything below it."""
        leaf_of, own, out = self.leaves, self.openers, self.out
        stack: list[Iterator[Any]] = [iter((root,))]
        while stack:
            top = stack[-1]
            try:
                for obj in top:
                    leaf = leaf_of.get(type(obj))
                    if leaf is not None:
                        out += leaf(obj)
                        continue
                    opener = own.get(type(obj))
                    if opener is None:
                        opener = own[type(obj)] = opener_of(type(obj))
                    self.opened += 1
                    if not self.opened % _CHECK_EVERY:
                        self.check_stop()
                    parts = self._open(opener, obj)
                    if parts is not None:
                        stack.append(iter(parts))
                        break
                else:
                    stack.pop()
            except (WalkStopped, KeyboardInterrupt):
                raise
            except Overdue:
                stack.pop()
                self.unseen(None, f"takes longer than {LIMIT_S:g} s to look at")
            except BaseException as e:  # noqa: BLE001  # a user's __getstate__, a library's property: anything at all
                stack.pop()
                self.unseen(e, f"was raised while looking at a value ({type(e).__name__})")

    def _open(self, opener: Opener, obj: Any) -> Parts:
        GUARD.steps += 1
        try:
            if type(obj) in GUARD.slow:
                raise TooSlow(obj)
            return opener(self, obj)
        except Overdue:
            GUARD.slow.add(type(obj))
            self.unseen(obj, f"takes longer than {LIMIT_S:g} s to look at")
            return None
        except (WalkStopped, KeyboardInterrupt):
            raise
        except BaseException as e:  # noqa: BLE001  # see write
            self.unseen(obj, f"cannot be looked at ({type(e).__name__})")
            return None

    def check_stop(self) -> None:
        """Stop the walk if its time is over or somebody asked for that."""
        if (self.deadline is not None and time.monotonic() > self.deadline) or (self.stop is not None and self.stop()):
            raise WalkStopped


def walk(
    value: Any,
    *,
    mode: Mode,
    home: dict[str, Any] | None = None,
    budget_s: float | None = None,
    stop: Callable[[], bool] | None = None,
    called: bool = True,
) -> Walk:
    """Walk *value* and everything that it reaches.

    Parameters
    ----------
    value : object
        Any value; nothing of it is called but ``__reduce_ex__`` and ``__getstate__``.
    mode : Mode
        What the walk is for.
    home : dict, optional
        The notebook's namespace; functions whose ``__globals__`` it is are the notebook's. It is never descended into.
    budget_s : float, optional
        Seconds after which the walk gives up.
    stop : callable, optional
        Asked now and then, on this thread; True gives up.
    called : bool
        ``TASK`` only: whether a function given as *value* is called, and not handed on to others, who may look at its
        name.

    Raises
    ------
    WalkStopped
        *budget_s* is over, or *stop* said so.
    """
    fill()
    return Walker(mode, home=home, budget_s=budget_s, stop=stop, called=called and type(value) is FunctionType).walk(
        value
    )
