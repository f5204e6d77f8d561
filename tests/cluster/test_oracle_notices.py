"""The oracle notices a planner that is broken: each way of breaking it makes the random programs fail."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from nbreplay.tasks import finding, finishing, ledger, planner, provenance
from nbreplay.tasks.literal import Literals
from nbreplay.tasks.prints import FingerprintCoder
from nbreplay.tasks.shape import Coded

pytestmark = [pytest.mark.cluster]

_spec = importlib.util.spec_from_file_location("random_programs", Path(__file__).with_name("test_oracle.py"))
random_programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(random_programs)


def code_by_name(patch):
    patch.setattr(FingerprintCoder, "callable", lambda self, func: Coded(func.__name__.encode().ljust(16)[:16]))


def no_numbers(patch):
    append = Literals.append
    patch.setattr(
        Literals, "append", lambda self, value, parts: append(self, 0 if type(value) is int else value, parts)
    )


def files_hold_always(patch):
    patch.setattr(ledger.Ledger, "holds", lambda self, states, overlay: True)


def no_lineage(patch):
    patch.setattr(planner, "lineage", lambda reads, above: "")
    patch.setattr(ledger.Ledger, "holds", lambda self, states, overlay: True)


def no_merging(patch):
    patch.setattr(planner, "_merge", lambda *args: False)


def no_early_cut_off(patch):
    patch.setattr(finishing, "content_of", lambda entry, above: None)


def nothing_found(patch):
    patch.setattr(finding.Finder, "find", lambda self, wanted: {})


def order_of_inputs_does_not_count(patch):
    digest = provenance._digest

    def unordered(data):
        return digest(data[:32] + b"".join(sorted(data[n : n + 16] for n in range(32, len(data), 16))))

    patch.setattr(provenance, "_digest", unordered)


def files_stay_away(patch):
    patch.setattr(ledger.Ledger, "put_back", lambda self, runs: True)


BREAKS = {  # and where the programs begin of which one shows it
    code_by_name: 1000,
    no_numbers: 1022,
    files_hold_always: 1031,
    no_lineage: 1000,
    no_merging: 1007,
    no_early_cut_off: 1000,
    nothing_found: 1000,
    order_of_inputs_does_not_count: 1017,
    files_stay_away: 1000,
}


@pytest.mark.parametrize("broken", BREAKS, ids=lambda one: one.__name__)
def test_a_broken_planner_is_noticed(tmp_path, monkeypatch, broken):
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        random_programs.run(tmp_path, programs=10, seed=BREAKS[broken])
