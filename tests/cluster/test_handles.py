"""Handles of one session come back in the next, on a new cluster, and nothing is computed again for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.cluster]

SESSIONS = Path(__file__).with_name("handles_sessions.py")


def session(name, place):
    environment = os.environ | {"NBREPLAY_KEY_FILE": str(place / "key"), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, SESSIONS, name, str(place)], env=environment, capture_output=True, text=True, timeout=150
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("notebook")


@pytest.fixture(scope="module")
def recorded(place):
    return session("record", place)


@pytest.fixture(scope="module")
def restored(place, recorded):
    return session("restore", place)


def test_nothing_is_imported_in_order_to_look(recorded, restored):
    assert recorded["early"] == restored["early"] == []
    assert restored["after reading the recipe"] == restored["after promising"] == []


def test_a_cell_that_needs_no_cluster_starts_none(restored):
    assert restored["clients after looking"] == 0
    assert restored["threads"] == [10, 10, 10]
    assert restored["clients after threads"] == 0


def test_the_first_computation_makes_the_recorded_client_again(restored):
    assert restored["captured promise"]
    assert restored["computed"] == 10
    assert restored["clients after compute"] == 1
    assert restored["is default"]


def test_a_client_and_its_cluster_are_one_pair_by_whatever_name(restored):
    assert restored["is its cluster"]
    assert restored["one handle"] == [True, True, True]


def test_later_scaling_is_kept(restored):
    assert restored["workers"] == 2


def test_a_closed_client_comes_back_closed(restored):
    assert restored["closed"][0] == "closed"
    assert "No scheduler connected" in restored["closed"][1]


def test_going_to_a_boundary_where_they_are_closed_closes_the_live_ones(restored):
    assert restored["shut"] == [True, "closed", True, "Status.closed"]


def test_futures_and_persisted_collections_load_and_do_not_compute(recorded, restored):
    assert restored["future"] == ["the-future", 2, "finished"]
    assert restored["array"][0] == restored["derived"] == recorded["sum"]
    assert restored["scattered"] == [0, 1, 2, 3, 4]
    assert recorded["counted"] == restored["counted"]
    assert (restored["counted"]["future"], restored["counted"]["lazy"]) == (1, 0)


def test_an_erred_future_raises_what_it_raised(restored):
    assert restored["erred"] == ["error", "on purpose"]


def test_a_named_variable_has_its_value_on_the_new_cluster(restored):
    assert restored["variable"] == 7


def test_what_is_tied_to_its_cluster_is_refused_by_name(recorded):
    assert "as_completed" in recorded["bound"]


@pytest.mark.parametrize("name", ["client", "cluster", "closed", "future", "array", "derived", "delayed", "variable"])
def test_digests_are_the_same_in_the_next_session(recorded, restored, name):
    assert recorded["tokens"][name] == restored["tokens"][name]


def test_without_a_default_client_dask_computes_here(restored):
    assert restored["no default"] == [True, 10, None]
    assert restored["default again"]


def test_a_client_that_the_user_makes_is_the_default(restored):
    assert restored["own"]


def test_after_closing_there_is_no_default_to_promise(recorded):
    assert recorded["ambient after"] is None


def test_a_cluster_that_cannot_be_made_again_is_an_error_and_not_another_place(place, recorded):
    said = session("broken", place)
    assert said["error"] == "ClusterUnfit"
    assert "run the cell that makes it" in said["text"]


def test_secrets_are_left_out_of_recipes(tmp_path):
    said = session("secrets", tmp_path)
    assert "hunter2" not in said["recipe"]
    assert said["args"] == [3]
    assert set(said["left_out"]) == {"api_token", "password"}
    assert said["client"] == ["security"]
    assert said["signature"]
