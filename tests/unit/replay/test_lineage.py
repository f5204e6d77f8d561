"""Recorded runs form a forest; the newest that holds stands."""

from __future__ import annotations

import pytest

from nbreplay.digest import Fingerprint
from nbreplay.records import CellRun
from nbreplay.replay.lineage import Known, Lineage


def run(boundary: str, parent: str | None, code: str, position: int | None = None, **more: object) -> CellRun:
    session, number = boundary.split(":")
    return CellRun(
        boundary=boundary,
        parent=parent,
        run=session,
        number=int(number),
        code=Fingerprint(code),
        source=code,
        outcome="ok",
        position=position,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def lineage() -> Lineage:
    runs = [run("a:1", None, "one", 1), run("a:2", "a:1", "two", 2), run("a:3", "a:2", "three", 3)]
    runs += [run("b:1", "a:1", "two edited", 2)]
    return Lineage(Known(r, own=r.run == "a") for r in runs)


def test_a_chain_leads_from_the_empty_start_to_a_boundary(lineage):
    assert [r.boundary for r in lineage.chain("b:1")] == ["a:1", "b:1"]
    assert lineage.chain(None) == []


def test_a_chain_with_a_forgotten_run_is_not_one(lineage):
    lineage.add(Known(run("c:1", "gone:4", "x"), own=True))
    with pytest.raises(LookupError):
        lineage.chain("c:1")
    assert not lineage.trusted("c:1")


def test_a_boundary_is_trusted_only_if_all_that_led_to_it_is(lineage):
    assert lineage.trusted("a:3")
    assert not lineage.trusted("b:1")
    assert lineage.trusted(None)


def test_the_newest_run_of_a_cell_is_asked_first(lineage):
    assert lineage.at(position=2).run.boundary == "b:1"
    lineage.add(Known(run("d:1", None, "two", 9), own=True))
    assert [k.run.boundary for k in lineage.of_code("two")] == ["d:1", "a:2"]


def test_tips_are_what_nothing_follows(lineage):
    assert lineage.tips() == ["b:1", "a:3"]


def test_without_positions_cells_are_numbered_by_first_execution():
    lineage = Lineage()
    for r in (run("a:1", None, "x"), run("a:2", "a:1", "y"), run("a:3", "a:2", "x")):
        lineage.add(Known(r, own=True))
    assert {n: r.boundary for n, r in lineage.numbered("a:3").items()} == {1: "a:3", 2: "a:2"}
