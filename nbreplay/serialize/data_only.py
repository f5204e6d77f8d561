"""Units of somebody whom this user has not accepted: read as data, never unpickled.

A unit's stream is in pickle's notation, and a notation can be read without being obeyed. What is here knows the
opcodes that build containers, and a fixed vocabulary (:mod:`nbreplay.serialize.vocabulary`) of what may be made; a
stream that says anything else is refused as a whole, before any of it is made. Nothing is imported or called because a
stream names it.

Notes
-----
It follows ``pickletools``, the notation's own description, and is slow: large contents are buffers, which it does not
touch.
"""

from __future__ import annotations

import collections
import math
import pickletools
from collections.abc import Callable, Sequence
from typing import Any

from nbreplay.digest import Buffer
from nbreplay.errors import Untrusted
from nbreplay.serialize.session import current
from nbreplay.serialize.vocabulary import Parts, Word, build, new, word

MAX_BYTES = 16 << 20
"""Streams above this are refused: reading them opcode by opcode would take too long."""

_MARK = object()
_PLAIN = frozenset(
    {
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "UNICODE",
        "SHORT_BINUNICODE",
    }
    | {
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "BINBYTES",
        "SHORT_BINBYTES",
        "BINBYTES8",
    }
)
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}


def words_of(stream: Buffer) -> set[str]:
    """Return what is in *stream* beside containers and constants, as ``module.name``; for opcodes, their names.

    Raises
    ------
    Untrusted
        It cannot be read at all.
    """
    found: set[str] = set()
    reader = _Reader(stream, (), making=False, found=found)
    reader.read()
    return found


def is_data(stream: Buffer) -> bool:
    """Whether *stream* can be read without unpickling it."""
    try:
        return not words_of(stream)
    except Untrusted:
        return False


def loads(stream: Buffer, buffers: Sequence[Buffer] = ()) -> object:
    """Return the value in *stream*, made of what the vocabulary allows.

    Raises
    ------
    Untrusted
        There is more in it than that.
    """
    if beyond := words_of(stream):
        raise Untrusted(f"{min(beyond)} would have to be unpickled, which runs code of whoever made it")
    return _Reader(stream, buffers, making=True).read()


