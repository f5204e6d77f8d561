"""``nbreplay why`` says of a cell's tasks, which ran on a cluster of processes, what made them run."""

import json

import nbformat
import pytest
from click.testing import CliRunner

from nbreplay.cli import group

pytestmark = [pytest.mark.notebooks, pytest.mark.kernel, pytest.mark.cluster]

CELLS = (
    "from pathlib import Path\nfrom dask.distributed import Client, LocalCluster\nimport near_rates",
    "cluster = LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None)\nclient = Client(cluster)",
    "K = 2\ndef helper(x):\n    return x * K\ndef work(x):\n    return helper(x) + 1",
    "def rated(x):\n    return x * near_rates.rate()\ndef read(path):\n    return int(Path(path).read_text())",
    """parts = client.map(work, range(4))
more = [client.submit(rated, 3), client.submit(read, 'data.txt'), client.submit(len, 'abcd')]
print(client.gather(parts), client.gather(more))""",
    "client.close()\ncluster.close()",
)


def run(*arguments):
    done = CliRunner().invoke(group, [str(each) for each in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def write(path, **edits):
    cells = []
    for source in CELLS:
        for old, new in edits.values():
            source = source.replace(old, new)
        cells.append(nbformat.v4.new_code_cell(source, id=f"cell{len(cells)}"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_what_made_tasks_on_processes_run_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NBREPLAY_STORE", raising=False)
    path = tmp_path / "nb.ipynb"
    (tmp_path / "near_rates.py").write_text("def rate():\n    return 5\n")
    (tmp_path / "data.txt").write_text("7")
    write(path)
    run("audit", path)

    write(path, helper=("x * K", "x * K + 3"))
    (tmp_path / "near_rates.py").write_text("def rate():\n    return 6\n")
    (tmp_path / "data.txt").write_text("8")
    run("repeat", path)
    why = json.loads(run("why", path, "5", "--json"))
    tasks = why["tasks"]
    assert (tasks["total"], tasks["executed"], tasks["hit"]) == (7, 6, 1)
    assert why["tasks_why"] == [
        "work: the code of helper changed\n    -    return x * K\n    +    return x * K + 3",
        "rated: the code of rate changed\n    -    return 5\n    +    return 6",
        "read: the file ./data.txt changed, which it reads",
    ]
