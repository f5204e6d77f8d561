"""Recorded workloads at somebody else's: another home, no data, no cluster; then another Python, other packages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from users import User

from nbreplay.bench.workloads import workload

REPOSITORY = Path(__file__).parents[2]
LONG = bool(os.environ.get("NBREPLAY_TEST_LONG"))
PYTHONS = [each for each in os.environ.get("NBREPLAY_TEST_PYTHONS", "").split(os.pathsep) if each]
"""Interpreters of other versions in which what NBReplay needs is installed."""

# What a whole repeat does without trust, cell by cell. In Climate nothing but the missing data can be run.
UNTRUSTED = {
    "climate": ["failed"] * 3,
    "rag": [*["blocked"] * 5, "executed", "blocked", "blocked", "restored", "restored"],
    "ocean": ["blocked", "blocked", "blocked", "executed", "replayed", "replayed", "executed", "executed"],
}  # fmt: skip


@pytest.fixture(scope="module", params=["climate", "rag", "ocean"])
def sent(request, author):
    """A workload, recorded, packed without its data, and signed; with the number of its last cell."""
    if not LONG:
        pytest.skip("set NBREPLAY_TEST_LONG=1: test_colleagues tells the same story of a smaller notebook")
    chosen = workload(request.param)
    for name in chosen.needs:
        pytest.importorskip(name)
    folder = author.folder / request.param
    folder.mkdir()
    notebook = chosen.notebook("smoke")
    nbformat.write(notebook, folder / "nb.ipynb")
    if chosen.make_input is not None:
        chosen.make_input(folder, chosen.sizes["smoke"])
    author.run("audit", folder / "nb.ipynb", "-o", folder / "nb.ipynb")
    key = author.folder / "ana"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    author.command("pack", folder / "nb.ipynb", "-o", f"{chosen.name}.nbr", "--data", "none", "--sign", key)
    for path in folder.iterdir():  # what the author has is out of everybody's reach from here on
        if path.name != "nb.ipynb":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return chosen.name, author.folder / f"{chosen.name}.nbr", len(notebook.cells)


def outputs(path):
    return [
        [output.get("text") or output.get("data") for output in cell.outputs] for cell in nbformat.read(path, 4).cells
    ]


def test_the_last_cell_alone_is_there_once_its_author_is_accepted(sent, author, stranger):
    name, package, last = sent
    expected = outputs(author.folder / name / "nb.ipynb")[-1]
    stranger.command("signers", "--accept", "ana", author.folder / "ana.pub")
    assert "signed by ana, whom you accept" in " ".join(stranger.command("check", package, "--from", last)[0].split())
    for folder, trust in ((f"{name}-signed", ()), (f"{name}-trusted", ("--trust",))):
        if trust:
            stranger.command("signers", "--withdraw", "ana")
        stranger.command("unpack", package, folder, *trust)
        cells = stranger.run("repeat", f"{folder}/workflow/nb.ipynb", "--from", last, "-o", f"{folder}.ipynb")
        assert [cell["state"] for cell in cells] == ["restored"] * last
        assert [cell["tasks"]["total"] for cell in cells] == [0] * last
        assert outputs(stranger.folder / f"{folder}.ipynb")[-1] == expected


def test_without_trust_nothing_of_it_is_a_place_to_start_from_and_the_rest_runs(sent, author, tmp_path):
    stranger = User("third", tmp_path)
    name, package, last = sent
    expected = outputs(author.folder / name / "nb.ipynb")[-1]
    stranger.command("unpack", package, name)
    notebook = f"{name}/workflow/nb.ipynb"
    _, said = stranger.command("repeat", notebook, "--from", last, code=16)
    assert "--trust" in said
    assert stranger.pickles() == ([], 0)
    cells = stranger.run("repeat", notebook, "--allow-errors", "-o", f"{name}.ipynb")
    assert [cell["state"] for cell in cells] == UNTRUSTED[name], [cell["reason"] for cell in cells]
    shown = outputs(stranger.folder / f"{name}.ipynb")
    if name == "climate":
        assert "observations" in (stranger.folder / f"{name}.ipynb").read_text()
    else:
        assert shown[-1] == expected


# ---------------------------------------------------------------- another Python, other packages, bare workers


SMALL = (
    "import numpy as np\nimport local_tool",
    "grid = np.arange(1_000.0)\ntext = ['a', 'b']",
    "made = local_tool.Made(3)",
    "def triple(n): return n * 3\nnumber = triple(14)",
    "print(grid.sum(), text, made.n, number)",
)


def tool(folder, version):
    """A distribution of one module, in *version*."""
    about = folder / f"local_tool-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: local-tool\nVersion: {version}\n")
    (about / "RECORD").write_text(f"local_tool.py,,\n{about.name}/METADATA,,\n{about.name}/RECORD,,\n")
    (folder / "local_tool.py").write_text("class Made:\n    def __init__(self, n): self.n = n\n")
    return str(folder)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A package of a notebook that uses local-tool 1.0."""
    folder = tmp_path_factory.mktemp("other-author")
    author = User("author", folder, path=(tool(folder / "site", "1.0"),))
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in SMALL]), folder / "nb.ipynb")
    assert {cell["state"] for cell in author.run("audit", "nb.ipynb", "-o", "nb.ipynb")} == {"executed"}
    author.command("pack", "nb.ipynb")
    return folder


def test_cells_whose_package_has_another_version_run_and_say_so(small, tmp_path):
    user = User("stranger", tmp_path, path=(tool(tmp_path / "site", "2.0"),))
    user.command("unpack", small / "nb.nbr", "away", "--trust")
    said = " ".join(user.command("check", "away/workflow/nb.ipynb")[0].split())
    assert "local_tool 1.0" in said
    assert "2.0" in said
    cells = user.run("repeat", "away/workflow/nb.ipynb", "-o", "out.ipynb")
    states = [cell["state"] for cell in cells]
    assert states[0] == states[2] == "executed"
    assert "local_tool" in cells[0]["reason"] + cells[2]["reason"]
    assert states[1] == states[3] == "restored"
    assert outputs(tmp_path / "out.ipynb")[-1] == outputs(small / "nb.ipynb")[-1]


@pytest.mark.skipif(not PYTHONS, reason="set NBREPLAY_TEST_PYTHONS to interpreters of other versions, with packages")
@pytest.mark.parametrize("python", PYTHONS)
def test_under_another_python_what_is_pickled_runs_again(small, tmp_path, python):
    user = User("stranger", tmp_path, python, (tool(tmp_path / "site", "1.0"), str(REPOSITORY)))
    minor = subprocess.run([python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True)
    minor = minor.stdout.decode().strip()
    assert minor != ".".join(map(str, sys.version_info[:2]))
    user.command("unpack", small / "nb.nbr", "away", "--trust")
    said = " ".join(user.command("check", "away/workflow/nb.ipynb")[0].split())
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in said
    assert minor in said
    cells = user.run("repeat", "away/workflow/nb.ipynb", "-o", "out.ipynb")
    assert {cell["state"] for cell in cells} == {"executed"}
    assert "Python" in cells[0]["reason"]
    assert outputs(tmp_path / "out.ipynb")[-1] == outputs(small / "nb.ipynb")[-1]
    assert {cell["state"] for cell in user.run("repeat", "away/workflow/nb.ipynb")} == {"restored"}
