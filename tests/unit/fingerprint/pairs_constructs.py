"""Pairs of small notebooks, by construct: what must, may and must not share a fingerprint, each with the reason.

``same`` and ``different`` are as in pairs.py. ``missed`` behaves alike and is told apart all the same: a computation more
than needed, with the reason why that is the price. ``refused`` has no fingerprint on either side.
"""

# ruff: noqa: E501  # a table of sources, one pair a line
from __future__ import annotations

from textwrap import dedent
from typing import Literal, NamedTuple


class Row(NamedTuple):
    category: str
    name: str
    verdict: Literal["same", "different", "missed", "refused"]
    left: tuple[str, ...]
    right: tuple[str, ...]
    why: str
    travels: bool = True  # whether cloudpickle can take it to another process
    stable: bool = True  # whether a cell in another place gives the same


ROWS: list[Row] = []


def _cells(source):
    return tuple(dedent(cell).strip("\n") for cell in ([source] if isinstance(source, str) else source))


def row(verdict, category, name, left, right, why, **more):
    ROWS.append(Row(category, name, verdict, _cells(left), _cells(right), why, **more))


def both(category, name, template, one, other, why, **more):
    """Note a template filled in two ways, which differ, and the first way with other layout, which does not."""
    row("different", category, name, template.replace("¤", one), template.replace("¤", other), why, **more)
    moved = "\n# moved\n\n" + template.replace("¤", one)
    row("same", category, name, template.replace("¤", one), moved, "layout and comments", **more)


# ---------------------------------------------------------------- what functions are asked for

ASKED = "asked"
NESTED = "def f():\n    def g(): '¤'\n    return "
both(ASKED, "docstring of a nested function", NESTED + "g.__doc__", "a", "b", "the docstring is the result")
both(ASKED, "by a helper", "def h(g): return g.__doc__\n" + NESTED + "h(g)", "a", "b", "any function may be asked")
both(ASKED, "by getattr", NESTED + "getattr(g, '__doc__')", "a", "b", "a text may name the attribute")
both(
    ASKED, "helper's docstring by getattr", "def h(): '¤'\ndef f(): return getattr(h, '__doc__')", "a", "b", "as above"
)
both(
    ASKED,
    "by inspect",
    "import inspect\ndef h(): '¤'\ndef f(): return inspect.getdoc(h)",
    "a",
    "b",
    "inspect asks for it",
)
both(
    ASKED,
    "name of a nested function",
    "def f():\n    def ¤(): pass\n    return ¤.__name__",
    "g",
    "h",
    "the name is the result",
)
both(
    ASKED,
    "annotations by typing",
    "import typing\ndef h(x: ¤): pass\ndef f(): return typing.get_type_hints(h)",
    "int",
    "str",
    "they are the result",
)
both(
    ASKED,
    "signature",
    "import inspect\ndef h(x: ¤): pass\ndef f(): return str(inspect.signature(h))",
    "int",
    "str",
    "it shows annotations",
)
row(
    "different",
    ASKED,
    "line of a traceback",
    "import traceback\ndef f():\n    try: 1 / 0\n    except Exception: return traceback.format_exc()",
    "import traceback\n\n\ndef f():\n    try: 1 / 0\n    except Exception: return traceback.format_exc()",
    "it shows line numbers",
    stable=False,
)
row(
    "different",
    ASKED,
    "first line",
    "def h(): pass\ndef f(): return h.__code__.co_firstlineno",
    "# moved\ndef h(): pass\ndef f(): return h.__code__.co_firstlineno",
    "it is the result",
    stable=False,
)
row(
    "refused",
    ASKED,
    "names of locals",
    "def h():\n    a = 1\n    return a\ndef f(): return h.__code__.co_varnames",
    "def h():\n    b = 1\n    return b\ndef f(): return h.__code__.co_varnames",
    "names of locals are left out",
)
row(
    "refused",
    ASKED,
    "source text",
    "import inspect\ndef h(): pass\ndef f(): return inspect.getsource(h)",
    "import inspect\ndef h(): pass  # c\ndef f(): return inspect.getsource(h)",
    "layout is left out",
)
row(
    "refused",
    ASKED,
    "globals of a function",
    "K = 1\ndef f(): return f.__globals__['K']",
    "K = 2\ndef f(): return f.__globals__['K']",
    "any name can be reached",
)
row(
    "refused",
    ASKED,
    "subclasses",
    "class A: pass\ndef f(): return len(A.__subclasses__())",
    "class A: pass\nclass B(A): pass\ndef f(): return len(A.__subclasses__())",
    "classes that nothing refers to",
)
row(
    "different",
    ASKED,
    "name of a function that is handed on",
    "def h(x): return x.sum()\ndef f(df): return df.agg([h])",
    "def k(x): return x.sum()\ndef f(df): return df.agg([k])",
    "pandas names columns after functions",
)
row(
    "different",
    ASKED,
    "name of a function in a list",
    "def h(x): return x.sum()\nL = [h]\ndef f(df): return df.agg(L)",
    "def k(x): return x.sum()\nL = [k]\ndef f(df): return df.agg(L)",
    "as above",
)
row(
    "same",
    ASKED,
    "name of a function that is only called",
    "def h(x): return x + 1\ndef f(x): return h(x)",
    "def k(x): return x + 1\ndef f(x): return k(x)",
    "nobody can see its name",
)
row(
    "same",
    ASKED,
    "called with a star",
    "def h(*x): return x\ndef f(x): return h(*x, **{})",
    "def k(*x): return x\ndef f(x): return k(*x, **{})",
    "nobody can see its name",
)
row(
    "same",
    ASKED,
    "decorated function that is only called",
    "def d(g):\n    def inner(*x): return g(*x)\n    return inner\n@d\ndef f(x): return x",
    "def d(g):\n    def inner(*x): return g(*x)\n    return inner\n@d\ndef other(x): return x\nf = other",
    "nobody can see its name",
)
row(
    "missed",
    ASKED,
    "name of a default",
    "def h(x): return x\ndef f(x, g=h): return g(x)",
    "def k(x): return x\ndef f(x, g=k): return g(x)",
    "a default is handed on, and may be asked for its name",
)
row(
    "same",
    ASKED,
    "docstring that nobody asks for",
    "def h(): 'a'\ndef f(x): return h(x).__name__",
    "def h(): 'b'\ndef f(x): return h(x).__name__",
    "only the name is asked for",
)

