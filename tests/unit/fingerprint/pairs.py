"""Pairs of small notebooks: what they call `f` must have one fingerprint, or two.

Each side is a list of cells that leave an `f` behind. A pair that must be equal behaves alike; one that must differ is
told apart by some call, or by what is read from outside.
"""

# ruff: noqa: E501  # a table of sources, one pair a line
from __future__ import annotations

import sys
from textwrap import dedent
from typing import NamedTuple


class Pair(NamedTuple):
    name: str
    equal: bool
    left: tuple[str, ...]
    right: tuple[str, ...]
    travels: bool = True  # whether cloudpickle can take it to another process


PAIRS: list[Pair] = []


def _cells(source: str | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dedent(cell).strip("\n") for cell in ([source] if isinstance(source, str) else source))


def same(name: str, left, right, travels: bool = True) -> None:
    PAIRS.append(Pair(name, True, _cells(left), _cells(right), travels))


def differ(name: str, left, right, travels: bool = True) -> None:
    PAIRS.append(Pair(name, False, _cells(left), _cells(right), travels))


# ---------------------------------------------------------------- layout and spelling

PLAIN = """
    def f(x, y=2):
        total = x + y
        return total * 3
"""
same("itself", PLAIN, PLAIN)
same("comment", PLAIN, "# about f\ndef f(x, y=2):\n    # add\n    total = x + y  # sum\n    return total * 3")
same("blank lines", PLAIN, "\n\n\ndef f(x, y=2):\n\n    total = x + y\n\n\n    return total * 3")
same("docstring added", PLAIN, 'def f(x, y=2):\n    "adds"\n    total = x + y\n    return total * 3')
same("docstring changed", 'def f():\n    "a"\n    return 1', 'def f():\n    "b"\n    return 1')
same("annotations", PLAIN, "def f(x: int, y: 'float' = 2) -> int:\n    total: int = x + y\n    return total * 3")
same("indented further", PLAIN, "if True:\n    def f(x, y=2):\n            total = x + y\n            return total * 3")
same("line broken", PLAIN, "def f(x,\n      y=2):\n    total = (x\n      + y)\n    return (total\n        * 3)")
same("parentheses", PLAIN, "def f(x, y=(2)):\n    total = (x + y)\n    return ((total) * 3)")
same("quotes", "def f(): return 'a' 'b'", 'def f(): return "ab"')
same("hexadecimal", "def f(): return 255", "def f(): return 0xFF")
same("folded constant", "def f(): return 6", "def f(): return 2 * 3")
same("raw text", r"def f(): return '\\d'", r"def f(): return r'\d'")
same("pass", "def f():\n    return 1", "def f():\n    pass\n    return 1")
same("explicit return", "def f(x):\n    x.append(1)", "def f(x):\n    x.append(1)\n    return None")
same("dead branch", "def f(): return 1", "def f():\n    if False:\n        return 2\n    return 1")
same("renamed local", PLAIN, "def f(x, y=2):\n    s = x + y\n    return s * 3")
same("lambda or def", "f = lambda x: x + 1", "def f(x): return x + 1")
same("other name", "def g(x): return x + 1\nf = g", "def f(x): return x + 1")
same("other cell", PLAIN, ("a = 1", "b = 2", PLAIN))
same(
    "import in the same cell",
    ("import math", "def f(x): return math.floor(x)"),
    "import math\ndef f(x): return math.floor(x)",
)
same(
    "import twice",
    ("import math", "def f(x): return math.floor(x)"),
    ("import math\nimport os", "import math\ndef f(x): return math.floor(x)"),
)
same(
    "method call over lines",
    "def f(x): return x.strip().upper()",
    "def f(x):\n    return (x\n        .strip()\n        .upper())",
)
same(
    "two loads over two lines",
    "def f(a, b): return g(a, b)\ndef g(a, b): return a",
    "def f(a, b):\n    return g(\n        a,\n        b,\n    )\ndef g(a,\n      b): return a",
)
same("with block layout", "def f(c):\n    with c as x: return x", "def f(c):\n    with (c) as x:\n\n        return x")
same(
    "try layout",
    "def f(x):\n    try: return 1 / x\n    except ValueError: return 0\n    finally: x = 1",
    "def f(x):\n    # try it\n    try:\n        return 1 / x\n    except ValueError:\n        return 0\n    finally:\n        x = 1",
)
same(
    "loop layout",
    "def f(n):\n    s = 0\n    while n:\n        if n > 3: break\n        n -= 1; s += n\n    return s",
    "def f(n):\n    s = 0\n    while n:\n        if n > 3:\n            break\n        n -= 1\n        s += n\n    return s",
)
same(
    "comprehension layout",
    "def f(n): return [i * 2 for i in range(n) if i]",
    "def f(n):\n    return [\n        i * 2\n        for i in range(n)\n        if i\n    ]",
)
same(
    "nested docstring",
    "def f():\n    def g():\n        'a'\n        return 1\n    return g()",
    "def f():\n    def g():\n        return 1\n    return g()",
)
same(
    "class inside, other line",
    "def f():\n    class A:\n        x = 1\n    return A.x",
    "\n\n\ndef f():\n    class A:\n        'doc'\n        x = 1\n    return A.x",
)
same("two lambdas on one line", "f, g = lambda x: x + 1, lambda x: x + 2", "f = lambda x: x + 1")
differ(
    "two lambdas on one line, the other",
    "f, g = lambda x: x + 1, lambda x: x + 2",
    "g, f = lambda x: x + 1, lambda x: x + 2",
)

# ---------------------------------------------------------------- bodies

