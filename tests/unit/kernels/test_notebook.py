"""Which notebook a kernel serves, and where its store is."""

from __future__ import annotations

from pathlib import Path

from nbreplay.config import store_beside
from nbreplay.kernels.notebook import FOLDER_STORE, find_place


def test_the_server_s_session_name_comes_first(tmp_path):
    environ = {"JPY_SESSION_NAME": str(tmp_path / "a.ipynb"), "NBREPLAY_NOTEBOOK": str(tmp_path / "b.ipynb")}
    place = find_place(environ, {"__vsc_ipynb_file__": "/c.ipynb"}, tmp_path)
    assert place.notebook == tmp_path / "a.ipynb"
    assert place.store == store_beside(tmp_path / "a.ipynb")
    assert place.root == tmp_path


def test_a_console_s_session_is_no_notebook(tmp_path):
    environ = {"JPY_SESSION_NAME": str(tmp_path / "console-1-0b1c")}
    assert find_place(environ, {}, tmp_path).notebook is None


def test_visual_studio_code_s_variable_comes_before_ours(tmp_path):
    namespace = {"__vsc_ipynb_file__": str(tmp_path / "c.ipynb")}
    assert find_place({"NBREPLAY_NOTEBOOK": "b.ipynb"}, namespace, tmp_path).notebook == tmp_path / "c.ipynb"


def test_a_relative_name_is_taken_from_the_working_folder(tmp_path):
    place = find_place({"NBREPLAY_NOTEBOOK": "sub/b.ipynb"}, {}, tmp_path)
    assert place.notebook == tmp_path / "sub" / "b.ipynb"
    assert place.root == tmp_path / "sub"


def test_a_text_notebook_counts_when_it_is_there(tmp_path):
    (tmp_path / "b.py").write_text("# %%\n")
    assert find_place({"JPY_SESSION_NAME": str(tmp_path / "b.py")}, {}, tmp_path).notebook == tmp_path / "b.py"
    assert find_place({"JPY_SESSION_NAME": str(tmp_path / "c.py")}, {}, tmp_path).notebook is None


def test_a_named_store_decides_the_place_alone(tmp_path):
    environ = {"NBREPLAY_STORE": "s", "NBREPLAY_NOTEBOOK": "b.ipynb"}
    place = find_place(environ, {}, tmp_path)
    assert place.store == tmp_path / "s"
    assert place.notebook == tmp_path / "b.ipynb"
    assert find_place(environ, {}, tmp_path, Path("/option")).store == Path("/option")


def test_without_a_notebook_the_working_folder_has_a_store(tmp_path):
    assert find_place({}, {"__session__": 3}, tmp_path) == (None, tmp_path / FOLDER_STORE, tmp_path)


def test_a_copied_notebook_has_a_store_of_its_own(tmp_path):
    assert store_beside(tmp_path / "a.ipynb") != store_beside(tmp_path / "a-Copy1.ipynb")
