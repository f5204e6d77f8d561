"""What a namespace holds, drawn by code that shares nothing with what it judges. Not a test.

A picture is a list of tokens: every object that can change is numbered when it is first met, so two pictures are equal
if, and only if, two namespaces hold equal content, of equal types, in equal order, shared in the same way. Slow, and
by public means: ``gc.get_referents``, ``__reduce__`` of iterators, methods of numpy, pandas and torch.
"""

from __future__ import annotations

import array
import asyncio
import collections
import enum
import functools
import gc
import itertools
import sys
import types
import weakref
from typing import Any

_ATOMS = (type(None), bool, int, str, bytes, type(Ellipsis), type(NotImplemented), range)
_ITERATORS = (
    *(type(iter(each)) for each in ([], (), {}, {}.values(), {}.items(), "", b"", set(), range(0), bytearray())),
    *(type(each) for each in (reversed([]), reversed({}), zip(), enumerate([]), map(str, []), filter(None, []))),
    *(itertools.count, itertools.cycle, itertools.chain, itertools.islice, itertools.repeat, itertools.product),
)
_VIEWS = (type({}.keys()), type({}.values()), type({}.items()), types.MappingProxyType)
_CLASS_OWN = frozenset(
    ("__dict__", "__weakref__", "__module__", "__firstlineno__", "__static_attributes__", "_abc_impl", "__doc__")
) | {"__annotations__", "__abstractmethods__", "__slotnames__", "__orig_bases__", "__parameters__"}