# ---------------------------------------------------------------- class bodies and scopes

SCOPE = "scope"
BODY = "K = ¤\ndef f(c):\n    class A:\n"
both(
    SCOPE,
    "class body that may not bind",
    BODY + "        if c: K = 1\n        x = K\n    return A.x",
    "2",
    "3",
    "the global is read if c is false",
    travels=False,
)
both(
    SCOPE,
    "class body that fails to bind",
    BODY + "        try:\n            c()\n            K = 1\n        except Exception: x = K\n    return A.x",
    "2",
    "3",
    "the global is read in the handler",
    travels=False,
)
both(
    SCOPE,
    "class body that unbinds",
    BODY + "        K = 1\n        del K\n        x = K\n    return A.x",
    "2",
    "3",
    "the global is read after the del",
    travels=False,
)
row(
    "same",
    SCOPE,
    "class body that binds",
    "K = 2\ndef f():\n    class A:\n        K = 1\n        x = K\n    return A.x",
    "K = 3\ndef f():\n    class A:\n        K = 1\n        x = K\n    return A.x",
    "the global is never read",
    travels=False,
)
both(
    SCOPE,
    "global read by a nested generator",
    "K = ¤\ndef f(x): return sum(i * K for i in x)",
    "2",
    "3",
    "nested code reads it",
)
both(
    SCOPE,
    "global read by a nested lambda's default",
    "K = ¤\ndef f():\n    return (lambda x=K: x)()",
    "2",
    "3",
    "a default is evaluated by the outer code",
)
both(SCOPE, "walrus", "def f(x): return [y := x, ¤]", "y", "x", "what is taken")
both(
    SCOPE,
    "nonlocal",
    "def f():\n    n = 0\n    def g():\n        nonlocal n\n        n += ¤\n    g()\n    return n",
    "1",
    "2",
    "what is added",
)
both(
    SCOPE,
    "global in a comprehension's condition",
    "K = ¤\ndef f(x): return [i for i in x if i > K]",
    "2",
    "3",
    "nested code reads it",
)
row(
    "refused",
    SCOPE,
    "global assigned",
    "K = 1\ndef f():\n    global K\n    K = 2",
    "K = 1\ndef f():\n    global K\n    K = 3",
    "a result does not hold what it does",
)
both(
    SCOPE,
    "read through two modules' names",
    "import os.path as p\nK = ¤\ndef f(x): return p.join(x, K)",
    "'a'",
    "'b'",
    "the global is an argument",
)

# ---------------------------------------------------------------- syntax

