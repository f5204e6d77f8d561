"""A notebook recorded by somebody else: data until it is accepted, in the kernel and in workers."""

import json
import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from users import User

ACTIVE = "<script>document.title = 'gotcha'</script>"
CELLS = (
    # What is recorded of `trap` says who recorded it, to whoever loads it.
    f"""import os
from pathlib import Path
from IPython.display import HTML
class Trap:
    def __reduce__(self):
        def load(who=os.environ['NBREPLAY_TEST_USER']):
            import os
            from pathlib import Path
            Path(os.environ['NBREPLAY_TEST_MARKS'], who + '.loaded').touch()
            return Trap()
        return load, ()
trap = Trap()
HTML({ACTIVE!r})""",
    """import dask
from dask.distributed import Client, LocalCluster
client = Client(LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None))""",
    """import datetime
def day(n): return datetime.date(2026, 1, 1 + n), Box(n)
class Box:
    def __init__(self, n): self.n = n
days = dask.compute(*[dask.delayed(day)(n) for n in range(4)])
print(days[3][0])""",
    "last = (type(trap).__name__, days[1][1].n)\nlast",
)


@pytest.fixture(scope="module")
def package(author):
    """What the author sends."""
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), author.folder / "nb.ipynb")
    cells = author.run("audit", "nb.ipynb")
    assert [cell["state"] for cell in cells] == ["executed"] * 4
    assert cells[2]["tasks"]["executed"] == 4
    author.command("pack", "nb.ipynb")
    return author.folder / "nb.nbr"


@pytest.fixture(scope="module")
def untrusted(package, stranger):
    """The cells of a stranger's Repeat on what was unpacked without --trust, after looking at it in all ways."""
    said, _ = stranger.command("unpack", package, "away")
    assert "--trust" in said
    for arguments in (("show",), ("why", 1), ("diff", 0, 3), ("verify",), ("check",)):
        name, *more = arguments
        stranger.command(name, "away/workflow/nb.ipynb", *more)
    facts, said = stranger.command("repeat", "away/workflow/nb.ipynb", "--strict", "--json", "-", code=16)
    return json.loads(facts)["cells"], said


def test_nothing_of_a_stranger_s_is_unpickled_in_the_kernel_or_in_workers(untrusted, stranger):
    assert "author" not in stranger.marks()  # what the stranger recorded by running is the stranger's own
    stranger.pickles()


def test_cells_that_would_be_served_run_and_say_how_to_accept(untrusted):
    cells, said = untrusted
    assert [cell["state"] for cell in cells] == ["blocked"] * 3 + ["restored"]  # text and a number are data
    assert all("nbreplay unpack FILE --trust" in cell["reason"] for cell in cells[:3])
    assert "taken as data" in cells[3]["reason"]
    assert cells[2]["tasks"] == {"total": 4, "executed": 4, "hit": 0, "pruned": 0, "refused": 0}
    assert "cells 1, 2, 3 ran because" in said  # --strict


def test_a_store_that_is_copied_is_no_better_and_no_place_to_start_from(package, author, tmp_path):
    third = User("third", tmp_path)  # nobody of before, whose kernel might still be looking at what it kept
    shutil.copytree(author.folder / "nb.nbreplay", tmp_path / "copied" / "nb.nbreplay")
    shutil.copy(author.folder / "nb.ipynb", tmp_path / "copied")
    _, said = third.command("repeat", "copied/nb.ipynb", "--from", 4, code=16)
    assert len(said.splitlines()) == 1
    assert "--trust" in said
    assert third.marks() == []
    assert third.pickles() == ([], 0)


def test_after_it_is_accepted_all_is_served_and_tasks_load_in_workers(package, stranger):
    said, _ = stranger.command("unpack", package, "accepted", "--trust")
    assert said.index("made by") < said.index("imports") < said.index("records as yours")
    stranger.marks(), stranger.pickles()
    cells = stranger.run("repeat", "accepted/workflow/nb.ipynb", "--rerun", 3, "-o", "served.ipynb")
    assert [cell["state"] for cell in cells] == ["restored", "restored", "replayed", "restored"]
    assert cells[2]["tasks"]["executed"] == 0
    _, processes = stranger.pickles()
    assert processes >= 2  # the hook sees the kernel and the worker: that it saw nothing before means something
    shown = nbformat.read(stranger.folder / "served.ipynb", 4)
    assert shown.cells[0].outputs[0]["data"]["text/html"] == ACTIVE
    assert shown.cells[3].outputs[0]["data"]["text/plain"] == "('Trap', 1)"
