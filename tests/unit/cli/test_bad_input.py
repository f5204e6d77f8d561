"""What bad input gets: one line on stderr that says what is wrong and what to do, and an exit code of its own."""

import json

import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from nbreplay.cli import group
from nbreplay.records import CellRun, CellVisit, to_bytes
from nbreplay.share.notebook import write_notebook, write_text
from nbreplay.store import Store


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Each test has its own folder, key and settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("NBREPLAY_STORE", raising=False)


def fails(*arguments):
    """(exit code, the one line on stderr); nothing on stdout."""
    result = CliRunner().invoke(group, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("nbreplay: ")
    assert result.stdout == ""
    return result.exit_code, lines[0]


def notebook(path, *sources, language="python"):
    cells = [new_markdown_cell("# Title"), *(new_code_cell(source) for source in sources)]
    metadata = {"kernelspec": {"name": language, "language": language, "display_name": language}}
    write_notebook(new_notebook(cells=cells, metadata=metadata), path)
    return path


@pytest.mark.parametrize("command", ["audit", "repeat", "pack"])
def test_a_missing_notebook_is_named(command, tmp_path):
    code, line = fails(command, "nowhere.ipynb")
    assert code == 3
    assert "no notebook nowhere.ipynb" in line


@pytest.mark.parametrize("command", [("show",), ("why", 1), ("diff", 0, 1), ("verify",), ("forget", 1), ("check",)])
def test_a_notebook_that_is_not_there_is_named_by_commands_that_only_look(command, tmp_path):
    name, *more = command
    code, line = fails(name, "nowhere.ipynb", *more)
    assert code == 3
    assert "nowhere.ipynb" in line


@pytest.mark.parametrize("command", [("show",), ("why", 1), ("diff", 0, 1), ("verify",), ("forget", 1), ("pack",)])
def test_a_notebook_that_was_never_recorded_says_how_to_record_it(command, tmp_path):
    name, *more = command
    code, line = fails(name, notebook(tmp_path / "nb.ipynb", "1"), *more)
    assert code == 40
    assert "nbreplay audit" in line


@pytest.mark.parametrize("command", ["audit", "repeat"])
@pytest.mark.parametrize(("content", "said"), [("{", "not JSON"), ("[]", "not a notebook")])
def test_a_file_that_is_no_notebook_is_refused_before_a_kernel_starts(command, content, said, tmp_path):
    (tmp_path / "bad.ipynb").write_text(content)
    code, line = fails(command, "bad.ipynb")
    assert code == 3
    assert said in line


def test_a_notebook_without_code_cells_is_refused(tmp_path):
    code, line = fails("audit", notebook(tmp_path / "nb.ipynb"))
    assert code == 3
    assert "no code cells" in line


def test_a_notebook_in_another_language_is_refused(tmp_path):
    code, line = fails("audit", notebook(tmp_path / "nb.ipynb", "1", language="julia"))
    assert code == 3
    assert "julia" in line


@pytest.mark.parametrize("option", [("--from", 3), ("--to", 3), ("--rerun", 3), ("--from", 0), ("--to", -1)])
def test_a_cell_number_that_is_not_there_says_how_many_there_are(option, tmp_path):
    code, line = fails("repeat", notebook(tmp_path / "nb.ipynb", "1", "2"), *option)
    assert code == 4
    assert "2 code cells" in line


def test_a_range_that_ends_before_it_starts_is_refused(tmp_path):
    code, line = fails("repeat", notebook(tmp_path / "nb.ipynb", "1", "2"), "--from", 2, "--to", 1)
    assert code == 4
    assert "--from 2 is after --to 1" in line


def test_a_cell_that_is_no_number_is_refused(tmp_path):
    Store.open(tmp_path / "nb.nbreplay").close()
    code, line = fails("why", notebook(tmp_path / "nb.ipynb", "1"), "first")
    assert code == 4
    assert "no cell number" in line


@pytest.mark.parametrize("command", [("audit",), ("repeat",), ("show",), ("verify",), ("pack",)])
def test_a_store_of_a_later_version_is_left_alone(command, tmp_path):
    name, *more = command
    path = notebook(tmp_path / "nb.ipynb", "1")
    store = tmp_path / "nb.nbreplay"
    Store.open(store).close()
    identity = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**identity, "format": 99}))
    before = {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}
    code, line = fails(name, path, *more)
    assert code == 13
    assert "99" in line
    assert "upgrade" in line
    assert before == {file: file.read_bytes() for file in store.rglob("*") if file.is_file()}


