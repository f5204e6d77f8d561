"""Edit a recorded notebook, repeat it: what is shown equals a plain run, and what need not run does not.

Each scenario is a notebook, what is done to it (or to the files beside it), and the state of each cell in the repeat.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from notebook_driver import Cell, cells, comparable, edited, run_notebook

pytestmark = [pytest.mark.kernel, pytest.mark.notebooks]

R, X, E = "restored", "executed", "empty"


@dataclass(frozen=True)
class Scenario:
    """*states* are those of the edited notebook's cells under Repeat; "*" where either is right."""

    name: str
    notebook: Sequence[Cell]
    edit: Callable[[Sequence[Cell]], Sequence[Cell]]
    states: Sequence[str]
    files: Callable[[Path], None] | None = None
    touch: Callable[[Path], None] | None = None


BASIC = cells("x = 3\ny = 10", "z = x * 2\nprint('z', z)", "print(y + 1)\ny", "w = z + y\nw")

HELPER = cells(
    "def helper(v):\n    return v + 1",
    "def outer(v):\n    return helper(v) * 2",
    "print(outer(3))",
    "print('no function here')",
)

MUTATION = cells(
    "data = [1, 2]\nalias = data", "data.append(3)", "print(alias, data is alias)", "alias.pop()\nprint(data)"
)

RANDOM = cells(
    "import random\nrandom.seed(7)",
    "a = random.random()\nprint(a)",
    "print('unrelated')",
    "b = random.random()\nprint(b)",
)

FILES = cells(
    "from pathlib import Path",
    "text = Path('in.txt').read_text()",
    "print(len(text))",
    "Path('out.txt').write_text(text.upper())",
    "print(Path('out.txt').read_text())",
)


def write_input(folder: Path) -> None:
    (folder / "in.txt").write_text("some text")


def change_input(folder: Path) -> None:
    (folder / "in.txt").write_text("some other text")


def remove_output(folder: Path) -> None:
    (folder / "out.txt").unlink()


def same(notebook: Sequence[Cell]) -> Sequence[Cell]:
    return notebook


def edit(cell_id: str, old: str, new: str) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    return lambda notebook: edited(notebook, cell_id, old, new)


def insert(at: int, source: str) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    return lambda notebook: [*notebook[:at], Cell("new", source), *notebook[at:]]


def delete(at: int) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    return lambda notebook: [*notebook[:at], *notebook[at + 1 :]]


def move(start: int, end: int) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    def moved(notebook: Sequence[Cell]) -> Sequence[Cell]:
        rest = [*notebook[:start], *notebook[start + 1 :]]
        return [*rest[:end], notebook[start], *rest[end:]]

    return moved


def duplicate(at: int) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    return lambda notebook: [*notebook[: at + 1], Cell("copy", notebook[at].source), *notebook[at + 1 :]]


def copy_to(start: int, end: int) -> Callable[[Sequence[Cell]], Sequence[Cell]]:
    return lambda notebook: [*notebook[:end], Cell("copy", notebook[start].source), *notebook[end:]]


def helper_module(folder: Path) -> None:
    (folder / "mylib.py").write_text("LIMIT = 3\n\ndef work(v):\n    return v * LIMIT\n")


def shared_module(folder: Path) -> None:
    (folder / "mylib.py").write_text("seen = []\n\ndef note(v):\n    seen.append(v)\n\nclass Box:\n    n = 1\n")


def stateful(folder: Path) -> None:
    (folder / "store.py").write_text(
        "items = []\ncalls = 0\n\ndef add(v):\n    items.append(v)\n\ndef count():\n    global calls\n    calls += 1\n"
    )


def change_module(folder: Path) -> None:
    (folder / "mylib.py").write_text("LIMIT = 4\n\ndef work(v):\n    return v * LIMIT\n")


STATEFUL = cells("import store\nstore.add(9)\nstore.count()", "print(store.items, store.calls)")

