"""Tasks that are computed while an equal one is submitted: once, unless what they read may be something else by now."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

import nbreplay

pytestmark = [pytest.mark.cluster]


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.chdir(tmp_path)
    with (
        dask.config.set({"distributed.scheduler.validate": True}),
        LocalCluster(n_workers=3, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster) as made,
    ):
        yield made


def reading(n):
    text = Path("hidden.txt").read_text()
    Path(f"started-{text}").touch()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return text, n


def shouted(pair):
    return pair[0].upper()


def dozing(n):
    time.sleep(0.3)
    return n


for each in (reading, shouted, dozing):
    each.__module__ = "__main__"


def planned(client):
    """How many tasks are known to the plugin."""
    return len(client.cluster.scheduler.plugins["nbreplay"].entries)


def until(condition):
    while not condition():
        time.sleep(0.005)


@pytest.mark.parametrize("below", [False, True], ids=["the reader", "what depends on it"])
def test_what_a_running_task_has_read_is_not_taken_for_what_is_there_now(client, tmp_path, below):
    def submit():
        future = client.submit(reading, 1, pure=False)
        return client.submit(shouted, future, pure=False) if below else future

    (tmp_path / "hidden.txt").write_text("old")
    with nbreplay.task_cache(client, tmp_path / "store"):
        first = submit()
        until((tmp_path / "started-old").exists)
        (tmp_path / "hidden.txt").write_text("new")
        second = submit()
        until(lambda: planned(client) == (4 if below else 2))
        (tmp_path / "go").touch()
        assert client.gather([first, second]) == (["OLD", "NEW"] if below else [("old", 1), ("new", 1)])


def test_equal_tasks_that_read_nothing_are_computed_once(client, tmp_path):
    with nbreplay.task_cache(client, tmp_path / "store") as cache:
        futures = [client.submit(dozing, 1, pure=False) for _ in range(3)]
        assert client.gather(futures) == [1, 1, 1]
        counts = cache.end().counts
        assert (counts.executed, counts.hit) == (1, 2)
