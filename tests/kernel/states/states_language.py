"""States of the language itself."""

from state_table import State

STATES = [
    State(
        "aliases made at different cells are one object",
        row="aliases",
        cells=["a = [1]", "b = {'a': a}", "c = [1]"],
        probe="print(b['a'] is a, c is a, c == a)\nb['a'].append(2)\nprint(a, c)",
    ),
    State(
        "a generator is made again by all cells that advanced it",
        row="generators",
        cells=["def gen():\n    yield from range(9)\ng = gen()\nnext(g)", "next(g)"],
        probe="print(next(g), type(g).__name__)",
        expected="rebuilt",
    ),
]
