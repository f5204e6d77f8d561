"""Cells whose tasks read files after the cell has ended, or whose cluster is gone when it ends."""

import pytest
from notebook_driver import cells, comparable, run_notebook

pytestmark = [pytest.mark.notebooks, pytest.mark.kernel, pytest.mark.cluster]

SETUP = "from dask.distributed import Client, LocalCluster, wait\ndef load(path):\n    return open(path).read()"
CLUSTER = 'Client(LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0"))'

SUBMITTED = cells(
    SETUP,
    f"client = {CLUSTER}",
    "future = client.submit(load, 'in.txt')",
    "text = future.result()",
    "print(text)",
    "client.close()",
)
CLOSED = cells(SETUP, f"with {CLUSTER} as client:\n    text = client.submit(load, 'in.txt').result()", "print(text)")
PERSISTED = cells(
    SETUP,
    f"client = {CLUSTER}",
    "from dask import delayed\nloaded = delayed(load)('in.txt').persist()",
    "n = 1",
    "print(loaded.compute())",
)


@pytest.mark.parametrize("notebook", [SUBMITTED, CLOSED, PERSISTED], ids=["submitted", "closed", "persisted"])
def test_a_file_that_only_tasks_read_is_seen_when_it_changes(tmp_path, notebook):
    store = tmp_path / "store.nbreplay"
    (tmp_path / "in.txt").write_text("old")
    run_notebook("audit", notebook, tmp_path, store=store)
    unchanged = run_notebook("repeat", notebook, tmp_path, store=store)
    (tmp_path / "in.txt").write_text("new")
    repeated = run_notebook("repeat", notebook, tmp_path, store=store)
    plain = run_notebook("plain", notebook, tmp_path)
    assert comparable(repeated) == comparable(plain)
    if notebook is not CLOSED:
        assert {result.state for result in unchanged} == {"restored"}
