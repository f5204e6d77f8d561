"""Which tests share a process when several run at once (pytest-xdist): those of a file, or of a batch of states."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        batch = getattr(params.get("state"), "batch", None)
        # Fixtures of a module (a cluster, a recorded notebook, a batch's four kernels) are made once.
        item.add_marker(pytest.mark.xdist_group(f"states of {batch}" if batch else item.path.name))
