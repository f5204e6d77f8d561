"""A package in which every record was altered to do harm: none of it happens, in any process, until it is trusted."""

import dataclasses
import json
import socket
from pathlib import Path

import nbformat
import pytest
from forge import TRAP, check_trap, forged, trap_value
from nbformat.v4 import new_code_cell, new_notebook

from nbreplay.digest import Digest
from nbreplay.records import FileState, Hole, NameState, Unit
from nbreplay.replay.outputs import encode, encode_messages

CELLS = (
    "plain = [1, 2, 3]",
    "pieces = [1, 2, 4]",
    "pickled = [1, 2, 5]",
    "claimed = [1, 2, 6]",
    "wrote = [1, 2, 7]",
    "shown = [1, 2, 8]",
    "imports = [1, 2, 9]",
    "ambient = [1, 2, 10]",
    "handle = [1, 2, 11]",
    "hollow = [1, 2, 12]",
    "looped = [1, 2, 13]",
    "named = [1, 2, 14]",
    "import dask\nfrom dask.distributed import Client, LocalCluster\n"
    "client = Client(LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None))",
    "def double(n): return [n] * 2\nresults = dask.compute(*[dask.delayed(double)(n) for n in range(4)])",
    "print(plain[2] + named[2] + results[3][1])",
)
ACTIVE = {
    "text/html": "<img src=x onerror=alert(1)>", "image/svg+xml": "<svg onload='alert(1)'/>",
    "application/javascript": "alert(1)", "text/latex": r"\href{javascript:alert(1)}{x}",
    "application/vnd.jupyter.widget-view+json": {"model_id": "x", "version_major": 2},
    "application/x-unknown": "x", "text/markdown": "<script>alert(1)</script>", "application/vnd.plotly.v1+json": {},
    "image/png": "javascript:alert(1)", "text/plain": "harmless\x1b]0;title\x07",
}  # fmt: skip
MODULE = b"import os\ndef fire(): pass\nopen(os.environ['NBREPLAY_TEST_MARKS'] + '/fired.loaded', 'w')\n"
PASSIVE = {"text/plain", "image/png", "image/jpeg"}
OUTSIDE = ("../../../outside.txt", "/tmp/nbreplay-outside.txt", "./../../outside.txt", "./.ssh/authorized_keys")