for one, other in [
    ("x + 1", "x - 1"),
    ("x + 1", "1 + x"),
    ("x < 1", "x <= 1"),
    ("x is None", "x is not None"),
    ("x in y", "x not in y"),
    ("x and y", "x or y"),
    ("not x", "x"),
    ("-x", "+x"),
    ("x[0]", "x[1]"),
    ("x[1:]", "x[:1]"),
    ("x.a", "x.b"),
    ("x(1)", "x(a=1)"),
    ("x(a=1)", "x(b=1)"),
    ("x(*y)", "x(**y)"),
    ("x(y)", "y(x)"),
    ("(x, y)", "[x, y]"),
    ("{x: y}", "{y: x}"),
    ("{x, y}", "(x, y)"),
    ("f'{x}'", "f'{x!r}'"),
    ("f'{x:>3}'", "f'{x:>4}'"),
    ("x if y else 1", "1 if y else x"),
    ("x / y", "x // y"),
    ("[i for i in x]", "{i for i in x}"),
    ("[i for i in x]", "[i for i in x if i]"),
    ("x @ y", "x * y"),
    ("x.upper()", "x.lower()"),
    ("x()", "x"),
    ("lambda: x", "lambda: y"),
    ("x ** y", "y ** x"),
    ("x == y", "x != y"),
]:
    differ(f"{one} / {other}", f"def f(x, y): return {one}", f"def f(x, y): return {other}")

for one, other in [
    ("1", "True"),
    ("1", "1.0"),
    ("1", "'1'"),
    ("'1'", "b'1'"),
    ("0.0", "-0.0"),
    ("0", "False"),
    ("None", "False"),
    ("1", "1 + 0j"),
    ("(1, 2)", "(2, 1)"),
    ("(1,)", "1"),
    ("((1,), 2)", "(1, (2,))"),
    ("('ab', 'c')", "('a', 'bc')"),
    ("''", "()"),
    ("...", "None"),
    ("10 ** 30", "10 ** 30 + 1"),
    ("0j", "-0j"),
    ("1e16", "10 ** 16"),
    ("'a'", "'A'"),
    ("(1, True)", "(True, 1)"),
    ("'\\ud800'", "'\\ud801'"),
]:
    differ(f"constant {one} / {other}", f"def f(): return {one}", f"def f(): return {other}")
    differ(f"value {one} / {other}", f"f = [{one}]", f"f = [{other}]")
    differ(f"global {one} / {other}", f"K = {one}\ndef f(): return K", f"K = {other}\ndef f(): return K")

differ(
    "handler",
    "def f(x):\n    try: return g(x)\n    except ValueError: return 1",
    "def f(x):\n    try: return g(x)\n    except KeyError: return 1",
)
differ(
    "what is tried",
    "def f(x):\n    y = x()\n    try: x()\n    except ValueError: return 1",
    "def f(x):\n    try:\n        y = x()\n        x()\n    except ValueError: return 1",
)
differ(
    "finally or else",
    "def f(x):\n    try: x()\n    except ValueError: pass\n    else: x(1)",
    "def f(x):\n    try: x()\n    except ValueError: pass\n    finally: x(1)",
)
differ(
    "break or continue",
    "def f(x):\n    for i in x:\n        if i: break\n        g(i)",
    "def f(x):\n    for i in x:\n        if i: continue\n        g(i)",
)
differ("generator", "def f(x):\n    for i in x: yield i", "def f(x):\n    for i in x: (i)")
differ("coroutine", "async def f(x): return 1", "def f(x): return 1")
differ("star argument", "def f(*a): return a", "def f(a): return a")
differ("keyword only", "def f(a, *, b): return b", "def f(a, b): return b")
differ("positional only", "def f(a, /): return a", "def f(a): return a")
differ("parameter's name", "def f(a): return a", "def f(b): return b")
differ("order of parameters", "def f(a, b): return a", "def f(b, a): return a")
differ(
    "nested function",
    "def f():\n    def g(): return 1\n    return g()",
    "def f():\n    def g(): return 2\n    return g()",
)
differ(
    "depth two",
    "def f():\n    def g():\n        def h(): return 1\n        return h\n    return g()()",
    "def f():\n    def g():\n        def h(): return 2\n        return h\n    return g()()",
)
differ(
    "which variable", "def f(x):\n    a = x\n    b = 1\n    return a", "def f(x):\n    a = x\n    b = 1\n    return b"
)
differ(
    "body of a class inside",
    "def f():\n    class A:\n        x = 1\n    return A.x",
    "def f():\n    class A:\n        x = 2\n    return A.x",
)
differ(
    "match",
    "def f(x):\n    match x:\n        case [a, b]: return a\n        case _: return 0",
    "def f(x):\n    match x:\n        case [a, b]: return b\n        case _: return 0",
)
differ("with", "def f(c):\n    with c: return 1", "def f(c):\n    c\n    return 1")
differ("assert", "def f(x):\n    assert x\n    return x", "def f(x):\n    return x")
differ(
    "super",
    "class A:\n    def f(self): return 1\nclass B(A):\n    def f(self): return super().f()\nf = B.f",
    "class A:\n    def f(self): return 2\nclass B(A):\n    def f(self): return super().f()\nf = B.f",
)

# ---------------------------------------------------------------- set literals, sets

same("set literal order", "def f(x): return x in {'a', 'b', 'c', 'd'}", "def f(x): return x in {'d', 'b', 'c', 'a'}")
differ("set literal", "def f(x): return x in {'a', 'b'}", "def f(x): return x in {'a', 'c'}")
differ("set or frozenset", "f = {1, 2}", "f = frozenset({1, 2})")
same("set order", "f = {'x', 'y', 'z', ('a', 1)}", "f = {('a', 1), 'z', 'y', 'x'}")
same("set of sets", "f = {frozenset('ab'), frozenset('cd')}", "f = {frozenset('dc'), frozenset('ba')}")
same("set global", "S = {'p', 'q', 'r'}\ndef f(x): return x in S", "S = {'r', 'q', 'p'}\ndef f(x): return x in S")
differ(
    "set global changed", "S = {'p', 'q', 'r'}\ndef f(x): return x in S", "S = {'p', 'q', 's'}\ndef f(x): return x in S"
)
same(
    "set of functions",
    "def a(): return 1\ndef b(): return 2\nf = {a, b}",
    "def b(): return 2\ndef a(): return 1\nf = {b, a}",
)
differ(
    "set of functions changed",
    "def a(): return 1\ndef b(): return 2\nf = {a, b}",
    "def a(): return 1\ndef b(): return 3\nf = {a, b}",
)

