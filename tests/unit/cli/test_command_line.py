"""The command line as a whole: help, versions, exit codes, both names."""

import importlib.metadata
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import nbreplay
from nbreplay.cli import group
from nbreplay.errors import StoreForeign

NAMES = group.list_commands(click.Context(group))


def test_the_newcomers_command_comes_first():
    assert NAMES[0] == "demo"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help_with_an_example(name):
    result = CliRunner().invoke(group, [name, "--help"])
    assert result.exit_code == 0
    assert "Example" in result.output
    assert f"nbreplay {name}" in result.output


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_named_in_the_overview(name):
    assert f"  {name} " in CliRunner().invoke(group, ["--help"]).output


def test_the_version_is_the_packages():
    assert nbreplay.__version__ in CliRunner().invoke(group, ["--version"]).output


def test_dask_takes_the_group_under_its_own_name():
    assert group.name == "nbreplay"
    (entry,) = importlib.metadata.entry_points(group="dask_cli", name="nbreplay") or [None]
    if entry is None:
        pytest.skip("nbreplay is not installed, only importable")
    assert entry.load() is group


@pytest.fixture
def command(monkeypatch):
    """A command that raises what the test wants."""
    raised = []

    @click.command("raising")
    def raising():
        raise raised[0]

    monkeypatch.setattr(type(group), "get_command", lambda self, ctx, name: raising)
    return raised


def test_an_error_of_ours_is_one_line_and_its_exit_code(command):
    command.append(StoreForeign("somewhere\nis no store"))
    result = CliRunner().invoke(group, ["raising"])
    assert result.exit_code == StoreForeign.exit_code
    assert result.stderr == "nbreplay: somewhere is no store\n"


def test_ctrl_c_is_exit_code_130(command):
    command.append(KeyboardInterrupt())
    result = CliRunner().invoke(group, ["raising"])
    assert result.exit_code == 130
    assert result.stderr == "nbreplay: interrupted\n"


def test_a_bug_shows_itself_whole(command):
    command.append(ZeroDivisionError("a bug"))
    assert isinstance(CliRunner().invoke(group, ["raising"]).exception, ZeroDivisionError)


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    command = f"{sys.executable} -m nbreplay --help | head -1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Usage")
    assert done.stderr == ""