SYNTAX = "syntax"
both(
    SYNTAX,
    "except*",
    "def f(x):\n    try: x()\n    except* ¤: return_ = 1\n    return 0",
    "ValueError",
    "KeyError",
    "what is caught",
)
both(
    SYNTAX,
    "except* body",
    "def f(x):\n    r = 0\n    try: x()\n    except* ValueError: r = ¤\n    return r",
    "1",
    "2",
    "what is done",
)
for what, one, other in [
    ("value", "case 1: return 1", "case 2: return 1"),
    ("class", "case int(): return 1", "case str(): return 1"),
    ("keyword", "case A(a=1): return 1", "case A(b=1): return 1"),
    ("mapping", "case {'a': v}: return v", "case {'b': v}: return v"),
    ("star", "case [a, *r]: return r", "case [*r, a]: return r"),
    ("guard", "case v if v > 1: return v", "case v if v < 1: return v"),
    ("or", "case 1 | 2: return 1", "case 1 | 3: return 1"),
    ("as", "case [v] as w: return w", "case [w] as v: return w"),
]:
    both(
        SYNTAX,
        f"match by {what}",
        "class A: pass\ndef f(x):\n    match x:\n        ¤\n    return 0",
        one,
        other,
        "what matches",
    )
both(SYNTAX, "f-string's width", "def f(x, w): return f'{x:{¤}}'", "w", "w + 1", "how it is shown")
both(SYNTAX, "f-string with equals", "def f(x): return f'{¤=}'", "x", "(x)", "the text of the expression is shown")
both(SYNTAX, "await", "async def f(x):\n    return await x.¤()", "a", "b", "what is awaited")
both(
    SYNTAX,
    "async for",
    "async def f(x):\n    r = 0\n    async for i in x: r += ¤\n    return r",
    "i",
    "1",
    "what is added",
)
both(SYNTAX, "async with", "async def f(x):\n    async with x as y: return ¤", "y", "x", "what is returned")
both(SYNTAX, "async comprehension", "async def f(x): return [¤ async for i in x]", "i", "i + 1", "what is collected")
both(SYNTAX, "async generator", "async def f(x):\n    yield ¤", "x", "x + 1", "what is yielded")
both(SYNTAX, "yield from", "def f(x):\n    yield from ¤", "x", "x[1:]", "what is yielded")
both(SYNTAX, "yield as a value", "def f():\n    x = yield 1\n    return ¤", "x", "1", "what is returned")
both(SYNTAX, "chained comparison", "def f(x, y): return 1 < x ¤ y", "<", "<=", "what is compared")
both(SYNTAX, "star assignment", "def f(x):\n    a, *b = x\n    return ¤", "a", "b", "what is returned")
both(SYNTAX, "star argument", "def f(g, x): return g(¤)", "*x", "x", "how it is called")
both(SYNTAX, "order of keywords", "def f(g): return g(¤)", "a=1, b=2", "b=2, a=1", "**kwargs keep their order")
both(SYNTAX, "dict display", "def f(x): return {¤}", "**x, 'a': 1", "'a': 1, **x", "which one wins")
both(SYNTAX, "slice", "def f(x): return x[¤]", "1:2", "1:3", "what is taken")
both(SYNTAX, "slice step", "def f(x): return x[::¤]", "1", "-1", "what is taken")
both(SYNTAX, "augmented assignment", "def f(x):\n    x ¤= 2\n    return x", "+", "-", "what is done")
both(SYNTAX, "delete", "def f(x):\n    del x[¤]\n    return x", "0", "1", "what is removed")
both(
    SYNTAX,
    "raise from",
    "def f(x):\n    try: x()\n    except ValueError as e: raise KeyError from ¤",
    "e",
    "None",
    "the cause",
)
both(SYNTAX, "finally returns", "def f(x):\n    try: return x()\n    finally: return ¤", "1", "2", "what is returned")
both(
    SYNTAX,
    "while else",
    "def f(x):\n    while x: x = x.n\n    else: return ¤\n    return 0",
    "1",
    "2",
    "what is returned",
)
both(
    SYNTAX,
    "for else",
    "def f(x):\n    for i in x:\n        if i: break\n    else: return ¤\n    return 0",
    "1",
    "2",
    "what is returned",
)
both(SYNTAX, "with two", "def f(x, y):\n    with ¤ as a, y as b: return a, b", "x", "y", "what is entered")
both(
    SYNTAX,
    "long function",
    "def f(x):\n    if x:\n" + "        x.a(1)\n" * 300 + "        x.a(¤)\n    return 1",
    "1",
    "2",
    "a long jump before it",
)
both(
    SYNTAX,
    "many constants",
    "def f(): return [" + ", ".join(f"'{i}'" for i in range(300)) + ", ¤]",
    "'x'",
    "'y'",
    "an index above 255",
)
both(
    SYNTAX,
    "many names",
    "def f(x): return [" + ", ".join(f"x.a{i}" for i in range(300)) + ", x.¤]",
    "b",
    "c",
    "an index above 255",
)
row(
    "same",
    SYNTAX,
    "else after return",
    "def f(x):\n    if x: return 1\n    return 2",
    "def f(x):\n    if x:\n        return 1\n    else:\n        return 2",
    "the flow is the same",
)
row(
    "same",
    SYNTAX,
    "elif or nested if",
    "def f(x):\n    if x == 1: return 1\n    elif x == 2: return 2\n    return 3",
    "def f(x):\n    if x == 1:\n        return 1\n    else:\n        if x == 2:\n            return 2\n        else:\n            return 3",
    "the flow is the same",
)
row(
    "same",
    SYNTAX,
    "semicolons",
    "def f(x):\n    a = x\n    b = a\n    return b",
    "def f(x): a = x; b = a; return b",
    "layout",
)
row(
    "same",
    SYNTAX,
    "f-string in parts",
    "def f(x): return f'{x} and {x}'",
    "def f(x): return (f'{x} '\n    f'and {x}')",
    "layout",
)
row(
    "same",
    SYNTAX,
    "body of an empty class",
    "def f(x):\n    class A: ...\n    return 1",
    "def f(x):\n    class A: pass\n    return 1",
    "neither does anything",
)
row(
    "same",
    SYNTAX,
    "TYPE_CHECKING",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\ndef f(): return 1",
    "def f(): return 1",
    "outside of the function",
)
row(
    "missed",
    SYNTAX,
    "TYPE_CHECKING inside",
    "from typing import TYPE_CHECKING\ndef f():\n    if TYPE_CHECKING:\n        import json\n    return 1",
    "def f(): return 1",
    "the name could be bound to anything",
)
row(
    "missed",
    SYNTAX,
    "annotations of a nested function",
    "def f():\n    def g(x): return x\n    return g(1)",
    "def f():\n    def g(x: int) -> int: return x\n    return g(1)",
    "they are evaluated, and that may do anything",
)
row(
    "missed",
    SYNTAX,
    "a name for an intermediate value",
    "def f(x): return x + 1",
    "def f(x):\n    y = x + 1\n    return y",
    "instructions are compared, not proved equal",
)
row(
    "missed",
    SYNTAX,
    "order of unrelated statements",
    "def f(x):\n    a = 1\n    b = 2\n    return a, b",
    "def f(x):\n    b = 2\n    a = 1\n    return a, b",
    "as above",
)

