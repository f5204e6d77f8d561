"""A recorded run holds only while every input is as it was."""

from __future__ import annotations

import dataclasses

import pytest

from nbreplay.digest import Digest, Fingerprint
from nbreplay.records import BlobRef, CellRun, FileState, Group, Hole, NameState, Reads, Unit, ValueRef, Writes
from nbreplay.replay.match import PYTHON, first_difference

ONE, TWO = Digest("1" * 32), Digest("2" * 32)


@dataclasses.dataclass
class Present:
    """A present made by hand."""

    states: dict
    groups: tuple = ()
    ambient: dict = dataclasses.field(default_factory=dict)
    changed: tuple = ()
    versions: dict = dataclasses.field(default_factory=dict)
    definitions: dict = dataclasses.field(default_factory=dict)

    def group_of(self, names):
        return tuple(g for g in self.groups if set(g.names) & set(names))

    def ambient_digests(self):
        return self.ambient

    def changed_file(self, files):
        return next((f for f in files if f in self.changed), None)

    def version(self, module):
        return self.versions.get(module, "")


def state(digest: Digest, hole: Hole | None = None) -> NameState:
    return NameState(unit="u", digest=digest, type_name="int", hole=hole)


def run(reads: Reads, **more) -> CellRun:
    values = {"python": PYTHON, **more}
    return CellRun(
        boundary="a:1",
        parent=None,
        run="a",
        number=1,
        code=Fingerprint("c"),
        source="",
        outcome="ok",
        reads=reads,
        **values,
    )


def kind(r: CellRun, present: Present) -> str | None:
    difference = first_difference(r, present)
    return difference and difference.kind


def test_equal_digests_hold():
    assert kind(run(Reads(names={"x": ONE})), Present({"x": state(ONE)})) is None


@pytest.mark.parametrize("now", [{"x": state(TWO)}, {}], ids=["changed", "gone"])
def test_a_changed_or_missing_name_is_a_difference(now):
    assert kind(run(Reads(names={"x": ONE})), Present(now)) == "name"


def test_a_name_that_was_not_bound_must_not_be_bound_now():
    assert kind(run(Reads(names={"x": None})), Present({"x": state(ONE)})) == "name"


def test_a_run_that_could_see_everything_sees_a_further_name():
    reads = Reads(names={"x": ONE}, everything="exec")
    assert kind(run(reads), Present({"x": state(ONE), "y": state(ONE)})) == "name"
    assert kind(run(reads), Present({"x": state(ONE)})) is None


def test_a_hole_is_never_an_input_that_holds():
    hole = Hole(type_name="generator", reason="cannot be kept")
    assert kind(run(Reads(names={"x": ONE})), Present({"x": state(ONE, hole)})) == "hole"


def test_sharing_counts():
    shared = Group(names=("x", "y"), digest=ONE)
    reads = Reads(names={"x": ONE, "y": ONE}, groups=(shared,))
    now = {"x": state(ONE), "y": state(ONE)}
    assert kind(run(reads), Present(now, groups=(shared,))) is None
    assert kind(run(reads), Present(now)) == "sharing"
    assert kind(run(reads), Present(now, groups=(Group(names=("x", "y"), digest=TWO),))) == "sharing"


def test_a_name_changed_in_place_alone_must_be_alone_now():
    reads = Reads(names={"x": ONE}, groups=(Group(names=("x",), digest=ONE),))
    now = {"x": state(ONE), "y": state(ONE)}
    assert kind(run(reads), Present(now)) is None
    assert kind(run(reads), Present(now, groups=(Group(names=("x", "y"), digest=ONE),))) == "sharing"


def test_ambient_state_files_packages_and_python_count():
    assert kind(run(Reads(ambient={"cwd": ONE})), Present({}, ambient={"cwd": TWO})) == "ambient"
    assert kind(run(Reads(), files_read={"./a": FileState(digest=ONE)}), Present({}, changed=("./a",))) == "file"
    assert kind(run(Reads(), python="3.2"), Present({})) == "python"
    value = ValueRef(codec="pickle5", stream=BlobRef(digest=ONE, size_bytes=1))
    writes = Writes(units=(Unit(uid="u", value=value, modules=(("numpy", "1.0"),)),))
    assert kind(run(Reads(), writes=writes), Present({}, versions={"numpy": "2.0"})) == "package"
    assert kind(run(Reads(), writes=writes), Present({}, versions={"numpy": "1.0"})) is None


def test_a_written_file_that_was_too_large_to_keep_must_still_be_there():
    written = {"./big": FileState(digest=ONE, size_bytes=9)}
    assert kind(run(Reads(), files_written=written), Present({}, changed=("./big",))) == "written file"
    kept = {"./big": FileState(digest=ONE, size_bytes=9, blob=BlobRef(digest=ONE, size_bytes=9))}
    assert kind(run(Reads(), files_written=kept), Present({}, changed=("./big",))) is None
