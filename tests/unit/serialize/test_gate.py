"""The one place that unpickles."""

import ast
import pickle
from pathlib import Path

import pytest

import nbreplay
from nbreplay.errors import Untrusted
from nbreplay.serialize.gate import Trust, loads

PACKAGE = Path(nbreplay.__file__).parent
UNPICKLERS = {"load", "loads", "Unpickler", "_Unpickler", "_load", "_loads"}
PICKLES = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "_dill"}


class Bomb:
    exploded = False

    def __reduce__(self):
        return explode, ()


def explode():
    Bomb.exploded = True


def uses(tree):
    """Yield what in *tree* can unpickle: attributes of pickling modules, imports from them, numpy.load, read_pickle."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (owner in PICKLES and node.attr in UNPICKLERS) or node.attr == "read_pickle":
                yield f"{owner}.{node.attr}"
            if owner in {"np", "numpy"} and node.attr in {"load", "fromfile"}:
                yield f"{owner}.{node.attr}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in PICKLES:
            yield from (f"{node.module}.{name.name}" for name in node.names if name.name in UNPICKLERS)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            yield "allow_pickle"


def test_no_other_module_unpickles():
    found = {
        f"{path.relative_to(PACKAGE)}: {use}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).as_posix() != "serialize/gate.py"
        for use in uses(ast.parse(path.read_text()))
    }
    assert found == set()


def test_the_walk_finds_what_it_looks_for():
    text = "import pickle\nfrom dill import loads\npickle.load(f)\nnp.load(x)\nnumpy.lib.read_array(f, allow_pickle=ok)"
    assert sorted(uses(ast.parse(text))) == ["allow_pickle", "dill.loads", "np.load", "pickle.load"]


def test_a_strangers_stream_is_not_even_looked_at():
    with pytest.raises(Untrusted, match="runs code"):
        loads(pickle.dumps(Bomb()), (), trust=Trust.UNKNOWN)
    with pytest.raises(Untrusted):
        loads(b"not a pickle", (), trust=Trust.UNKNOWN)
    assert not Bomb.exploded


def test_ones_own_stream_is_loaded_with_its_buffers():
    buffers = []
    stream = pickle.dumps(pickle.PickleBuffer(bytearray(b"content")), protocol=5, buffer_callback=buffers.append)
    view = memoryview(bytearray(b"content"))
    loaded = loads(stream, [view], trust=Trust.OWN)
    assert bytes(loaded) == b"content"


def test_persistent_ids_are_asked_for():
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return "the shell" if obj is Bomb else None

    import io

    file = io.BytesIO()
    Pickler(file, protocol=5).dump([Bomb, 1])
    assert loads(file.getvalue(), trust=Trust.OWN, persistent_load=lambda pid: pid.upper()) == ["THE SHELL", 1]
    with pytest.raises(pickle.UnpicklingError, match="nobody"):
        loads(file.getvalue(), trust=Trust.OWN)


def test_classes_may_be_found_elsewhere():
    found = loads(
        pickle.dumps(Bomb), trust=Trust.OWN, find_class=lambda module, name: int if name == "Bomb" else NotImplemented
    )
    assert found is int
    assert loads(pickle.dumps(Path), trust=Trust.OWN, find_class=lambda module, name: NotImplemented) is Path
