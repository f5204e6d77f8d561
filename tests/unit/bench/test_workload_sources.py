"""The workloads as text: every size and every edit gives a notebook that Python can read."""

import ast

import pytest

from nbreplay.bench.model import SIZES, ideal_notebook
from nbreplay.bench.workloads import NAMES, PUBLISHED, workload


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_edit_fits_its_cell_in_every_size(name, size):
    made = workload(name)
    cells = len(made.cells(size))
    for change in made.changes(made.sizes[size]):
        notebook = made.notebook(size, 7, change.edits)
        for cell in notebook.cells:
            ast.parse(cell["source"])
        assert all(1 <= number <= cells for number in (*change.cells, *change.may))
        assert notebook != made.notebook(size, 7) or not change.edits


@pytest.mark.parametrize("name", NAMES)
def test_the_ideal_is_of_the_first_change_and_ends_with_what_it_times(name):
    made = workload(name)
    assert made.ideal.change == made.changes(made.sizes["medium"])[0].name
    notebook, first = ideal_notebook(made, "medium")
    assert 1 < first <= len(notebook.cells)
    for cell in notebook.cells:
        ast.parse(cell["source"])


@pytest.mark.parametrize("name", NAMES)
def test_no_notebook_names_nbreplay(name):
    made = workload(name)
    assert "nbreplay" not in "\n".join(made.cells("medium"))


def test_the_published_five_have_the_published_numbers_of_tasks():
    counts = [sum(workload(name).tasks(workload(name).sizes["medium"]).values()) for name in PUBLISHED]
    assert counts == [4, 13, 1024, 4, 120]


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_oracle_that_reruns_everything_counts_all_tasks(name):
    made = workload(name)
    parameters = made.sizes["medium"]
    for change in made.changes(parameters):
        for task, counts in change.tasks.items() if change.exact else ():
            whole = made.tasks(parameters)[task]
            # Only edits that add or combine tasks in another way have another number of them.
            assert counts.executed + counts.hit + counts.pruned in (whole, whole + 1, whole + 2, whole // 2)


def test_a_seed_changes_the_data_and_nothing_else():
    one, two = (workload("mapreduce").cells("smoke", seed) for seed in (1, 2))
    assert [number for number, (a, b) in enumerate(zip(one, two, strict=True), 1) if a != b] == [1]