@pytest.mark.parametrize("command", ["audit", "repeat", "show", "verify", "pack"])
def test_a_folder_that_is_no_store_is_left_alone(command, tmp_path):
    path = notebook(tmp_path / "nb.ipynb", "1")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    code, line = fails(command, path, "--store", tmp_path / "photos")
    assert code == 15
    assert "photos" in line
    assert [file.name for file in (tmp_path / "photos").iterdir()] == ["cat.jpg"]


def test_a_file_in_place_of_a_store_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    code, line = fails("audit", notebook(tmp_path / "nb.ipynb", "1"), "--store", tmp_path / "file")
    assert code == 15
    assert "not a store" in line


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"no archive at all"])
def test_a_package_that_is_cut_off_writes_nothing(content, tmp_path):
    (tmp_path / "cut.nbr").write_bytes(content)
    code, line = fails("unpack", "cut.nbr", "target")
    assert code == 30
    assert "nothing was written" in line
    assert sorted(file.name for file in tmp_path.iterdir() if file.name != "key") == ["cut.nbr"]


def test_no_notebook_and_no_single_store_asks_for_a_name(tmp_path):
    code, line = fails("show")
    assert code == 40
    assert "name the notebook" in line


def test_an_unknown_command_and_a_missing_argument_are_usage_errors():
    for arguments in (["frobnicate"], ["audit"], ["why", "nb.ipynb"]):
        result = CliRunner().invoke(group, arguments)
        assert result.exit_code == 2
        assert "Usage" in result.stderr


def test_a_store_whose_name_no_disk_takes_is_one_line(tmp_path):
    for name in ("audit", "show", "verify", "pack"):
        code, line = fails(name, notebook(tmp_path / "nb.ipynb", "1"), "--store", "a" * 300)
        assert code != 0
        assert "too long" in line


def test_what_a_stranger_wrote_cannot_move_the_cursor(tmp_path):
    path = notebook(tmp_path / "nb.ipynb", "1")
    with Store.open(tmp_path / "nb.nbreplay") as store:
        for state in ("executed", "\x1b[2Jgone\x9b8m"):
            visit = CellVisit(
                session="s", number=1, boundary="", state=state, reason="\x1b]0;title\x07 \u202egno", kernel="\x1b[1A",
                detail=("+\x1b[8mhidden", "\t- a tab stays"), wall_time="2026-11-21", position=1,
            )  # fmt: skip
            store.append("visit", to_bytes(visit), [b"v"])
    for command in (["show"], ["why"]):
        said = CliRunner().invoke(group, [*command, str(path), *(["1"] if command == ["why"] else [])])
        assert said.exit_code == 0, said.output
        assert not set(said.output) & {"\x1b", "\x07", "\x9b", "\u202e"}
        assert "title" in said.output


def test_a_link_or_a_device_in_place_of_an_output_stays_one(tmp_path):
    (tmp_path / "real.ipynb").write_text("old")
    (tmp_path / "real.ipynb").chmod(0o640)
    (tmp_path / "link.ipynb").symlink_to("real.ipynb")
    (tmp_path / "full").symlink_to("/dev/null")
    for name in ("link.ipynb", "full"):
        write_text(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "real.ipynb").read_text() == "new"
    assert (tmp_path / "real.ipynb").stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["full", "link.ipynb", "real.ipynb"]


def test_a_package_is_not_written_over_a_device(tmp_path):
    path = notebook(tmp_path / "nb.ipynb", "1")
    with Store.open(tmp_path / "nb.nbreplay") as store:
        run = CellRun(boundary="r:1", parent=None, run="r", number=1, code="0" * 32, source="1", outcome="ok")
        store.append("cell", to_bytes(run), [b"c"])
    code, line = fails("pack", path, "-o", "/dev/null")
    assert code == 30
    assert "no plain file" in line
