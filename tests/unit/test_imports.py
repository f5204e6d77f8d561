"""The shape of the package, read from its source: layers point down, and each library has one door."""

import ast
from pathlib import Path

import pytest

import nbreplay

PACKAGE = Path(nbreplay.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = {
    "digest": 0, "errors": 0, "foreign": 0, "kinds": 0, "credentials": 0.5,
    "config": 1, "records": 1,
    "serialize": 2, "fingerprint": 2, "store": 2,
    # files keeps what it saw as digests and blobs, so it stands on the store and the fingerprints beside it.
    "files": 2.5,
    "namespace": 3, "tasks": 3,
    "replay": 4,
    "share": 5, "report": 5,
    "kernels": 5.5,
    "demo": 5.5,
    "bench": 5.7,  # it measures what the kernels do, over the demo's notebook among others
    "cli": 6,
    "__main__": 7,
}  # fmt: skip

# Within a layer folders do not know each other, with these exceptions and their reasons.
SIBLINGS = {
    ("serialize", "store"): "values are written through a store's put",
    ("store", "serialize"): "",
    ("serialize", "fingerprint"): "a value's stream is named by its content",
    ("report", "share"): "",
}

DOORS = {
    "lmdb": {"store"},
    "zstandard": {"store"},
    "dill": {"serialize"},
    "distributed": {"tasks", "bench"},  # bench: what is loaded into the schedulers of the clusters that it measures
    "dask": {"tasks"},
    "ipykernel": {"kernels"},
    "click": {"cli"},
    "nbclient": {"share"},
}


def subject(path: Path) -> str:
    """The folder or module below the package that *path* belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Dotted names that the module imports, those for type checkers left out."""
    found = set()

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.update(alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: relative import"
                found.add(child.module)
            if not (top_level_only and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))):
                visit(child)

    visit(ast.parse(path.read_text(encoding="utf-8")))
    return found


def ours(path: Path) -> set[str]:
    """Subjects of this package that the module imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("nbreplay.")}


def test_every_folder_and_module_has_a_layer():
    assert {subject(path) for path in FILES} - {"__init__"} <= set(LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down(path):
    here = subject(path)
    if here == "__init__":
        return  # the package's front door imports lazily
    for there in ours(path) - {here}:
        if (here, there) in SIBLINGS:
            continue
        assert LAYERS[there] < LAYERS[here], f"{path} (layer {LAYERS[here]}) imports {there} (layer {LAYERS[there]})"


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_one_door(library):
    users = {subject(path) for path in FILES for name in imported(path) if name.split(".")[0] == library}
    assert users <= DOORS[library]


def test_nothing_but_the_gate_unpickles():
    loaders = {"pickle.loads", "pickle.load", "pickle.Unpickler", "dill.loads", "dill.load", "dill.Unpickler",
               "cloudpickle.loads", "cloudpickle.load", "np.load", "numpy.load"}  # fmt: skip
    for path in FILES:
        if path.relative_to(PACKAGE).as_posix() == "serialize/gate.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & loaders
        taken = {
            f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        } & loaders
        assert not used | taken, f"{path} unpickles: {used | taken}"


def test_importing_the_package_brings_nothing_heavy():
    reached, todo = set(), [PACKAGE / "__init__.py"]
    while todo:
        path = todo.pop()
        for name in imported(path, top_level_only=True):
            inside = PACKAGE.parent.joinpath(*name.split("."))
            for file in (inside.with_suffix(".py"), inside / "__init__.py"):
                if name.startswith("nbreplay") and file.exists() and file not in reached:
                    reached.add(file)
                    todo.append(file)
    used = {name.split(".")[0] for path in reached for name in imported(path, top_level_only=True)}
    assert not used & {"dask", "distributed", "numpy", "pandas", "IPython", "ipykernel", "rich", "click", "lmdb"}