# ---------------------------------------------------------------- modules

MODULE = "module"
row(
    "same",
    MODULE,
    "alias",
    "import numpy\ndef f(x): return numpy.sin(x)",
    "import numpy as np\ndef f(x): return np.sin(x)",
    "the object is the same",
)
row(
    "missed",
    MODULE,
    "from import",
    "import math\ndef f(x): return math.sin(x)",
    "from math import sin\ndef f(x): return sin(x)",
    "other instructions",
)
row(
    "missed",
    MODULE,
    "submodule by from import",
    "import numpy as np\ndef f(x): return np.linalg.norm(x)",
    "from numpy import linalg\ndef f(x): return linalg.norm(x)",
    "other instructions",
)
both(
    MODULE,
    "chain of attributes",
    "import numpy as np\ndef f(x): return np.linalg.¤(x)",
    "norm",
    "det",
    "another function",
)
both(MODULE, "constant of a library", "import math\ndef f(x): return x * math.¤", "pi", "e", "another value")
both(
    MODULE,
    "import with an alias inside",
    "def f(x):\n    import numpy as n\n    return n.¤(x)",
    "sin",
    "cos",
    "another function",
)
both(
    MODULE,
    "import of a submodule inside",
    "def f(x):\n    import os.path\n    return os.path.¤(x)",
    "join",
    "split",
    "another function",
)
both(
    MODULE, "function handed on", "import math\ndef f(x): return list(map(math.¤, x))", "sin", "cos", "another function"
)
row("same", MODULE, "unused import", "import os as _os\ndef f(): return 1", "def f(): return 1", "nothing reads it")
row(
    "refused",
    MODULE,
    "star import inside a string",
    "def f(): exec('from math import *')",
    "def f(): exec('from cmath import *')",
    "text as code",
)
both(
    MODULE,
    "abstract class",
    "import collections.abc as c\nclass A: pass\n¤\ndef f(): return isinstance(A(), c.Sequence)",
    "pass",
    "c.Sequence.register(A)",
    "isinstance answers otherwise",
    travels=False,
)

# ---------------------------------------------------------------- what the user put on libraries

