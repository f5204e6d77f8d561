"""Objects that misbehave: each costs only itself, is named with its reason, and holds nobody up."""

# ruff: noqa: E501  # a cell's code stays together

from state_table import State

ROW = "objects that misbehave"
BESIDE = "\nbeside = {'k': [1]}\nalias = beside['k']"
FINE = "\nalias.append(2)\nprint(beside)"


def lost(name, cell, probe="print(repr(bad))"):
    """Return a state whose *bad* cannot be kept, while what stands beside it is."""
    return State(name, ROW, [cell + BESIDE], probe + FINE, expected="reported", lost=("bad",), batch="hostile")


def kept(name, cell, probe):
    """Return a state that looks hostile and is kept all the same."""
    return State(name, ROW, [cell + BESIDE], probe + FINE, batch="hostile")


STATES = [
    kept(
        "__eq__ that raises",
        "class B:\n    def __eq__(self, o): raise ValueError('eq')\n    __hash__ = object.__hash__\nbad = [B(), B()]",
        "print(len(bad))",
    ),
    kept(
        "__repr__ that raises",
        "class B:\n    def __repr__(self): raise ValueError('repr')\nbad = B()\nbad.x = 1",
        "print(bad.x)",
    ),
    kept(
        "__bool__, __len__ and __hash__ that raise",
        "class B:\n    def __bool__(self): 1 / 0\n    def __len__(self): 1 / 0\n    def __hash__(self): 1 / 0\nbad = {'x': B()}",
        "print(list(bad))",
    ),
    kept(
        "__eq__ that never ends",
        "class B:\n    def __eq__(self, o):\n        while True: pass\nbad = [B(), B()]",
        "print(len(bad))",
    ),
    kept(
        "__getattr__ that recurses",
        "class B:\n    def __init__(self): self.x = 1\n    def __getattr__(self, n): return getattr(self.inner, n)\nbad = B()",
        "print(bad.x)",
    ),
    kept(
        "__getattribute__ that answers everything",
        "class B:\n    def __getattribute__(self, n):\n        if n.startswith('__'): return object.__getattribute__(self, n)\n        return 'any'\nbad = B()",
        "print(bad.whatever)",
    ),
    lost(
        "__class__ that lies",
        "class B:\n    @property\n    def __class__(self): return int\nbad = B()",
        "print(format(bad) and 0)",
    ),
    State(
        "__class__ that raises, in cells that use the object",
        ROW,
        [
            "class B:\n    @property\n    def __class__(self): raise ValueError('class')\n    def __getattr__(self, n): raise ValueError(n)\nbad = B()"
            + BESIDE,
            "bad.y = 2\nlist(map(callable, [bad]))",
        ],
        "print(bad.y)" + FINE,
        expected="rebuilt",
        batch="hostile",
    ),
    State(
        "__getattribute__ that raises, in cells that use the object",
        ROW,
        [
            "class B:\n    def __getattribute__(self, n): raise ValueError(n)\n    def __call__(self): return 2",
            "bad = B()" + BESIDE,
            "for _ in range(2):\n    bad()",
        ],
        "alias.append(2)\nprint(beside)\nprint(bad())",
        expected="reported",
        lost=("bad",),
        batch="hostile",
    ),
    kept(
        "__setattr__ and __delattr__ that raise",
        "class B:\n    def __init__(self): self.__dict__['x'] = [1]\n    def __setattr__(self, n, v): raise AttributeError(n)\nbad = B()",
        "print(bad.x)",
    ),
    kept(
        "__init__ and __new__ that ask for arguments",
        "class B:\n    def __new__(cls, a, b): return super().__new__(cls)\n    def __init__(self, a, b): self.s = a + b\nbad = B(1, 2)",
        "print(bad.s)",
    ),
    kept(
        "__slots__ that are empty, and a class that is its own metaclass's instance",
        "class M(type): pass\nclass B(metaclass=M):\n    __slots__ = ()\nbad = [B()]",
        "print(type(type(bad[0])) is M)",
    ),
    lost(
        "__reduce__ that raises",
        "class B:\n    def __reduce__(self): raise RuntimeError('no')\nbad = B()",
        "print(format(bad) and 0)",
    ),
    lost(
        "__reduce_ex__ that gives nonsense",
        "class B:\n    def __reduce_ex__(self, p): return 5\nbad = B()",
        "print(format(bad) and 0)",
    ),
    lost(
        "__getstate__ that raises",
        "class B:\n    def __getstate__(self): raise RuntimeError('no')\nbad = B()",
        "print(bad.anything if hasattr(bad, 'anything') else format(bad) and 0)",
    ),
    lost(
        "__reduce__ that recurses",
        "class B:\n    def __reduce__(self): return self.__reduce__()\nbad = B()",
        "print(format(bad) and 0)",
    ),
    lost(
        "__reduce__ whose function raises on load",
        "def boom(): raise RuntimeError('load')\nclass B:\n    def __reduce__(self): return boom, ()\nbad = B()",
        "print(format(bad) and 0)",
    ),
    lost(
        "__setstate__ that raises on load",
        "class B:\n    def __init__(self): self.x = 1\n    def __setstate__(self, s): raise RuntimeError('load')\nbad = B()",
        "print(format(bad) and 0)",
    ),
    lost(
        "a frame and a traceback",
        "import sys\ntry: 1 / 0\nexcept ZeroDivisionError: bad = sys.exc_info()[2]",
        "print(bad.tb_lineno > 0)",
    ),
    State(
        "a hostile object in a list loses only itself",
        ROW,
        [
            "class B:\n    def __reduce__(self): raise RuntimeError('no')\nbox = [1, B(), [2]]\nlast = box[2]",
            "count = len(box)",
        ],
        "last.append(3)\nprint(box[0], box[2], count)",
        expected="rebuilt",
        batch="hostile",
    ),
    State(
        "names deleted by a thread",
        ROW,
        [
            "import threading\ndoomed = [1]\nstays = [2]\ndef kill(): globals().pop('doomed', None)",
            "t = threading.Thread(target=kill)\nt.start()\nt.join()",
        ],
        "print(stays, 'doomed' in globals())",
        expected="rebuilt",
        jump="exact",
        raw=True,
        batch="mutating",
    ),
]