PATCH = cells(
    "import math, textwrap\nn = 4",
    "math.tau = 9",
    "print(math.tau)",
    "math.tau = 6.283185307179586\nprint(n)",
)

SETTING = cells("import mylib", "mylib.LIMIT = 5", "print(mylib.work(2))")

SHARED = cells(
    "import mylib\nfrom mylib import seen, note, Box",
    "note(1)",
    "b = Box()\nBox.n = 2",
    "note(2)\nprint(seen, seen is mylib.seen, b.n)",
)

LOGGING = cells(
    "import io, logging\nstream = io.StringIO()\nlogger = logging.getLogger('mine')\nlogger.setLevel('INFO')\n"
    "logger.addHandler(logging.StreamHandler(stream))\nlogger.propagate = False",
    "k = 5",
    "logger.info('one')",
    "logger.info('two')\nprint(stream.getvalue())",
)

PLOT = cells(
    "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt\nfrom io import BytesIO",
    "heights = [1, 3, 2]",
    "fig, ax = plt.subplots(figsize=(1, 1))\nax.bar(range(3), heights)\nax.set_title('bars')\n"
    "out = BytesIO(); fig.savefig(out, metadata={'Software': None}); print(len(out.getvalue()))",
    "print(ax.get_title(), len(ax.patches), plt.gcf() is fig)",
)

ASYNC = cells(
    "import asyncio\n\nasync def double(v):\n    await asyncio.sleep(0)\n    return v * 2",
    "r = await double(4)\nprint(r)",
    "rs = await asyncio.gather(*(double(n) for n in range(r)))\nrs",
)

CLASSES = cells(
    "class Base:\n    scale = 2\n\n    def value(self):\n        return self.n * self.scale",
    "class Item(Base):\n    def __init__(self, n):\n        self.n = n",
    "items = [Item(n) for n in range(3)]\nshared = items[0]",
    "print([i.value() for i in items], isinstance(shared, Item), shared is items[0], type(shared) is Item)",
    "shared.n = 50\nprint(items[0].n)",
    "print([i.n for i in items])",
)

REDEFINED = cells(
    "class Counter:\n    total = 0\n\ndef double(x):\n    return x * 2",
    "c = Counter()",
    "print(type(c) is Counter, isinstance(c, Counter))",
    "class Sub(Counter):\n    pass\n\ns = Sub()\nprint(isinstance(s, Counter))",
    "Counter.total += 1\nprint(c.total, s.total)",
    "print(double(3))",
)

CLOSURE = cells(
    "def make():\n    count = 0\n    def step():\n        nonlocal count\n"
    "        count += 1\n        return count\n    return step",
    "step = make()",
    "step(); print(step())",
    "print(step())",
)

GENERATOR = cells(
    "def numbers():\n    yield from range(10)\n\nother = [1, 2, 3]",
    "g = numbers()\nfirst = next(g)",
    "print(first, other)",
    "print(next(g))",
)

ARRAYS = cells(
    "import numpy as np\na = np.arange(12.0).reshape(3, 4)\nv = a[1]",
    "v[0] = 100\nprint(a.sum())",
    "b = a + 1",
    "print(b.sum(), v.base is a or v.base is a.base)",
    "a[2, 2] = -1\nprint(a.sum())",
)

OWNED = cells(
    "import numpy as np\na = np.arange(4.0)\nb = np.arange(6).reshape(2, 3)\nv = b[1]",
    "print(a.flags.owndata, v.base is b or v.base is b.base)\na.resize(6, refcheck=False)\nv[0] = 9\nprint(a, b)",
)

FRAMES = cells(
    "import pandas as pd\ndf = pd.DataFrame({'k': list('abca'), 'v': [1, 2, 3, 4]})",
    "limit = 2",
    "big = df.query('v > @limit')\nbig",
    "df.groupby('k')['v'].sum()",
    "df['w'] = df.v * 2\nprint(df.w.sum())",
)

