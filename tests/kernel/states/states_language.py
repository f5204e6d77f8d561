"""States of the language itself: names, identity, functions, classes, generators."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

IDENTITY = [
    State(
        "aliases made at different cells are one object",
        "aliases",
        ["a = [1]", "b = {'a': a}", "c = [1]"],
        "print(b['a'] is a, c is a, c == a)\nb['a'].append(2)\nprint(a, c)",
    ),
    State(
        "a chain of aliases over four cells",
        "aliases",
        ["a = {}", "b = [a]", "c = (b, a)", "d = {'k': c}"],
        "d['k'][1]['x'] = 1\nprint(a, b[0] is a, c[0] is b, d['k'] is c)",
    ),
    State(
        "an alias that was rebound is none any more",
        "aliases",
        ["a = [1]\nb = a", "b = [1]"],
        "a.append(2)\nprint(a, b, a is b)",
    ),
    State("two names swapped", "aliases", ["a = [1]\nb = [2]\nc = a", "a, b = b, a"], "print(a, b, c is b)"),
    State(
        "a list in two containers of two cells",
        "aliases",
        ["shared = [0]\nx = [shared]", "y = {'s': shared}\ndel shared"],
        "x[0].append(1)\nprint(y, x[0] is y['s'])",
    ),
    State(
        "an attribute that is another name",
        "aliases",
        ["class A: pass\na = A()\na.data = []", "data = a.data"],
        "data.append(1)\nprint(a.data, data is a.data)",
    ),
    State(
        "an instance's __dict__ under a name of its own",
        "aliases",
        ["class A: pass\na = A()\na.x = 1", "d = a.__dict__"],
        "d['y'] = 2\nprint(a.y, d is a.__dict__, vars(a))",
    ),
    State(
        "equal values stay apart",
        "false sharing",
        ["a = [1, 2]\nb = [1, 2]\nc = {'x': [1, 2]}"],
        "a.append(3)\nprint(a, b, c, a is b)",
    ),
    State(
        "one class shared by unrelated instances does not link them",
        "false sharing",
        ["class P:\n    def __init__(self, x): self.x = x\np = P(1)\nq = P(2)", "p.x = 3"],
        "print(p.x, q.x, type(p) is type(q) is P)",
    ),
    State(
        "one function in two lists is one function",
        "false sharing",
        ["def f(): return 1\na = [f]\nb = [f]", "a.append(2)"],
        "print(a[0] is b[0] is f, len(a), len(b))",
    ),
    State(
        "interned and equal strings",
        "false sharing",
        ["s = 'key'\nt = ['key', 'k' + 'ey']\nu = {s: 1}"],
        "print(s, t, u)",
    ),
    State("1 became True", "identity, order or type only", ["x = [1, 0, 2]", "x[0] = True"], "print(x)"),
    State("1 became 1.0", "identity, order or type only", ["x = {'a': 1}", "x['a'] = 1.0"], "print(x)"),
    State("0.0 became -0.0", "identity, order or type only", ["x = [0.0]", "x[0] = -0.0"], "print(x)"),
    State(
        "NaN in several places",
        "identity, order or type only",
        ["n = float('nan')\nx = [n, n]\ny = {n: 1}"],
        "print(x[0] is x[1], n in x, n in y, x)",
    ),
    State(
        "a dict in another order",
        "identity, order or type only",
        ["d = {'a': 1, 'b': 2}", "d['a'] = d.pop('a')"],
        "print(list(d))",
    ),
    State(
        "the same item twice became two items",
        "identity, order or type only",
        ["i = [0]\nx = [i, i]", "x[1] = [0]"],
        "x[0].append(1)\nprint(x)",
    ),
    State(
        "two equal items became the same item",
        "identity, order or type only",
        ["x = [[0], [0]]", "x[1] = x[0]"],
        "x[0].append(1)\nprint(x)",
    ),
    State(
        "a tuple became a list inside a dict",
        "identity, order or type only",
        ["d = {'t': (1, 2)}", "d['t'] = [1, 2]"],
        "print(d)",
    ),
    State(
        "a bytearray became bytes",
        "identity, order or type only",
        ["x = [bytearray(b'ab')]", "x[0] = b'ab'"],
        "print(x)",
    ),
    State(
        "a set became a frozenset", "identity, order or type only", ["x = [{1}]", "x[0] = frozenset(x[0])"], "print(x)"
    ),
    State(
        "an instance changed its class only",
        "identity, order or type only",
        ["class A: kind = 'a'\nclass B: kind = 'b'\nx = A()", "x.__class__ = B"],
        "print(x.kind, type(x) is B)",
    ),
    State("a list that holds itself", "self-containing", ["x = [1]\nx.append(x)"], "print(x[1] is x, len(x))"),
    State(
        "a dict that holds itself",
        "self-containing",
        ["x = {}\nx['me'] = x", "y = [x]"],
        "print(x['me'] is x, y[0]['me'] is x)",
    ),
    State(
        "two instances that hold each other",
        "self-containing",
        ["class N: pass\na = N()\nb = N()\na.other = b\nb.other = a"],
        "print(a.other is b, b.other.other is b)",
    ),
    State(
        "a tuple in a list in that tuple",
        "self-containing",
        ["l = []\nt = (l, 1)\nl.append(t)"],
        "print(t[0] is l, l[0] is t)",
    ),
    State(
        "a set of instances that hold the set",
        "self-containing",
        ["class N:\n    pass\ns = set()\nn = N()\nn.home = s\ns.add(n)"],
        "print(n in s, n.home is s, len(s))",
    ),
    State(
        "a linked list of 5,000 cells",
        "deep nesting",
        ["node = None\nfor i in range(5000): node = (i, node)"],
        "n = 0\nat = node\nwhile at is not None:\n    n += 1\n    at = at[1]\nprint(n, node[0])",
    ),
    State(
        "lists nested 3,000 deep",
        "deep nesting",
        ["x = []\nfor _ in range(3000): x = [x]", "after = 'still there'"],
        "n = 0\nat = x\nwhile at:\n    n += 1\n    at = at[0]\nprint(n, after)",
    ),
    State(
        "instances nested 3,000 deep",
        "deep nesting",
        ["class N:\n    def __init__(self, inner): self.inner = inner\nx = None\nfor i in range(3000): x = N(x)"],
        "n = 0\nat = x\nwhile at is not None:\n    n += 1\n    at = at.inner\nprint(n, type(x) is N)",
    ),
    State(
        "dicts nested 3,000 deep with a tail that is shared",
        "deep nesting",
        ["tail = [0]\nx = {'t': tail}\nfor _ in range(3000): x = {'in': x}"],
        "at = x\nwhile 'in' in at: at = at['in']\nat['t'].append(1)\nprint(tail)",
    ),
]

NAMES = [
    State(
        "a deleted name is gone",
        "deleted names",
        ["gone = 1\nstays = 2", "del gone"],
        "try:\n    gone\nexcept NameError:\n    print('NameError', stays)",
    ),
    State(
        "a name deleted and made again", "deleted names", ["x = [1]\ny = x", "del x", "x = [1]"], "print(x, y, x is y)"
    ),
    State(
        "names with underscores are the user's", "_names", ["_x = [1]\n__y = {'a': _x}"], "print(_x, __y['a'] is _x)"
    ),
    State("shadowed builtins", "shadowed builtins", ["def open_(): pass\nsum_ = 3"], "print(sum_, open_())"),
    State(
        "a builtin shadowed by its own name",
        "shadowed builtins",
        ["def exit():\n    return 'mine'\nsum = 7\nid = [1]", "max = min"],
        "print(exit(), sum, id, max(3, 1))\ndel exit, sum, id, max",
        batch="process",
        raw=True,
    ),
    State("unicode names", "names", ["größe = [1]\nπ = 3.14\n变量 = größe"], "print(größe, π, 变量 is größe)"),
    State(
        "a name bound by a for loop, a with and an except",
        "names",
        [
            "for i in range(3): pass\nimport io\nwith io.StringIO('x') as f: text = f.read()\ntry: 1/0\nexcept ZeroDivisionError as e: msg = str(e)"
        ],
        "print(i, text, msg, f.closed)",
    ),
    State(
        "names bound by walrus and unpacking",
        "names",
        ["a, *b = (y := [1, 2, 3])\n[d for d in y if (e := d)]"],
        "print(a, b, y, e)",
    ),
    State(
        "a global statement in a function",
        "names",
        ["def set_it():\n    global made\n    made = [5]\nset_it()"],
        "print(made)",
    ),
    State("a name bound through globals()", "names", ["globals()['by_hand'] = [1]"], "print(by_hand)", raw=True),
    State("annotations of the module", "names", ["n: int = 3\nm: 'str'"], "print(n)"),
    State(
        "a type alias and a NewType",
        "names",
        ["import typing\nUid = typing.NewType('Uid', int)\nPair = tuple[int, Uid]\nx = Uid(3)"],
        "print(x, Uid.__name__, Pair.__args__[1] is Uid, Pair.__origin__)",
    ),
]

VALUES = [
    State(
        "numbers of every size",
        "plain values",
        ["x = [0, -1, 2**63, -2**64, 10**100, 1e308, float('inf'), -float('inf'), 5e-324, 1j, complex('nan')]"],
        "print(x)",
    ),
    State(
        "strings with surrogates, nulls and emoji",
        "plain values",
        ["s = ['\\ud800', 'a\\0b', '😀', '', 'e\\u0301']"],
        "print([ascii(x) for x in s], [len(x) for x in s])",
    ),
    State(
        "bytes and bytearrays",
        "plain values",
        ["a = bytes(range(256))\nb = bytearray(a)\nc = b"],
        "b[0] = 9\nprint(c[0], a[0], c is b, len(a))",
    ),
    State(
        "sets of mixed values",
        "plain values",
        ["s = {1, 'a', (1, 2), None, frozenset({3})}\nf = frozenset(s)"],
        "print(len(s), s == f, 1 in s, None in f, type(f).__name__)",
    ),
    State(
        "ranges and slices",
        "plain values",
        ["r = range(3, 100, 7)\ns = slice(1, None, 2)\ne = ..."],
        "print(r, s, e is Ellipsis, list(r)[s])",
    ),
    State(
        "NotImplemented, Ellipsis and None are themselves",
        "plain values",
        ["x = [NotImplemented, Ellipsis, None, type(None), type(...)]"],
        "print(x, x[0] is NotImplemented, x[3] is type(None))",
    ),
    State("booleans as keys and dict order", "plain values", ["d = {True: 'a', 0: 'b', 'x': 1, (): 2}"], "print(d)"),
    State(
        "builtin functions and types as values",
        "plain values",
        ["x = [len, print, int, dict, str.upper, [].append.__name__, dict.fromkeys, int.from_bytes]"],
        "print([getattr(each, '__qualname__', each) for each in x], x[0] is len, x[4]('a'), x[6]('ab'))",
    ),
    State("a bound method of a builtin", "plain values", ["l = [1]\nadd = l.append"], "add(2)\nprint(l)"),
    State(
        "methods of strings and numbers bound",
        "plain values",
        ["up = 'abc'.upper\nbits = (5).bit_length"],
        "print(up(), bits())",
    ),
    State(
        "subclasses of builtins with attributes",
        "plain values",
        [
            "class L(list): pass\nclass D(dict): pass\nclass S(str): pass\nclass I(int): pass\nl = L([1])\nl.tag = 'x'\nd = D(a=1)\nd.tag = l\ns = S('q')\ns.tag = 1\ni = I(4)\ni.tag = 2"
        ],
        "print(l, l.tag, d, d.tag is l, s, s.tag, i + 1, i.tag, type(l) is L)",
    ),
    State(
        "exceptions with tracebacks, causes, notes",
        "plain values",
        [
            "class Mine(Exception):\n    def __init__(self, a, b):\n        super().__init__(a)\n        self.b = b\n"
            "try:\n    try: raise KeyError('in')\n    except KeyError as e: raise Mine('m', [1]) from e\nexcept Mine as e:\n    e.add_note('n')\n    err = e"
        ],
        "print(type(err) is Mine, err.args, err.b, err.__notes__)",
    ),
    State(
        "an exception keeps its cause",
        "plain values",
        [
            "try:\n    try: raise KeyError('in')\n    except KeyError as e: raise ValueError('out') from e\nexcept ValueError as e:\n    err = e"
        ],
        "print(repr(err.__cause__), repr(err.__context__), err.__suppress_context__)",
    ),
    State(
        "an exception group",
        "plain values",
        ["g = ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError('k')])])"],
        "print(g.message, g.exceptions, g.exceptions[1].exceptions)",
    ),
    State(
        "a code object",
        "plain values",
        ["code = compile('a + 1', 'x', 'eval')"],
        "print(eval(code, {'a': 4}), code.co_filename)",
    ),
    State(
        "an ast",
        "plain values",
        ["import ast\ntree = ast.parse('x = 1')"],
        "print(ast.dump(tree), tree.body[0].lineno)",
    ),
]

FUNCTIONS = [
    State(
        "a function with all its parts",
        "notebook functions",
        ["k = 2\ndef f(x, /, y=3, *args, z: int = 4, **kw) -> str:\n    'doc'\n    return (x * k, y, args, z, kw)"],
        "print(f(1), f(1, 2, 3, z=5, q=6), f.__doc__, f.__annotations__, f.__defaults__, f.__kwdefaults__)\nk = 10\nprint(f(1)[0], f.__globals__ is globals())",
    ),
    State(
        "a function's globals are the live namespace",
        "notebook functions",
        ["n = 0\ndef up():\n    global n\n    n += 1\n    return n", "up()"],
        "up()\nprint(n, up.__globals__ is globals())",
    ),
    State(
        "attributes of a function",
        "notebook functions",
        ["def f(): return f.calls\nf.calls = []", "f.calls.append(1)", "calls = f.calls"],
        "calls.append(2)\nprint(f(), f.calls is calls)",
    ),
    State(
        "a mutable default is state",
        "notebook functions",
        ["def f(x, seen=[]):\n    seen.append(x)\n    return seen", "f(1)", "seen = f(2)"],
        "f(3)\nprint(seen, f(4) is seen)",
    ),
    State(
        "a mutable keyword default is state",
        "notebook functions",
        ["def f(*, cache={}):\n    cache[len(cache)] = 1\n    return cache", "f()"],
        "print(f())",
    ),
    State(
        "lambdas in a dict",
        "notebook functions",
        ["ops = {'a': lambda x: x + 1, 'b': lambda x, y=2: x * y}"],
        "print(ops['a'](1), ops['b'](3))",
    ),
    State(
        "a recursive function and two that call each other",
        "notebook functions",
        [
            "def fact(n): return 1 if n < 2 else n * fact(n - 1)\ndef even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)"
        ],
        "print(fact(10), even(10), odd(7))",
    ),
    State(
        "a decorated function with wraps",
        "notebook functions",
        [
            "import functools\nlog = []\ndef deco(f):\n    @functools.wraps(f)\n    def inner(*a):\n        log.append(a)\n        return f(*a)\n    return inner\n@deco\ndef g(x):\n    'doc g'\n    return x + 1",
            "g(1)",
        ],
        "print(g(2), log, g.__doc__, g.__wrapped__(5))",
    ),
    State(
        "a decorator with arguments",
        "notebook functions",
        [
            "def times(n):\n    def deco(f):\n        def inner(x): return f(x) * n\n        return inner\n    return deco\n@times(3)\ndef f(x): return x"
        ],
        "print(f(2), f.__qualname__.split('.')[-1])",
    ),
    State(
        "a function redefined while the old one lives",
        "notebook functions",
        ["def f(): return 'old'\nold = f", "def f(): return 'new'"],
        "print(f(), old(), f is old)",
    ),
    State(
        "a function changed in place",
        "notebook functions",
        ["def f(x=1): return x\ng = f", "f.__defaults__ = (9,)\nf.__doc__ = 'now'"],
        "print(f(), g(), g.__doc__, f is g)",
    ),
    State(
        "a function whose code was exchanged",
        "notebook functions",
        ["def f(): return 1\ndef h(): return 2\ng = f", "f.__code__ = h.__code__"],
        "print(f(), g(), f is g)",
    ),
    State(
        "two functions with equal text are two functions",
        "notebook functions",
        ["def f(): return 1\ng = f\ndef f(): return 1"],
        "print(f is g, f(), g())",
    ),
    State(
        "two equal functions in one list are two",
        "notebook functions",
        ["def make():\n    def f(): return 1\n    return f\nx = [make(), make()]\ny = x[0]"],
        "print(x[0] is x[1], y is x[0])",
    ),
    State(
        "a bound method shares its instance",
        "notebook functions",
        ["class C:\n    def __init__(self): self.n = 0\n    def up(self): self.n += 1\nc = C()\nup = c.up", "up()"],
        "up()\nprint(c.n, up.__self__ is c)",
    ),
    State(
        "an unbound method is that of the class",
        "notebook functions",
        ["class C:\n    def m(self): return 1\nm = C.m\nd = {'m': C.m}"],
        "print(m is C.m, d['m'] is C.m, m(None))",
    ),
    State(
        "static, class methods and properties",
        "notebook functions",
        [
            "class C:\n    n = 1\n    @staticmethod\n    def s(): return 's'\n    @classmethod\n    def k(cls): return cls\n    @property\n    def p(self): return self.n\n    @p.setter\n    def p(self, v): self.n = v\nc = C()\nk = C.k\ns = C.s",
            "c.p = 5",
        ],
        "print(c.p, C.n, k() is C, s(), C.s is s)",
    ),
    State(
        "functions of exec with their own globals",
        "notebook functions",
        ["space = {}\nexec('base = 5\\ndef f(): return base + 1', space)\nf = space['f']"],
        "print(f())\nspace['base'] = 7\nprint(f())",
    ),
    State(
        "a partial, nested",
        "notebook functions",
        [
            "import functools\ndef f(a, b, c): return (a, b, c)\nl = []\np = functools.partial(functools.partial(f, l), c=3)"
        ],
        "l.append(1)\nprint(p(2), p.args[0] is l, p.func is f)",
    ),
    State(
        "partialmethod and cached_property",
        "notebook functions",
        [
            "import functools\nruns = []\nclass C:\n    def m(self, a, b): return a + b\n    add1 = functools.partialmethod(m, 1)\n    @functools.cached_property\n    def cp(self):\n        runs.append(1)\n        return [1]\nc = C()\nv = c.cp"
        ],
        "print(c.add1(2), c.cp is v, runs, C().cp, runs)",
    ),
    State(
        "operator getters and callers",
        "notebook functions",
        [
            "import operator\nx = [operator.itemgetter(1, 2), operator.attrgetter('real'), operator.methodcaller('upper')]"
        ],
        "print(x[0]('abc'), x[1](3), x[2]('q'))",
    ),
    State(
        "lru_cache of a notebook function",
        "lru_cache, singledispatch",
        ["import functools\n@functools.lru_cache(maxsize=7)\ndef f(x): return x * 2\na = f(3)"],
        "print(f(3), f.cache_parameters(), f.__wrapped__(1), f.__name__)",
    ),
    State(
        "lru_cache as a method",
        "lru_cache, singledispatch",
        ["import functools\nclass C:\n    @functools.lru_cache\n    def m(self, x): return x + 1\nc = C()\nc.m(1)"],
        "print(c.m(1), c.m(5))",
    ),
    State(
        "a cache forgets, and calls again",
        "lru_cache, singledispatch",
        [
            "import functools\nruns = []\n@functools.cache\ndef get(k):\n    runs.append(k)\n    return k * 2\na = get('a')"
        ],
        "print(get('a'), get('b'), 'b' in runs)",
    ),
    State(
        "singledispatch with registrations",
        "lru_cache, singledispatch",
        [
            "import functools\n@functools.singledispatch\ndef show(x): return 'any'\n@show.register\ndef _int(x: int): return 'int'\nclass A: pass",
            "@show.register(A)\ndef _a(x): return 'A'",
        ],
        "print(show(1), show('s'), show(A()), show.dispatch(bool)(True), sorted(t.__name__ for t in show.registry)[1:])",
    ),
    State(
        "singledispatchmethod",
        "lru_cache, singledispatch",
        [
            "import functools\nclass C:\n    @functools.singledispatchmethod\n    def m(self, x): return 'any'\n    @m.register\n    def _(self, x: int): return 'int'\nc = C()"
        ],
        "print(c.m(1), c.m('x'))",
    ),
    State(
        "total_ordering and cmp_to_key",
        "notebook functions",
        [
            "import functools\n@functools.total_ordering\nclass V:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == o.n\n    def __lt__(self, o): return self.n < o.n\nv = [V(2), V(1)]\nkey = functools.cmp_to_key(lambda a, b: b - a)"
        ],
        "print(v[0] >= v[1], sorted(v)[0].n, sorted([1, 3, 2], key=key))",
    ),
]

CLOSURES = [
    State(
        "a counter closure goes on",
        "closures",
        [
            "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n        return n\n    return inc\ninc = make()",
            "inc()",
            "x = inc()",
        ],
        "print(inc(), x)",
    ),
    State(
        "two functions share a cell",
        "closures",
        [
            "def make():\n    n = 0\n    def inc():\n        nonlocal n\n        n += 1\n    def get(): return n\n    return inc, get\ninc, get = make()",
            "inc()",
        ],
        "inc()\nprint(get())",
    ),
    State(
        "a closure over a list that has a name",
        "closures",
        ["items = []\ndef make(l):\n    def add(x): l.append(x)\n    return add\nadd = make(items)", "add(1)"],
        "add(2)\nprint(items)",
    ),
    State(
        "functions of one factory share nothing else",
        "closures",
        ["def make(k):\n    def f(): return k\n    return f\na, b = make([1]), make([1])"],
        "a().append(2)\nprint(a(), b())",
    ),
    State(
        "a cell that is still empty",
        "closures",
        ["def make():\n    def f(): return later\n    if 0: later = 1\n    return f\nf = make()"],
        "try:\n    f()\nexcept NameError as e:\n    print(type(e).__name__)",
    ),
    State(
        "a closure that holds itself",
        "closures",
        ["def make():\n    def f(n): return 1 if n < 2 else n * f(n - 1)\n    return f\nf = make()\ng = [f]"],
        "print(f(5), g[0] is f)",
    ),
    State(
        "a closure three levels deep",
        "closures",
        [
            "def a(x):\n    def b(y):\n        def c(z):\n            nonlocal x\n            x += z\n            return x, y\n        return c\n    return b\nc = a(1)(2)",
            "c(5)",
        ],
        "print(c(1))",
    ),
    State(
        "a class made in a function closes over its argument",
        "closures",
        [
            "def make(tag):\n    class C:\n        def who(self): return tag\n    return C\nA, B = make(['a']), make(['b'])\na = A()"
        ],
        "print(a.who(), B().who(), type(a) is A, A is B)\na.who().append(1)\nprint(A().who())",
    ),
    State(
        "late binding in a loop",
        "closures",
        ["fs = [lambda: i for i in range(3)]\ngs = [lambda i=i: i for i in range(3)]"],
        "print([f() for f in fs], [g() for g in gs])",
    ),
    State(
        "a closure over an instance with methods",
        "closures",
        [
            "class S:\n    def __init__(self): self.v = 0\ns = S()\ndef make(o):\n    return lambda d: setattr(o, 'v', o.v + d)\nbump = make(s)",
            "bump(2)",
        ],
        "bump(3)\nprint(s.v)",
    ),
]

CLASSES = [
    State(
        "a class, its instance and its methods",
        "notebook classes",
        [
            "class B:\n    made = []\n    def __init__(self):\n        self.x = 1\n        B.made.append(1)\n    def f(self): return 1",
            "class C(B):\n    def f(self): return super().f() + 1\nc = C()",
            "made = B.made",
        ],
        "print(isinstance(c, B), c.f(), B.made is made, made, C.__mro__[1] is B)",
    ),
    State(
        "two versions of a class side by side",
        "notebook classes",
        [
            "class A:\n    v = 1\n    def who(self): return 'one'\na = A()",
            "class A:\n    v = 2\n    def who(self): return 'two'\nb = A()",
        ],
        "print(a.v, b.v, a.who(), b.who(), isinstance(a, A), type(b) is A)",
    ),
    State(
        "two versions with equal text side by side",
        "notebook classes",
        ["class A: v = []\na = A()", "class A: v = []\nb = A()"],
        "a.v.append(1)\nprint(b.v, type(a) is type(b), type(b) is A)",
    ),
    State(
        "two classes of equal text in one value",
        "notebook classes",
        ["def make():\n    class K: pass\n    return K\nboth = [make(), make()]\nx = both[0]()"],
        "print(both[0] is both[1], type(x) is both[0], isinstance(x, both[1]))",
    ),
    State(
        "three versions and a subclass of the first",
        "notebook classes",
        ["class A: v = 1\nclass S(A): pass", "class A: v = 2", "class A: v = 3\ns = S()"],
        "print(s.v, A.v, isinstance(s, A), S.__base__.v)",
    ),
    State(
        "class attributes change in later cells",
        "notebook classes",
        ["class A: n = 0\na = A()", "A.n = 5", "A.new = [1]\nnew = A.new"],
        "print(a.n, a.new is new)",
    ),
    State(
        "a method added later",
        "notebook classes",
        ["class A: pass\na = A()", "def m(self): return 'm'\nA.m = m"],
        "print(a.m(), A.m is m)",
    ),
    State(
        "a method deleted later",
        "notebook classes",
        ["class A:\n    def m(self): return 1\na = A()", "del A.m"],
        "print(hasattr(a, 'm'), hasattr(A, 'm'))",
    ),
    State(
        "slots, with and without a dict",
        "__slots__",
        [
            "class A:\n    __slots__ = ('x', 'y')\nclass B(A): pass\nclass W:\n    __slots__ = ('z', '__weakref__')\na = A()\na.x = [1]\nb = B()\nb.x = a.x\nb.q = 2\nw = W()"
        ],
        "b.x.append(2)\nprint(a.x, b.q, hasattr(a, 'y'), hasattr(a, '__dict__'), hasattr(w, 'z'))",
    ),
    State(
        "slots inherited twice",
        "__slots__",
        ["class A:\n    __slots__ = ('x',)\nclass B(A):\n    __slots__ = ('y',)\nb = B()\nb.x = 1\nb.y = 2"],
        "print(b.x, b.y, hasattr(b, '__dict__'), A.x.__get__(b))",
    ),
    State(
        "super() and __class__ in a method",
        "super() cells",
        [
            "class A:\n    def who(self): return 'A'\n    def cls(self): return __class__\nclass B(A):\n    def who(self): return 'B' + super().who()\n    @classmethod\n    def mk(cls): return cls()\n    @staticmethod\n    def st(): return __class__\nb = B.mk()"
        ],
        "print(b.who(), b.cls() is A, B.st() is B, type(b) is B)",
    ),
    State(
        "super() in a property and a lambda",
        "super() cells",
        [
            "class A:\n    @property\n    def p(self): return 1\nclass B(A):\n    @property\n    def p(self): return (lambda: super(B, self).p)() + 1\nb = B()"
        ],
        "print(b.p)",
    ),
    State(
        "multiple inheritance and mixins",
        "notebook classes",
        [
            "class A:\n    def f(self): return ['A']\nclass B(A):\n    def f(self): return ['B'] + super().f()\nclass C(A):\n    def f(self): return ['C'] + super().f()\nclass D(B, C): pass\nd = D()"
        ],
        "print(d.f(), [k.__name__[0] for k in D.__mro__])",
    ),
    State(
        "a metaclass of the notebook",
        "metaclass",
        [
            "class Meta(type):\n    made = []\n    def __new__(m, name, bases, ns, tag=None):\n        cls = super().__new__(m, name, bases, ns)\n        cls.tag = tag\n        Meta.made.append(cls)\n        return cls\n    def __call__(cls, *a):\n        o = super().__call__(*a)\n        o.born = True\n        return o\n    def hi(cls): return 'hi ' + str(cls.tag)",
            "class A(metaclass=Meta, tag='t'): pass\na = A()",
        ],
        "print(type(A) is Meta, Meta.made == [A], A.hi(), a.born)",
    ),
    State(
        "a metaclass with __prepare__ and __setattr__",
        "metaclass",
        [
            "class Meta(type):\n    @classmethod\n    def __prepare__(m, name, bases): return {'prepared': 1}\n    def __setattr__(cls, k, v): raise AttributeError('frozen')\nclass A(metaclass=Meta):\n    x = 1\na = A()"
        ],
        "try:\n    A.y = 1\nexcept AttributeError as e:\n    print(e)\nprint(A.prepared, a.x)",
    ),
    State(
        "__init_subclass__ does not run again",
        "__init_subclass__",
        [
            "class P:\n    known = []\n    def __init_subclass__(cls, /, tag='', **kw):\n        super().__init_subclass__(**kw)\n        cls.tag = tag\n        P.known.append(cls)",
            "class Q(P, tag='q'): pass",
            "q = Q()\nknown = P.known",
        ],
        "class R(P, tag='r'): pass\nprint(P.known == [Q, R], known is P.known, q.tag, R.tag)",
    ),
    State(
        "a registry by decorator",
        "registries",
        [
            "REG = {}\ndef reg(name):\n    def deco(c):\n        REG[name] = c\n        return c\n    return deco",
            "@reg('a')\nclass A: pass\n@reg('f')\ndef f(): return 1\na = A()",
        ],
        "print(REG['a'] is A, REG['f'] is f, type(a) is REG['a'], list(REG))",
    ),
    State(
        "__set_name__ and descriptors",
        "descriptors",
        [
            "class Field:\n    calls = []\n    def __set_name__(self, o, n):\n        self.n = n\n        Field.calls.append(n)\n    def __get__(self, i, o): return self if i is None else i.__dict__.get(self.n, 'none')\n    def __set__(self, i, v): i.__dict__[self.n] = v * 2\nclass A:\n    x = Field()\n    y = Field()\na = A()",
            "a.x = 4",
        ],
        "a.y = 1\nprint(a.x, a.y, Field.calls, type(A.x).__name__[:5])",
    ),
    State(
        "Enum with aliases, methods and auto",
        "Enum",
        [
            "import enum\nclass E(enum.Enum):\n    X = 1\n    Y = 1\n    Z = enum.auto()\n    def up(self): return self.name * 2\n    @classmethod\n    def first(cls): return cls.X\ne = E.X",
            "d = {E.Z: [e]}",
        ],
        "print(e is E.X is E.Y, E(1) is e, d[E.Z][0] is E['X'], E.Z.up(), [m.name for m in E], E.first() is e, E.__members__['Y'].name)",
    ),
    State(
        "Flag, IntFlag, IntEnum, StrEnum",
        "Flag",
        [
            "import enum\nclass F(enum.Flag):\n    A = 1\n    B = 2\n    AB = 3\nclass I(enum.IntFlag):\n    R = 4\n    W = 2\nclass N(enum.IntEnum):\n    ONE = 1\nclass S(enum.StrEnum):\n    HI = 'hi'\nx = [F.A | F.B, I.R | I.W, N.ONE, S.HI, F(0), I(8)]"
        ],
        "print(x[0] is F.AB, F.A in x[0], x[1] == 6, x[2] is N.ONE, x[3] is S.HI, x[3] + '!', x[4] == F(0), type(x[1]) is I, int(x[5]))",
    ),
    State(
        "Enum with values that are lists or tuples and __init__",
        "Enum",
        [
            "import enum\nclass P(enum.Enum):\n    EARTH = (1, 2)\n    MARS = (3, 4)\n    def __init__(self, a, b): self.a = a\np = P.MARS"
        ],
        "print(p is P.MARS, p.a, P((1, 2)) is P.EARTH, p.value)",
    ),
    State(
        "Enum by the functional call",
        "Enum",
        ["import enum\nC = enum.Enum('C', 'RED GREEN')\nc = C.GREEN"],
        "print(c is C.GREEN, c.value, C(1).name, list(C.__members__))",
    ),
    State(
        "an Enum redefined while a member of the old one lives",
        "Enum",
        ["import enum\nclass E(enum.Enum): A = 1\nold = E.A", "class E(enum.Enum): A = 1\nnew = E.A"],
        "print(old is new, old == new, new is E.A, type(old) is E)",
    ),
    State(
        "Generic, TypeVar, ParamSpec and Protocol",
        "Generic, TypeVar",
        [
            "import typing\nT = typing.TypeVar('T', bound=int)\nP = typing.ParamSpec('P')\nclass G(typing.Generic[T]):\n    def __init__(self, v: T): self.v = v\nclass H(G[int]): pass\n@typing.runtime_checkable\nclass HasV(typing.Protocol):\n    v: int\nh = H(3)\nalias = G[int]"
        ],
        "print(isinstance(h, G), h.v, alias.__args__, alias.__origin__ is G, G.__parameters__[0] is T, T.__bound__, isinstance(h, HasV), H.__orig_bases__[0].__origin__ is G)",
    ),
    State(
        "a ParamSpec and a TypeVarTuple are themselves",
        "Generic, TypeVar",
        [
            "import typing\nP = typing.ParamSpec('P')\nTs = typing.TypeVarTuple('Ts')\nuse = [P, typing.Callable[P, int], typing.Generic[typing.Unpack[Ts]]]"
        ],
        "print(use[0] is P, use[1].__args__[0] is P, use[2].__parameters__[0] is Ts)",
    ),
    State(
        "NamedTuple, namedtuple and TypedDict",
        "NamedTuple",
        [
            "import typing, collections\nclass N(typing.NamedTuple):\n    x: int\n    y: list = []\n    def s(self): return self.x\nM = collections.namedtuple('M', 'a b', defaults=[5])\nclass T(typing.TypedDict, total=False):\n    k: int\nn = N(1, [2])\nm = M(n)\nt: T = {'k': 1}"
        ],
        "print(n, n.s(), type(n) is N, m.a is n, m.b, m._fields, M._field_defaults, T.__annotations__, t)",
    ),
    State(
        "dataclasses of every kind",
        "dataclass",
        [
            "import dataclasses\nfrom dataclasses import dataclass, field\n@dataclass\nclass A:\n    x: int\n    l: list = field(default_factory=list)\n    def __post_init__(self): self.post = True\n@dataclass(frozen=True, order=True)\nclass F:\n    k: int\n@dataclass(slots=True)\nclass S:\n    q: int = 3\n@dataclass(kw_only=True)\nclass B(A):\n    z: int = 0\na = A(1)\nf = {F(2): a}\ns = S()\nb = B(x=4)"
        ],
        "a.l.append(1)\nprint(a, f[F(2)] is a, F(1) < F(2), s, hasattr(s, '__dict__'), b, [x.name for x in dataclasses.fields(B)], dataclasses.replace(a, x=9), dataclasses.asdict(a))",
    ),
    State(
        "make_dataclass and a field's metadata",
        "dataclass",
        [
            "import dataclasses\nD = dataclasses.make_dataclass('D', [('x', int, dataclasses.field(default=3, metadata={'u': 'm'}))])\nd = D()"
        ],
        "print(d, type(d) is D, dataclasses.fields(D)[0].metadata['u'])",
    ),
    State(
        "an abstract base class with a registration",
        "notebook classes",
        [
            "import abc\nclass Shape(abc.ABC):\n    @abc.abstractmethod\n    def area(self): ...\nclass Sq(Shape):\n    def area(self): return 4\nclass Other: pass\nShape.register(Other)\ns = Sq()"
        ],
        "print(isinstance(s, Shape), issubclass(Other, Shape), isinstance(Other(), Shape), Shape.__abstractmethods__)\ntry:\n    Shape()\nexcept TypeError as e:\n    print('abstract')",
    ),
    State(
        "an ABC with __subclasshook__",
        "notebook classes",
        [
            "import abc\nclass Quacks(abc.ABC):\n    @classmethod\n    def __subclasshook__(cls, c): return hasattr(c, 'quack')\nclass Duck:\n    def quack(self): pass\nd = Duck()\nok = isinstance(d, Quacks)"
        ],
        "print(isinstance(d, Quacks), ok, isinstance(3, Quacks))",
    ),
    State(
        "attrs classes",
        "attrs",
        [
            "import attr\n@attr.s(auto_attribs=True)\nclass A:\n    x: int\n    y: list = attr.Factory(list)\n@attr.define\nclass D:\n    z: int = 1\n@attr.frozen\nclass F:\n    k: str\na = A(1)\nd = D()\nf = {F('k'): a}"
        ],
        "a.y.append(3)\nprint(a, d, f[F('k')] is a, attr.fields(A).x.name, type(d) is D)",
        requires=("attr",),
    ),
    State(
        "pydantic models",
        "pydantic",
        [
            "import pydantic\nclass M(pydantic.BaseModel):\n    x: int\n    y: list[str] = []\n    @pydantic.field_validator('x')\n    @classmethod\n    def pos(cls, v):\n        if v < 0: raise ValueError('neg')\n        return v\nm = M(x='3')",
            "m.y.append('q')",
        ],
        "print(m, type(m) is M, m.model_dump())\ntry:\n    M(x=-1)\nexcept pydantic.ValidationError as e:\n    print(e.error_count())",
        requires=("pydantic",),
    ),
    State(
        "sentinels",
        "sentinels",
        [
            "MISSING = object()\nclass _Un: pass\nUNSET = _Un()\ndef f(x=MISSING): return x is MISSING\nd = {'a': MISSING, 'u': UNSET}",
            "e = [MISSING]",
        ],
        "print(f(), f(1), d['a'] is MISSING, e[0] is MISSING, d['u'] is UNSET)",
    ),
    State(
        "a sentinel of the library and one of the standard library",
        "sentinels",
        ["import dataclasses, inspect\nx = [dataclasses.MISSING, inspect.Parameter.empty, inspect._empty]"],
        "print(x[0] is dataclasses.MISSING, x[1] is inspect.Parameter.empty)",
    ),
    State(
        "a nested class and a class in a function",
        "notebook classes",
        ["class Out:\n    class In:\n        v = 1\n    def mk(self): return Out.In()\no = Out()\ni = o.mk()"],
        "print(type(i) is Out.In, Out.In.__qualname__[-2:])",
    ),
    State(
        "__getattr__, __getattribute__ and __slots__ together",
        "notebook classes",
        [
            "class D:\n    def __init__(self): self.d = {'a': 1}\n    def __getattr__(self, n):\n        try: return self.__dict__['d'][n]\n        except KeyError: raise AttributeError(n) from None\nd = D()"
        ],
        "print(d.a, hasattr(d, 'zz'))",
    ),
    State(
        "__reduce__, __getstate__ and __setstate__ of the user",
        "notebook classes",
        [
            "class R:\n    def __init__(self, a): self.a = a\n    def __reduce__(self): return R, (self.a,)\nclass G:\n    def __init__(self): self.keep, self.tmp = [1], 'tmp'\n    def __getstate__(self): return {'keep': self.keep}\n    def __setstate__(self, s):\n        self.__dict__.update(s)\n        self.tmp = 'tmp'\nr = R([1])\ng = G()\nk = g.keep"
        ],
        "print(r.a, g.tmp, g.keep is k)",
    ),
    State(
        "__new__ with arguments and a singleton",
        "notebook classes",
        [
            "class One:\n    inst = None\n    def __new__(cls):\n        if cls.inst is None: cls.inst = super().__new__(cls)\n        return cls.inst\nclass T(tuple):\n    def __new__(cls, a, b): return super().__new__(cls, (a, b))\no = One()\nt = T(1, [2])"
        ],
        "print(One() is o, t, type(t) is T)",
    ),
    State(
        "operators and hashing by value",
        "notebook classes",
        [
            "class P:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x\n    def __hash__(self): return hash(self.x)\n    def __add__(self, o): return P(self.x + o.x)\nd = {P(1): 'one', P(2): 'two'}\ns = {P(1), P(1)}"
        ],
        "print(d[P(1)], len(s), (P(1) + P(2)).x, P(2) in d)",
    ),
    State(
        "hash by identity, in a set and as a key",
        "notebook classes",
        ["class K: pass\nk = K()\nd = {k: 1}\ns = {k}"],
        "print(k in s, d[k], len(s), next(iter(d)) is k)",
    ),
    State(
        "a class that counts its instances",
        "notebook classes",
        ["class C:\n    n = 0\n    def __init__(self): type(self).n += 1\na = C()", "b = C()"],
        "c = C()\nprint(C.n)",
    ),
    State(
        "a class with __del__",
        "notebook classes",
        ["class C:\n    log = []\n    def __del__(self): C.log.append(1)\nc = C()"],
        "print(C.log, type(c) is C)",
    ),
    State(
        "a class with __class_getitem__, __call__ and a context manager",
        "notebook classes",
        [
            "class C:\n    def __class_getitem__(cls, k): return (cls, k)\n    def __call__(self): return 'called'\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\nc = C()\nx = C[3]"
        ],
        "print(x[0] is C, c())\nwith c: 1/0",
    ),
    State(
        "types made by type()",
        "notebook classes",
        ["T = type('T', (dict,), {'f': lambda self: len(self)})\nt = T(a=1)"],
        "print(t.f(), type(t) is T)",
    ),
    State(
        "class annotations and __doc__",
        "notebook classes",
        ["class A:\n    'doc'\n    x: 'int' = 1\n    y: list"],
        "print(A.__doc__, A.__annotations__)",
    ),
    State(
        "weak references inside a class",
        "weak references",
        [
            "import weakref\nclass N:\n    def __init__(self, p): self.p = p and weakref.ref(p)\nroot = N(None)\nkid = N(root)"
        ],
        "print(kid.p() is root)",
    ),
    State(
        "a class whose instances hold a closure's data",
        "notebook classes",
        [
            "class Bus:\n    def __init__(self): self.h = []\n    def on(self, f): self.h.append(f)\n    def emit(self, x): return [f(x) for f in self.h]\nbus = Bus()\nseen = []",
            "bus.on(lambda x: seen.append(x))\nbus.on(seen.append)",
            "bus.emit(1)",
        ],
        "bus.emit(2)\nprint(seen)",
    ),
]

GENERATORS = [
    State(
        "a generator is made again by all cells that advanced it",
        "generators",
        ["def gen():\n    yield from range(9)\ng = gen()\nnext(g)", "next(g)", "next(g)"],
        "print(next(g), list(g))",
        expected="rebuilt",
    ),
    State(
        "a fresh generator expression",
        "generators",
        ["src = [1, 2, 3]\ng = (x * 2 for x in src)"],
        "print(list(g))",
        expected="rebuilt",
    ),
    State(
        "a finished generator",
        "generators",
        ["def gen(): yield 1\ng = gen()\nlist(g)"],
        "print(list(g), type(g).__name__)",
        expected="rebuilt",
    ),
    State(
        "a neighbour of a generator in the same list comes back",
        "generators",
        ["def gen(): yield 1\ng = gen()", "box = {'n': [5], 'g': g}", "n = box['n']"],
        "print(box['n'] is n, next(box['g']), next(g, 'none'))",
        expected="rebuilt",
    ),
    State(
        "a generator that was sent values",
        "generators",
        ["def acc():\n    t = 0\n    while True:\n        t += yield t\ng = acc()\nnext(g)", "g.send(5)"],
        "print(g.send(2))",
        expected="rebuilt",
    ),
    State(
        "a coroutine that nobody awaited",
        "coroutines",
        ["async def co(): return 5\nc = co()"],
        "print(await c)",
        expected="rebuilt",
    ),
    State(
        "an async generator",
        "coroutines",
        ["async def ag():\n    for i in range(3): yield i\na = ag()"],
        "print([i async for i in a])",
        expected="rebuilt",
    ),
    State(
        "a name beside a generator is served",
        "generators",
        ["def gen(): yield 1\ng = gen()\nbeside = [1]", "y = beside + [2]"],
        "print(beside, y)",
        expected="exact",
    ),
]

STATES = IDENTITY + NAMES + VALUES + FUNCTIONS + CLOSURES + CLASSES + GENERATORS
