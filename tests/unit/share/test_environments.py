"""Environments for packages, from wheels that lie in a folder: what fits is installed, what does not is named."""

import hashlib
import os
import subprocess
import zipfile

import pytest

from nbreplay.errors import NbreplayError
from nbreplay.share.environment import closure, hashes_of
from nbreplay.share.fit import make_environment


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that pip takes wheels from, and nothing else; call it to put one there, and get its digest."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    def add(name, version):
        path = folder / f"{name}-{version}-py3-none-any.whl"
        about = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", f"{name}.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    return add


def test_hashes_are_those_of_the_files_that_pip_would_take(wheels):
    digest = wheels("one_tool", "1.0")
    assert hashes_of({"one-tool": "1.0"}) == {"one-tool": digest}


def test_a_version_that_pip_cannot_find_has_no_hash_and_says_so(wheels):
    wheels("one_tool", "1.0")
    with pytest.raises(NbreplayError, match="pack without --hashes"):
        hashes_of({"one-tool": "2.0"})


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("NBREPLAY_TEST_LONG"), reason="set NBREPLAY_TEST_LONG=1: half a minute of pip")
def test_an_environment_has_what_can_be_had_and_names_what_cannot(wheels, tmp_path):
    right = wheels("one_tool", "1.0")
    wheels("two_tool", "2.0")
    wheels("three_tool", "3.0")
    package = tmp_path / "package"
    (package / "software").mkdir(parents=True)
    (package / "software" / "requirements.txt").write_text(
        "# recorded with Python 3.11.7 on Linux\n"
        f"one-tool==1.0 --hash=sha256:{right}\n"
        "two-tool==1.0\n"  # another version is there
        f"three-tool==3.0 --hash=sha256:{'0' * 64}\n"  # it is there, and is another file
        "four-tool==4.0\n"
        "five-tool @ https://example.org/five.whl\n--index-url https://example.org\n-r /etc/passwd\n"
    )
    told = []
    lines = make_environment(package, told.append)
    assert any("two-tool 1.0 cannot be had as recorded" in line for line in lines)
    assert any("three-tool 3.0" in line for line in lines)
    assert any("four-tool 4.0; nothing of that name" in line for line in lines)
    assert not any("five-tool" in line or "one-tool" in line for line in lines)
    assert lines[-1].startswith("use it: ")
    python = package / ".venv" / "bin" / "python"
    shown = subprocess.run([python, "-c", "import one_tool; print(one_tool.VERSION)"], capture_output=True, text=True)
    assert shown.stdout == "1.0\n"
    assert any(line.startswith("making ") for line in told)


def test_a_folder_without_a_list_of_packages_gets_no_environment(tmp_path):
    with pytest.raises(NbreplayError, match=r"requirements\.txt cannot be read"):
        make_environment(tmp_path, print)
    assert not (tmp_path / ".venv").exists()


def test_what_is_pinned_is_what_is_required_here():
    pinned = closure({"distributed": "1.2.3"})
    assert pinned["distributed"] == "1.2.3"
    assert {"dask", "tornado", "msgpack", "toolz"} <= pinned.keys()
    assert "pytest" not in pinned  # only what extras ask for
