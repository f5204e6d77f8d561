"""States of the session: what IPython keeps of cells and results, cells that fail or run twice, modules reloaded."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

RESULTS = [
    State(
        "results in Out, _ and names are one object, and cells are in In",
        "In, Out and last results",
        [
            "first = [1]\nfirst",
            "held = _\n{'a': Out[1]}",
            "text = In[1]\n_2['b'] = _2['a']",
            "_1.append(len(In))\nOut[2]",
        ],
        "print(first, held is first, Out[1] is first, Out[2]['a'] is first, Out[2]['b'] is _1, Out[4] is Out[2], sorted(Out), text, In[2])",
        expected="rebuilt",  # the text of cells is no input that could be compared
        jump="exact",
        raw=True,
        batch="results",
    ),
]

FAILING = [
    State(
        "a cell that fails after it changed a list",
        "a failing cell",
        ["a = [1]", "a.append(2)\nb = a\n1 / 0\na.append(3)", "c = len(a)"],
        "print(a, b is a, c)",
        expected="rebuilt",  # what failed is not served, it fails again
    ),
    State(
        "a cell that fails in a function of an earlier cell",
        "a failing cell",
        [
            "log = []\ndef work(n):\n    log.append(n)\n    if n > 1: raise ValueError(n)\n    return n",
            "x = work(1)\ny = work(2)",
        ],
        "print(log, x, 'y' in globals(), work.__globals__ is globals())",
        expected="rebuilt",
    ),
    State(
        "one text run three times is three runs",
        "the same cell run twice",
        ["n = [0]", "n.append(n[-1] + 1)", "n.append(n[-1] + 1)", "n.append(n[-1] + 1)"],
        "print(n)",
    ),
    State(
        "a class defined by one text twice",
        "the same cell run twice",
        ["class C: pass\nolder = globals().get('newer', C)", "a = C()", "class C: pass", "b = C()"],
        "print(type(a) is type(b), isinstance(b, C), isinstance(a, C), isinstance(a, older))",
    ),
    State(
        "two functions of equal text in one value",
        "notebook functions",
        ["def make():\n    def f(): return 1\n    return f\nf, g = make(), make()", "v = (f, g, f)", "f.mark = 1"],
        "print([x is f for x in v], f is g, hasattr(v[1], 'mark'), v[2].mark)",
        expected="rebuilt",  # a function with an attribute is data, and then shared
    ),
    State(
        "a descriptor with a weak table of its owners",
        "descriptors",
        [
            "import weakref\nclass W:\n    def __init__(self): self.of = weakref.WeakKeyDictionary()\n    def __get__(self, i, o): return self if i is None else self.of.get(i, 0)\n    def __set__(self, i, v): self.of[i] = v\nclass A:\n    x = W()\na = A()\nb = A()",
            "a.x = 5",
        ],
        "b.x = 7\nprint(a.x, b.x, len(A.x.of), A().x)",
        expected="rebuilt",  # the table is data of the class
    ),
]

RELOADED = [
    State(
        "a local module that %autoreload loads again after an edit",
        "imports",
        [
            "from pathlib import Path\nimport os\n_ = Path('reloaded_module.py').write_text('def f(): return 1\\nLIMIT = [1]\\n')\nos.utime('reloaded_module.py', (1e9, 1e9))",
            "%load_ext autoreload\n%autoreload 2\nimport reloaded_module\nbefore = reloaded_module.f()",
            "_ = Path('reloaded_module.py').write_text('def f(): return 22\\nLIMIT = [2, 2]\\n')\nos.utime('reloaded_module.py', (1.1e9, 1.1e9))",
            "after = reloaded_module.f(), list(reloaded_module.LIMIT)",
        ],
        "print(before, after, reloaded_module.f(), reloaded_module.LIMIT)",
        expected="rebuilt",
        raw=True,
        batch="reloaded module",
    ),
]

STATES = [*RESULTS, *FAILING, *RELOADED]