# ---------------------------------------------------------------- globals

G = "def f(x): return x * K"
differ("global value", ("K = 2", G), ("K = 3", G))
same("global by another name", ("K = 2", G), ("L = 2", "def f(x): return x * L"))
same("global set twice", ("K = 2", G), ("K = 5", G, "K = 2"))
differ("global set later", ("K = 2", G), ("K = 2", G, "K = 3"))
differ("global unbound", ("K = 2", G), (G,))
same("unused global", ("A = 1", G, "K = 2"), ("A = 99", G, "K = 2"))
same("name as attribute", "K = 1\ndef f(x): return x.K", "K = 2\ndef f(x): return x.K")
same("name as keyword", "K = 1\ndef f(x): return x(K=3)", "K = 2\ndef f(x): return x(K=3)")
same("name as local", "K = 1\ndef f(x):\n    K = x\n    return K", "K = 2\ndef f(x):\n    K = x\n    return K")
same("name as parameter", "K = 1\ndef f(K): return K", "K = 2\ndef f(K): return K")
same("name in a string", "K = 1\ndef f(x): return 'K'", "K = 2\ndef f(x): return 'K'")
differ("global list", "K = [1]\ndef f(): return K[0]", "K = [2]\ndef f(): return K[0]")
differ("global list order", "K = [1, 2]\ndef f(): return K[0]", "K = [2, 1]\ndef f(): return K[0]")
differ("global dict", "K = {'a': 1}\ndef f(): return K['a']", "K = {'a': 2}\ndef f(): return K['a']")
differ(
    "global dict order",
    "K = {'a': 1, 'b': 2}\ndef f(): return list(K)",
    "K = {'b': 2, 'a': 1}\ndef f(): return list(K)",
)
differ(
    "global deep",
    "K = {'a': [1, {'b': (2, [3])}]}\ndef f(): return K",
    "K = {'a': [1, {'b': (2, [4])}]}\ndef f(): return K",
)
differ("global mutated", ("K = [1]", "def f(): return K"), ("K = [1]", "def f(): return K", "K.append(2)"))
differ(
    "global array",
    "import numpy as np\nK = np.arange(3)\ndef f(): return K",
    "import numpy as np\nK = np.arange(4)\ndef f(): return K",
)
differ(
    "global array dtype",
    "import numpy as np\nK = np.arange(3)\ndef f(): return K",
    "import numpy as np\nK = np.arange(3.)\ndef f(): return K",
)
differ(
    "global read in a nested function",
    "K = 1\ndef f():\n    return (lambda: K)()",
    "K = 2\ndef f():\n    return (lambda: K)()",
)
differ(
    "global read in a comprehension",
    "K = 1\ndef f(x): return [i + K for i in x]",
    "K = 2\ndef f(x): return [i + K for i in x]",
)
differ(
    "global read in a class body",
    "K = 1\ndef f():\n    class A:\n        k = K\n    return A.k",
    "K = 2\ndef f():\n    class A:\n        k = K\n    return A.k",
    travels=False,
)
differ("builtin hidden", ("def f(x): return len(x)",), ("def len(x): return 0", "def f(x): return len(x)"))
differ("builtin hidden by a value", ("def f(x): return max",), ("max = 3", "def f(x): return max"))
differ(
    "aliasing of globals",
    "A = [1]\nB = A\ndef f(): A.append(2); return B",
    "A = [1]\nB = [1]\ndef f(): A.append(2); return B",
)
same("equal texts, one object or two", "a = 'x' * 30\nf = [a, a]", "f = ['x' * 30, ''.join(['x'] * 30)]")
same("equal numbers, one object or two", "a = 10 ** 20\nf = [a, a]", "f = [10 ** 20, int('1' + '0' * 20)]")
same("equal tuples, one object or two", "a = (1, 'b')\nf = [a, a]", "f = [(1, 'b'), tuple([1, 'b'])]")
differ("one list or two", "a = [1]\nf = [a, a]", "f = [[1], [1]]")
differ("cycle", "f = []\nf.append(f)", "f = []\nf.append([f])")
same("cycle again", "f = []\nf.append(f)", "g = [0]\ng[0] = g\nf = g")
same("not a number", "f = float('nan')", "f = float('inf') - float('inf')")
same("deep list", "f = []\nfor i in range(3000): f = [f]", "f = []\nfor i in range(3000): f = [f]", travels=False)
differ("deeper list", "f = []\nfor i in range(3000): f = [f]", "f = []\nfor i in range(3001): f = [f]", travels=False)

# ---------------------------------------------------------------- helpers

