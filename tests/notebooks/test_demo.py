"""The demo, through the command line: every variant equals the plain run, and only what has to run does."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.notebooks, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(420)]


@pytest.fixture(scope="module")
def tour(tmp_path_factory):
    """(rows of the demo at a small size, the folder that it leaves)."""
    folder = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-m", "nbreplay", "demo", "--parts", "3", "--keep", str(folder / "tour"), "--json"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("NBREPLAY")}
    environment["NBREPLAY_KEY_FILE"] = str(folder / "key")
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400)
    assert done.stdout, done.stderr
    rows = {row["variant"]: row for row in json.loads(done.stdout)}
    assert done.returncode == (50 if any(row["problems"] for row in rows.values()) else 0), done.stderr
    return rows, folder / "tour", environment


VARIANTS = {
    "audit: run and record": [1, 2, 3],
    "repeat, nothing changed": [],
    "repeat, threshold 10.0 -> 5.0": [3],
    "repeat, other risk weights": [2, 3],
    "packed, sent, cell 3 alone, no input": [],
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_values_outputs_and_files_equal_the_plain_run_s(tour, variant):
    assert tour[0][variant]["problems"] == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_cells_that_have_to_run_do(tour, variant):
    assert tour[0][variant]["cells_run"] == VARIANTS[variant]


def test_the_audit_serves_nothing(tour):
    tasks = tour[0]["audit: run and record"]["tasks"]
    assert tasks["executed"] == tasks["total"] > 10
    assert tasks["hit"] == tasks["pruned"] == 0


@pytest.mark.parametrize("variant", ["repeat, threshold 10.0 -> 5.0", "repeat, other risk weights"])
def test_an_edit_executes_score_and_filter_only(tour, variant):
    tasks = tour[0][variant]["tasks"]
    assert 1 <= tasks["executed"] <= 4  # score, filter, and what Dask puts around them; none for each input file
    assert tasks["hit"] >= 1
    assert tasks["executed"] + tasks["hit"] + tasks["pruned"] + tasks.get("cancelled", 0) == tasks["total"]


def run(tour, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "nbreplay", *arguments],
        cwd=tour[1] / "work",
        env=tour[2],
        capture_output=True,
        text=True,
    )


def test_the_records_can_be_shown_explained_and_verified(tour):
    shown = json.loads(run(tour, "show", "climate.ipynb", "--json").stdout)
    states = [[cell["state"] for cell in session["cells"]] for session in shown["sessions"]]
    assert states[0] == ["executed"] * 3
    assert states[1] == ["restored"] * 3
    why = json.loads(run(tour, "why", "climate.ipynb", "2", "--json").stdout)
    assert any("0.7" in line for line in why["detail"])
    assert run(tour, "verify", "climate.ipynb").returncode == 0


def test_the_names_that_a_cell_made_are_in_the_difference(tour):
    names = {row["name"] for row in json.loads(run(tour, "diff", "climate.ipynb", "1", "2", "--json").stdout)["names"]}
    assert {"summary", "scored", "risk_score"} <= names
    assert "baseline" not in names
