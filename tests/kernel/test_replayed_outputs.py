"""Everything a cell shows is shown again, equal and in its order, when its record stands in for a run."""

from __future__ import annotations

import pytest

CELLS = {
    "text on stdout": "print('one')\nprint('two', end='')",
    "text on both streams": (
        "import sys\nfor i in range(5):\n    print(i, flush=True)\n    print('e', i, file=sys.stderr, flush=True)"
    ),
    "a progress line": "for i in range(3): print(f'\\r{i}', end='')",
    "colours": "print('\\x1b[31mred\\x1b[0m')",
    "odd characters": "print('naïve 漢字 \\u2028 \\U0001f600')",
    "a lone surrogate": "'\\udc80'",
    "a result": "{'a': [1, 2, (3,)]}",
    "text and a result": "print('text')\n'result'",
    "a suppressed result": "'nothing';",
    "no output": "quiet = 1",
    "HTML": "from IPython.display import HTML\nHTML('<b>bold</b>')",
    "several rich displays": (
        "from IPython.display import HTML, Latex, Markdown, display\n"
        "display(HTML('<i>x</i>'), Markdown('*m*'))\ndisplay(Latex('$x$'), metadata={'k': 1})"
    ),
    "an image": (
        "import base64\nfrom IPython.display import Image\n"
        "Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
        "awAAAABJRU5ErkJggg=='), width=10)"
    ),
    "JSON and custom types": (
        "from IPython.display import display\n"
        "display({'application/json': {'a': [1, None]}, 'application/x-custom': 'c', 'text/plain': 'p'}, raw=True)"
    ),
    "a display that is updated": (
        "from IPython.display import display\nhandle = display('first', display_id='d1')\nhandle.update('second')"
    ),
    "a display of an earlier cell that is updated": (
        "from IPython.display import update_display\nupdate_display('third', display_id='d1')"
    ),
    "output that is cleared": (
        "from IPython.display import clear_output\nprint('old')\nclear_output()\nprint('new')\n"
        "clear_output(wait=True)\nprint('newest')"
    ),
    "an async cell": "import asyncio\nprint('a')\nawait asyncio.sleep(0.01)\nprint('b')\n'c'",
    "text of a thread": (
        "import threading\nt = threading.Thread(target=print, args=('thread',))\nt.start(); t.join(); del t"
    ),
    "text of a forked child": (
        "import os, time\npid = os.fork()\nif pid == 0:\n    print('child', flush=True)\n    os._exit(0)\n"
        "done = os.waitpid(pid, 0); time.sleep(0.3); del pid, done"
    ),
    "a magic": "%pwd",
    "a class with several faces": (
        "class Face:\n    def _repr_html_(self): return '<u>f</u>'\n    def __repr__(self): return 'f'\nFace()"
    ),
    "a cell within a cell": "r = get_ipython().run_cell(\"print('inner'); 'inner result'\")\nprint('outer')",
    "much text": "for i in range(20000): print('line', i)",
    "warnings": "import warnings\nwarnings.warn_explicit('careful', UserWarning, 'file.py', 1)",
    "a logged line": (
        "import logging, sys\nlog = logging.getLogger('mine')\nlog.addHandler(logging.StreamHandler(sys.stderr))\n"
        "log.warning('logged')"
    ),
    "a captured cell": "%%capture caught\nprint('not shown')",
    "what was captured": "caught.show()",
}


@pytest.fixture(scope="module")
def answers(launched, tmp_path_factory):
    """By kernel, by name: what each cell brought under plain ipykernel, Audit, and Repeat in a new process."""
    folder = tmp_path_factory.mktemp("outputs")
    found = {}
    for kind in ("python3", "nbreplay-audit", "nbreplay-repeat"):
        kernel = launched(kind, folder)
        found[kind] = {name: kernel.run(code) for name, code in CELLS.items()}
        kernel.stop()
    return found


@pytest.mark.parametrize("name", CELLS)
def test_recording_shows_what_plain_ipykernel_shows(answers, name):
    plain, audit = (answers[kind][name] for kind in ("python3", "nbreplay-audit"))
    assert audit.shown == plain.shown
    assert audit.content["execution_count"] == plain.content["execution_count"]
    assert audit.content["payload"] == plain.content["payload"]


@pytest.mark.parametrize("name", CELLS)
def test_repeating_shows_the_same_without_running(answers, name):
    audit, repeat = (answers[kind][name] for kind in ("nbreplay-audit", "nbreplay-repeat"))
    # A child process cannot be followed, and handlers of loggers are not kept: such cells run.
    if "fork" not in CELLS[name] and "addHandler" not in CELLS[name]:
        assert repeat.state == "restored", repeat.cell
    assert repeat.outputs == audit.outputs
    assert repeat.content["payload"] == audit.content["payload"]
    assert repeat.execute_input == audit.execute_input


def test_help_that_was_asked_for_is_shown_again(start):
    one = start("audit").run("len?")
    two = start("repeat").run("len?")
    assert two.state == "restored"
    assert two.content["payload"] == one.content["payload"]
    assert two.content["payload"][0]["source"] == "page"


def test_results_have_the_number_of_the_run_that_shows_them(start):
    start("audit").run("'value'")
    kernel = start("repeat")
    kernel.run("0")
    answer = kernel.run("'value'")
    assert answer.state == "restored"
    assert [o["execution_count"] for o in answer.outputs] == [2]
    assert kernel.run("Out[2], _2").result == "('value', 'value')"
    assert kernel.run("In[2]").result == repr("'value'")


def test_the_last_result_has_its_names_in_a_repeated_run(start):
    start("audit").run_all("[1, 2]", "'b'")
    kernel = start("repeat")
    assert [a.state for a in kernel.run_all("[1, 2]", "'b'")] == ["restored"] * 2
    assert kernel.run("_, __").result == "('b', [1, 2])"
    assert kernel.run("_").result == "('b', [1, 2])"


def test_last_results_follow_each_other_whether_run_or_restored(start):
    start("audit").run_all("1", "2", "3")
    kernel = start("repeat")
    assert [a.state for a in kernel.run_all("1", "2", "'fresh'", "3")] == [
        "restored",
        "restored",
        "executed",
        "restored",
    ]
    assert kernel.run("_, __, ___").result == "(3, 'fresh', 2)"
    assert kernel.run("_").result == "(3, 'fresh', 2)"


def test_a_failed_cell_is_run_again(start):
    start("audit").run("print('x')\n1/0")
    answer = start("repeat").run("print('x')\n1/0")
    assert answer.state == "failed"
    assert [o["type"] for o in answer.outputs] == ["stream", "error"]


def test_a_figure_that_the_end_of_the_cell_shows(start):
    pytest.importorskip("matplotlib")
    code = "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2])\nprint('drawn')"
    audit = start("audit").run(code)
    assert "image/png" in audit.outputs[-1]["data"]
    kernel = start("repeat")
    repeat = kernel.run(code)
    assert repeat.state == "restored"
    assert repeat.shown == audit.shown


def test_what_our_work_prints_is_nobody_s_output(start):
    code = (
        "class Chatty:\n    def __reduce__(self):\n        print('reduced'); import warnings; warnings.warn('odd')\n"
        "        return (Chatty, ())\nchatty = [Chatty()]"
    )
    answer = start("audit").run(code)
    assert answer.outputs == []
