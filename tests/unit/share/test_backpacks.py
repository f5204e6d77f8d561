"""A package's folder is a backpack and a repo2docker repository; backpacks are taken in, and hostile ones are not."""

import re
from pathlib import Path

import pytest
import yaml
from nbformat.v4 import new_code_cell, new_notebook

from nbreplay.errors import NotebookError, PackDamaged
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun, FileState, to_bytes
from nbreplay.share.archive import Archive
from nbreplay.share.backpack import notebook_of, problems_of, take_in
from nbreplay.share.environment import closure, parse_requirements
from nbreplay.share.notebook import write_notebook
from nbreplay.share.pack import Order, pack
from nbreplay.share.unpack import unpack
from nbreplay.store import Store

SOURCE = "cluster = LocalCluster(n_workers=3, threads_per_worker=2, memory_limit='1GB')\nx = open('in/data.csv').read()"


@pytest.fixture(autouse=True)
def key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def unpacked(tmp_path):
    """A folder that a package was unpacked to; its notebook read one small file, one large one and one elsewhere."""
    from nbreplay.files import FileDigests

    home = tmp_path / "home"
    (home / "in").mkdir(parents=True)
    (home / "in" / "data.csv").write_text("a\n1\n")
    (home / "large.bin").write_bytes(bytes(2 << 20))
    (tmp_path / "elsewhere.csv").write_text("b\n")
    write_notebook(new_notebook(cells=[new_code_cell(SOURCE)]), home / "nb.ipynb")
    digests = FileDigests()
    read = {
        "./in/data.csv": digests.digest(str(home / "in" / "data.csv")),
        "./large.bin": digests.digest(str(home / "large.bin")),
        str(tmp_path / "elsewhere.csv"): digests.digest(str(tmp_path / "elsewhere.csv")),
        "./gone.csv": FileState(digest="0" * 32, size_bytes=5),
    }
    with Store.open(home / "nb.nbreplay") as store:
        run = CellRun(
            boundary="r:1", parent=None, run="r", number=1, code=cell_fingerprint(SOURCE), source=SOURCE, outcome="ok",
            position=1, files_read=read,
        )  # fmt: skip
        store.append("cell", to_bytes(run), [b"cell"])
    packed = pack(home / "nb.ipynb", home / "nb.nbreplay", tmp_path / "sent.nbr", Order())
    with Archive(packed.path) as archive:
        unpack(archive, tmp_path / "away")
    return tmp_path / "away"


def test_the_folder_of_a_package_is_a_backpack(unpacked):
    assert problems_of(unpacked) == []
    assert notebook_of(unpacked) == unpacked / "workflow" / "nb.ipynb"
    config = yaml.safe_load((unpacked / "compute" / "compute.yml").read_text())
    assert config["vine_factory_config"] == {"min-workers": 3, "max-workers": 3, "cores": 2}
    assert config["nbreplay"]["cluster"]["memory_limit"] == "1GB"


def test_every_input_file_is_described_and_small_ones_are_there(unpacked):
    data = yaml.safe_load((unpacked / "data" / "data.yml").read_text())
    items = {item["name"]: item for item in data["profiles"][data["default_profile"]]["data"]}
    assert items["in/data.csv"]["source_type"] == "backpack"
    assert (unpacked / items["in/data.csv"]["source"]).read_text() == "a\n1\n"
    assert items["in/data.csv"]["checksum"].startswith("sha256:")
    assert "large" in items["large.bin"]["note"]
    assert items["large.bin"]["expected_size"] == 2 << 20
    assert not (unpacked / "workflow" / "large.bin").exists()
    elsewhere = next(item for name, item in items.items() if name.endswith("elsewhere.csv"))
    assert "outside" in elsewhere["note"]
    assert "not there" in items["gone.csv"]["note"]


def test_repo2docker_would_see_a_python_repository(unpacked):
    """By its own rules: a folder ``binder``, in it ``requirements.txt`` and a runtime of the form that it parses."""
    binder = unpacked / "binder"
    assert not any((unpacked / name).exists() for name in ("Dockerfile", "environment.yml", "install.R", "default.nix"))
    assert not any((binder / name).exists() for name in ("Dockerfile", "environment.yml", "install.R", "postBuild"))
    assert re.fullmatch(r"python-[0-9.]+\n", (binder / "runtime.txt").read_text())
    pinned = parse_requirements((binder / "requirements.txt").read_text())
    assert {"dask", "distributed", "ipykernel", "nbreplay"} <= pinned.keys()
    conda = yaml.safe_load((unpacked / "software" / "environment.yml").read_text())
    assert any(str(line).startswith("python=") for line in conda["dependencies"])