class Picture:
    """Draws values one after the other into one list of tokens; what was drawn before is referred to."""

    def __init__(self, home: dict[str, Any]) -> None:
        self.home = home
        self.tokens: list[Any] = []
        self.numbers: dict[int, int] = {}
        self.held: list[Any] = []
        self.memories: list[tuple[int, int, int]] = []

    def draw(self, value: Any) -> None:
        stack = [value]
        while stack:
            each = stack.pop()
            if type(each) is _Token:
                self.tokens.append(each.text)
                continue
            parts = self.one(each)
            stack.extend(reversed(parts))

    def done(self) -> list[Any]:
        """Return the tokens, with which memories overlap and by how much."""
        for i, (number, low, high) in enumerate(self.memories):
            for other, start, stop in self.memories[:i]:
                if low < stop and start < high:
                    self.tokens.append(("overlap", other, number, low - start))
        return self.tokens

    def say(self, *token: Any) -> list[Any]:
        self.tokens.append(token)
        return []

    def seen(self, value: Any) -> bool:
        number = self.numbers.get(id(value))
        if number is not None:
            self.say("again", number)
            return True
        self.numbers[id(value)] = len(self.held)
        self.held.append(value)
        return False

    # ------------------------------------------------------------ one object: its token, and its parts

    def one(self, value: Any) -> list[Any]:
        kind = type(value)
        if kind in _ATOMS:
            return self.say(kind.__name__, value)
        if kind is float or kind is complex:
            return self.say(kind.__name__, repr(value) if value == value else _bits(value))
        if kind in (tuple, frozenset) and not _pure(value):
            if self.seen(value):
                return []
            self.say(kind.__name__, len(value))
            return list(value) if kind is tuple else sorted(value, key=_sort_key)
        if kind in (tuple, frozenset):
            return self.say(kind.__name__, _frozen(value))
        if kind is slice:
            return [_Token("slice"), value.start, value.stop, value.step]
        if isinstance(value, types.ModuleType):
            return self.say("module", value.__name__)
        if value is self.home:
            return self.say("home")
        if isinstance(value, type):
            return self.of_class(value)
        if kind is types.FunctionType:
            return self.of_function(value)
        if kind is types.CodeType:
            return self.say(*_code(value))
        if kind is types.MethodType:
            return [_Token("method"), value.__func__, value.__self__]
        if kind in (types.BuiltinFunctionType, types.MethodWrapperType):
            bound = value.__self__
            if bound is None or isinstance(bound, types.ModuleType):
                return self.say("builtin", value.__qualname__)
            return [_Token(f"builtin {value.__name__}"), bound]
        if kind in (types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType):
            return self.say("descriptor", value.__qualname__)
        if self.seen(value):
            return []
        return self.of_object(value, kind)

    def of_class(self, value: type) -> list[Any]:
        if value.__module__ != "__main__":
            return self.say("class", value.__module__, value.__qualname__)
        if self.seen(value):
            return []
        names = sorted(name for name in vars(value) if name not in _CLASS_OWN)
        slots = value.__dict__.get("__slots__", ())
        names = [name for name in names if name not in ([slots] if isinstance(slots, str) else list(slots))]
        self.say("class", value.__qualname__, tuple(names))
        return [type(value), *value.__bases__, *(vars(value)[name] for name in names)]

    def of_function(self, value: types.FunctionType) -> list[Any]:
        if value.__module__ != "__main__" and value.__globals__ is not self.home:
            return self.say("function", value.__module__, value.__name__)
        if self.seen(value):
            return []
        self.say("function", value.__name__, value.__qualname__, value.__doc__, _code(value.__code__))
        self.say("its globals", value.__globals__.get("__name__"))
        self.say("are the namespace", value.__globals__ is self.home)
        parts = [value.__defaults__, value.__kwdefaults__, dict(value.__dict__), dict(value.__annotations__)]
        self.held.append(parts)
        return [*parts, *(value.__closure__ or ())]

    def of_object(self, value: Any, kind: type) -> list[Any]:
        top = kind.__module__.partition(".")[0]
        self.say(top, kind.__qualname__)
        if kind.__module__ == "__main__":
            self.one(kind)
        own = _READERS.get(kind)
        if own is not None:
            return self.keep(own(value))
        if kind in _ITERATORS:
            return self.keep(list(value.__reduce__()))
        if kind is types.MappingProxyType and isinstance(value.get("__dict__"), types.GetSetDescriptorType):
            return [_Token("the dict of"), value["__dict__"].__objclass__]
        if kind in _VIEWS:
            return gc.get_referents(value)
        if top == "numpy" and _is(value, "numpy", "ndarray"):
            return self.of_array(value)
        if top == "pandas":
            return self.keep(_of_pandas(value))
        if top == "torch" and _is(value, "torch", "Tensor"):
            return self.of_tensor(value)
        if kind.__qualname__ == "vectorize" and top == "numpy":
            return self.keep([value.pyfunc, value.otypes, value.signature])
        if isinstance(value, weakref.ref):
            return [value(), value.__callback__]
        if isinstance(value, enum.Enum):
            return [value._name_, value._value_]
        if kind.__qualname__ == "Element" and top == "xml":
            return self.keep([value.tag, value.text, value.tail, dict(value.attrib), *value])
        if kind is asyncio.Task or top in ("_io", "_thread", "_asyncio"):
            return self.say("state", repr(getattr(value, "locked", int)()))
        return self.keep(self.of_instance(value, kind))

    def of_array(self, value: Any) -> list[Any]:
        numpy = sys.modules["numpy"]
        plain = value.view(numpy.ndarray)
        # The stride along an axis of one element says nothing.
        strides = (
            tuple(s if n > 1 else 0 for s, n in zip(plain.strides, plain.shape, strict=True)) if plain.size else ()
        )
        self.say(str(plain.dtype.descr), plain.shape, strides, plain.flags.writeable)
        if plain.dtype.hasobject:
            return self.keep([plain.ravel().tolist(), *self.extra(value)])
        self.say(plain.tobytes())
        if plain.size:
            self.memories.append((len(self.held), *numpy.lib.array_utils.byte_bounds(plain)))
        return self.extra(value)

    def extra(self, value: Any) -> list[Any]:
        return self.keep([dict(vars(value))]) if hasattr(value, "__dict__") else []

    def of_tensor(self, value: Any) -> list[Any]:
        self.say(str(value.dtype), tuple(value.shape), value.stride(), value.requires_grad)
        self.say(value.detach().contiguous().numpy().tobytes())
        low = value.untyped_storage().data_ptr()
        self.memories.append((len(self.held), low, low + value.untyped_storage().nbytes()))
        self.say("offset", value.storage_offset())
        return [value.grad if value.is_leaf else None]

    def of_instance(self, value: Any, kind: type) -> list[Any]:
        parts: list[Any] = []
        for base, read in _CONTENTS:
            if isinstance(value, base):
                parts += read(value)
                break
        try:
            state = object.__getattribute__(value, "__dict__")
        except AttributeError:
            state = None
        parts.append(state)
        for base in kind.__mro__:
            for name, slot in sorted(vars(base).items(), key=lambda item: str(item[0])):
                if type(slot) is types.MemberDescriptorType and base.__module__ == "__main__":
                    try:
                        parts += [name, slot.__get__(value)]
                    except AttributeError:
                        parts += [name, "(empty)"]
        if kind.__module__ != "__main__" and state is None and len(parts) == 1:
            parts += [each for each in gc.get_referents(value) if each is not kind]
        return parts

    def keep(self, parts: list[Any]) -> list[Any]:
        """Hold temporary objects: their ids must not be used again."""
        self.held.append(parts)
        return parts


class _Token:
    def __init__(self, text: str) -> None:
        self.text = text


def _is(value: Any, module: str, name: str) -> bool:
    return module in sys.modules and isinstance(value, getattr(sys.modules[module], name))


def _bits(value: Any) -> Any:
    return array.array("d", [value.real, value.imag]).tobytes()


def _pure(value: Any, depth: int = 30) -> bool:
    return all(
        type(each) in _ATOMS or type(each) in (float, complex) or (type(each) in (tuple, frozenset) and _pure(each))
        for each in value
    )