H1, H2 = "def h(x): return x + 1", "def h(x): return x + 2"
for way, rest in {
    "global": "def f(x): return h(x)",
    "alias": "k = h\ndef f(x): return k(x)",
    "dict": "table = {'h': h}\ndef f(x): return table['h'](x)",
    "list": "table = [h]\ndef f(x): return table[0](x)",
    "default": "def f(x, h=h): return h(x)",
    "keyword default": "def f(x, *, h=h): return h(x)",
    "partial": "from functools import partial\nf = partial(h, 1)",
    "partial's argument": "from functools import partial\nf = partial(map, h)",
    "partial's keyword": "from functools import partial\nf = partial(sorted, key=h)",
    "nested partial": "from functools import partial\nf = partial(partial(h), 3)",
    "closure": "def make(g):\n    def f(x): return g(x)\n    return f\nf = make(h)",
    "decorator": "def twice(g):\n    def inner(x): return g(g(x))\n    return inner\nf = twice(h)",
    "wraps": "import functools\ndef d(g):\n    @functools.wraps(g)\n    def inner(x): return g(x)\n    return inner\nf = d(h)",
    "two levels": "def g(x): return h(x)\ndef f(x): return g(x)",
    "three levels": "def g(x): return h(x)\ndef k(x): return g(x)\ndef f(x): return k(x)",
    "instance attribute": "class A: pass\na = A()\na.h = h\ndef f(x): return a.h(x)",
    "class attribute": "class A:\n    h = staticmethod(h)\ndef f(x): return A.h(x)",
    "method": "class A:\n    def run(self, x): return h(x)\nf = A().run",
    "callable object": "class A:\n    def __call__(self, x): return h(x)\nf = A()",
    "property": "class A:\n    @property\n    def p(self): return h(1)\nf = A()",
    "class method": "class A:\n    @classmethod\n    def p(cls): return h(1)\nf = A.p",
    "vectorize": "import numpy as np\nf = np.vectorize(h)",
    "comprehension": "def f(x): return [h(i) for i in x]",
    "lambda": "f = lambda x: h(x)",
    "attribute of a function": "def f(x): return f.g(x)\nf.g = h",
    "compose": "from toolz import compose\nf = compose(abs, h)",
    "curry": "from toolz import curry\nf = curry(h)",
    "tuple of functions": "f = (h, len)",
    "subclass": "class A:\n    def m(self): return h(1)\nclass B(A): pass\nf = B()",
    "metaclass": "class M(type):\n    def m(cls): return h(1)\nclass B(metaclass=M): pass\nf = B",
    "frozen dataclass": "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass A:\n    g: object\nf = A(h)",
    "default factory": "import collections\nf = collections.defaultdict(h)",
    "method of an argument type": "class A:\n    def __add__(self, o): return h(o)\nx = A()\ndef f(y): return x + y",
}.items():
    differ(f"helper by {way}", (H1, rest), (H2, rest))
    same(f"helper by {way}", (H1, rest), ("# h\n\n" + H1 + "  # one more", "unused = 1", rest))
for way, rest in {
    "lru_cache": "import functools\nf = functools.lru_cache(h)",
    "cache used": "import functools\nc = functools.lru_cache(h)\ndef f(x): return c(x)",
    "frompyfunc": "import numpy as np\nf = np.frompyfunc(h, 1, 1)",
    "singledispatch": "import functools\nf = functools.singledispatch(h)",
}.items():
    differ(f"helper by {way}", (H1, rest), (H2, rest), travels=False)
    same(f"helper by {way}", (H1, rest), ("\n" + H1, rest), travels=False)
same(
    "lru_cache that was used",
    ("import functools\n@functools.lru_cache\ndef f(x): return x",),
    ("import functools\n@functools.lru_cache\ndef f(x): return x", "f(1); f(2)"),
    travels=False,
)
differ(
    "lru_cache size",
    "import functools\n@functools.lru_cache(3)\ndef f(x): return x",
    "import functools\n@functools.lru_cache(4)\ndef f(x): return x",
    travels=False,
)
same(
    "vectorize that was used",
    "import numpy as np\nf = np.vectorize(lambda x: x + 1)",
    "import numpy as np\nf = np.vectorize(lambda x: x + 1)\nf([1, 2])",
)
S = "import functools\n@functools.singledispatch\ndef f(x): return 0\n"
differ(
    "singledispatch registry",
    S + "@f.register(int)\ndef _(x): return 1",
    S + "@f.register(int)\ndef _(x): return 2",
    travels=False,
)
differ(
    "singledispatch type",
    S + "@f.register(int)\ndef _(x): return 1",
    S + "@f.register(str)\ndef _(x): return 1",
    travels=False,
)
same(
    "singledispatch that was used",
    S + "@f.register(int)\ndef _(x): return 1",
    S + "@f.register(int)\ndef _(x): return 1\nf(1); f('a')",
    travels=False,
)
differ("helper redefined", (H1, "def f(x): return h(x)"), (H1, "def f(x): return h(x)", H2))
differ(
    "helper swapped for a library's",
    ("from math import floor as h", "def f(x): return h(x)"),
    ("from math import ceil as h", "def f(x): return h(x)"),
)
differ(
    "library function patched",
    ("import json", "def f(x): return json.dumps(x)"),
    (
        "import json",
        "def f(x): return json.dumps(x)",
        "real, json.dumps = json.dumps, lambda x: 'no'",
        "@property\ndef undo(self): pass\n__undo__ = lambda: setattr(json, 'dumps', real)",
    ),
    travels=False,
)
differ(
    "partial's arguments",
    "from functools import partial\nf = partial(pow, 2)",
    "from functools import partial\nf = partial(pow, 3)",
)
differ("partial or not", "from functools import partial\nf = partial(len)", "f = len")
differ("recursion", "def f(n): return 1 if n < 2 else n * f(n - 1)", "def f(n): return 1 if n < 2 else n + f(n - 1)")
same(
    "recursion renamed",
    "def f(n): return 1 if n < 2 else n * f(n - 1)",
    "def g(n): return 1 if n < 2 else n * g(n - 1)\nf = g",
)
M = "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)\n"
same(
    "mutual recursion",
    M + "f = even",
    "def odd(n): return n != 0 and even(n - 1)\ndef even(n): return n == 0 or odd(n - 1)\nf = even",
)
differ("mutual recursion, entry", M + "f = even", M + "f = odd")
differ("mutual recursion changed", M + "f = even", M.replace("n != 0 and", "n > 0 and") + "f = even")
CHAIN = "def h0(x): return x + {}\n" + "".join(f"def h{i}(x): return h{i - 1}(x)\n" for i in range(1, 150)) + "f = h149"
differ("chain of 150 helpers", CHAIN.format(1), CHAIN.format(2))
same("chain of 150 helpers", CHAIN.format(1), "# longer\n" + CHAIN.format(1))
differ(
    "decorator's body",
    "def d(g):\n    def inner(x): return g(x) + 1\n    return inner\n@d\ndef f(x): return x",
    "def d(g):\n    def inner(x): return g(x) + 2\n    return inner\n@d\ndef f(x): return x",
)
differ(
    "wraps, the wrapper",
    "import functools\ndef d(g):\n    @functools.wraps(g)\n    def inner(x): return g(x) + 1\n    return inner\n@d\ndef f(x): return x",
    "import functools\ndef d(g):\n    @functools.wraps(g)\n    def inner(x): return g(x) + 2\n    return inner\n@d\ndef f(x): return x",
)
differ(
    "decorator's argument",
    "def d(k):\n    def deco(g):\n        def inner(x): return g(x) + k\n        return inner\n    return deco\n@d(1)\ndef f(x): return x",
    "def d(k):\n    def deco(g):\n        def inner(x): return g(x) + k\n        return inner\n    return deco\n@d(2)\ndef f(x): return x",
)

