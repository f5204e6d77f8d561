"""The user's key."""

import os
import stat
import subprocess
import sys

import pytest

from nbreplay.store.mac import KEY_BYTES, UserKey, user_key


def test_the_key_is_made_once_and_is_private(tmp_path):
    path = tmp_path / "deep" / "key"
    key = user_key(path)
    assert len(path.read_bytes()) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert user_key(path) is key
    assert not key.problem
    assert os.listdir(path.parent) == ["key"]


def test_a_code_holds_for_its_parts_joined_and_for_nothing_else():
    key = UserKey(b"k" * 32)
    code = key.code(b"ab", b"c")
    assert key.holds(code, b"a", b"bc")
    assert not key.holds(code, b"abd")
    assert not UserKey(b"j" * 32).holds(code, b"abc")


def test_processes_that_start_at_once_get_the_same_key(tmp_path):
    path = tmp_path / "key"
    code = "from nbreplay.store.mac import user_key; from pathlib import Path\n"
    code += f"print(user_key(Path({str(path)!r})).code(b'x').hex())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1


def test_without_a_home_a_key_of_this_process_is_used_and_said(tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    key = user_key(tmp_path / "file" / "key")
    assert "this process only" in key.problem
    assert "NBREPLAY_KEY_FILE" in caplog.text
    assert key.holds(key.code(b"x"), b"x")


def test_a_damaged_key_file_is_said_and_not_replaced(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"short")
    assert "5 bytes" in user_key(path).problem
    assert path.read_bytes() == b"short"


def test_a_key_that_others_could_read_is_made_private(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"k" * 32)
    path.chmod(0o644)
    assert not user_key(path).problem
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("named", ["relative", "home"])
def test_the_environment_names_another_file(tmp_path, monkeypatch, named):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NBREPLAY_KEY_FILE", "~/my key" if named == "home" else str(tmp_path / "my key"))
    user_key()
    assert (tmp_path / "my key").exists()
