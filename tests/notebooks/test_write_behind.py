"""Boundaries that are written behind their reply are what was there, or nothing, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebook_driver import Cell, Kernel

from nbreplay import open_store

pytestmark = pytest.mark.kernel

MADE = "import numpy as np\na = np.random.default_rng(0).random(25_000_000)"
EDITS = [MADE, "a[0] = -1.0", "a[12_500_000] = -2.0; d = {'alias': a}", "d['alias'][-1] = -3.0", "n = a.shape[0]"]
SEEN = "import xxhash; print(xxhash.xxh3_64_hexdigest(a), 'd' not in globals() or d['alias'] is a)"
ASKED = "print('\\n'.join(f'{v.position} {v.saved} {v.saved_reason}' for v in get_ipython().turns.engine().visits))"
CHANGED = "the memory of an array changed while it was written: a thread writes to it"
BEFORE = "the boundary before it was not saved"


def ask(kernel: Kernel, source: str) -> str:
    """Return what *source* prints; it is no cell of the notebook."""
    return kernel.run(Cell("", source, ("nbreplay-skip",))).text


def statuses(kernel: Kernel) -> dict[int, tuple[str, str]]:
    """Return (saved, the reason if not) by cell number, after everything is settled."""
    assert kernel.run("%nbreplay settle").reply["status"] == "ok"
    lines = [line.split(" ", 2) for line in ask(kernel, ASKED).splitlines() if line[:1].isdigit()]
    return {int(number): (saved, reason) for number, saved, reason in lines if number.isdigit()}


def test_a_large_array_that_is_changed_at_once_is_kept_as_it_was_at_each_boundary(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    with Kernel("plain", tmp_path) as kernel:
        expected = []
        for source in EDITS:
            kernel.run(source)
            expected.append(ask(kernel, SEEN))
    with Kernel("audit", tmp_path, store=store) as kernel:
        first = [kernel.run(source, number) for number, source in enumerate(EDITS, 1)]
        assert first[0].status["saved"] == "pending"
        assert set(statuses(kernel).values()) == {("True", "")}
    with open_store(store) as reader:
        assert [run.position for run in reader.runs()] == [1, 2, 3, 4, 5]
        assert reader.size_bytes() <= 1.1 * 200e6 + 2e6
    with Kernel("repeat", tmp_path, store=store) as kernel:
        for number in (4, 1, 5, 2, 3):
            kernel.run(f"%nbreplay restore {number}")
            assert ask(kernel, SEEN) == expected[number - 1]


def test_a_full_disk_and_a_thread_that_writes_cost_their_boundary_only(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    cells = [
        "import numpy as np, threading\na = np.arange(4_000_000.0)",
        "b = np.arange(3_000_000.0)",  # the disk is full
        "a[0] = 7",
        "stop = threading.Event()\n"
        "def turn():\n    while not stop.wait(0.001): b[-1] += 1\n"
        "b[0] = 1; t = threading.Thread(target=turn); t.start()",
        "c = 3",
        "stop.set(); t.join(); b[-1] = 5; del t",
    ]
    with Kernel("audit", tmp_path, store=store, env={"NBREPLAY_FAIL_AT": "blob.written:2=ENOSPC"}) as kernel:
        for number, source in enumerate(cells, 1):
            assert kernel.run(source, number).reply["status"] == "ok"
        seen = statuses(kernel)
    assert seen[1] == ("True", "")
    assert seen[2][0] == "False"
    assert "asked to fail" in seen[2][1]
    # Which boundary it is depends on how far the writer is: those that wait behind one that fails are not saved either.
    assert {seen[3], seen[4], seen[5]} <= {("False", CHANGED), ("False", BEFORE), ("True", "")}
    assert seen[6] == ("True", "")
    with Kernel("repeat", tmp_path, store=store) as kernel:
        kernel.run("%nbreplay restore 6")
        shown = ask(kernel, "print(a[:2], b[0], b[-1], len(b), c, stop.is_set())")
    assert shown == "[7. 1.] 1.0 5.0 3000000 3 True\n"


@pytest.mark.faults
def test_a_kill_behind_the_reply_leaves_the_boundary_before_whole(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    sources = ["n = 1", "import numpy as np\na = np.arange(8_000_000.0)", "n = 2; a[5] = 0"]
    replied = 0
    with Kernel("audit", tmp_path, store=store, env={"NBREPLAY_FAIL_AT": "blob.synced"}) as kernel:
        for number, source in enumerate(sources, 1):
            try:
                assert kernel.run(source, number, timeout_s=4).reply["status"] == "ok"
            except (TimeoutError, RuntimeError):
                break
            replied = number
    assert replied >= 1
    with open_store(store) as reader:
        assert [run.position for run in reader.runs()] == [1]
    with Kernel("repeat", tmp_path, store=store) as kernel:
        results = [kernel.run(source, number) for number, source in enumerate(sources, 1)]
        assert [result.state for result in results] == ["restored", "executed", "executed"]
        assert kernel.run("print(n, a[4:6])").text == "2 [4. 0.]\n"
