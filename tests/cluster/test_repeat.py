"""Every way to use Dask: recorded once, repeated in another process on another cluster, then edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster]

SCRIPT = Path(__file__).parent / "scripts" / "every_way.py"


def run(store, work, kind, mode, edit="", only=""):
    """Run the script in a process of its own and return what it printed, by cell."""
    environment = os.environ | {"PYTHONHASHSEED": "random", "NBREPLAY_KEY_FILE": str(work.parent / "key")}
    command = [sys.executable, str(SCRIPT), str(store), str(work), kind, mode, edit, *([only] if only else [])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    assert "nbreplay/tasks" not in done.stderr, done.stderr
    return json.loads(lines[0].removeprefix("RESULT "))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with one recorded run on a cluster of processes, and the folder that it ran in."""
    top = tmp_path_factory.mktemp("recorded")
    work = top / "work"
    work.mkdir()
    first = run(top / "store", work, "processes", "audit")
    return top, first


def copy(recorded, tmp_path):
    """Return a fresh copy of the store and the folder, at the old place (paths count) with the store elsewhere."""
    top, first = recorded
    shutil.copytree(top / "store", tmp_path / "store")
    return tmp_path / "store", top / "work", first


def test_audit_runs_everything(recorded):
    _, first = recorded
    for name, cell in first.items():
        assert cell["executed"] == cell["total"] > 0, name
        assert cell["problems"] == [], name
        assert cell["refused"] == 0, cell["why"]


def test_no_task_runs_again_in_a_new_process_on_a_new_cluster(recorded, tmp_path):
    store, work, first = copy(recorded, tmp_path)
    again = run(store, work, "threads", "repeat")
    assert {k: v["executed"] for k, v in again.items()} == dict.fromkeys(first, 0)
    assert {k: v["value"] for k, v in again.items()} == {k: v["value"] for k, v in first.items()}
    for name in ("files", "frame"):
        assert again[name]["reads"] == first[name]["reads"]
        assert again[name]["writes"] == first[name]["writes"]


def test_only_what_depends_on_an_edit_runs(recorded, tmp_path):
    store, work, first = copy(recorded, tmp_path)
    edited = run(store, work, "threads", "repeat", "scale,label,tile,risk,base")
    ran = {k: v["by_name"] for k, v in edited.items()}
    assert ran["delayed"] == {"scale": 5, "total": 1}
    assert ran["futures"] == {"label": 4, "size": 1}
    assert ran["map"] == {"convolve": 1}
    assert ran["frame"] == {"risk": 1, "gt": 1, "getitem": 1}
    assert ran["files"] == {"anomalies": 3}
    assert ran["array"] == {}
    plain = run(tmp_path / "other", work, "threads", "audit", "scale,label,tile,risk,base")
    assert {k: v["value"] for k, v in edited.items()} == {k: v["value"] for k, v in plain.items()}
    assert edited["delayed"]["value"] != first["delayed"]["value"]


def test_a_helper_and_a_global_count_but_an_equal_result_stops_an_edit(recorded, tmp_path):
    store, work, first = copy(recorded, tmp_path)
    assert run(store, work, "threads", "repeat", "factor", "delayed")["delayed"]["by_name"] == {"scale": 5, "total": 1}
    same = run(store, work, "threads", "repeat", "same", "delayed")["delayed"]
    assert same["by_name"] == {"scale": 5}
    assert same["hit"] == 6
    assert same["value"] == first["delayed"]["value"]
    # What was served by content is found by provenance the next time.
    again = run(store, work, "threads", "repeat", "same", "delayed")["delayed"]
    assert (again["executed"], again["hit"], again["pruned"]) == (0, 1, 10)
    assert run(store, work, "threads", "repeat", "comment", "delayed")["delayed"]["executed"] == 0


def test_files_that_tasks_wrote_are_put_back_also_in_a_copy_of_the_folder(recorded, tmp_path):
    top, first = recorded
    store, work = tmp_path / "store", tmp_path / "moved"
    shutil.copytree(top / "store", store)
    shutil.copytree(top / "work", work)
    shutil.copy(top / "key", tmp_path / "key")
    shutil.rmtree(work / "out")
    again = run(store, work, "threads", "repeat", "", "files")["files"]
    assert (again["executed"], again["value"]) == (0, first["files"]["value"])
    (work / "out" / "0.c").unlink()
    (work / "out" / "1.c").write_text("5,5\n9,9")
    edited = run(store, work, "threads", "repeat", "base", "files")["files"]
    assert edited["by_name"] == {"anomalies": 3}
    assert (work / "out" / "1.a").read_text().splitlines()[0] == "-19"
    with (work / "raw" / "2.csv").open("a") as raw:
        raw.write("0,0\n7,70\n")
    changed = run(store, work, "threads", "repeat", "base", "files")["files"]
    assert changed["by_name"] == {"clean": 1, "anomalies": 1}
