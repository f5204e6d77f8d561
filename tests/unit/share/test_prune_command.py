"""Room given back by the command: what goes, what stays, and what is said."""

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest
from click.testing import CliRunner

from nbreplay.cli import group
from nbreplay.digest import Digest, Fingerprint
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun, NameState, TaskRun, Unit, ValueRef, Writes, to_bytes
from nbreplay.replay.reader import open_store
from nbreplay.share.prune import Wish, prune
from nbreplay.store import Store

HOUR = 3600.0


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NBREPLAY_STORE", raising=False)


class Filled:
    """A store with cell runs and task results, and their values by name."""

    def __init__(self, folder):
        self.folder = folder
        self.values = {}
        with Store.open(folder) as store:
            self.store = store
            self.cell("old:1", None, "a", "x = 1", "old value of x")
            self.cell("old:2", "old:1", "b", "y = 2", "old value of y")
            self.cell("new:1", None, "a", "x = 3", "new value of x")
            self.cell("new:2", "new:1", "b", "y = 2", "new value of y", result=self.task("stood for", 9, 0.0))
            self.cell("new:3", "new:2", "c", "z = 4", "value of z")
            self.task("slow", 1, 100.0)
            self.task("quick", 2, 0.001)
            self.task("middling", 3, 5.0)
            self.value("left over")
            store.put(b"left over and small")
        for path in (folder / "blobs").glob("*/*"):
            os.utime(path, (time.time() - 3 * HOUR,) * 2)

    def value(self, name):
        self.values[name] = self.store.put(os.urandom(150_000))
        return ValueRef(codec="plain", stream=self.values[name])

    def cell(self, boundary, parent, cell_id, source, value, result=None):
        units = [Unit(uid=f"{boundary}/0", value=self.value(value), names=("n",))]
        states = {"n": NameState(unit=f"{boundary}/0", digest=Digest("0" * 32), type_name="int")}
        if result:
            stream = self.store.put(b"a future of " + result.encode() + b" and so on", strong=True)
            units.append(Unit(uid=f"{boundary}/1", value=ValueRef(codec="pickle5", stream=stream), names=("f",)))
            states["f"] = NameState(
                unit=f"{boundary}/1", digest=Digest("0" * 32), type_name="Future", handle="dask future"
            )
        run, _, number = boundary.partition(":")
        record = CellRun(
            boundary=boundary, parent=parent, run=run, number=int(number), code=cell_fingerprint(source),
            source=source, outcome="ok", cell_id=cell_id, writes=Writes(units=tuple(units), names=states), run_s=2.0,
            wall_time=time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(time.time() - 3 * HOUR)),
        )  # fmt: skip
        self.store.append("cell", to_bytes(record), [b"C" + bytes.fromhex(record.code)])

    def task(self, name, number, seconds):
        provenance = Fingerprint(f"{number:032x}")
        run = TaskRun(
            provenance=provenance, name=name, result=self.value(name), compute_s=seconds, result_digest=Digest("7" * 32)
        )
        self.store.append("task", to_bytes(run), [b"P" + bytes.fromhex(provenance)])
        return provenance

    def there(self):
        with Store.open(self.folder, read_only=True) as store:
            return {name for name, ref in self.values.items() if store.has(ref.digest)}


@pytest.fixture
def filled(tmp_path):
    return Filled(tmp_path / "nb.nbreplay")


EVERYTHING = {
    "old value of x", "old value of y", "new value of x", "new value of y", "value of z", "stood for", "slow", "quick",
    "middling",
}  # fmt: skip


def test_what_no_record_needs_goes_and_nothing_else(filled):
    done = prune(filled.folder, Wish(max_bytes=1 << 40), dry_run=False)
    assert filled.there() == EVERYTHING
    assert [(row.what, row.count) for row in done.rows] == [("values", 1)]
    assert done.size_bytes > 150_000


