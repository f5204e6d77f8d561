"""Which files a package may hold, and where. Names are allowed by form instead of being forbidden one by one.

================================== ==========================================================================
entry                              what
================================== ==========================================================================
``manifest.json``                  format, who made it, the notebook, what is missing, every file by digest
``manifest.json.sig``              an SSH signature of it, if it was signed
``workflow/NAME.ipynb``            the notebook
``workflow/NAME.nbreplay/``        its store, without index and quarantine
``workflow/...``                   input files, where the notebook finds them
``software/environment.yml``       for conda; ``requirements.txt`` beside it, for pip
``data/data.yml``                  every input file: path, size, digest, whether it is in the package
``compute/compute.yml``            workers, cores and memory that the recording had
``binder/``                        ``requirements.txt`` and ``runtime.txt``, for repo2docker
================================== ==========================================================================

The folder is a Floability backpack and a repo2docker repository as it stands; an unpacked package has the same layout.
"""

from __future__ import annotations

import re
import site
import sys
import sysconfig
import unicodedata
from functools import cache
from importlib.machinery import PathFinder
from pathlib import PurePosixPath

SUFFIX = ".nbr"
"""Of a package's file name."""
WORKFLOW = "workflow"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
ENVIRONMENT = "software/environment.yml"
REQUIREMENTS = "software/requirements.txt"
DATA = "data/data.yml"
COMPUTE = "compute/compute.yml"
BINDER = ("binder/requirements.txt", "binder/runtime.txt")
DESCRIPTIONS = frozenset({ENVIRONMENT, REQUIREMENTS, DATA, COMPUTE, *BINDER})

MAX_DEPTH = 30
"""Folders in a name."""

_PART = r"[^/\\\x00-\x1f\x7f:*?\"<>|]{1,200}"
_NOTEBOOK = re.compile(rf"workflow/(?![.]){_PART}\.ipynb")
_STORE_FILE = re.compile(
    rf"workflow/(?![.]){_PART}\.nbreplay/"
    r"(?:store\.json|journals/[A-Za-z0-9_-]{1,100}\.nbj|blobs/[0-9a-f]{2}/[0-9a-f]{32})"
)
_COMPONENT = re.compile(_PART)
_STARTUP = re.compile(
    r"(sitecustomize|usercustomize|ipython_config|ipython_kernel_config|jupyter_.*config|matplotlibrc|dask\.ya?ml)\b.*"
    r"|.*\.pth",
    re.IGNORECASE,
)
"""What Python, Jupyter, or a library reads by itself from the folder that it is started in, or once did."""
_CODE = (".py", ".pyc", ".pyo", ".so", ".pyd", ".pyw", ".dll", ".dylib")
_OFTEN_LOCAL = frozenset({"test", "tests", "doc", "docs", "example", "examples", "benchmarks", "scripts", "tools"})
"""Names that distributions install by mistake, and that many folders have."""


def is_notebook(path: str) -> bool:
    """Whether *path* may be the package's notebook."""
    return bool(_NOTEBOOK.fullmatch(path))


def is_store_file(path: str) -> bool:
    """Whether *path* may be a file of the package's store."""
    return bool(_STORE_FILE.fullmatch(path))


def is_input(path: str) -> bool:
    """Whether *path* may be an input file: below the notebook, in no hidden folder, and nothing that starts by itself.

    Notes
    -----
    A module beside the notebook is found before an installed one of its name: code that nobody sees in the notebook.
    """
    parts = PurePosixPath(path).parts
    if not 2 <= len(parts) <= MAX_DEPTH or parts[0] != WORKFLOW or "/".join(parts) != path:
        return False
    inner = parts[1:]
    for part in inner:
        if not _COMPONENT.fullmatch(part) or part.startswith(".") or part != part.rstrip(" ."):
            return False
        if part.endswith((".nbreplay", ".ipynb")) or part in ("__pycache__",):
            return False
    if any(_STARTUP.fullmatch(part) for part in inner):
        return False
    return not (path.lower().endswith(_CODE) and _shadows(inner[0]))


def allowed(path: str) -> bool:
    """Whether a file may have this name in a package."""
    if path != unicodedata.normalize("NFC", path) or ".." in path.split("/"):
        return False
    if path in (MANIFEST, SIGNATURE) or path in DESCRIPTIONS:
        return True
    return is_notebook(path) or is_store_file(path) or is_input(path)


def _shadows(first: str) -> bool:
    """Whether *first*, beside a notebook, would be imported in place of what others expect under that name."""
    name = first.split(".", 1)[0]
    return name in sys.stdlib_module_names or name in _KNOWN or (name not in _OFTEN_LOCAL and _installed(name))


_KNOWN = frozenset({"numpy", "pandas", "dask", "distributed", "IPython", "ipykernel", "nbreplay", "traitlets", "zmq"})


@cache
def _installed(name: str) -> bool:
    """Whether a module of this name is installed here: it may be imported behind any cell's back."""
    folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return bool(name) and PathFinder.find_spec(name, sorted(folders)) is not None