DISPLAYS = cells(
    "from IPython.display import display, HTML, clear_output\nimport sys",
    "h = display(HTML('<b>1</b>'), display_id='d1')\nprint('out'); print('err', file=sys.stderr); display({'a': 1})",
    "from IPython.display import update_display\nupdate_display(HTML('<b>2</b>'), display_id='d1')\n"
    "print('x'); clear_output(); print('y')",
    "21 * 2",
    "_ + 1, Out[4]",
)

SCENARIOS = [
    Scenario("nothing_changed", BASIC, same, [R, R, R, R]),
    Scenario("a_comment_and_layout", BASIC, edit("a", "x = 3\n", "# three\nx   =   3\n\n"), [R, R, R, R]),
    Scenario("a_constant", BASIC, edit("a", "x = 3", "x = 4"), [X, X, R, X]),
    Scenario("same_value_by_another_way", BASIC, edit("a", "x = 3", "x = 1 + 2"), [X, R, R, R]),
    Scenario("type_only", cells("v = 1", "print(v)", "print(repr(v))"), edit("a", "v = 1", "v = True"), [X, X, X]),
    Scenario("insert_at_the_top", BASIC, insert(0, "q = 5"), [X, R, R, R, R]),
    Scenario("insert_that_changes_a_name", BASIC, insert(2, "y = 11"), [R, R, X, X, X]),
    Scenario("delete_an_unneeded_cell", BASIC, delete(2), [R, R, R]),
    Scenario("delete_a_needed_cell", BASIC, delete(1), [R, R, "failed"]),
    Scenario("move_a_cell_down", BASIC, move(1, 2), [R, R, R, R]),
    Scenario(
        "duplicate_a_cell", cells("n = [1]", "n.append(len(n))\nprint(n)", "print(n)"), duplicate(1), [R, R, X, X]
    ),
    Scenario("helper_body", HELPER, edit("a", "v + 1", "v + 2"), [X, "*", X, R]),
    Scenario("helper_comment", HELPER, edit("a", "return v + 1", "return v + 1  # one more"), [R, R, R, R]),
    Scenario("default_argument", HELPER, edit("a", "def helper(v):", "def helper(v, by=1):"), [X, "*", X, R]),
    Scenario("in_place_mutation_unchanged", MUTATION, same, [R, R, R, R]),
    Scenario("in_place_mutation_edited", MUTATION, edit("b", "append(3)", "append(4)"), [R, X, X, X]),
    Scenario("alias_broken", MUTATION, edit("a", "alias = data", "alias = list(data)"), [X, X, X, X]),
    Scenario("alias_only_below", MUTATION, edit("d", "print(data)", "print(data, alias)"), [R, R, R, X]),
    Scenario("seeded_random_unchanged", RANDOM, same, [R, R, R, R]),
    Scenario("seed_changed", RANDOM, edit("a", "seed(7)", "seed(8)"), [X, X, R, X]),
    Scenario("last_random_cell_edited", RANDOM, edit("d", "print(b)", "print('b', b)"), [R, R, R, X]),
    Scenario("input_file_unchanged", FILES, same, [R, R, R, R, R], write_input),
    Scenario("input_file_changed", FILES, same, [R, X, X, X, X], write_input, change_input),
    Scenario("output_file_deleted", FILES, same, [R, R, R, R, R], write_input, remove_output),
    Scenario(
        "reader_edited_after_output_deleted",
        FILES,
        edit("e", "print(", "print('>',"),
        [R, R, R, R, X],
        write_input,
        remove_output,
    ),
    Scenario(
        "local_module_changed",
        cells("import mylib", "print(mylib.work(2))", "print(1)"),
        same,
        [X, X, R],
        helper_module,
        change_module,
    ),
    Scenario(
        "call_that_changes_a_module_as_it_is_imported", STATEFUL, edit("b", "print(", "print('m',"), [X, X], stateful
    ),
    Scenario("library_patched", PATCH, edit("b", "9", "8"), [R, X, X, "*"]),
    Scenario("patch_used_after_a_restore", PATCH, edit("c", "print(", "print('p',"), [R, R, X, "*"]),
    Scenario("local_module_setting", SETTING, edit("b", "LIMIT = 5", "LIMIT = 6"), [R, X, X], helper_module),
    Scenario("local_setting_after_a_restore", SETTING, edit("c", "work(2)", "work(3)"), [R, R, X], helper_module),
    Scenario("list_shared_with_a_module", SHARED, edit("d", "note(2)", "note(3)"), [X, X, R, X], shared_module),
    Scenario(
        "class_of_a_module_changed", SHARED, edit("d", "note(2)", "note(2); print(1)"), [X, X, R, X], shared_module
    ),
    Scenario(
        "module_imported_and_changed_in_one_cell",
        cells("import mylib\nmylib.LIMIT = 5\nn = 2", "m = n * 2", "print(mylib.work(m))"),
        edit("c", "print(", "print('w',"),
        [X, R, X],
        helper_module,
    ),
    Scenario("logger_set_up_by_a_cell", LOGGING, edit("d", "two", "three"), [X, R, X, X]),
    Scenario("plot_unchanged", PLOT, same, [R, R, R, R]),
    Scenario("plot_edited", PLOT, edit("b", "[1, 3, 2]", "[1, 3, 4, 2][:3]"), [R, X, X, "*"]),
    Scenario("plot_used_after_a_restore", PLOT, edit("d", "print(", "print('t',"), [R, R, R, X]),
    Scenario("async_unchanged", ASYNC, same, [R, R, R]),
    Scenario("async_edited", ASYNC, edit("b", "double(4)", "double(2)"), [R, X, X]),
    Scenario("classes_unchanged", CLASSES, same, [R] * 6),
    Scenario("class_edited", CLASSES, edit("a", "scale = 2", "scale = 3"), [X, X, X, X, X, "*"]),
    Scenario(
        "instances_used_after_a_restore",
        CLASSES,
        edit("f", "print(", "print(isinstance(shared, Base), shared is items[0], "),
        [R, R, R, R, R, X],
    ),
    Scenario("class_with_equal_text_again", REDEFINED, copy_to(0, 2), [R, R, X, X, X, X, R]),
    Scenario("class_with_equal_text_again_at_the_end", REDEFINED, copy_to(0, 5), [R, R, R, R, R, X, R]),
    Scenario("class_stays_beside_an_edited_function", REDEFINED, edit("a", "x * 2", "x * 3"), [X, X, R, X, X, X]),
    Scenario(
        "instance_of_a_class_beside_an_edited_function",
        REDEFINED,
        lambda n: edited(edited(n, "a", "x * 2", "x * 3"), "e", "+= 1", "+= 2"),
        [X, X, R, X, X, X],
    ),
    Scenario("closure_state", CLOSURE, edit("d", "print(step())", "print('third', step())"), [R, R, R, X]),
    Scenario("closure_unchanged", CLOSURE, same, [R, R, R, R]),
    Scenario("generator_is_rebuilt", GENERATOR, edit("d", "print(next(g))", "print('next', next(g))"), [R, "*", R, X]),
    Scenario("views_unchanged", ARRAYS, same, [R] * 5),
    Scenario("restored_arrays_own_their_memory", OWNED, edit("b", "print(", "print('o',"), [R, X]),
    Scenario("views_after_a_restore", ARRAYS, edit("e", "= -1", "= -2; v[1] = 7"), [R, R, R, R, X]),
    Scenario("frame_query_reads_a_name_in_a_string", FRAMES, edit("b", "limit = 2", "limit = 3"), [R, X, X, R, R]),
    Scenario("frames_unchanged", FRAMES, same, [R] * 5),
    Scenario(
        "class_attribute_beside_an_edited_instance",
        cells("class C:\n    n = 0\no = C()", "o.x = 5", "C.n = 1", "print(o.x, o.n)"),
        edit("b", "5", "6"),
        [R, X, X, X],
    ),
    Scenario(
        "finaliser_that_fires_later",
        cells(
            "import weakref\nclass W: pass\nw = W()\nlog = []\nf = weakref.finalize(w, log.append, 1)",
            "log.append(0)",
            "del w",
            "print(log)",
        ),
        same,
        [X, X, X, "*"],
    ),
    Scenario(
        "thread_that_waits",
        cells(
            "import threading\nlog = []\ngo = threading.Event()\ndef work():\n    go.wait()\n    log.append(1)\n"
            "t = threading.Thread(target=work)\nt.start()",
            "n = 1",
            "go.set()\nt.join()",
            "print(log, n)",
        ),
        same,
        [X, X, X, "*"],
    ),
    Scenario("displays_unchanged", DISPLAYS, same, [R] * 5),
    Scenario("result_of_a_restored_cell", DISPLAYS, edit("e", "_ + 1", "_ + 2"), [R, R, R, R, X]),
    Scenario(
        "deleted_name",
        cells("k = 1\nm = 2", "del k", "print('k' in globals(), m)"),
        edit("c", ", m)", ", m, 1)"),
        [R, R, X],
    ),
    Scenario("an_error_runs_again", cells("p = 1", "p += 1\n1 / 0", "print(p)"), same, [R, "failed", "*"]),
    Scenario(
        "magic_cells",
        cells("%precision 3\nval = 1.23456", "%%capture shown\nval2 = val * 2", "val2"),
        edit("a", "1.23456", "2.34567"),
        [X, X, X],
    ),
    Scenario(
        "environment_variable",
        cells("import os\nos.environ['LEVEL'] = '1'", "print(os.environ['LEVEL'])"),
        edit("a", "'1'", "'2'"),
        [X, X],
    ),
    Scenario(
        "exec_touches_everything",
        cells("s = 1", "exec('s = s + 1')", "print(s)"),
        edit("a", "s = 1", "s = 5"),
        [X, X, X],
    ),
    Scenario(
        "instance_of_another_class_of_equal_text",
        cells(
            "def make():\n    class C: pass\n    return C\nA, B = make(), make()",
            "x = A()",
            "print(type(x) is A, type(x) is B)",
            "print('beside')",
        ),
        edit("b", "A()", "B()"),
        [R, X, X, R],
    ),
    Scenario(
        "cell_that_reads_the_text_of_another",
        cells("x = 1", "print(In[1], _i1, len(In))", "print(_i)", "print(x)"),
        edit("a", "x = 1", "x = 1  # one"),
        [R, X, X, R],
    ),
    Scenario("augmented_assignment", cells("t = 1", "t += 1", "print(t)"), same, [R, R, R]),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_a_repeat_shows_what_a_plain_run_shows(scenario: Scenario, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    if scenario.files is not None:
        scenario.files(folder)
    store = tmp_path / "store.nbreplay"
    recorded = run_notebook("audit", scenario.notebook, folder, store=store)
    after = scenario.edit(scenario.notebook)
    if scenario.touch is not None:
        scenario.touch(folder)
    shutil.copytree(folder, tmp_path / "plain")
    plain = run_notebook("plain", after, tmp_path / "plain")
    repeated = run_notebook("repeat", after, folder, store=store)
    assert all(result.status for result in recorded)
    assert comparable(repeated) == comparable(plain)
    states = [result.state for result in repeated]
    assert [s if want != "*" else "*" for s, want in zip(states, scenario.states, strict=True)] == list(
        scenario.states
    ), [r.status.get("reason") for r in repeated]
    left = {p.name: p.read_bytes() for p in (tmp_path / "plain").rglob("*") if p.is_file() and p.suffix == ".txt"}
    assert {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix == ".txt"} == left