def test_to_fit_a_bound_the_cheapest_by_the_byte_go_first_and_needed_values_never(filled):
    for bound, gone in (
        (1_300_000, {"quick"}),
        (1_000_000, {"quick", "old value of x", "old value of y"}),
        (0, {"quick", "old value of x", "old value of y", "middling", "slow"}),
    ):
        before = filled.there() - {"left over"}
        dry = prune(filled.folder, Wish(max_bytes=bound), dry_run=True)
        assert before <= filled.there()
        done = prune(filled.folder, Wish(max_bytes=bound), dry_run=False)
        assert dry.rows == done.rows
        assert filled.there() == EVERYTHING - gone
    with open_store(filled.folder) as reader:
        assert {run.boundary for run in reader.runs()} == {"new:1", "new:2", "new:3"}
        kept = {run.name: run.result is not None for run in reader.tasks()}
        assert kept == {"stood for": True, "slow": False, "middling": False, "quick": False}
        assert reader.manifest("new:3").names()
    with Store.open(filled.folder) as store:
        assert store.verify() == []
        assert all(stored.own for stored in store.scan("task"))
        # What was pruned is found by its name, so that another result of the same inputs is noticed.
        assert len(store.find("task", b"P" + bytes.fromhex(f"{1:032x}"))) == 1


def test_while_somebody_has_it_open_his_cells_and_young_results_stay(filled):
    code = "import sys; from pathlib import Path; from nbreplay.store import Store; s = Store.open(Path(sys.argv[1]))"
    code += "; print('on', flush=True); sys.stdin.read()"
    other = subprocess.Popen(
        [sys.executable, "-c", code, filled.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "on\n"
        with Store.open(filled.folder) as store:  # somebody is going to load this one
            assert store.blobs().promise(filled.values["quick"].digest)
            assert not store.blobs().promise(Digest("0" * 32))
        done = prune(filled.folder, Wish(max_bytes=0), dry_run=False)
        assert not done.alone
        assert filled.there() == EVERYTHING - {"slow", "middling"}
    finally:
        other.kill()
        other.communicate()
    done = prune(filled.folder, Wish(max_bytes=0), dry_run=False)
    assert done.alone
    assert filled.there() == {"new value of x", "new value of y", "value of z", "stood for"}


def test_what_was_not_used_for_long_goes_unless_the_newest_state_needs_it(filled):
    os.utime(filled.folder / "blobs" / filled.values["slow"].digest[:2] / filled.values["slow"].digest)
    prune(filled.folder, Wish(max_bytes=1 << 40, older_s=HOUR), dry_run=False)
    assert filled.there() == {"new value of x", "new value of y", "value of z", "stood for", "slow"}


def test_the_command_keeps_what_the_notebook_as_it_is_starts_from(filled, tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in ("x = 1 # as before", "y = 2")])
    nbformat.write(notebook, tmp_path / "nb.ipynb")
    path = str(tmp_path / "nb.ipynb")
    told = CliRunner().invoke(group, ["prune", path, "--keep-notebook", "--max", "1TB", "--dry-run"])
    assert "would go" in told.output
    assert filled.there() == EVERYTHING | {"left over"}
    told = CliRunner().invoke(group, ["prune", path, "--keep-notebook", "--max", "1TB", "--json"])
    facts = json.loads(told.output)
    assert facts["alone"]
    assert facts["freed_bytes"] > 150_000
    # The newest run of `y = 2` came after another `x`; both that and the newest of `x = 1` stay, the rest goes.
    assert filled.there() == EVERYTHING - {"old value of y", "value of z"}


def test_amounts_are_understood_or_refused_with_an_example(filled):
    for text in ("1.5GB", "20GiB", "7", "300 kb"):
        assert CliRunner().invoke(group, ["prune", str(filled.folder), "-n", "--max", text]).exit_code == 0
    for option, text in (("--max", "much"), ("--older", "30 moons")):
        told = CliRunner().invoke(group, ["prune", str(filled.folder), option, text])
        assert told.exit_code == 2
        assert "write it as" in told.output
    assert CliRunner().invoke(group, ["prune", str(filled.folder.parent / "nothing")]).exit_code == 3