# ---------------------------------------------------------------- closures and defaults

MAKE = "def make(a, b):\n    def f(x): return x * a - b\n    return f\n"
differ("closure", MAKE + "f = make(1, 2)", MAKE + "f = make(1, 3)")
differ("closure order", MAKE + "f = make(1, 2)", MAKE + "f = make(2, 1)")
same("closure", MAKE + "f = make(1, 2)", "\n\n" + MAKE + "f = make(1, 1 + 1)")
differ(
    "closure of a set",
    "def make(s):\n    return lambda x: x in s\nf = make({'a', 'b'})",
    "def make(s):\n    return lambda x: x in s\nf = make({'a', 'c'})",
)
same(
    "closure of a set",
    "def make(s):\n    return lambda x: x in s\nf = make({'a', 'b', 'c'})",
    "def make(s):\n    return lambda x: x in s\nf = make({'c', 'b', 'a'})",
)
differ(
    "counter's state",
    "def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make()",
    "def make():\n    n = 0\n    def f():\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = make(); f()",
)
SELF = "def make(k):\n    def f(n): return k if n < 1 else f(n - 1)\n    return f\n"
same("closure on itself", SELF + "f = make(1)", SELF + "f = make(1)")
differ("closure on itself", SELF + "f = make(1)", SELF + "f = make(2)")
EMPTY = "def make(k):\n    def f(): return later\n    if k: later = k\n    return f\n"
differ("empty cell", EMPTY + "f = make(0)", EMPTY + "f = make(1)")
same("empty cell", EMPTY + "f = make(0)", EMPTY + "f = make(None)")
SHARE = "def make():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n    def get(): return n\n    return up, get\n"
# A copy that cloudpickle makes shares no cell: it is another thing.
differ("shared cell", SHARE + "f = make()", SHARE + "f = (make()[0], make()[1])", travels=False)
same(
    "cell that nobody binds",
    "def make(n):\n    return (lambda: n), (lambda: n + 1)\nf = make(1)",
    "def make(n):\n    return (lambda: n), (lambda: n + 1)\nf = (make(1)[0], make(1)[1])",
)
same(
    "cell that nobody binds, of a list",
    "def make(n):\n    return (lambda: n), (lambda: n[0])\nf = make([1])",
    "def make(n):\n    return (lambda: n), (lambda: n[0])\nl = [1]\nf = (make(l)[0], make(l)[1])",
)
differ(
    "list in two closures",
    "def make(n):\n    return (lambda: n), (lambda: n[0])\nf = make([1])",
    "def make(n):\n    return (lambda: n), (lambda: n[0])\nf = (make([1])[0], make([1])[1])",
)
differ("default", "def f(x=1): return x", "def f(x=2): return x")
differ("default's type", "def f(x=1): return x", "def f(x=1.0): return x")
differ("default or none", "def f(x=None): return x", "def f(x): return x")
differ("mutable default", "def f(x=[1]): return x", "def f(x=[2]): return x")
differ(
    "mutable default used",
    "def f(x=[]):\n    x.append(1)\n    return x",
    "def f(x=[]):\n    x.append(1)\n    return x\nf()",
)
differ("keyword default", "def f(*, a=1, b=2): return a", "def f(*, a=2, b=1): return a")
same("plain object as default", "def f(x=object()): return x", "MISSING = object()\ndef f(x=MISSING): return x")
same("function's docstring read", "def f(): return f.__doc__", "def f(): return f.__doc__")
differ(
    "function's docstring read", "def f():\n    'a'\n    return f.__doc__", "def f():\n    'b'\n    return f.__doc__"
)
differ("helper's docstring read", "def h(): 'a'\ndef f(): return h.__doc__", "def h(): 'b'\ndef f(): return h.__doc__")
differ(
    "helper's name read",
    "def h(): pass\ndef f(): return h.__name__",
    "def g(): pass\nh = g\ndef f(): return h.__name__",
)

# ---------------------------------------------------------------- classes and instances

