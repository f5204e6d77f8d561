"""Every state of a notebook comes back right, or is reported by name: each through four real kernels."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from state_runs import judge
from state_table import collect

TABLES = sorted(path.stem for path in Path(__file__).parent.glob("states_*.py"))
STATES = collect(importlib.import_module(name) for name in TABLES)


@pytest.mark.parametrize("way", ["served", "jump"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_state_comes_back_in_a_new_kernel(state, way, batches):
    wrong = judge(state, way, batches(state))
    assert not wrong, f"{state.name} [{state.row}]: {wrong}"
