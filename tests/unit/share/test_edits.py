"""Edits as data."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbreplay.errors import CellUnknown
from nbreplay.share.edits import Edit, edited

NOTEBOOK = new_notebook(
    cells=[new_markdown_cell("x = 1"), new_code_cell("x = 1\ny = 1"), new_code_cell(""), new_code_cell("x + y")]
)


def test_an_edit_changes_its_cell_in_a_copy_and_keeps_ids():
    after = edited(NOTEBOOK, [Edit(cell=1, old="x = 1", new="x = 2"), Edit(cell=3, old="x + y", new="x - y")])
    assert [cell.source for cell in after.cells] == ["x = 1", "x = 2\ny = 1", "", "x - y"]
    assert NOTEBOOK.cells[1].source == "x = 1\ny = 1"
    assert [cell.id for cell in after.cells] == [cell.id for cell in NOTEBOOK.cells]
    nbformat.validate(after)


def test_an_edit_that_means_no_place_or_several_is_an_error():
    with pytest.raises(ValueError, match="0 times in cell 1"):
        edited(NOTEBOOK, [Edit(cell=1, old="z", new="")])
    with pytest.raises(ValueError, match="2 times in cell 1"):
        edited(NOTEBOOK, [Edit(cell=1, old="= 1", new="= 2")])


@pytest.mark.parametrize("number", [0, 4, -1])
def test_an_edit_of_a_cell_that_is_not_there_is_an_error(number):
    with pytest.raises(CellUnknown, match="3 code cells"):
        edited(NOTEBOOK, [Edit(cell=number, old="x", new="y")])