PATCH = "patch"
both(
    PATCH,
    "accessor of frames",
    "import warnings; warnings.simplefilter('ignore')\nimport pandas as pd\n@pd.api.extensions.register_dataframe_accessor('geo')\nclass G:\n    def __init__(self, o): self.o = o\n    def area(self): return ¤\ndef f(df): return df.geo.area()",
    "1",
    "2",
    "the accessor's code is run",
    travels=False,
)
both(
    PATCH,
    "method of frames",
    "import pandas as pd\ndef mine(self): return ¤\npd.DataFrame.mine = mine\ndef f(df): return df.mine()",
    "1",
    "2",
    "the method is run",
    travels=False,
)
both(
    PATCH,
    "method of an estimator",
    "import collections\ncollections.Counter.mine = lambda self: ¤\nc = collections.Counter()\ndef f(): return c.mine()",
    "1",
    "2",
    "the method is run",
    travels=False,
)
row(
    "same",
    PATCH,
    "method that is not used",
    "import pandas as pd\npd.DataFrame.mine = lambda self: 1\ndef f(df): return df.head()",
    "import pandas as pd\npd.DataFrame.mine = lambda self: 2\ndef f(df): return df.head()",
    "nothing takes it",
    travels=False,
)
both(
    PATCH,
    "function of a module",
    "import json as j, types\nj = types.SimpleNamespace(dumps=lambda x: ¤)\ndef f(x): return j.dumps(x)",
    "1",
    "2",
    "the stand-in is run",
)

# ---------------------------------------------------------------- state beside values

STATE = "state"
both(
    STATE,
    "flag of an event",
    "import threading\ne = threading.Event()\n¤\ndef f(): return e.is_set()",
    "pass",
    "e.set()",
    "it can be asked",
    travels=False,
)
both(
    STATE,
    "count of a semaphore",
    "import threading\ne = threading.Semaphore(¤)\ndef f(): return e.acquire(False)",
    "0",
    "1",
    "it can be asked",
    travels=False,
)
row(
    "refused",
    STATE,
    "thread local",
    "import threading\nt = threading.local(); t.x = 1\ndef f(): return t.x",
    "import threading\nt = threading.local(); t.x = 2\ndef f(): return t.x",
    "a task's thread sees another",
)
row(
    "refused",
    STATE,
    "context variable",
    "import contextvars\nt = contextvars.ContextVar('t', default=1)\ndef f(): return t.get()",
    "import contextvars\nt = contextvars.ContextVar('t', default=2)\ndef f(): return t.get()",
    "it cannot be looked into",
)
both(
    STATE,
    "weak dictionary",
    "import weakref\nclass A: pass\na = A()\nd = weakref.WeakValueDictionary(¤=a)\ndef f(): return list(d)",
    "a",
    "b",
    "its keys can be listed",
    travels=False,
)
both(
    STATE,
    "weak reference",
    "import weakref\nclass A: k = ¤\na = A()\nr = weakref.ref(a)\ndef f(): return r().k",
    "1",
    "2",
    "what it leads to",
    travels=False,
)
both(STATE, "iterator", "i = iter([1, ¤])\ndef f(): return list(i)", "1", "2", "what is left")
both(STATE, "iterator's place", "i = iter([1, 2])\n¤\ndef f(): return list(i)", "pass", "next(i)", "what is left")
both(STATE, "text stream", "import io\ns = io.StringIO('¤')\ndef f(): return s.read()", "a", "b", "its text")
both(
    STATE,
    "place in a stream",
    "import io\ns = io.BytesIO(b'aa')\n¤\ndef f(): return s.read()",
    "pass",
    "s.read(1)",
    "where it is",
)
both(
    STATE,
    "code replaced",
    "def f(): return 1\ndef g(): return ¤\nf.__code__ = g.__code__",
    "2",
    "3",
    "the code that runs",
)
both(STATE, "defaults replaced", "def f(x=1): return x\nf.__defaults__ = (¤,)", "2", "3", "the default that is taken")
both(
    STATE,
    "cell changed",
    "def make(k):\n    return lambda: k\nf = make(1)\nf.__closure__[0].cell_contents = ¤",
    "2",
    "3",
    "the value that is read",
)
row(
    "different",
    STATE,
    "global changed between cells",
    ("K = [1]", "def f(): return K"),
    ("K = [1]", "def f(): return K", "K[0] = 2"),
    "the value at submission",
)
row(
    "different",
    STATE,
    "default shared with a global",
    "d = {}\ndef f(x=d):\n    d[1] = 2\n    return x",
    "d = {}\ndef f(x={}):\n    d[1] = 2\n    return x",
    "a change of one shows in the other",
)

# ---------------------------------------------------------------- classes

