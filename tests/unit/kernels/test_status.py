"""The words of the reply."""

from __future__ import annotations

from nbreplay.kernels.status import BADGES, badge, cell_object
from nbreplay.replay.request import CellStatus


def test_a_cell_without_a_record_has_the_same_fields_as_one_with():
    recorded = CellStatus(state="executed", reason="").as_json()
    assert set(cell_object("empty")) == set(recorded)


def test_a_restored_cell_never_looks_like_one_that_ran():
    ran = {BADGES[state] for state in ("executed", "replayed", "partly", "failed", "blocked")}
    assert BADGES["restored"] not in ran


def test_a_badge_counts_tasks_that_did_not_run_and_says_what_was_not_saved():
    cell = cell_object("partly")
    cell["tasks"] |= {"total": 10, "executed": 3, "hit": 5, "pruned": 2}
    cell["saved"] = True
    assert badge(cell) == "replayed 7/10"
    assert badge(cell_object("executed")) == "ran + not saved"
    assert badge(cell_object("failed")) == "failed"