A = "class A:\n    k = 1\n    def m(self): return self.k\n"
for what, one, other in [
    ("attribute", A, A.replace("k = 1", "k = 2")),
    ("method", A, A.replace("self.k", "self.k + 1")),
    ("attribute added", A, A + "    z = 1\n"),
    ("base", "class P: pass\nclass A(P): pass", "class P: x = 1\nclass A(P): pass"),
    (
        "order of bases",
        "class P:\n    x = 1\nclass Q:\n    x = 2\nclass A(P, Q): pass",
        "class P:\n    x = 1\nclass Q:\n    x = 2\nclass A(Q, P): pass",
    ),
    (
        "static or class method",
        "class A:\n    @staticmethod\n    def m(x=None): return x",
        "class A:\n    @classmethod\n    def m(x=None): return x",
    ),
    (
        "property",
        "class A:\n    @property\n    def p(self): return 1",
        "class A:\n    @property\n    def p(self): return 2",
    ),
    (
        "property's setter",
        "class A:\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): self.v = v",
        "class A:\n    @property\n    def p(self): return 1\n    @p.setter\n    def p(self, v): self.v = -v",
    ),
    ("slots", "class A:\n    __slots__ = ('a',)", "class A:\n    __slots__ = ('b',)"),
    ("patched", A, A + "A.m = lambda self: 7"),
    (
        "dataclass field",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 2",
    ),
    (
        "dataclass field's name",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    y: int = 1",
    ),
    (
        "dataclass factory",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: list = dataclasses.field(default_factory=list)",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: list = dataclasses.field(default_factory=dict)",
    ),
    (
        "dataclass order",
        "import dataclasses\n@dataclasses.dataclass(order=True)\nclass A:\n    x: int = 1",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int = 1",
    ),
    (
        "enum value",
        "import enum\nclass A(enum.Enum):\n    a = 1\n    b = 2",
        "import enum\nclass A(enum.Enum):\n    a = 2\n    b = 1",
    ),
    (
        "enum order",
        "import enum\nclass A(enum.Enum):\n    a = 1\n    b = 2",
        "import enum\nclass A(enum.Enum):\n    b = 2\n    a = 1",
    ),
    (
        "enum method",
        "import enum\nclass A(enum.Enum):\n    a = 1\n    def m(self): return 1",
        "import enum\nclass A(enum.Enum):\n    a = 1\n    def m(self): return 2",
    ),
    (
        "flag",
        "import enum\nclass A(enum.Flag):\n    a = 1\n    b = 2",
        "import enum\nclass A(enum.Flag):\n    a = 1\n    b = 4",
    ),
    (
        "named tuple",
        "import collections\nA = collections.namedtuple('A', 'x y')",
        "import collections\nA = collections.namedtuple('A', 'y x')",
    ),
    (
        "typed named tuple",
        "from typing import NamedTuple\nclass A(NamedTuple):\n    x: int = 1",
        "from typing import NamedTuple\nclass A(NamedTuple):\n    x: int = 2",
    ),
    (
        "abstract",
        "import abc\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def m(self): ...",
        "import abc\nclass A(abc.ABC):\n    def m(self): ...",
    ),
    (
        "generic",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    x = 1",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass A(Generic[T]):\n    x = 2",
    ),
    (
        "cached property",
        "import functools\nclass A:\n    @functools.cached_property\n    def p(self): return 1",
        "import functools\nclass A:\n    @functools.cached_property\n    def p(self): return 2",
    ),
    (
        "constant of the module",
        "K = 1\nclass A:\n    def m(self): return K",
        "K = 2\nclass A:\n    def m(self): return K",
    ),
    ("name", "class A: pass", "class B: pass\nA = B"),
]:
    # Before 3.12 such a property holds a lock.
    travels = what != "cached property" or sys.version_info >= (3, 12)
    differ(f"class: {what}", one + "\nf = A", other + "\nf = A", travels)
    same(f"class: {what}", one + "\nf = A", "\n# moved\n\n" + one + "\nf = A", travels)
    if what not in ("abstract", "enum value", "enum order", "enum method", "flag", "named tuple"):
        differ(f"instance: {what}", one + "\nf = A()", other + "\nf = A()", travels)
    differ(f"used in a function: {what}", one + "\ndef f(): return A", other + "\ndef f(): return A", travels)
same("class docstring", "class A:\n    x = 1\nf = A", "class A:\n    'doc'\n    x = 1\nf = A")
same("class annotation", "class A:\n    x = 1\nf = A", "class A:\n    x: int = 1\nf = A")
same("class members' order", "class A:\n    x = 1\n    y = 2\nf = A", "class A:\n    y = 2\n    x = 1\nf = A")
differ("instance attribute", A + "f = A(); f.z = 1", A + "f = A(); f.z = 2")
differ(
    "instance slot",
    "class A:\n    __slots__ = ('a',)\nf = A(); f.a = 1",
    "class A:\n    __slots__ = ('a',)\nf = A(); f.a = 2",
)
differ(
    "slot not set", "class A:\n    __slots__ = ('a',)\nf = A()", "class A:\n    __slots__ = ('a',)\nf = A(); f.a = None"
)
C = "import functools\nclass A:\n    @functools.cached_property\n    def p(self): return 1\nf = A()\n"
same("cached property filled", C, C + "f.p", sys.version_info >= (3, 12))
differ("bound method, self", A + "a = A(); a.k = 5\nf = a.m", A + "a = A(); a.k = 6\nf = a.m")
differ(
    "bound method, which",
    "class A:\n    def m(self): pass\n    def n(self): return 1\nf = A().m",
    "class A:\n    def m(self): pass\n    def n(self): return 1\nf = A().n",
)
differ("class redefined", (A + "f = A()",), (A + "f = A()", A.replace("k = 1", "k = 2"), "f = A()"))
same("old instance of a redefined class", (A + "f = A()",), (A + "f = A()", A.replace("k = 1", "k = 2")))
E = "import enum\nclass A(enum.Enum):\n    a = 1\n    b = 2\n"
differ("enum member", E + "f = A.a", E + "f = A.b")
same("enum member by value", E + "f = A.a", E + "f = A(1)")
differ("member or number", "import enum\nclass A(enum.IntEnum):\n    a = 1\nf = A.a", "f = 1")
differ("dict subclass", "class D(dict): pass\nf = D(a=1)", "f = dict(a=1)")
differ("dict subclass content", "class D(dict): pass\nf = D(a=1)", "class D(dict): pass\nf = D(a=2)")
differ("list subclass state", "class D(list): pass\nf = D([1]); f.x = 1", "class D(list): pass\nf = D([1]); f.x = 2")
differ("text subclass", "class D(str): pass\nf = D('a')", "f = 'a'")
differ(
    "getstate",
    "class A:\n    def __init__(self, x): self.x = x; self.y = 9\n    def __getstate__(self): return {'x': self.x}\nf = A(1)",
    "class A:\n    def __init__(self, x): self.x = x; self.y = 9\n    def __getstate__(self): return {'x': self.x}\nf = A(2)",
)
same(
    "getstate",
    "class A:\n    def __init__(self, x): self.x = x; self.y = object()\n    def __getstate__(self): return {'x': self.x}\nf = A(1)",
    "class A:\n    def __init__(self, x): self.x = x; self.y = object()\n    def __getstate__(self): return {'x': self.x}\nf = A(1); f.y = 3",
)
differ(
    "reduce",
    "class A:\n    def __init__(self, x): self.x = x\n    def __reduce__(self): return (A, (self.x,))\nf = A(1)",
    "class A:\n    def __init__(self, x): self.x = x\n    def __reduce__(self): return (A, (self.x,))\nf = A(2)",
)
differ("exception", "f = ValueError('a')", "f = ValueError('b')")
differ("exception's type", "f = ValueError('a')", "f = KeyError('a')")
same(
    "logger", "import logging\nf = logging.getLogger('x')", "import logging\nf = logging.getLogger('x'); f.setLevel(10)"
)
differ("logger's name", "import logging\nf = logging.getLogger('x')", "import logging\nf = logging.getLogger('y')")
same(
    "lock",
    "import threading\nlock = threading.Lock()\ndef f(x):\n    with lock: return x",
    "import threading\nlock = threading.Lock()\ndef f(x):\n    with lock: return x",
    travels=False,
)