CLASS = "class"
both(
    CLASS,
    "partialmethod",
    "import functools\nclass A:\n    def m(self, k): return k\n    p = functools.partialmethod(m, ¤)\nf = A",
    "1",
    "2",
    "its argument",
)
for what, body in {
    "descriptor": "class D:\n    def __get__(self, o, t): return ¤\nclass A:\n    d = D()",
    "set_name": "class D:\n    def __set_name__(self, o, n): self.n = n * ¤\nclass A:\n    d = D()",
    "init_subclass": "class B:\n    def __init_subclass__(cls, **k): cls.k = ¤\nclass A(B): pass",
    "class getitem": "class A:\n    def __class_getitem__(cls, k): return ¤",
    "metaclass's prepare": "class M(type):\n    @classmethod\n    def __prepare__(m, n, b): return dict(k=¤)\nclass A(metaclass=M): pass",
    "metaclass's attribute": "class M(type):\n    k = ¤\nclass A(metaclass=M): pass",
    "call of the metaclass": "class M(type):\n    def __call__(cls): return ¤\nclass A(metaclass=M): pass",
    "new": "class A:\n    def __new__(cls):\n        o = object.__new__(cls)\n        o.k = ¤\n        return o",
    "getattr": "class A:\n    def __getattr__(self, k): return ¤",
    "missing": "class A(dict):\n    def __missing__(self, k): return ¤",
    "operator": "class A:\n    def __matmul__(self, o): return ¤",
    "reflected operator": "class A:\n    def __radd__(self, o): return ¤",
    "context manager": "class A:\n    def __enter__(self): return ¤\n    def __exit__(self, *a): pass",
    "iteration": "class A:\n    def __iter__(self): return iter([¤])",
    "length": "class A:\n    def __len__(self): return ¤",
    "equality": "class A:\n    def __eq__(self, o): return ¤",
    "mixin": "class X:\n    def k(self): return ¤\nclass Y: pass\nclass A(Y, X): pass",
    "nested class": "class A:\n    class B:\n        k = ¤",
    "lambda attribute": "class A:\n    k = lambda self: ¤",
    "class variable of a base's base": "class X:\n    k = ¤\nclass Y(X): pass\nclass A(Y): pass",
    "slots with a default in a base": "class X:\n    k = ¤\nclass A(X):\n    __slots__ = ()",
    "total ordering": "import functools\n@functools.total_ordering\nclass A:\n    def __lt__(self, o): return ¤\n    def __eq__(self, o): return True\n    __hash__ = None",
    "attrs": "import attrs\n@attrs.define\nclass A:\n    x: int = ¤",
    "pydantic": "import pydantic\nclass A(pydantic.BaseModel):\n    x: int = ¤",
}.items():
    for use, left in {"class": "\nf = A", "instance": "\nf = A()", "in a function": "\ndef f(): return A()"}.items():
        one, other = (body.replace("¤", k) for k in ("1", "2"))
        row("different", CLASS, f"{what}, {use}", one + left, other + left, "what the class does")
        row("same", CLASS, f"{what}, {use}", one + left, "\n\n# moved\n" + one + left, "layout and comments")
row(
    "different",
    CLASS,
    "text that encodes itself otherwise",
    "class S(str):\n    def encode(self, *a): return b''\nf = S('a')",
    "class S(str):\n    def encode(self, *a): return b''\nf = S('b')",
    "its methods may lie",
)
row(
    "different",
    CLASS,
    "bytes of another length",
    "class S(bytes):\n    def __len__(self): return 0\nf = S(b'a')",
    "class S(bytes):\n    def __len__(self): return 0\nf = S(b'b')",
    "its methods may lie",
)
row(
    "different",
    CLASS,
    "int that is equal to all",
    "class S(int):\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\nf = S(1)",
    "class S(int):\n    def __eq__(self, o): return True\n    def __hash__(self): return 0\nf = S(2)",
    "its methods may lie",
)

# ---------------------------------------------------------------- type parameters

TYPES = "type parameters"
both(
    TYPES,
    "TypeVar's bound",
    "from typing import TypeVar\nT = TypeVar('T', bound=¤)\ndef f(): return T",
    "int",
    "str",
    "it can be read",
)
both(
    TYPES,
    "TypeVar's constraints",
    "from typing import TypeVar\nT = TypeVar('T', ¤)\ndef f(): return T",
    "int, str",
    "int, bytes",
    "they can be read",
)
both(TYPES, "bound of a class's parameter", "class A[T: ¤]: pass\nf = A", "int", "str", "it can be read", travels=False)
both(TYPES, "default of a parameter", "class A[T = ¤]: pass\nf = A", "int", "str", "it can be read", travels=False)
both(TYPES, "type alias", "type X = ¤\ndef f(): return X", "int", "str", "it can be read", travels=False)
both(TYPES, "generic function", "def f[T](x: T): return ¤", "x", "[x]", "what it returns")
row(
    "refused",
    TYPES,
    "bound that fails",
    "class A[T: nowhere]: pass\nf = A",
    "class A[T: nowhere + 1]: pass\nf = A",
    "it cannot be evaluated",
)

