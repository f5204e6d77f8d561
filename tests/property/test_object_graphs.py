"""Random graphs of objects, shared and cyclic, changed at random: every boundary comes back as it was.

Cells reach objects by paths through names, containers, instances and arrays, and put what they find elsewhere.
A boundary is restored in a new namespace and drawn there (``picture``): content, types, order, and who is who.

On another Python: in an environment of its own with the test packages (pyproject's extra ``test``), from the folder of
the project, with ``PYTHONPATH=.``::

    python -m pytest tests/unit/serialize tests/unit/namespace tests/property/test_object_graphs.py
"""

from __future__ import annotations

import gc
import importlib.util
import os
import random
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nbreplay.store import Store

_PATH = Path(__file__).parent / "test_namespace_changes.py"
_spec = importlib.util.spec_from_file_location("namespace_changes", _PATH)
changes = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(changes)

LONG = int(os.environ.get("NBREPLAY_TEST_LONG", "0"))
PRELUDE = "import numpy as np, collections\nclass Box: pass\nclass Slim:\n    __slots__ = ('a', 'b')\n"
NEW = ["[]", "{}", "Box()", "Slim()", "[1, 'x', None]", "{'k': 1.5}", "np.arange(6.0)", "bytearray(b'abc')", "(1, [2])"]
NEW += ["collections.deque([1])", "collections.OrderedDict(a=1)", "{1, 2}", "[[], []]", "Box", "lambda: 1", "b'b' * 9"]
NAMES = [f"g{number}" for number in range(5)]


@pytest.fixture(autouse=True)
def _own_main():
    main = sys.modules["__main__"]
    gc.disable()
    yield
    gc.enable()
    sys.modules["__main__"] = main


class Gardener:
    """Writes cells that change what the names of a live namespace lead to."""

    def __init__(self, seed, space):
        self.draw = random.Random(seed)
        self.space = space

    def path(self):
        """Return the text of an expression, and the object that it leads to."""
        name = self.draw.choice([each for each in NAMES if each in self.space] or ["Box"])
        text, value = name, self.space[name]
        while self.draw.random() < 0.6:
            steps = list(self.steps(value))
            if not steps:
                break
            step, value = self.draw.choice(steps)
            text += step
        return text, value

    def steps(self, value):
        if isinstance(value, list | tuple) or type(value).__name__ == "deque":
            yield from ((f"[{index}]", each) for index, each in enumerate(value))
        elif isinstance(value, dict):
            yield from ((f"[{key!r}]", each) for key, each in value.items() if isinstance(key, str))
        elif type(value).__name__ == "Box":
            yield from ((f".{key}", each) for key, each in vars(value).items())
        elif type(value).__name__ == "Slim":
            yield from ((f".{key}", getattr(value, key)) for key in "ab" if hasattr(value, key))
        elif type(value).__name__ == "ndarray" and value.ndim and len(value) > 2:
            yield "[1:]", value[1:]
            yield "[::-1]", value[::-1]

    def cell(self):
        draw = self.draw
        if draw.random() < 0.25 or not any(name in self.space for name in NAMES):
            return f"{draw.choice(NAMES)} = {draw.choice(NEW)}"
        if draw.random() < 0.1:
            return f"del {draw.choice([name for name in NAMES if name in self.space])}"
        (target, value), (source, _) = self.path(), self.path()
        kind = type(value).__name__
        given = draw.choice([source, source, draw.choice(NEW), str(draw.randrange(9))])
        ways = [f"{draw.choice(NAMES)} = {target}", f"{draw.choice(NAMES)} = [{target}, {source}]"]
        if kind in ("list", "deque"):
            ways += [f"{target}.append({given})", f"{target}.reverse()", f"{target}.pop()", f"{target}[0] = {given}"]
        elif kind in ("dict", "OrderedDict"):
            key = draw.choice("kxyz")
            ways += [f"{target}['{key}'] = {given}", f"{target}.pop('{key}', 0)", f"{target}.setdefault('{key}', [])"]
        elif kind in ("Box", "Slim"):
            ways += [f"{target}.a = {given}", f"{target}.b = {given}", f"del {target}.a"]
        elif kind == "ndarray":
            ways += [
                f"{target}[0] = {draw.randrange(9)}",
                f"{target} *= 2" if target in NAMES else f"{target}[-1] = -0.0",
            ]
        elif kind == "bytearray":
            ways += [f"{target}[0] = {draw.randrange(9)}", f"{target}.extend(b'z')"]
        elif kind == "set":
            ways += [f"{target}.add({draw.randrange(9)})"]
        elif kind == "type":
            ways += [f"{target}.shared = {given}"]
        return draw.choice(ways)


@pytest.mark.parametrize("tier", ["small names looked at", "only what is reached"])
@pytest.mark.parametrize("seed", range(40 + 400 * LONG))
def test_a_graph_is_at_every_boundary_what_it_was(seed, tier, tmp_path):
    with closing(Store.open(tmp_path / "s")) as store:
        witness = changes.Witness(store, changes.TIERS[tier])
        witness.run(PRELUDE)
        gardener = Gardener(seed, witness.cells.ns)
        story = []
        while len(story) < 18 and not witness.found:
            story.append(gardener.cell())
            witness.run(story[-1])
    assert witness.found == [], "\n".join(story)