# ---------------------------------------------------------------- modules

differ("module function", "import math\ndef f(x): return math.floor(x)", "import math\ndef f(x): return math.ceil(x)")
same("module alias", "import math\ndef f(x): return math.floor(x)", "import math as m\ndef f(x): return m.floor(x)")
differ("which module", "import math as m\ndef f(x): return m.sqrt(x)", "import cmath as m\ndef f(x): return m.sqrt(x)")
differ(
    "import inside",
    "def f(x):\n    from math import floor as g\n    return g(x)",
    "def f(x):\n    from math import ceil as g\n    return g(x)",
)
differ("ufunc", "import numpy as np\ndef f(x): return np.sin(x)", "import numpy as np\ndef f(x): return np.cos(x)")
differ("ufunc as a value", "import numpy as np\nf = np.sin", "import numpy as np\nf = np.cos")
differ("method of a type", "f = str.upper", "f = str.lower")
differ("itemgetter", "import operator\nf = operator.itemgetter(1)", "import operator\nf = operator.itemgetter(2)")
differ(
    "methodcaller",
    "import operator\nf = operator.methodcaller('a', x=1)",
    "import operator\nf = operator.methodcaller('a', x=2)",
)
differ("bound builtin", "f = [1].append", "f = [2].append")
differ(
    "seeded draw",
    "import numpy as np\ndef f(): return np.random.default_rng(1).random()",
    "import numpy as np\ndef f(): return np.random.default_rng(2).random()",
)

# ---------------------------------------------------------------- data