class _Reader:
    """One pass over a stream: with *making* it makes the value, without it notes in *found* what it could not make."""

    def __init__(
        self, stream: Buffer, buffers: Sequence[Buffer], *, making: bool, found: set[str] | None = None
    ) -> None:
        self._stream = stream if isinstance(stream, bytes) else bytes(stream)
        self._buffers = iter(buffers)
        self._making = making
        self._found = found if found is not None else set()
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def read(self) -> object:
        """Return the value; without *making*, what stands for it."""
        if len(self._stream) > MAX_BYTES:
            raise Untrusted(f"a stream of {len(self._stream) >> 20} MiB is not read as data")
        try:
            for opcode, argument, _ in pickletools.genops(self._stream):
                if opcode.name == "STOP":
                    return self._values([self._stack.pop()])[0]
                self._step(opcode.name, argument)
        except Untrusted:
            raise
        except Exception as e:  # whatever a hostile stream makes of it
            raise Untrusted(f"a stream that cannot be read as data ({type(e).__name__}: {e})") from e
        raise Untrusted("a stream without an end")

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in ("PROTO", "FRAME"):
            return
        if name in _PLAIN:
            stack.append(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "BYTEARRAY8":
            stack.append(bytearray(argument))
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
            self._memo[int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self._memo[int(argument)])
        elif name in ("POP", "POP_MARK", "DUP"):
            self._pop(name)
        elif name in ("NEXT_BUFFER", "READONLY_BUFFER"):
            self._buffer(name)
        elif name.startswith(("TUPLE", "APPEND", "SETITEM", "ADDITEMS", "FROZENSET", "LIST", "DICT")):
            self._container(name)
        elif name in ("STACK_GLOBAL", "GLOBAL"):
            self._global(name, argument)
        elif name in ("REDUCE", "NEWOBJ", "BUILD"):
            self._make(name)
        elif name == "BINPERSID":
            self._persistent(stack.pop())
        else:
            self._found.add(f"the opcode {name}")
            raise Untrusted(f"a stream with the opcode {name}")

    def _items(self) -> list[Any]:
        """Return what was put on the stack since the last mark, and take it off."""
        at = len(self._stack) - 1
        while self._stack[at] is not _MARK:
            at -= 1
        items = self._stack[at + 1 :]
        del self._stack[at:]
        return items

    def _values(self, items: list[Any]) -> list[Any]:
        """Return *items*, which are going to be held by a container: a word alone is no value."""
        for item in items:
            if found := _word_in(item):
                self._found.add(found)
                if self._making:
                    raise Untrusted(f"{found} as a value")
        return items

    def _pop(self, name: str) -> None:
        if name == "POP":
            self._stack.pop()
        elif name == "DUP":
            self._stack.append(self._stack[-1])
        else:
            self._items()

    def _container(self, name: str) -> None:
        stack = self._stack
        if name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "TUPLE":
            stack.append(tuple(self._items()))
        elif name == "FROZENSET":
            stack.append(frozenset(self._values(self._items())))
        elif name == "LIST":
            stack.append(self._values(self._items()))
        elif name == "DICT":
            items = self._values(self._items())
            stack.append(dict(zip(items[::2], items[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            items = self._values([stack.pop()] if name == "APPEND" else self._items())
            self._put((list, collections.deque), lambda into: into.extend(items))
        elif name in ("SETITEM", "SETITEMS"):
            items = self._values(_with_base_class(stack[-2:] if name == "SETITEM" else self._items()))
            if name == "SETITEM":
                del stack[-2:]
            self._put(dict, lambda into: into.update(zip(items[::2], items[1::2], strict=True)))
        else:
            items = self._values(self._items())
            self._put(set, lambda into: into.update(items))

    def _put(self, kind: type | tuple[type, ...], put: Callable[[Any], Any]) -> None:
        """Fill the container on top of the stack: one of ours, or an instance of a word that is like one."""
        into = self._stack[-1]
        if isinstance(into, kind):
            put(into)
        elif self._making or not isinstance(into, _Stands):
            raise Untrusted(f"items for a {type(into).__name__}")

    def _buffer(self, name: str) -> None:
        if name == "READONLY_BUFFER":
            if self._making:
                self._stack[-1] = memoryview(self._stack[-1]).toreadonly()
            return
        self._stack.append(next(self._buffers) if self._making else _Stands("a buffer"))

    def _global(self, name: str, argument: Any) -> None:
        if name == "STACK_GLOBAL":
            what, module = self._stack.pop(), self._stack.pop()
        else:
            module, _, what = str(argument).partition(" ")
        found = word(str(module), str(what))
        if found is not None and found.single:
            self._stack.append(found.kind)
            return
        if found is None:
            self._found.add(f"{module}.{what}")
            found = Word(f"{module}.{what}")
        self._stack.append(found)

    def _persistent(self, pid: Any) -> None:
        """A reference: to one of the numbers that are no number, or to the namespace, which is no data."""
        if type(pid) is not str or not pid.startswith("nan "):
            self._found.add("a reference to the namespace")
            self._stack.append(_Stands("the namespace"))
        else:
            self._stack.append(current().session.nan_of(pid) if self._making else math.nan)

    def _make(self, name: str) -> None:
        stack = self._stack
        argument, subject = stack.pop(), stack.pop()
        if self._making:
            self._make_it(name, subject, argument)
            return
        if isinstance(subject, Word) and name != "BUILD":
            if subject.make is None and subject.kind is None:
                self._found.add(subject.name)
        elif not isinstance(subject, _Stands):
            self._found.add(f"the opcode {name}")
        stack.append(subject if name == "BUILD" else _Stands(getattr(subject, "name", "a value")))

    def _make_it(self, name: str, subject: Any, argument: Any) -> None:
        if name == "BUILD":
            made = self._instead(subject, build(subject, argument))
            self._stack.append(made)
        elif isinstance(subject, Word) and subject.finishes:
            self._instead(argument[0], new(subject, argument))
            self._stack.append(None)
        else:
            self._stack.append(new(subject, argument))

    def _instead(self, parts: Any, made: Any) -> Any:
        """Put *made* wherever something half made was put before."""
        for key, value in self._memo.items():
            if value is parts:
                self._memo[key] = made
        self._stack = [made if value is parts else value for value in self._stack]
        return made


def _with_base_class(items: list[Any]) -> list[Any]:
    """Return the keys and values *items* with the class of plain arrays where a masked array says it is made of it."""
    values = zip(items[::2], items[1::2], strict=True)
    return [each for key, value in values for each in (key, _class_in(value) if key == "_baseclass" else value)]


def _class_in(item: Any) -> Any:
    return item.kind if isinstance(item, Word) and item.name == "numpy.ndarray" else item


def _word_in(item: Any) -> str:
    """Return the name of a word, or of something half made, that *item* is or holds as a tuple; else nothing."""
    if isinstance(item, Word):
        return item.name
    if isinstance(item, Parts):
        return "something that is not finished"
    if type(item) is tuple:
        return next((found for each in item if (found := _word_in(each))), "")
    return ""


class _Stands:
    """Stands for a value that is not made in a pass that only looks."""

    def __init__(self, name: str) -> None:
        self.name = name
