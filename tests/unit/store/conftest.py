"""A key and a folder for each test, and processes of its own."""

import os
import subprocess
import sys
import textwrap

import pytest

from nbreplay.store import Store


@pytest.fixture(autouse=True)
def _own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "user" / "key"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user" / "cache"))
    monkeypatch.delenv("NBREPLAY_FAIL_AT", raising=False)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "nb.nbreplay"


@pytest.fixture
def store(folder):
    with Store.open(folder) as made:
        yield made


@pytest.fixture
def child(folder):
    """Run code in a process of its own, with ``store`` open and ``folder`` its path; return what it printed."""

    def run(code, *, wait=True, **environ):
        text = "import os, sys\nfrom pathlib import Path\nfrom nbreplay.store import Store\n"
        text += f"folder = Path({str(folder)!r})\nstore = Store.open(folder)\n" + textwrap.dedent(code)
        process = subprocess.Popen(
            [sys.executable, "-c", text],
            env={**os.environ, **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if not wait:
            return process
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip()

    return run
