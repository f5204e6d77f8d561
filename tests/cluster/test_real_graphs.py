"""Arrays, frames, bags, delayed, futures, xarray: repeated by another process on another cluster, and edited."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")

SCRIPT = Path(__file__).parent / "scripts" / "real_graphs.py"

ARRAY = {"random": 4, "chunk_sum": 8, "chunk_sum-aggregate-sum": 4, "sum-aggregate": 1}
RECHUNK = {"rechunk-merge-rechunk-transfer": 1, "shuffle-barrier": 1, "rechunk-sum": 4, "sum-partial": 2}
GROUPBY = {"groupby_apply_funcs": 4, "decomposablegroupbyaggregation-tree": 1}
FREQUENCIES = {"flatten": 4, "dictitems-frequencies-aggregate": 1}

LOOSE = {"taxed", "doubled", "reset_index", "operation", "parts", "getitem", "to_string_dtype", "make_meta", "make"}
LOOSE |= {"random", "weighted"}
"""Tasks of which fewer may run, or, where they are not named, more: they may be cheaper to compute again than to load,
on the machine of the day; and the order of rows that come out of a shuffle is not always the same.
"""

EDITS = {
    # The cell, and what must run. A part of a shuffle that is missing makes all of it run. What gives the same value as
    # before stops an edit: one chunk of the join is empty with either weight, the smallest of the parts is 0.
    "shift": ("array", ARRAY),
    "power": ("rechunk", RECHUNK | {"sum-aggregate": 1}),
    "target": ("stored", {"arange-store-map": 4}),
    "tax": ("parquet", {"taxed": 4} | GROUPBY),
    "tip": ("to_parquet", {"doubled": 4, "reset_index": 4, "operation": 4, "toparquetdata": 4}),
    "weighted": ("merge", {"weighted": 4, "chunk": 3, "sum-tree": 1}),
    "biggest": ("shuffle", {"biggest": 3, "repartitiontofewer": 1}),
    "scale": ("from_map", {"chunk": 3, "sum-tree": 1}),
    "size": ("bag", FREQUENCIES),
    "loud": ("textfiles", {"from_sequence-loud-to-textfiles": 4}),
    "limit": ("delayed", {"clean": 4, "join": 1}),
    "refine": ("as_completed", {"refine": 6}),
    "literal": ("literals", {"mean": 3}),
    "plus": ("persist", {"plus": 1, "sum": 1, "sum-aggregate": 1}),
    "anomaly": ("xarray", {"anomaly": 3, "nanmax_skip-partial": 1, "nanmax_skip-aggregate": 1}),
}

MORE = {
    "seed": ("array", ARRAY),
    "plus_arange": ("rechunk", RECHUNK | {"add": 1, "sum-aggregate": 1}),
    "max": ("parquet", GROUPBY),
    "joined": (
        "merge",
        {"hash-join-transfer": 6, "shuffle-barrier": 2, "hashjoinp2p": 4, "weighted": 4, "chunk": 3, "sum-tree": 1},
    ),
    "thirds": (
        "shuffle",
        {"shuffle-transfer": 4, "shuffle-barrier": 1, "p2pshuffle": 2, "biggest": 2, "repartitiontofewer": 1},
    ),
    "inputs": ("from_map", {}),
    "line": ("bag", FREQUENCIES | {"flatten": 1}),
    "join": ("delayed", {"join": 1}),
    "one_more": ("as_completed", {"simulate": 1, "refine": 1}),
    "at": ("literals", {"mean": 1}),
}


def run(store, work, kind, edits="", only=""):
    """Run the script in a process of its own and return what it printed, by cell."""
    environment = os.environ | {"PYTHONHASHSEED": "random", "NBREPLAY_KEY_FILE": str(store.parent / "key")}
    command = [sys.executable, str(SCRIPT), str(store), str(work), kind, edits, only]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    assert lines, done.stdout + done.stderr
    assert "nbreplay/tasks" not in done.stderr, done.stderr
    found = json.loads(lines[0].removeprefix("RESULT "))
    assert not any(cell["problems"] for cell in found.values()), found
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A store with one recorded run on processes, and the folder that it ran in."""
    top = tmp_path_factory.mktemp("recorded")
    (top / "work").mkdir()
    return top, run(top / "store", top / "work", "processes:2")