# ---------------------------------------------------------------- what draws, and what it draws from

DRAW = "random"
for what, source in {
    "sample of a frame": "def f(df): return df.sample(3)",
    "numbers of a distribution": "from scipy import stats\ndef f(): return stats.norm.rvs(size=3)",
    "split": "from sklearn.model_selection import train_test_split\ndef f(x): return train_test_split(x)",
    "clusters": "from sklearn.cluster import KMeans\ndef f(x): return KMeans(3).fit(x)",
    "forest by module": "import sklearn.ensemble as e\ndef f(x): return e.RandomForestClassifier().fit(x, x)",
    "clock by name": "import time\ndef f(x): return x, time.time()",
    "environment by name": "import os\ndef f(x): return x, os.environ.get('A')",
    "today": "import datetime\ndef f(): return datetime.date.today()",
}.items():
    row("refused", DRAW, what, source, source + "  # again", "another run gives another result")
both(DRAW, "sample with a seed", "def f(df): return df.sample(3, random_state=¤)", "1", "2", "the seed")
both(
    DRAW,
    "split with a seed",
    "from sklearn.model_selection import train_test_split\ndef f(x): return train_test_split(x, random_state=¤)",
    "1",
    "2",
    "the seed",
)

# ---------------------------------------------------------------- libraries' objects

LIBRARY = "library"
T, N, P, X, C = (
    "import torch\n",
    "import numba\n",
    "import polars as pl\n",
    "import xarray as xr, numpy as np\n",
    "import scipy.sparse as s, numpy as np\n",
)
for what, head, one, other in [
    ("tensor", T, "torch.arange(5)", "torch.arange(1, 6)"),
    ("tensor's type", T, "torch.zeros(5)", "torch.zeros(5, dtype=torch.float64)"),
    ("tensor's shape", T, "torch.zeros(2, 3)", "torch.zeros(3, 2)"),
    ("tensor's gradient", T, "torch.zeros(2, requires_grad=True)", "torch.zeros(2)"),
    ("tensor's view", T, "torch.arange(6).reshape(2, 3).T", "torch.arange(6).reshape(3, 2)"),
    ("tensor's slice", T, "torch.arange(6)[2:4]", "torch.arange(6)[3:5]"),
    ("sparse tensor", T, "torch.eye(3).to_sparse()", "(2 * torch.eye(3)).to_sparse()"),
    ("half precision", T, "torch.ones(3, dtype=torch.bfloat16)", "torch.zeros(3, dtype=torch.bfloat16)"),
    ("parameter", T, "torch.nn.Parameter(torch.ones(2))", "torch.ones(2)"),
    (
        "torch's layers",
        T + "torch.manual_seed(0)\n",
        "torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())",
        "torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())",
    ),
    ("torch's mode", T, "torch.nn.Dropout()", "torch.nn.Dropout().eval()"),
    ("torch's types", T, "torch.float32", "torch.float64"),
    ("torch's generator", T, "torch.Generator().manual_seed(1)", "torch.Generator().manual_seed(2)"),
    ("polars frame", P, "pl.DataFrame({'a': [1, 2], 'b': ['x', None]})", "pl.DataFrame({'a': [1, 2], 'b': ['x', '']})"),
    ("polars names", P, "pl.DataFrame({'a': [1]})", "pl.DataFrame({'b': [1]})"),
    ("polars type", P, "pl.DataFrame({'a': [1]})", "pl.DataFrame({'a': [1.0]})"),
    ("polars series", P, "pl.Series('a', [1])", "pl.Series('b', [1])"),
    ("polars lists", P, "pl.Series('a', [[1], [2, 3]])", "pl.Series('a', [[1, 2], [3]])"),
    ("polars expression", P, "pl.col('a') + 1", "pl.col('a') + 2"),
    ("polars plan", P, "pl.DataFrame({'a': [1]}).lazy().select('a')", "pl.DataFrame({'a': [2]}).lazy().select('a')"),
    ("polars types", P, "pl.Datetime('us')", "pl.Datetime('ns')"),
    ("xarray's dimensions", X, "xr.DataArray(np.arange(3), dims='x')", "xr.DataArray(np.arange(3), dims='y')"),
    (
        "xarray's coordinates",
        X,
        "xr.DataArray(np.arange(2), dims='x', coords={'x': [1, 2]})",
        "xr.DataArray(np.arange(2), dims='x', coords={'x': [1, 3]})",
    ),
    (
        "xarray's attributes",
        X,
        "xr.DataArray(np.arange(3), attrs={'u': 1})",
        "xr.DataArray(np.arange(3), attrs={'u': 2})",
    ),
    ("xarray's name", X, "xr.DataArray(np.arange(3), name='a')", "xr.DataArray(np.arange(3), name='b')"),
    ("xarray's set", X, "xr.Dataset({'a': ('x', [1, 2])})", "xr.Dataset({'a': ('x', [1, 3])})"),
    *(
        (f"sparse {k}", C, f"s.{k}(np.eye(3))", f"s.{k}(2 * np.eye(3))")
        for k in (
            "csr_matrix",
            "csc_matrix",
            "coo_matrix",
            "csr_array",
            "dok_matrix",
            "lil_matrix",
            "dia_matrix",
            "bsr_matrix",
        )
    ),
    ("sparse form", C, "s.csr_matrix(np.eye(3))", "s.csc_matrix(np.eye(3))"),
    ("graph", "import networkx as nx\n", "nx.path_graph(3)", "nx.path_graph(4)"),
    ("estimator", "from sklearn.linear_model import Ridge\n", "Ridge(1)", "Ridge(2)"),
    ("numba's types", N, "numba.float64", "numba.float32"),
]:
    row("different", LIBRARY, what, f"{head}f = {one}", f"{head}f = {other}", "another value")
    row("same", LIBRARY, what, f"{head}f = {one}", f"{head}\n\nf = ({one})", "an equal value")
