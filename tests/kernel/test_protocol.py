"""The protocol as jupyter_kernel_test checks it, for both kernels."""

# ruff: noqa: RUF012  # its attributes are what the base class reads

from __future__ import annotations

import jupyter_kernel_test
import pytest


@pytest.fixture(autouse=True, scope="module")
def place(specs, tmp_path_factory):
    """The kernels where Jupyter looks for them, and a folder for what they write."""
    folder = tmp_path_factory.mktemp("protocol")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(specs.kernel_dirs[0].rpartition("/")[0]))
        patch.setenv("NBREPLAY_STORE", str(folder / "store"))
        patch.setenv("NBREPLAY_KEY_FILE", str(folder / "key"))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        yield


class Protocol(jupyter_kernel_test.KernelTests):
    __test__ = False

    language_name = "python"
    file_extension = ".py"
    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = [{"text": "zi", "matches": {"zip"}}]
    complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
    incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
    invalid_code_samples = ["import = 7q"]
    code_page_something = "zip?"
    code_generate_error = "raise"
    code_execute_result = [
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
    ]
    code_display_data = [
        {"code": "from IPython.display import HTML, display; display(HTML('<b>test</b>'))", "mime": "text/html"},
        {"code": "from IPython.display import Math, display; display(Math('\\\\frac{1}{2}'))", "mime": "text/latex"},
    ]
    code_history_pattern = "1?2*"
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "zip"
    code_clear_output = "from IPython.display import clear_output; clear_output()"


class TestAudit(Protocol):
    __test__ = True
    kernel_name = "nbreplay-audit"


class TestRepeat(Protocol):
    __test__ = True
    kernel_name = "nbreplay-repeat"
