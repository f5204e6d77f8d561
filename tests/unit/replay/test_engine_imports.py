"""What the engine of a kernel imports before a cell needs it: no library of the user's."""

import subprocess
import sys

LIBRARIES = ("dask", "distributed", "numpy", "pandas", "pyarrow", "xarray", "matplotlib", "dill", "rich", "click")


def test_an_engine_imports_no_library_that_no_cell_asked_for():
    code = f"import nbreplay.replay.engine as e, sys; e.warm(); print([n for n in {LIBRARIES} if n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