JIT = N + "@numba.njit\n"
for what, source in {
    "body": JIT + "def f(x): return x + ¤",
    "global": "K = ¤\n" + JIT + "def f(x): return x + K",
    "helper": JIT + "def h(x): return x + ¤\n@numba.njit\ndef f(x): return h(x)",
    "options": N + "@numba.njit(fastmath=bool(¤ - 1))\ndef f(x): return x + 1",
    "signature": N + "@numba.njit(['int64(int64)', 'float64(float64)'][¤ - 1])\ndef f(x): return x + 1",
    "ufunc": N + "@numba.vectorize\ndef f(x): return x + ¤",
}.items():
    one, other = (source.replace("¤", k) for k in ("1", "2"))
    row("different", LIBRARY, f"numba's {what}", one, other, "other machine code")
    row("same", LIBRARY, f"numba's {what}", one, "\n\n# moved\n" + one, "the Python function is the same")
row(
    "same",
    LIBRARY,
    "numba function that was used",
    JIT + "def f(x): return x + 1",
    JIT + "def f(x): return x + 1\nf(1)",
    "what is compiled already does not count",
)
row(
    "refused",
    LIBRARY,
    "numba function older than its global",
    "K = 1\n" + JIT + "def f(x): return x + K\nf(1)\nK = 2",
    "K = 1\n" + JIT + "def f(x): return x + K\nf(1)\nK = 3",
    "numba keeps the global of the first call",
)
row(
    "missed",
    LIBRARY,
    "Python function in a polars expression",
    P + "f = pl.col('a').map_elements(lambda x: x + 1, return_dtype=pl.Int64)",
    "# moved\n" + P + "f = pl.col('a').map_elements(lambda x: x + 1, return_dtype=pl.Int64)",
    "polars holds it pickled, with its line",
    stable=False,
)
row(
    "different",
    LIBRARY,
    "Python function in a polars expression",
    P + "f = pl.col('a').map_elements(lambda x: x + 1, return_dtype=pl.Int64)",
    P + "f = pl.col('a').map_elements(lambda x: x + 2, return_dtype=pl.Int64)",
    "another function",
    stable=False,
)
row(
    "different",
    LIBRARY,
    "sharing of memory",
    "import numpy as np\nA = np.zeros(3)\nf = [A, A]",
    "import numpy as np\nf = [np.zeros(3), np.zeros(3)]",
    "a change of one shows in the other",
)
VIEW = "import numpy as np\nA = np.zeros(3)\nB = A[:2]"
READ = "\ndef f():\n    A[0] = 1\n    return B"
row(
    "different",
    LIBRARY,
    "view of an array",
    VIEW + READ,
    VIEW + ".copy()" + READ,
    "a change of one shows",
    travels=False,
)
row(
    "same",
    LIBRARY,
    "views side by side",
    VIEW.replace("A[:2]", "A[1:]; A = A[:1]") + READ,
    VIEW.replace("A[:2]", "A[1:].copy(); A = A[:1]") + READ,
    "nothing in common",
)
row(
    "refused",
    LIBRARY,
    "key functions made in C",
    "import functools\nk = functools.cmp_to_key(lambda a, b: a - b)\ndef f(x): return sorted(x, key=k)",
    "import functools\nk = functools.cmp_to_key(lambda a, b: b - a)\ndef f(x): return sorted(x, key=k)",
    "they cannot be looked into",
)