def test_what_packages_require_is_pinned_as_installed():
    import importlib.metadata

    pinned = closure({"dask": importlib.metadata.version("dask")})
    assert {"dask", "click", "cloudpickle", "packaging", "pyyaml", "toolz"} <= pinned.keys()
    assert all(importlib.metadata.version(name) == version for name, version in pinned.items())


def test_only_pins_are_read_from_requirements():
    text = "# head\nnumpy==2.0 --hash=sha256:ab --hash=md5:x\n-r other.txt\nurl @ https://x.example/y.whl\nopen>=1\n\n"
    assert parse_requirements(text) == {"numpy": ("2.0", ("sha256:ab",))}


def backpack(folder, **files):
    texts = {
        "workflow/nb.ipynb": '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
        "software/environment.yml": "name: x\ndependencies:\n  - python=3.12\n  - numpy\n",
        "compute/compute.yml": "vine_factory_config:\n  min-workers: 1\n  max-workers: 4\n  cores: 2\n",
        "data/data.yml": (
            "profiles:\n  local:\n    data:\n"
            "      - source: backpack://data/in/x.csv\n        target_location: in/x.csv\n"
            "      - source: https://example.org/y.csv\n        target_path: y.csv\n"
        ),
        "data/in/x.csv": "a\n",
        **files,
    }
    for name, text in texts.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return folder


def test_a_backpack_is_taken_in_with_its_data_where_the_notebook_finds_it(tmp_path):
    notebook = take_in(backpack(tmp_path / "pack"), tmp_path / "here")
    assert notebook == tmp_path / "here" / "workflow" / "nb.ipynb"
    assert (tmp_path / "here" / "workflow" / "in" / "x.csv").read_text() == "a\n"
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("workflow/nb.ipynb", None, "0 notebooks"),
        ("workflow/two.ipynb", "{}", "2 notebooks"),
        ("software/environment.yml", None, "cannot be read"),
        ("software/environment.yml", "[", "no YAML"),
        ("software/environment.yml", "- a\n", "no mapping"),
        ("software/environment.yml", "name: x\n", "no dependencies"),
        ("compute/compute.yml", "other: 1\n", "vine_factory_config"),
        ("compute/compute.yml", "vine_factory_config:\n  cores: many\n", "whole number"),
        ("data/data.yml", "profiles: {}\n", "no profiles"),
        ("data/data.yml", "default_profile: x\nprofiles:\n  y:\n    data: []\n", "no profile 'x'"),
        ("data/data.yml", "profiles:\n  y:\n    data:\n      - target_path: x\n", "without source"),
        ("data/data.yml", "profiles:\n  y:\n    data:\n      - source: x\n", "without target_location"),
        ("data/data.yml", "profiles:\n  y: {data: [{source: x, source_type: ftp, target_path: y}]}\n", "ftp"),
    ],
)
def test_what_is_no_backpack_is_refused_with_the_reason(tmp_path, name, text, why):
    folder = backpack(tmp_path / "pack", **{name: text})
    assert why in problems_of(folder)[0]
    with pytest.raises(PackDamaged, match="is no backpack"):
        take_in(folder, tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    "item",
    [
        "{source: 'backpack://data/in/x.csv', target_location: '../../x.csv'}",
        "{source: 'backpack://data/in/x.csv', target_location: /etc/x.csv}",
        "{source: 'backpack://data/in/x.csv', target_location: json.py}",
        "{source: 'backpack://../outside', target_location: x.csv}",
        "{source: 'backpack:///etc/hostname', target_location: x.csv}",
        "{source: 'backpack://data/nothing', target_location: x.csv}",
    ],
)
def test_a_backpack_that_reaches_outside_is_refused_whole(tmp_path, item):
    (tmp_path / "outside").write_text("x")
    folder = backpack(tmp_path / "pack", **{"data/data.yml": f"profiles:\n  y:\n    data:\n      - {item}\n"})
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(PackDamaged, match="nothing was taken in"):
        take_in(folder, tmp_path / "here")
    assert sorted(tmp_path.rglob("*")) == before


def test_links_in_a_backpack_and_folders_that_are_taken_are_refused(tmp_path):
    folder = backpack(tmp_path / "pack")
    (folder / "workflow" / "link.csv").symlink_to("/etc/hostname")
    with pytest.raises(PackDamaged, match="is a link"):
        take_in(folder, tmp_path / "here")
    with pytest.raises(PackDamaged, match="not empty"):
        take_in(backpack(tmp_path / "other"), tmp_path / "pack")
    with pytest.raises(NotebookError, match="no folder"):
        take_in(Path("nowhere"), tmp_path / "here")
