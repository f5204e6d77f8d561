"""Why a task ran: the first thing that differs from its record, in words."""

from __future__ import annotations

import linecache
import sys

import pytest
from distributed import Client, LocalCluster

import nbreplay

pytestmark = [pytest.mark.cluster]

BASE = """
import math
import local_rates
K = 3
SKIPPED = [1, 2]

class Model:
    def fit(self, x):
        return x + 1

def helper(x):
    # what all of it is for
    return x * K

def work(x, limit=10):
    return helper(x) + math.floor(limit)

def models(x):
    return Model().fit(x)

def rated(x):
    return x * local_rates.RATE

def listed(x):
    return [x, *SKIPPED]

def read(path):
    with open(path) as file:
        return file.read()

def total(parts):
    return sum(parts)

parts = [client.submit(work, i, pure=False) for i in (1, 2)]
results = [
    client.submit(total, parts), client.submit(models, 5), client.submit(rated, 2), client.submit(listed, 0),
    client.submit(read, str(data)),
]
"""

EDITS = {
    "the helper": (
        "return x * K",
        "return x * K + 1",
        [
            "work: the code of helper changed\n    -    return x * K\n    +    return x * K + 1",
            "total: its input changed: work",
        ],
    ),
    "the task": (
        "math.floor(limit)",
        "math.floor(limit) - 1",
        ["work: the code of work changed\n    -    return helper(x)"],
    ),
    "a global": ("K = 3", "K = 4", ["work: the global K is 4, was 3"]),
    "a library function": ("math.floor", "math.ceil", ["work: the code of work changed"]),
    "an argument": ("for i in (1, 2)", "for i in (1, 7)", ["work: argument 1 is 7, was "]),
    "a method": ("return x + 1", "return x + 2", ["models: the code of Model.fit changed\n    -        return x + 1"]),
    "a list": ("[1, 2]\n", "[1, 3]\n", ["listed: the content of the global SKIPPED changed (builtins.list of 2)"]),
    "another argument": ("client.submit(models, 5)", "client.submit(models, 6)", ["models: argument 1 is 6, was 5"]),
    "a keyword": ("client.submit(models, 5)", "client.submit(models, x=5)", ["models: argument 1 is x=5, was 5"]),
    "a new task": ("client.submit(listed, 0)", "client.submit(len, 'abc')", ["len: no task of this name was recorded"]),
    "a new name": ("return [x, *SKIPPED]", "return [x, *SKIPPED, K]", ["listed: the code of listed changed"]),
}


@pytest.fixture(scope="module")
def client():
    cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None)
    with cluster, Client(cluster) as made:
        yield made


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with what the notebook uses, where it runs; gives a function that runs it, and says why tasks ran."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "data.txt").write_text("one")
    (tmp_path / "local_rates.py").write_text("RATE = 2\n")
    count = iter(range(100))

    def run(client, source, *, tag=""):
        sys.modules.pop("local_rates", None)
        filename = f"<cell {tag}{next(count)}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        home = {"__name__": "__main__", "client": client, "data": tmp_path / "data.txt"}
        with nbreplay.task_cache(client, tmp_path / "store") as cache:
            exec(compile(source, filename, "exec"), home)
            client.gather(home["results"])
            told = cache.end()
            home.clear()
        return told

    yield run
    sys.modules.pop("local_rates", None)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_named(client, place, edit):
    before, after, sentences = EDITS[edit]
    place(client, BASE)
    again = place(client, BASE)
    assert again.counts.executed == 0, again.why
    assert not [row for row in again.why if "changed" in row or "is " in row]
    assert BASE.count(before) == 1
    told = place(client, BASE.replace(before, after))
    assert told.counts.executed > 0
    for sentence in sentences:
        assert any(row.startswith(sentence) for row in told.why), told.why


def test_layout_needs_no_reason(client, place):
    place(client, BASE)
    told = place(client, "# moved\n\n" + BASE.replace("# what all of it is for", "# renamed"))
    assert (told.counts.executed, told.why) == (0, [])


def test_a_changed_file_is_named(client, place, tmp_path):
    place(client, BASE)
    (tmp_path / "data.txt").write_text("two")
    told = place(client, BASE)
    assert told.why == ["read: the file ./data.txt changed, which it reads"]


def test_a_constant_of_a_local_module_is_named(client, place, tmp_path):
    place(client, BASE)
    (tmp_path / "local_rates.py").write_text("RATE = 44\n")
    told = place(client, BASE)
    assert told.why == ["rated: the global local_rates.RATE is 44, was 2"]


def test_what_is_kept_of_a_task_is_kept_once(client, place, tmp_path):
    from nbreplay.store import Store
    from nbreplay.tasks.parts import PARTS

    many = BASE.replace("for i in (1, 2)", "for i in range(300)")
    place(client, many)
    with Store.open(tmp_path / "store", read_only=True) as store:
        kept = list(store.scan(PARTS))
    assert len(kept) <= 32 + 5


def test_the_last_version_that_ran_is_compared_with(client, place):
    place(client, BASE)
    place(client, BASE.replace("K = 3", "K = 4"))
    told = place(client, BASE.replace("K = 3", "K = 5"))
    assert any(row == "work: the global K is 5, was 4" for row in told.why), told.why
