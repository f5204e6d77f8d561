"""Notebook files that can be used, and what is said of those that cannot."""

import json

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbreplay.errors import NotebookError
from nbreplay.share.notebook import code_cells, read_notebook, source_of, write_notebook


def written(path, **changes):
    plain = json.loads(
        json.dumps(new_notebook(cells=[new_markdown_cell("# A"), new_code_cell("1\n2"), new_code_cell("")]))
    )
    path.write_text(json.dumps({**plain, **changes}))
    return path


def test_a_notebook_survives_reading_and_writing(tmp_path):
    notebook = read_notebook(written(tmp_path / "nb.ipynb"))
    assert [source_of(cell) for cell in code_cells(notebook)] == ["1\n2", ""]
    write_notebook(notebook, tmp_path / "deep" / "copy.ipynb")
    assert read_notebook(tmp_path / "deep" / "copy.ipynb") == notebook
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["copy.ipynb"]


def test_sources_kept_as_lists_of_lines_are_joined(tmp_path):
    cells = [
        {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": ["1\n", "2"]}
    ]
    assert source_of(read_notebook(written(tmp_path / "nb.ipynb", cells=cells)).cells[0]) == "1\n2"


def test_an_old_notebook_is_brought_up_to_date(tmp_path):
    path = tmp_path / "old.ipynb"
    worksheet = {"cells": [{"cell_type": "code", "input": ["1"], "language": "python", "outputs": [], "metadata": {}}]}
    path.write_text(
        json.dumps({"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [worksheet]})
    )
    assert [source_of(cell) for cell in code_cells(read_notebook(path))] == ["1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no notebook"),
        ("", "not JSON"),
        ('{"cells": [', "not JSON"),
        ("[]", "not a notebook"),
        ('"text"', "not a notebook"),
        ("{}", "not a notebook"),
        ('{"nbformat": 4, "cells": 7}', "not a notebook"),
        ('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}', "no code cells"),
    ],
)
def test_a_file_that_is_no_notebook_is_named_with_the_reason(tmp_path, content, said):
    path = tmp_path / "bad.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(NotebookError, match=said) as caught:
        read_notebook(path)
    assert "bad.ipynb" in str(caught.value)


def test_a_folder_and_binary_data_are_no_notebooks(tmp_path):
    with pytest.raises(NotebookError, match="folder"):
        read_notebook(tmp_path)
    (tmp_path / "bad.ipynb").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotebookError, match="cannot be read"):
        read_notebook(tmp_path / "bad.ipynb")


def test_another_language_is_named(tmp_path):
    path = written(tmp_path / "r.ipynb", metadata={"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    with pytest.raises(NotebookError, match="written in R"):
        read_notebook(path)


def test_a_notebook_that_cannot_be_written_is_an_error_that_names_another_way(tmp_path):
    notebook = read_notebook(written(tmp_path / "nb.ipynb"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotebookError, match="-o"):
        write_notebook(notebook, tmp_path / "file" / "nb.ipynb")
