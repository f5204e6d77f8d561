"""Each fault test has its own key, and its own folder."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for the workloads, which several tests share


@pytest.fixture(autouse=True)
def _own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "user" / "key"))
    monkeypatch.delenv("NBREPLAY_FAIL_AT", raising=False)
