"""Equal code and values have one fingerprint in every process, different ones have two.

Each side is made in two processes with other hash seeds and cell files, and copied by cloudpickle into two more. To do
all that with another Python, which needs cloudpickle, xxhash and what the pairs import, and leaves out the rest::

    NBREPLAY_TEST_PYTHON=/path/to/python pytest tests/unit/fingerprint/test_pairs.py
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
PYTHON = os.environ.get("NBREPLAY_TEST_PYTHON", sys.executable)


def _load(name):
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


PAIRS = _load("pairs").PAIRS
ROWS = _load("pairs_constructs").ROWS


def _run(what, entries, folder, tag, seed):
    source, target = folder / f"{tag}.in", folder / f"{tag}.out"
    source.write_bytes(pickle.dumps(entries))
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(REPOSITORY)}
    subprocess.run(
        [PYTHON, str(HERE / "pairs_process.py"), what, str(source), str(target), tag],
        check=True,
        env=environment,
        cwd=folder,
    )
    return pickle.loads(target.read_bytes())


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Fingerprints of every side, by how it came to be: two originals, a copy, and a copy of the copy."""
    folder = tmp_path_factory.mktemp("pairs")
    sides = {}
    for pair in (*PAIRS, *ROWS):
        for side in (pair.left, pair.right):
            sides[side] = pair.travels and getattr(pair, "verdict", "") != "refused"
    order = {cells: number for number, cells in enumerate(sides)}
    entries = {number: (cells, sides[cells], None) for cells, number in order.items()}
    first = _run("MAKE", entries, folder, "4711", 1)
    again = _run("MAKE", entries, folder, "13", 22)
    copies = {number: ((), True, sent) for number, (_, sent) in first.items() if sent is not None}
    copied = _run("COPY", copies, folder, "815", 333)
    twice = {number: ((), True, sent) for number, (_, sent) in copied.items() if sent is not None}
    recopied = _run("COPY", twice, folder, "99", 4444)
    ways = {"first": first, "again": again, "copy": copied, "copy of the copy": recopied}
    return {
        cells: {way: found[number][0] for way, found in ways.items() if number in found}
        for cells, number in order.items()
    }


def _skip_what_this_python_lacks(found):
    digest, refusals = found["first"]
    if refusals == ["failed"] and digest.startswith(("ModuleNotFoundError", "SyntaxError")):
        if sys.executable == PYTHON and digest.startswith("Module"):
            pytest.importorskip(digest.split("'")[1].partition(".")[0])
        pytest.skip(digest)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name} {'same' if pair.equal else 'differ'}")
def test_a_pair_is_told_apart_only_if_it_differs(seen, pair):
    for side in (pair.left, pair.right):
        found = seen[side]
        _skip_what_this_python_lacks(found)
        assert not any(refusals for _, refusals in found.values()), found
        assert len({digest for digest, _ in found.values()}) == 1, found
        assert len(found) == (4 if pair.travels else 2), f"does not travel: {found}"
    left, right = seen[pair.left]["first"][0], seen[pair.right]["first"][0]
    assert (left == right) is pair.equal


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.category}: {row.name}, {row.verdict}")
def test_a_construct_has_the_verdict_of_the_table(seen, row):
    for side in (row.left, row.right):
        found = seen[side]
        _skip_what_this_python_lacks(found)
        if row.verdict == "refused":
            assert all(refusals and refusals != ["failed"] for _, refusals in found.values()), found
            continue
        assert not any(refusals for _, refusals in found.values()), found
        assert not row.stable or len({digest for digest, _ in found.values()}) == 1, found
        assert len(found) == (4 if row.travels else 2), f"does not travel: {found}"
    if row.verdict != "refused":
        left, right = seen[row.left]["first"][0], seen[row.right]["first"][0]
        assert (left == right) is (row.verdict == "same"), row.why


def test_there_are_enough_pairs():
    assert sum(pair.equal for pair in PAIRS) >= 66
    assert sum(not pair.equal for pair in PAIRS) >= 130
    verdicts = Counter(row.verdict for row in ROWS)
    assert sum(verdicts.values()) >= 220
    assert verdicts["missed"] <= 20
    assert all(row.why for row in ROWS)
