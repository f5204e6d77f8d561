"""The folder's own modules, by name; and one run of each batch of states, shared by the tests that judge it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
if str(HERE) not in sys.path:
    sys.path.insert(0, str(HERE))


@pytest.fixture(scope="session")
def batches(request, launched, tmp_path_factory):
    """Return the results of a state's batch, run when it is first asked for: of those states that were selected."""
    from state_runs import run_batch

    selected = {}
    for item in request.session.items:
        state = getattr(item, "callspec", None) and item.callspec.params.get("state")
        if hasattr(state, "batch"):  # other tests have parameters of that name, too
            selected.setdefault(state.batch, {})[state.name] = state
    results = {}

    def results_of(state):
        if state.batch not in results:
            results[state.batch] = None  # a batch that fails is not tried again for each of its states
            folder = tmp_path_factory.mktemp("states")
            results[state.batch] = run_batch(list(selected[state.batch].values()), launched, folder)
        assert results[state.batch] is not None, "its batch failed"
        return results[state.batch]

    return results_of
