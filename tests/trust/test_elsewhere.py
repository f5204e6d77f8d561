"""A colleague's own cluster and folders in place of the recorded ones, and a look at a cluster before it is used."""

import contextlib
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

BARE = """
import importlib.metadata
import sys

sys.modules["nbreplay"] = None
asked = importlib.metadata.version


def version(name):
    if name == "nbreplay":
        raise importlib.metadata.PackageNotFoundError(name)
    return asked(name)


importlib.metadata.version = version
"""
"""For the start of an interpreter: NBReplay is not installed, as far as it knows."""


@contextlib.contextmanager
def cluster(folder):
    """A scheduler and a worker, processes of their own that know no NBReplay; yields the address."""
    (folder / "bare").mkdir()
    (folder / "bare" / "sitecustomize.py").write_text(BARE)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NBREPLAY", "PYTEST"))}
    environment = {**kept, "PYTHONPATH": str(folder / "bare"), "HOME": str(folder)}
    file = folder / "scheduler.json"

    def start(*arguments):
        command = [sys.executable, "-m", "distributed.cli." + arguments[0], *map(str, arguments[1:])]
        log = (folder / f"{arguments[0]}.log").open("w")
        return subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)

    run = [start("dask_scheduler", "--port", 0, "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", file)]
    try:
        run.append(start("dask_worker", "--scheduler-file", file, "--nthreads", 1, "--no-dashboard", "--no-nanny"))
        from distributed import Client

        with Client(scheduler_file=str(file), timeout=60, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
        yield json.loads(file.read_text())["address"]
    finally:
        for each in reversed(run):
            each.terminate()
            each.wait(30)


@pytest.fixture(scope="module")
def package(author, tmp_path_factory):
    """A notebook that read a file far away, and whose cluster is gone."""
    far = tmp_path_factory.mktemp("far")
    (far / "words.txt").write_text("one two three")
    cells = (
        "import dask\nfrom dask.distributed import Client, LocalCluster",
        f"words = open('{far}/words.txt').read().split()",
        "client = Client(LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None))",
        "def size(word): return len(word)\nsizes = dask.compute(*[dask.delayed(size)(word) for word in words])",
        "print(words, sizes)",
    )
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in cells]), author.folder / "far.ipynb")
    assert {cell["state"] for cell in author.run("audit", "far.ipynb")} == {"executed"}
    author.command("pack", "far.ipynb")
    shutil.rmtree(far)
    return author.folder / "far.nbr", far


def test_a_cluster_is_looked_at_before_it_is_used(package, stranger, tmp_path):
    _, said = stranger.command("check", "--live", "tcp://127.0.0.1:9", code=60)
    assert said == ""
    stranger.command("unpack", package[0], "far", "--trust")
    with cluster(tmp_path) as address:
        text, _ = stranger.command("check", "far/workflow/far.ipynb", "--live", address, "--json")
        rows = json.loads(text)["live"]
        assert {(row["what"], row["found"]) for row in rows} == {("nbreplay", "not installed")}
        assert {row["severity"] for row in rows} == {"recompute"}
        assert len(rows) == 2  # the scheduler and the worker
        # An edit of the last cell asks for new tasks: they run on the colleague's cluster, by the client made again.
        path = stranger.folder / "far" / "workflow" / "far.ipynb"
        edited = "print(client.scheduler.address, dask.compute(*[dask.delayed(size)(word * 2) for word in words]))"
        path.write_text(path.read_text().replace("print(words, sizes)", edited))
        cells = stranger.run("repeat", path, "--from", 5, "--cluster", address, "-o", "there.ipynb")
        assert [cell["state"] for cell in cells] == ["restored"] * 4 + ["executed"]
        shown = nbformat.read(stranger.folder / "there.ipynb", 4).cells[4].outputs
        assert shown[0]["text"] == f"{address} (6, 6, 10)\n"


def test_files_that_lie_elsewhere_are_found_by_their_folder(package, stranger):
    file, far = package
    stranger.command("unpack", file, "mapped", "--trust")
    (stranger.folder / "near").mkdir()
    (stranger.folder / "near" / "words.txt").write_text("one two three")
    notebook = "mapped/workflow/far.ipynb"
    plan = json.loads(stranger.command("check", notebook, "--json")[0])["plan"]["cells"]
    assert (plan[1]["fate"], plan[1]["reason"]) == ("runs", f"{far}/words.txt is not here")
    cells = stranger.run("repeat", notebook, "--map", f"{far}={stranger.folder}/near", "-o", "mapped.ipynb")
    assert [cell["state"] for cell in cells] == ["restored"] * 5
    (stranger.folder / "near" / "words.txt").write_text("four")
    cells = stranger.run("repeat", notebook, "--map", f"{far}={stranger.folder}/near", "--to", 2, "--allow-errors")
    assert cells[1]["state"] in ("executed", "failed")  # its input changed: it is not restored
