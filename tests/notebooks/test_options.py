"""What a cell sets in the kernel's process is seen by tasks that run there: no result from before stands in for one."""

import pytest
from notebook_driver import Kernel, cells, comparable, run_notebook

SETUP = """import decimal, dask, numpy as np, pandas as pd
from dask import delayed
from dask.distributed import Client
def third(n):
    import decimal
    return str(decimal.Decimal(1) / decimal.Decimal(n))
def shown(n):
    return repr(np.array([n / 3]))
"""
SCHEDULERS = {
    "sync": "which = {'scheduler': 'sync'}",
    "threads": "which = {'scheduler': 'threads'}",
    "a cluster in the kernel": (
        "client = Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None)\nwhich = {}"
    ),
}


@pytest.mark.notebooks
@pytest.mark.parametrize("name", SCHEDULERS)
def test_an_option_that_was_set_since_is_no_hit(name, tmp_path):
    notebook = cells(
        SETUP + SCHEDULERS[name],
        "print(*dask.compute(delayed(third)(3), delayed(shown)(2), **which))",
        "np.set_printoptions(precision=3)\ndecimal.getcontext().prec = 5\n"
        "print(*dask.compute(delayed(third)(3), delayed(shown)(2), **which))",
        "np.set_printoptions(precision=8)\ndecimal.getcontext().prec = 28\n"
        "print(*dask.compute(delayed(third)(3), delayed(shown)(2), **which))",
    )
    (tmp_path / "plain").mkdir()
    (tmp_path / "repeat").mkdir()
    plain = run_notebook("plain", notebook, tmp_path / "plain")
    with Kernel("repeat", tmp_path / "repeat", store=tmp_path / "s") as kernel:
        results = kernel.run_all(notebook)
    assert comparable(results) == comparable(plain)
    assert results[1].text != results[2].text
    assert results[3].status["tasks"]["hit"] == 2  # as at the start again