@pytest.fixture(scope="module")
def listener():
    """A port that somebody's record says is the cluster."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture(scope="module")
def sent(author, listener):
    """What is sent: a package that was recorded honestly, and then altered."""
    nbformat.write(new_notebook(cells=[new_code_cell(cell) for cell in CELLS]), author.folder / "nb.ipynb")
    cells = author.run("audit", "nb.ipynb")
    assert {cell["state"] for cell in cells} == {"executed"}
    author.command("pack", "nb.ipynb", "-o", "good.nbr")
    assert check_trap()
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    return forged(
        author.folder / "good.nbr",
        author.folder / "bad.nbr",
        cell=lambda run, put: altered(run, put, address),
        task=altered_task,
        files={
            f"workflow/{TRAP}.py": MODULE,
            "compute/compute.yml": b"nbreplay:\n  cluster: {kind: local, preload: nbreplay_trap, n_workers: 1}\n",
        },
    )


def altered(run, put, address):
    """The record of a cell, with the trick that its name says."""
    if run.position is None or run.position > 12:
        return every_value(run, put, "unit")
    name = next(iter(run.writes.names))
    match name:
        case "plain":
            return every_value(run, put, "unit")
        case "pieces":
            return every_value(run, put, "unit in pieces")
        case "pickled":
            return every_value(run, put, "cloudpickle")
        case "claimed":
            return every_value(run, put, "plain")
        case "wrote":
            evil = put(b"ssh-rsa evil")
            state = FileState(digest=evil.digest, size_bytes=evil.size_bytes, blob=evil)
            return dataclasses.replace(run, files_written=dict.fromkeys(OUTSIDE, state))
        case "shown":
            message = {"data": ACTIVE, "metadata": {}}
            sent = [
                encode("display_data", {**message, "transient": {}}),
                encode("execute_result", {**message, "execution_count": 1}),
                encode("stream", {"name": "stdout", "text": "\x1b]52;c;ZXZpbA==\x07text\x1b[31m!\x1b[0m\n"}),
                encode("comm_open", {"comm_id": "x", "target_name": "evil", "data": {}}),
                encode("payload", {"source": "set_next_input", "text": "import os", "replace": True}),
                encode("error", {"ename": "<b>x</b>", "evalue": "<script>", "traceback": ["\x1b]0;t\x07"]}),
            ]
            return dataclasses.replace(run, outputs=put(encode_messages(sent)))
        case "imports":
            units = tuple(dataclasses.replace(unit, modules=((TRAP, ""),)) for unit in run.writes.units)
            return with_writes(run, modules=((TRAP, ""),), units=units)
        case "ambient":
            keys = ("sys.path", "environ", "dask config", "rng:random", "rng:numpy.random", "cwd", "warnings")
            return with_writes(run, ambient={key: trap_value(put, "pickle5") for key in keys})
        case "handle":
            state = dataclasses.replace(run.writes.names[name], handle="dask.client", summary=address)
            return with_writes(run, names={name: state})
        case "hollow":
            hole = Hole(type_name="list", reason="x", touched_by=(run.boundary,))
            state = dataclasses.replace(run.writes.names[name], unit=None, hole=hole)
            return dataclasses.replace(with_writes(run, names={name: state}, units=()), source=f"import {TRAP}")
        case "looped":
            return dataclasses.replace(run, restored_from=run.boundary)
        case _:
            odd = ("__builtins__", "get_ipython", "../x", "a/d1", "Out[1]", "__import__", "print")
            state = NameState(unit=f"{run.boundary}/9", digest=Digest("0" * 32), type_name="list")
            unit = Unit(uid=f"{run.boundary}/9", value=trap_value(put, "unit"), names=odd)
            names = {**run.writes.names, **dict.fromkeys(odd, state)}
            return with_writes(run, names=names, units=(*run.writes.units, unit))


def every_value(run, put, codec):
    units = tuple(dataclasses.replace(unit, value=trap_value(put, codec)) for unit in run.writes.units)
    return with_writes(run, units=units)


def with_writes(run, **changes):
    return dataclasses.replace(run, writes=dataclasses.replace(run.writes, **changes))


def altered_task(run, put):
    """The record of a task: its value fires, and it says to have written files."""
    evil = put(b"ssh-rsa evil")
    state = FileState(digest=evil.digest, size_bytes=evil.size_bytes, blob=evil)
    codec = ("pickle5", "cloudpickle", "plain", "arrow")[int(run.provenance[0], 16) % 4]
    return dataclasses.replace(run, result=trap_value(put, codec), files_written=dict.fromkeys(OUTSIDE, state))


@pytest.fixture(scope="module")
def looked_at(sent, stranger):
    """Everything that a stranger does with it before trusting it; the facts of the repeat."""
    before = tree(stranger.folder.parent)
    stranger.command("check", sent, code=None)
    stranger.command("unpack", sent, "away")
    notebook = "away/workflow/nb.ipynb"
    for name, *more in (("diff", 0, 3), ("verify", "--deep"), ("check",)):
        stranger.command(name, notebook, *more, code=None)
    facts = stranger.run("repeat", notebook, "-o", "seen.ipynb", "--cluster", "local")
    after = tree(stranger.folder.parent)
    return facts, sorted(after - before)


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def traps(user):
    return [name for name in user.pickles()[0] if TRAP in name]


def test_no_process_asks_for_what_a_stranger_s_pickle_names(looked_at, stranger):
    assert traps(stranger) == []
    assert stranger.marks() == []


def test_the_cells_run_instead_and_their_results_are_right(looked_at, stranger):
    cells, _ = looked_at
    states = {cell["index"]: cell["state"] for cell in cells}
    assert {states[n] for n in (1, 2, 3, 4, 5, 7, 8, 9, 10, 13, 14)} == {"blocked"}, states
    assert states[6] == "restored"
    assert states[12] == "executed"
    assert cells[13]["tasks"]["executed"] == 4
    shown = nbformat.read(stranger.folder / "seen.ipynb", 4)
    assert shown.cells[14].outputs[0]["text"] == "20\n"


def test_no_active_output_is_shown(looked_at, stranger):
    text = (stranger.folder / "seen.ipynb").read_text()
    shown = json.loads(text)
    for cell in shown["cells"]:
        for output in cell.get("outputs", []):
            assert set(output.get("data", {})) <= PASSIVE
            assert output["output_type"] != "error"
    assert "onerror" not in text
    assert "javascript" not in text.replace("application/javascript", "")  # named among what is not shown
    assert "\\u001b]" not in text
    assert "not shown, since this store is not trusted" in text


def test_no_file_appears_outside_of_where_it_was_unpacked(looked_at, stranger):
    _, new = looked_at
    mine = ("away", "seen.ipynb", "stranger.pickles", "share", "cache", "ipython", "stranger.key", ".local", ".config")
    outside = [path for path in new if not path.removeprefix(f"{stranger.folder.name}/").startswith(mine)]
    assert outside == [stranger.folder.name] or outside == []
    assert not any("authorized_keys" in path or "outside" in path for path in new)
    assert not Path("/tmp/nbreplay-outside.txt").exists()


def test_nobody_called_the_address_in_the_record(looked_at, listener):
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_trusted_it_fires_and_still_writes_nothing_outside(sent, stranger):
    """Trusted, the same package fires the trap: so that nothing was seen before means something.

    Files outside of the folder are not among what is accepted.
    """
    before = tree(stranger.folder.parent)
    stranger.command("unpack", sent, "trusted", "--trust")
    stranger.pickles()
    stranger.command("repeat", "trusted/workflow/nb.ipynb", "--rerun", 14, "--rerun", 15, "--allow-errors", code=None)
    found, _ = stranger.pickles()
    assert [name for name in found if TRAP in name]
    assert not [path for path in tree(stranger.folder.parent) - before if path.endswith("outside.txt")]
    assert not Path("/tmp/nbreplay-outside.txt").exists()