@pytest.fixture
def moved(recorded, tmp_path):
    """A copy of everything in another place."""
    top, first = recorded
    for name in ("store", "work"):
        shutil.copytree(top / name, tmp_path / name)
    shutil.copy(top / "key", tmp_path / "key")
    return tmp_path / "store", tmp_path / "work", first


def values(cells):
    return {name: cell["value"] for name, cell in cells.items()}


def strict(ran, cell=""):
    # The partitions of from_map sum equal columns: such a task runs, or takes what its equal had brought by then.
    loose = {*LOOSE, "chunk"} if cell == "from_map" else LOOSE
    return {task: count for task, count in ran.items() if task not in loose}


def test_everything_ran_and_nothing_was_refused(recorded):
    _, first = recorded
    assert {name: cell["why"] for name, cell in first.items() if cell["refused"]} == {}
    assert all(cell["ran"] for cell in first.values())


def test_no_task_runs_again_in_another_process_with_more_workers(recorded):
    top, first = recorded
    again = run(top / "store", top / "work", "threads:3")
    assert {name: cell["ran"] for name, cell in again.items()} == {name: {} for name in first}
    assert values(again) == values(first)


def test_no_task_runs_again_in_a_copy_of_the_folder_and_files_are_put_back(moved):
    store, work, first = moved
    for folder in ("blocks", "doubled", "loud"):
        shutil.rmtree(work / folder)
    again = run(store, work, "threads:2")
    assert {name: cell["ran"] for name, cell in again.items()} == {name: {} for name in first}
    assert values(again) == values(first)


@pytest.mark.parametrize("edits", [EDITS, MORE], ids=["most", "more"])
def test_what_an_edit_reaches_runs_and_nothing_else(moved, edits):
    store, work, first = moved
    edited = run(store, work, "threads:3", ",".join([*edits, "comment"]))
    must = {cell: ran for cell, ran in edits.values()}
    if "line" in edits:  # the words that another cell writes to files
        must["textfiles"] = {"from_sequence-loud-to-textfiles": 1}
    for name, cell in edited.items():
        wanted = must.get(name, {})
        assert strict(cell["ran"], name) == strict(wanted, name), (name, cell)
        assert all(cell["ran"].get(task, 0) <= count for task, count in wanted.items()), (name, cell)
    changed = {name for name in must if edited[name]["value"] != first[name]["value"]}
    assert changed >= must.keys() - {"from_map", "rechunk"}
    plain = run(work.parent / "other", work, "threads:2", ",".join(edits))
    assert values(edited) == values(plain)


def test_a_changed_file_runs_its_readers(moved):
    import xarray as xr

    store, work, first = moved
    with xr.open_dataset(work / "sst.nc", engine="h5netcdf") as sea:
        other = (sea.load() * 2).copy()
    other.to_netcdf(work / "sst.nc", engine="h5netcdf")
    shutil.copy(work / "trips" / "part.0.parquet", work / "trips" / "part.3.parquet")
    again = run(store, work, "threads:2", "", "parquet,xarray,delayed")
    assert again["delayed"]["ran"] == {}
    assert again["xarray"]["ran"] == {"anomaly": 3, "nanmax_skip-partial": 1, "nanmax_skip-aggregate": 1}
    assert again["xarray"]["value"] != first["xarray"]["value"]
    assert again["parquet"]["ran"]["decomposablegroupbyaggregation-tree"] == 1
    assert again["parquet"]["value"] != first["parquet"]["value"]
