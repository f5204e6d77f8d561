"""A kernel that is killed, at any moment, leaves the last committed boundary whole, and every finished task kept."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from notebook_driver import Kernel, cells

from nbreplay import open_store

pytestmark = [pytest.mark.kernel, pytest.mark.faults]

THOUSAND = cells(
    "from dask.distributed import Client, LocalCluster\n"
    "client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=':0'))",
    "import time\n\ndef slow(n):\n    time.sleep(0.01)\n    return n * n\n",
    "futures = client.map(slow, range(1000))\ntotal = sum(client.gather(futures))\nprint(total)",
)

POINTS = ["blob.written", "blob.renamed", "journal.before", "journal.half", "journal.appended", "index.before"]


def kill(kernel: Kernel) -> None:
    """SIGKILL the kernel, its in-process scheduler and all its workers."""
    pid = kernel.manager.provisioner.process.pid  # type: ignore[union-attr]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def kept_tasks(store: Path) -> int:
    with open_store(store) as reader:
        return len({run.provenance for run in reader.tasks()})


@pytest.mark.cluster
@pytest.mark.slow
def test_only_unfinished_tasks_run_after_kernel_scheduler_and_workers_were_killed(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    with Kernel("audit", tmp_path, store=store) as kernel:
        for position, cell in enumerate(THOUSAND[:2], 1):
            assert kernel.run(cell, position).reply["status"] == "ok"
        kernel.client.session.metadata = {"cellId": "c", "nbreplay": {"position": 3}}
        kernel.client.execute(THOUSAND[2].source)
        deadline = time.monotonic() + 120
        while kept_tasks(store) < 300:
            assert time.monotonic() < deadline, "the tasks make no progress"
            time.sleep(0.2)
        kill(kernel)
    finished = kept_tasks(store)
    assert 300 <= finished < 1000
    with Kernel("repeat", tmp_path, store=store) as kernel:
        results = kernel.run_all(THOUSAND)
    assert [r.state for r in results] == ["restored", "restored", "partly"]
    assert results[2].text == f"{sum(n * n for n in range(1000))}\n"
    counts = results[2].status["tasks"]
    assert (counts["total"], counts["hit"], counts["executed"]) == (1000, finished, 1000 - finished)


def test_a_kill_right_after_the_reply_loses_nothing(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    with Kernel("audit", tmp_path, store=store) as kernel:
        for number in range(1, 6):
            result = kernel.run(f"kept = list(range({number} * 1000))", number)
            assert result.status["saved"] is True
        kill(kernel)
    with Kernel("repeat", tmp_path, store=store) as kernel:
        assert kernel.run("%nbreplay restore 5").reply["status"] == "ok"
        assert kernel.run("print(len(kept))").text == "5000\n"


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_while_a_boundary_is_written_leaves_the_one_before_whole(tmp_path: Path, point: str) -> None:
    store = tmp_path / "s.nbreplay"
    sources = [
        "data = {'n': 0, 'blob': bytes(range(256)) * 2000}",
        "data['n'] = 1; data['blob'] = data['blob'][::-1]",
        "data['n'] = 2; data['more'] = bytes(100_000)",
    ]
    done = 0
    with Kernel("audit", tmp_path, store=store, env={"NBREPLAY_FAIL_AT": f"{point}:4"}) as kernel:
        for number, source in enumerate(sources, 1):
            with contextlib.suppress(Exception):  # the kernel dies under this request, or lives on
                kernel.run(source, number, timeout_s=8)
                done = number
            if not kernel.manager.is_alive():
                break
        kill(kernel)
    with open_store(store) as reader:
        recorded = [run.position for run in reader.runs()]
    assert recorded in (sources_done(done), sources_done(done + 1))
    with Kernel("repeat", tmp_path, store=store) as kernel:
        if recorded:
            last = recorded[-1]
            assert last is not None
            assert kernel.run(f"%nbreplay restore {last}").reply["status"] == "ok"
            shown = kernel.run("print(data['n'], len(data['blob']), 'more' in data)").text
            assert shown == f"{last - 1} 512000 {last == 3}\n"


def sources_done(count: int) -> list[int]:
    return list(range(1, count + 1))