def _frozen(value: Any) -> Any:
    if type(value) is tuple:
        return tuple(_frozen(each) for each in value)
    if type(value) is frozenset:
        return ("frozenset", tuple(sorted(map(repr, map(_frozen, value)))))
    return (type(value).__name__, repr(value))


def _sort_key(value: Any) -> Any:
    if type(value) in (tuple, frozenset) and _pure(value):
        return repr(_frozen(value))
    return type(value).__name__ + (repr(value) if type(value) in (*_ATOMS, float, complex) else "")


def _code(code: types.CodeType) -> Any:
    consts = tuple(_code(each) if isinstance(each, types.CodeType) else _frozen(each) for each in code.co_consts)
    return ("code", code.co_code, consts, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)


def _of_pandas(value: Any) -> list[Any]:
    pandas = sys.modules["pandas"]
    if isinstance(value, pandas.DataFrame):
        columns = [value.iloc[:, i] for i in range(value.shape[1])]
        content = [[str(each.dtype), *each.tolist()] for each in columns]
        return [
            *(list(each) for each in (value.columns, value.columns.names, value.index, value.index.names)),
            *(tuple(each) for each in content),
            value.attrs,
            value.flags.allows_duplicate_labels,
        ]
    if isinstance(value, pandas.Series):
        return [str(value.dtype), *value.tolist(), list(value.index), value.name, value.attrs]
    if isinstance(value, pandas.Index):
        return [*value.tolist(), list(value.names)]
    if type(value).__name__.endswith("Indexer"):
        return [value.obj]
    return [repr(value)]


def _of_generator(value: Any) -> list[Any]:
    frame = value.gi_frame
    if frame is None:
        return ["ended"]
    return [value.__qualname__, frame.f_lasti, dict(frame.f_locals)]


def _of_coroutine(value: Any) -> list[Any]:
    return [value.__qualname__, value.cr_frame is None]


_READERS: dict[type, Any] = {
    list: list,
    dict: lambda d: [each for pair in d.items() for each in pair] + [_Token("}")],
    set: lambda s: sorted(s, key=_sort_key),
    collections.deque: lambda d: [d.maxlen, *d],
    collections.OrderedDict: lambda d: [each for pair in d.items() for each in pair],
    collections.defaultdict: lambda d: [d.default_factory, *(each for pair in d.items() for each in pair)],
    bytearray: lambda b: [bytes(b)],
    array.array: lambda a: [a.typecode, a.tobytes()],
    memoryview: lambda m: _of_memoryview(m),
    types.CellType: lambda c: [c.cell_contents] if _full(c) else [_Token("empty")],
    types.SimpleNamespace: lambda n: [vars(n)],
    functools.partial: lambda p: [p.func, list(p.args), dict(p.keywords), dict(vars(p))],
    property: lambda p: [p.fget, p.fset, p.fdel, p.__doc__],
    staticmethod: lambda m: [m.__func__],
    classmethod: lambda m: [m.__func__],
    functools.cached_property: lambda p: [p.func, p.attrname],
    types.GeneratorType: _of_generator,
    types.CoroutineType: _of_coroutine,
    weakref.WeakValueDictionary: lambda d: [each for key in sorted(d, key=repr) for each in (key, d[key])],
    weakref.WeakKeyDictionary: lambda d: sorted(d.values(), key=_sort_key),
    weakref.WeakSet: lambda s: [len(s)],
}
_CONTENTS: list[tuple[type, Any]] = [
    (dict, lambda d: [each for key in dict.keys(d) for each in (key, dict.__getitem__(d, key))]),
    (list, lambda v: list(list.__iter__(v))),
    (tuple, lambda v: list(tuple.__iter__(v))),
    (set, lambda v: sorted(set.__iter__(v), key=_sort_key)),
    (int, lambda v: [int.__add__(v, 0)]),
    (str, lambda v: [str.__str__(v)]),
    (BaseException, lambda e: [list(e.args), e.__cause__]),
]


def _of_memoryview(view: memoryview) -> list[Any]:
    try:
        return [view.obj, view.format, view.shape, view.strides, view.readonly, view.tobytes()]
    except ValueError:
        return ["released"]


def _full(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def alone(home: dict[str, Any], names: dict[str, Any]) -> dict[str, list[Any]]:
    """Return a picture of each name by itself."""
    found = {}
    for name, value in names.items():
        picture = Picture(home)
        picture.draw(value)
        found[name] = picture.done()
    return found


def together(home: dict[str, Any], names: dict[str, Any]) -> list[Any]:
    """Return one picture of all names: what they share shows in it."""
    picture = Picture(home)
    for name in sorted(names):
        picture.tokens.append(name)
        picture.draw(names[name])
    return picture.done()
