"""Two users on one machine, and the product run by either of them in processes of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what several tests share

from users import User


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.trust)


@pytest.fixture(scope="module")
def author(tmp_path_factory):
    return User("author", tmp_path_factory.mktemp("author"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return User("stranger", tmp_path_factory.mktemp("stranger"))
