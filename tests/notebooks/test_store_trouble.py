"""Trouble with the store never fails a cell, is said, and heals."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from notebook_driver import Kernel, cells, run_notebook

pytestmark = [pytest.mark.kernel, pytest.mark.faults]

NOTEBOOK = cells("a = [1]\nb = a", "a.append(2)\nprint(b)", "print(sum(a), b is a)")


def test_a_store_that_is_deleted_while_a_kernel_runs_is_begun_anew_with_a_full_boundary(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    with Kernel("audit", tmp_path, store=store) as kernel:
        assert kernel.run(NOTEBOOK[0], 1).status["saved"] is True
        shutil.rmtree(store)
        lost = kernel.run(NOTEBOOK[1], 2)
        assert lost.reply["status"] == "ok"
        assert lost.status["saved"] is False
        assert kernel.run(NOTEBOOK[2], 3).status["saved"] is True
    with Kernel("repeat", tmp_path, store=store) as kernel:
        assert kernel.run("%nbreplay restore 3").reply["status"] == "ok"
        assert kernel.run("print(a, b is a)").text == "[1, 2] True\n"


def test_a_file_in_the_place_of_the_store_does_not_keep_the_notebook_from_running(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    store.write_text("not a store")
    results = run_notebook("audit", NOTEBOOK, tmp_path, store=store)
    assert [r.reply["status"] for r in results] == ["ok"] * 3
    assert results[2].text.startswith("3 True\n")
    assert all(r.status["saved"] is False and r.status["saved_reason"] for r in results)
    assert store.read_text() == "not a store"


def test_a_write_that_fails_is_said_and_the_next_boundary_has_its_changes(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    with Kernel("audit", tmp_path, store=store, env={"NBREPLAY_FAIL_AT": "journal.before:5=ENOSPC"}) as kernel:
        results = kernel.run_all(NOTEBOOK)
    assert [r.reply["status"] for r in results] == ["ok"] * 3
    assert [r.status["saved"] for r in results].count(False) <= 1
    with Kernel("repeat", tmp_path, store=store) as kernel:
        assert kernel.run("%nbreplay restore 3").reply["status"] == "ok"
        assert kernel.run("print(a, b is a)").text == "[1, 2] True\n"


def test_a_damaged_value_is_made_again_from_its_cell(tmp_path: Path) -> None:
    store = tmp_path / "s.nbreplay"
    notebook = cells("import numpy as np\nbig = np.arange(300_000.0)", "print(big.sum())", "small = 1")
    run_notebook("audit", notebook, tmp_path, store=store)
    blobs = [p for p in (store / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 100_000]
    assert blobs
    for blob in blobs:
        data = bytearray(blob.read_bytes())
        data[len(data) // 2] ^= 1
        blob.chmod(0o600)
        blob.write_bytes(data)
    with Kernel("repeat", tmp_path, store=store) as kernel:
        kernel.run_all(notebook)
        shown = kernel.run("print(big.sum(), small)", 4)
    assert shown.text == "44999850000.0 1\n"
