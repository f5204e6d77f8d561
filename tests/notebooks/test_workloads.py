"""The benchmark's notebooks at smoke size: right before fast, and exactly what has to run.

Each workload in turn, plain, audited, repeated, and repeated after every edit: values, outputs and files are those of
the plain run of the edited notebook, the cells and tasks that ran exactly those of the oracle.
"""

import os

import pytest

from nbreplay.bench.bed import Bed
from nbreplay.bench.compare import against_oracle, differences
from nbreplay.bench.model import NO_CHANGE
from nbreplay.bench.workloads import NAMES, workload

pytestmark = [pytest.mark.notebooks, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

CHANGES = [
    (name, change.name)
    for name in NAMES
    for change in (NO_CHANGE, *workload(name).changes(workload(name).sizes["smoke"]))
]
LONG = bool(os.environ.get("NBREPLAY_TEST_LONG"))
OFTEN = {
    "mapreduce": {"", "seed-of-file-3"},
    "dconv": {"clipping", "comment"},
    "rag": {"book-2"},
    "ctrend": {"", "cleaned-changed-by-hand", "folder-moved"},
    "dv5": {"region"},
    "helpers": {"selection-helper"},
    "futures": {"color"},
    "ocean": {"one-file"},
    "climate": set(),  # test_demo.py has it
}
"""What each run of the tests does; NBREPLAY_TEST_LONG=1 does all, and plain runs on workers that are processes, too."""


@pytest.fixture(scope="module")
def beds(tmp_path_factory):
    """Return the bed of a workload, recorded, with its plain run and its audit."""
    made = {}

    def get(name):
        if name not in made:
            for module in workload(name).needs:
                pytest.importorskip(module)
            bed = Bed(workload(name), "smoke", tmp_path_factory.mktemp(name), light=not LONG)
            made[name] = (bed, bed.plain(), bed.audit())
        return made[name]

    return get


@pytest.fixture(autouse=True)
def _one_key(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path_factory.getbasetemp() / "workloads-key"))


@pytest.mark.parametrize("name", [name for name in NAMES if LONG or OFTEN[name]])
def test_the_audit_is_the_plain_run_with_every_task_executed(beds, name):
    bed, plain, audit = beds(name)
    assert not plain.error
    assert list(differences(audit, plain)) == []
    expected = bed.workload.tasks(bed.workload.sizes["smoke"])
    if expected:
        assert {name: tasks.executed for name, tasks in audit.tasks.items()} == expected


@pytest.mark.parametrize(("name", "change"), [pair for pair in CHANGES if LONG or pair[1] in OFTEN[pair[0]]])
def test_a_repeat_is_the_plain_run_with_only_what_must_run(beds, name, change):
    bed, plain, _ = beds(name)
    edit = bed.workload.change(change, "smoke") if change else NO_CHANGE
    changes = edit.cells or edit.may  # else every cell is restored: what the notebook gave stands
    right = bed.plain(edit) if changes and (edit.edits or edit.file_edits or edit.move) else plain
    repeated = bed.repeat(edit)
    assert list(differences(repeated, right)) == []
    assert list(against_oracle(repeated, edit)) == []
