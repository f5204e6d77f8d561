"""Peer-to-peer shuffles are served whole or run whole, and are the same whatever Dask calls them."""

from __future__ import annotations

import pytest
from dask._task_spec import Task, TaskRef
from distributed.shuffle._core import P2PBarrierTask, ShuffleId, barrier_key, p2p_barrier
from distributed.shuffle._rechunk import ArrayRechunkSpec, rechunk_transfer, rechunk_unpack

from nbreplay.digest import Digest
from nbreplay.records import BlobRef, TaskRun, ValueRef
from nbreplay.tasks.planner import plan
from nbreplay.tasks.prints import make_shaper
from nbreplay.tasks.shuffles import BARRIER, RECEIVES, SENDS, places

KEPT = ValueRef(codec="plain", stream=BlobRef(digest=Digest("0" * 32), size_bytes=1))


def total(*parts):
    return sum(parts)


def graph(token, sizes=(2, 2), salt=0):
    barrier = barrier_key(ShuffleId(token))
    made = {f"in{n}": Task(f"in{n}", total, n, salt) for n in range(2)}
    made |= {f"{token}-s{n}": Task(f"{token}-s{n}", rechunk_transfer, TaskRef(f"in{n}"), token, (n,)) for n in range(2)}
    sent = [TaskRef(f"{token}-s{n}") for n in range(2)]
    spec = ArrayRechunkSpec(id=ShuffleId(token), new=(sizes,), old=((2, 2),), disk=True)
    made[barrier] = P2PBarrierTask(barrier, p2p_barrier, token, *sent, spec=spec)
    made |= {f"out{n}": Task(f"out{n}", rechunk_unpack, token, (n,), TaskRef(barrier)) for n in range(2)}
    made |= {f"end{n}": Task(f"end{n}", total, TaskRef(f"out{n}"), 5) for n in range(2)}
    return made


def planned(specs, wanted, kept=()):
    runs = {p: [TaskRun(provenance=p, result=KEPT)] for p in kept}
    return plan(specs, wanted, lambda names: [runs.get(p, []) for p in names], shaper=make_shaper(None))


def names(made, *keys):
    return [made.prints[key].provenance for key in keys]


def test_each_task_has_its_place():
    found = places(graph("a" * 32))
    assert {key: place.role for key, place in found.items()} == {
        f"{'a' * 32}-s0": SENDS,
        f"{'a' * 32}-s1": SENDS,
        barrier_key(ShuffleId("a" * 32)): BARRIER,
        "out0": RECEIVES,
        "out1": RECEIVES,
    }


def test_the_name_of_a_shuffle_does_not_count_and_what_it_does_and_gets_do():
    first = names(planned(graph("a" * 32), ["end0"]), "out0", "out1", "end0")
    assert None not in first
    assert len(set(first)) == 3
    assert names(planned(graph("b" * 32), ["end0"]), "out0", "out1", "end0") == first
    for other in (graph("a" * 32, salt=1), graph("a" * 32, sizes=(1, 3))):
        assert not set(names(planned(other, ["end0"]), "out0", "out1", "end0")) & set(first)


def test_all_parts_that_are_needed_are_served_and_the_shuffle_is_left_out():
    specs = graph("a" * 32)
    kept = names(planned(specs, ["end0", "end1"]), "out0", "out1")
    made = planned(specs, ["end0", "end1"], kept)
    assert set(made.hits) == {"out0", "out1"}
    assert made.misses == {"end0", "end1"}


@pytest.mark.parametrize("there", ["out0", "out1"])
def test_one_part_that_is_missing_makes_all_of_it_run(there):
    specs = graph("a" * 32)
    first = planned(specs, ["end0", "end1"])
    made = planned(specs, ["end0", "end1"], names(first, there, "in0"))
    assert set(made.hits) == {"in0"}
    assert made.misses == specs.keys() - {"in0"}
    assert not made.duplicates


def test_a_part_that_nobody_needs_may_be_missing():
    specs = graph("a" * 32)
    made = planned(specs, ["end0"], names(planned(specs, ["end0"]), "out0"))
    assert set(made.hits) == {"out0"}
    assert made.misses == {"end0"}


def test_senders_and_barriers_are_never_served_nor_merged():
    specs = graph("a" * 32) | graph("b" * 32)
    first = planned(graph("a" * 32), ["end0"])
    barrier = barrier_key(ShuffleId("a" * 32))
    made = planned(graph("a" * 32), ["end0"], names(first, barrier, f"{'a' * 32}-s0", f"{'a' * 32}-s1"))
    assert not made.hits
    both = planned(specs, [*specs])
    assert not any("-s" in str(key) or "barrier" in str(key) for key in both.duplicates)
