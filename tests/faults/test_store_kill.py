"""SIGKILL, or an error, at every named step: the next start sees everything that was acknowledged, whole."""

import os
import pickle

import pytest
from store_workload import Seen, check, workload

from nbreplay.store import failpoints

pytestmark = pytest.mark.faults


def run(folder, where):
    """Run the workload in a child that stops at *where*; return what it acknowledged, and how it ended."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:  # pragma: no cover - a child that is killed measures nothing
        code = 1
        try:
            os.close(read_end)
            failpoints.arm(where)

            class Telling(list):
                def append(self, body):
                    os.write(write_end, pickle.dumps(body))

            seen = Seen(cells=Telling())
            workload(folder, seen)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    told = []
    with os.fdopen(read_end, "rb") as pipe:
        while True:
            try:
                told.append(pickle.load(pipe))
            except EOFError:
                break
    return told, os.waitpid(pid, 0)[1]


@pytest.mark.parametrize("point", failpoints.POINTS)
def test_killed_at_this_step_any_time_it_is_reached(tmp_path, point):
    times = 0
    while True:
        folder = tmp_path / str(times)
        told, status = run(folder, f"{point}:{times + 1}")
        check(folder, told)
        if status == 0:
            break
        assert os.WTERMSIG(status) == 9
        times += 1
    assert times or point == "index.opened"


def test_killed_when_the_index_is_taken_into_use_again(tmp_path):
    told, _ = run(tmp_path / "nb", "")
    more, status = run(tmp_path / "nb", "index.opened")
    assert os.WTERMSIG(status) == 9
    assert not more
    check(tmp_path / "nb", told)


@pytest.mark.parametrize("point", ["prune.copied", "prune.renamed", "prune.removed:1", "prune.removed:2"])
def test_killed_while_journals_are_made_one_nothing_is_found_twice(tmp_path, point):
    told = []
    for _ in range(3):
        told += run(tmp_path / "nb", "")[0]
    more, status = run(tmp_path / "nb", point)
    assert os.WTERMSIG(status) == 9
    check(tmp_path / "nb", told + more)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
@pytest.mark.parametrize("point", [p for p in failpoints.POINTS if p.startswith(("blob.", "journal."))])
def test_an_error_at_this_step_costs_this_step_only(tmp_path, point, error):
    told, status = run(tmp_path / "nb", f"{point}:2={error}")
    assert status == 0
    check(tmp_path / "nb", told)


def test_killed_again_and_again_the_store_keeps_what_it_had(tmp_path):
    told = []
    for point in failpoints.POINTS:
        more, _ = run(tmp_path / "nb", f"{point}:2")
        told += more
    from nbreplay.store import Store

    with Store.open(tmp_path / "nb") as store:
        found = [bytes(stored.body) for stored in store.find("cell", b"all")]
        assert len(told) <= len(found) <= len(told) + len(failpoints.POINTS)
        assert not [p for p in store.verify() if p.severity == "damaged"]