DATA = {
    "complex": ("1 + 2j", "1 - 2j"),
    "bytes": ("b'a'", "b'b'"),
    "range": ("range(3)", "range(4)"),
    "slice": ("slice(1, 2)", "slice(1, 3)"),
    "bytearray": ("bytearray(b'a')", "bytearray(b'b')"),
    "bytes types": ("bytearray(b'a')", "b'a'"),
    "large int": ("10 ** 6000", "10 ** 6000 + 1"),
    "long list": ("list(range(1000))", "list(range(1, 1001))"),
    "floats": ("[0.0] * 9", "[0.0] * 8 + [-0.0]"),
    "ints or bools": ("[1] * 9", "[True] * 9"),
    "texts": ("['ab', 'c', 'd', 'e']", "['a', 'bc', 'd', 'e']"),
    "tuple nested": ("((1, 2), (3,))", "((1,), (2, 3))"),
    "dict values": ("{'a': 1, 'b': 2}", "{'a': 2, 'b': 1}"),
    "dict keys": ("{1: 'a'}", "{True: 'a'}"),
    "nested dict": ("{'a': {'b': [1]}}", "{'a': {'b': [2]}}"),
}
LIBRARY = {
    "deque": ("collections.deque([1, 2])", "collections.deque([2, 1])"),
    "deque's length": ("collections.deque([1], 3)", "collections.deque([1], 4)"),
    "ordered dict": ("collections.OrderedDict(a=1, b=2)", "collections.OrderedDict(b=2, a=1)"),
    "counter": ("collections.Counter('aab')", "collections.Counter('abb')"),
    "default dict": ("collections.defaultdict(list)", "collections.defaultdict(dict)"),
    "chain map": ("collections.ChainMap({1: 2})", "collections.ChainMap({1: 3})"),
    "datetime": ("datetime.datetime(2020, 1, 1)", "datetime.datetime(2020, 1, 2)"),
    "time zone": ("datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)", "datetime.datetime(2020, 1, 1)"),
    "date": ("datetime.date(2020, 1, 1)", "datetime.date(2020, 1, 2)"),
    "timedelta": ("datetime.timedelta(1)", "datetime.timedelta(2)"),
    "decimal": ("decimal.Decimal('1.0')", "decimal.Decimal('1.00')"),
    "fraction": ("fractions.Fraction(1, 2)", "fractions.Fraction(1, 3)"),
    "path": ("pathlib.PurePosixPath('a')", "pathlib.PurePosixPath('b')"),
    "uuid": ("uuid.UUID(int=1)", "uuid.UUID(int=2)"),
    "pattern": ("re.compile('a')", "re.compile('a', re.I)"),
    "typed array": ("array.array('i', [1])", "array.array('l', [1])"),
    "namespace": ("types.SimpleNamespace(a=1)", "types.SimpleNamespace(a=2)"),
    "random state": ("random.Random(1)", "random.Random(2)"),
    "counting": ("itertools.count(1)", "itertools.count(2)"),
    "proxy": ("types.MappingProxyType({1: 2})", "types.MappingProxyType({1: 3})"),
    "alias": ("list[int]", "list[str]"),
    "union": ("int | str", "int | None"),
    "typing": ("typing.Optional[int]", "typing.List[int]"),
}
NUMPY = {
    "values": ("np.arange(3)", "np.arange(1, 4)"),
    "dtype": ("np.zeros(3, 'i4')", "np.zeros(3, 'f4')"),
    "byte order": ("np.zeros(3, '<i4')", "np.zeros(3, '>i4')"),
    "shape": ("np.zeros((2, 3))", "np.zeros((3, 2))"),
    "minus zero": ("np.array([0.0])", "np.array([-0.0])"),
    "order": ("np.arange(6).reshape(2, 3)", "np.asfortranarray(np.arange(6).reshape(2, 3))"),
    "objects": ("np.array([1, 'a', None], object)", "np.array([1, 'b', None], object)"),
    "objects or numbers": ("np.array([1, 2], object)", "np.array([1, 2])"),
    "record": ("np.zeros(2, [('a', 'i4')])", "np.zeros(2, [('b', 'i4')])"),
    "scalar": ("np.float64(1)", "np.float32(1)"),
    "scalar or number": ("np.float64(1)", "1.0"),
    "masked": ("np.ma.array([1, 2], mask=[0, 1])", "np.ma.array([1, 2], mask=[1, 0])"),
    "text": ("np.array(['a'])", "np.array(['b'])"),
    "dates": ("np.array(['2020'], 'M8[Y]')", "np.array(['2020'], 'M8[D]')"),
    "empty": ("np.zeros((0, 3))", "np.zeros((0, 4))"),
    "large": ("np.arange(300000)", "np.arange(300000) + (np.arange(300000) == 299999)"),
    "generator": ("np.random.default_rng(1)", "np.random.default_rng(2)"),
    "dtype itself": ("np.dtype('i4')", "np.dtype('i8')"),
    "matrix": ("np.matrix([1])", "np.array([[1]])"),
}
PANDAS = {
    "values": ("pd.DataFrame({'a': [1, 2]})", "pd.DataFrame({'a': [1, 3]})"),
    "columns": ("pd.DataFrame({'a': [1]})", "pd.DataFrame({'b': [1]})"),
    "column order": ("pd.DataFrame({'a': [1], 'b': [1]})", "pd.DataFrame({'b': [1], 'a': [1]})"),
    "dtype": ("pd.DataFrame({'a': [1]})", "pd.DataFrame({'a': [1.0]})"),
    "index": ("pd.DataFrame({'a': [1]}, index=[0])", "pd.DataFrame({'a': [1]}, index=[1])"),
    "index's name": ("pd.Series([1], index=pd.Index([0], name='i'))", "pd.Series([1], index=pd.Index([0]))"),
    "name": ("pd.Series([1], name='a')", "pd.Series([1], name='b')"),
    "text": ("pd.Series(['a', None])", "pd.Series(['b', None])"),
    "categories": ("pd.Series(['a', 'b'], dtype='category')", "pd.Series(['b', 'a'], dtype='category')"),
    "zone": ("pd.Series(pd.to_datetime(['2020'], utc=True))", "pd.Series(pd.to_datetime(['2020']))"),
    "nullable": ("pd.array([1, None], dtype='Int64')", "pd.array([2, None], dtype='Int64')"),
    "multi index": (
        "pd.Series([1], index=pd.MultiIndex.from_tuples([(1, 2)]))",
        "pd.Series([1], index=pd.MultiIndex.from_tuples([(1, 3)]))",
    ),
    "timestamp": ("pd.Timestamp('2020')", "pd.Timestamp('2021')"),
    "missing": ("pd.NA", "pd.NaT"),
    "interval": ("pd.interval_range(0, 2)", "pd.interval_range(0, 3)"),
    "period": ("pd.period_range('2020', periods=2, freq='M')", "pd.period_range('2020', periods=2, freq='D')"),
    "mixed": ("pd.DataFrame({'a': [1, 'x', None]})", "pd.DataFrame({'a': [1, 'y', None]})"),
    "frame or series": ("pd.Series([1])", "pd.DataFrame({0: [1]})"),
    "attrs": ("(lambda s: (s.attrs.update(u=1), s)[1])(pd.Series([1]))", "pd.Series([1])"),
    "range or numbers": ("pd.Series([1, 2])", "pd.Series([1, 2], index=[0, 1])"),
}
ARROW = {
    "table": ("pa.table({'a': [1, 2]})", "pa.table({'a': [1, 3]})"),
    "type": ("pa.array([1], pa.int32())", "pa.array([1], pa.int64())"),
    "text": ("pa.array(['a', None])", "pa.array(['a', ''])"),
}
LIB = "import collections, datetime, decimal, fractions, pathlib, uuid, re, array, types, random, itertools, typing\n"
for group, head, table in [
    ("", "", DATA),
    ("", LIB, LIBRARY),
    ("numpy ", "import numpy as np\n", NUMPY),
    ("pandas ", "import pandas as pd\n", PANDAS),
    ("arrow ", "import pyarrow as pa\n", ARROW),
]:
    for what, (one, other) in table.items():
        differ(f"{group}{what}", f"{head}f = {one}", f"{head}f = {other}", travels=what not in ("proxy", "counting"))
        same(f"{group}{what}", f"{head}f = {one}", f"{head}\n\nf = ({one})", travels=what not in ("proxy", "counting"))
same(
    "arrow chunks",
    "import pyarrow as pa\nf = pa.table({'a': ['x', 'y', 'z']})",
    "import pyarrow as pa\nf = pa.concat_tables([pa.table({'a': ['x']}), pa.table({'a': ['y', 'z']})])",
)
same(
    "arrow slice",
    "import pyarrow as pa\nf = pa.table({'a': ['y', None]})",
    "import pyarrow as pa\nf = pa.table({'a': ['x', 'y', None, 'z']}).slice(1, 2)",
)
same(
    "frame's blocks",
    "import pandas as pd\nf = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})",
    "import pandas as pd\nf = pd.DataFrame({'a': [1, 2]}); f['b'] = [3, 4]",
)
same(
    "frame's memory",
    "import pandas as pd, numpy as np\nf = pd.DataFrame(np.arange(6).reshape(3, 2), columns=['a', 'b'])",
    "import pandas as pd, numpy as np\nf = pd.DataFrame({'a': [0, 2, 4], 'b': [1, 3, 5]})",
)
same("contiguous or not", "import numpy as np\nf = np.arange(0, 10, 2)", "import numpy as np\nf = np.arange(10)[::2]")
