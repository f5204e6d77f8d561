"""The bench itself: it notices a wrong value, keeps what it measured, and measures a notebook of one's own."""

import json
import os
import signal
import subprocess
import sys

import pytest

from nbreplay.bench.bed import NOTEBOOK, Bed
from nbreplay.bench.measure import Rounds, Subject
from nbreplay.bench.results import Results
from nbreplay.bench.workloads import workload
from nbreplay.config import store_beside
from nbreplay.errors import RunFailed
from nbreplay.records import TaskRun, from_bytes, to_bytes
from nbreplay.serialize.codecs import dump, load, write
from nbreplay.serialize.gate import Trust
from nbreplay.store import Store

pytestmark = [pytest.mark.notebooks, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(400)]


class Planted(Bed):
    """A bed whose store holds, after the audit, results of `map_file` that are none of its."""

    def audit(self):
        made = super().audit()
        with Store.open(store_beside(self.recorded / NOTEBOOK)) as store:
            for run in [from_bytes(TaskRun, stored.body) for stored in store.scan("task")]:
                if run.name != "map_file":
                    continue
                value = load(run.result, store.get, trust=Trust.OWN) | {"sum": 1}
                wrong = TaskRun(**{name: getattr(run, name) for name in TaskRun.__slots__} | {
                    "result": write(dump(value), store.put)})  # fmt: skip
                keys = [b"P" + bytes.fromhex(run.provenance)]
                keys += [b"K" + bytes.fromhex(run.content)] if run.content else []
                store.append("task", to_bytes(wrong), keys)
        return made


def test_a_stale_result_that_was_planted_in_the_store_fails_the_bench(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    made = workload("mapreduce")
    subject = Subject(name="mapreduce", title="MapReduce", bed=Planted(made, "smoke", tmp_path / "bed"),
                      measured=made.change("width", "smoke"), has_ideal=False)  # fmt: skip
    samples = {(s.condition, s.change): s for s in Rounds(subject, lambda text: None).round(0)}
    assert samples["repeat", ""].problems == []  # no task is asked for
    wrong = samples["repeat", "width"]
    assert any("the value of result differs" in problem for problem in wrong.problems)
    assert wrong.times == {}
    results = Results(machine={}, size="smoke", seed=1, titles={}, measured={}, samples=list(samples.values()))
    with pytest.raises(RunFailed):
        results.check()


def command(folder, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NBREPLAY")}
    environment["MPLCONFIGDIR"] = str(folder / "matplotlib")
    return subprocess.Popen(
        [sys.executable, "-m", "nbreplay", "bench", *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_notebook_of_one_s_own_is_measured_in_its_folder_and_left_as_it_was(tmp_path):
    cells = ["numbers = list(range(200_000))", "import time\nnow = time.time()\ntotal = sum(numbers)", "print(total)"]
    notebook = {"cells": [{"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": [],
                           "execution_count": None} for n, cell in enumerate(cells)],
                "metadata": {}, "nbformat": 4, "nbformat_minor": 5}  # fmt: skip
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps(notebook))
    before = path.read_bytes()
    (tmp_path / "new.py").write_text("print('total', total)")
    told = command(tmp_path, "--notebook", "mine.ipynb", "--edit", "3=new.py", "--rounds", "1", "--json", "-")
    out, err = told.communicate(timeout=300)
    assert told.returncode == 0, err
    samples = {(s["condition"], s["change"]): s for s in json.loads(out)["samples"]}
    assert set(samples) == {("plain", ""), ("audit", ""), ("repeat", ""), ("plain", "edit"), ("repeat", "edit")}
    assert samples["repeat", ""]["ran"] == []
    assert samples["repeat", "edit"]["ran"] == [3]
    assert path.read_bytes() == before
    assert {entry.name for entry in tmp_path.iterdir()} <= {"mine.ipynb", "new.py", "matplotlib"}


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    told = command(tmp_path, "rag", "--size", "smoke", "--rounds", "50", "--edits", "none", "--json", "bench.json")
    seen = ""
    for line in told.stderr:
        seen += line
        if "rag plain" in line:
            break
    told.send_signal(signal.SIGINT)
    out, err = told.communicate(timeout=120)
    assert told.returncode == 130, seen + err
    samples = json.loads((tmp_path / "bench.json").read_text())["samples"]
    assert samples[0]["condition"] == "plain"
    assert samples[0]["times"]["wall"] > 0
    assert "RAG" in out
