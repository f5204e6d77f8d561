"""A notebook and its store, there and back, between two users."""

import os
import pickle
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_notebook

from nbreplay.cli import group
from nbreplay.digest import Fingerprint, digest_bytes
from nbreplay.errors import NoRecord, PackDamaged
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun, TaskRun, Unit, ValueRef, Writes, to_bytes
from nbreplay.replay.reader import open_store
from nbreplay.share.archive import Archive
from nbreplay.share.imports import imports_of, names_in
from nbreplay.share.notebook import write_notebook
from nbreplay.share.pack import pack
from nbreplay.share.unpack import unpack
from nbreplay.store import Store

LARGE = os.urandom(300_000)


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os.system, ("touch /tmp/nbreplay-was-here",)


@pytest.fixture(autouse=True)
def author(tmp_path, monkeypatch):
    """The author's key; :func:`colleague` changes to another one."""
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "author.key"))


@pytest.fixture
def colleague(tmp_path, monkeypatch):
    """Call it to become somebody else."""
    return lambda: monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "colleague.key"))


@pytest.fixture
def recorded(tmp_path):
    """A notebook whose store holds a cell run, a task run, small and large blobs."""
    notebook = tmp_path / "home" / "nb.ipynb"
    write_notebook(new_notebook(cells=[new_code_cell("x = 1")]), notebook)
    with Store.open(notebook.with_suffix(".nbreplay")) as store:
        stream = store.put(pickle.dumps(Evil(), 5), strong=True)
        large = store.put(LARGE)
        unit = Unit(uid="r:1/0", value=ValueRef(codec="pickle5", stream=stream), names=("x",))
        run = CellRun(
            boundary="r:1", parent=None, run="r", number=1, code=cell_fingerprint("x = 1"), source="x = 1",
            outcome="ok", position=1, outputs=large, writes=Writes(units=(unit,)),
        )  # fmt: skip
        store.append("cell", to_bytes(run), [b"cell"])
        store.append("task", to_bytes(TaskRun(provenance=Fingerprint("1" * 32))), [b"task"])
    return notebook


def contents(store):
    """Everything that a store's records say and hold."""
    with Store.open(store, create=False, read_only=True) as opened:
        bodies = [(kind, bytes(stored.body)) for kind in ("cell", "task") for stored in opened.scan(kind)]
        return bodies, bytes(opened.get(digest_bytes(LARGE)))


def accept(store):
    with Store.open(store, create=False) as with_key:
        return with_key.admit()


def own(store):
    with open_store(store) as reader:
        return [known.own for known in reader.lineage.newest_first()]


def test_a_pack_unpacks_to_the_same_records(recorded, tmp_path):
    packed = pack(recorded, recorded.with_suffix(".nbreplay"))
    assert packed.path == recorded.with_suffix(".nbr")
    with Archive(packed.path) as archive:
        assert archive.manifest == packed.manifest
        notebook, store = unpack(archive, tmp_path / "away")
    assert notebook.read_bytes() == recorded.read_bytes()
    assert contents(store) == contents(recorded.with_suffix(".nbreplay"))
    assert own(store) == [True]
    assert store.stat().st_mode & 0o777 == 0o700
    assert not list(tmp_path.glob(".*"))


def test_no_input_and_no_index_is_in_a_pack(recorded):
    (recorded.parent / "data.csv").write_text("secret")
    contents(recorded.with_suffix(".nbreplay"))
    packed = pack(recorded, recorded.with_suffix(".nbreplay")).path
    with zipfile.ZipFile(packed) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {
        "workflow", "software", "data", "compute", "binder", "manifest.json"
    }  # fmt: skip
    assert {name.split("/")[1] for name in names if name.startswith("workflow/")} == {"nb.ipynb", "nb.nbreplay"}
    inside = {name.split("/")[2] for name in names if name.startswith("workflow/nb.nbreplay/")}
    assert inside == {"store.json", "journals", "blobs"}


def test_an_equal_store_packs_to_equal_files(recorded, tmp_path):
    store = recorded.with_suffix(".nbreplay")
    one, two = (pack(recorded, store, tmp_path / name).manifest.files for name in "ab")
    # A store and a journal have names of their own, drawn anew.
    files, same = ({path: it for path, it in each.items() if "journals" not in path} for each in (one, two))
    del files["workflow/nb.nbreplay/store.json"], same["workflow/nb.nbreplay/store.json"]
    assert files == same


def test_a_stranger_s_records_are_unknown_until_they_are_accepted(recorded, tmp_path, colleague):
    packed = pack(recorded, recorded.with_suffix(".nbreplay")).path
    colleague()
    with Archive(packed) as archive:
        _, store = unpack(archive, tmp_path / "away")
    assert own(store) == [False]
    assert accept(store) >= 2
    assert own(store)[0] is True
    assert contents(store)[1] == LARGE


def test_what_values_would_import_is_read_without_importing_it(recorded):
    Path("/tmp/nbreplay-was-here").unlink(missing_ok=True)
    assert imports_of(recorded.with_suffix(".nbreplay")) == {f"{os.system.__module__}.system": 1}
    assert not Path("/tmp/nbreplay-was-here").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_imports_are_found_in_every_pickle_protocol(protocol):
    stream = pickle.dumps([Path("x"), Path("y"), {"a": os.getcwd}], protocol)
    assert any(name.endswith("PosixPath") for name in names_in(stream))
    assert any(name.endswith(".getcwd") for name in names_in(stream))


def test_imports_are_found_in_pickles_behind_a_header():
    stream = b"NBU1\x80\x00\x83header" + pickle.dumps(Path("x"), 5) + b"more" + pickle.dumps(os.getcwd, 4)
    assert {name.rpartition(".")[2] for name in names_in(stream)} >= {"PosixPath", "getcwd"}


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"not a pickle", pickle.dumps([1] * 9)[:-5], bytes(range(256))])
def test_bytes_that_are_no_pickle_import_nothing(data):
    assert list(names_in(data)) == []


def test_a_folder_that_is_taken_is_left_alone(recorded, tmp_path):
    packed = pack(recorded, recorded.with_suffix(".nbreplay")).path
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine").write_text("mine")
    with Archive(packed) as archive, pytest.raises(PackDamaged, match="is not empty"):
        unpack(archive, tmp_path / "taken")
    assert [file.name for file in (tmp_path / "taken").iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    with Archive(packed) as archive:
        unpack(archive, tmp_path / "empty")


def test_a_package_that_is_swapped_while_it_is_unpacked_leaves_nothing(recorded, tmp_path):
    packed = pack(recorded, recorded.with_suffix(".nbreplay")).path
    with Archive(packed) as archive:
        path = next(name for name in archive.manifest.files if "blobs" in name)
        data = bytearray(packed.read_bytes())
        data[data.index(LARGE[:64]) : data.index(LARGE[:64]) + 64] = bytes(64)
        packed.write_bytes(data)
        with pytest.raises(PackDamaged):
            unpack(archive, tmp_path / "away")
    assert path
    assert not (tmp_path / "away").exists()
    assert not list(tmp_path.glob(".away*"))


def test_a_store_without_runs_is_not_packed(tmp_path):
    notebook = tmp_path / "nb.ipynb"
    write_notebook(new_notebook(cells=[new_code_cell("1")]), notebook)
    Store.open(tmp_path / "nb.nbreplay").close()
    with pytest.raises(NoRecord, match="nbreplay audit"):
        pack(notebook, tmp_path / "nb.nbreplay")
    assert not (tmp_path / "nb.nbr").exists()


def test_a_pack_that_cannot_be_written_leaves_nothing(recorded, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PackDamaged, match="-o"):
        pack(recorded, recorded.with_suffix(".nbreplay"), tmp_path / "file" / "nb.nbr")


def test_the_command_says_who_made_it_and_what_it_imports_before_it_accepts(recorded, tmp_path, colleague, monkeypatch):
    monkeypatch.chdir(tmp_path)
    invoke = CliRunner().invoke
    assert invoke(group, ["pack", str(recorded), "-o", "sent.nbr"]).exit_code == 0
    colleague()
    said = invoke(group, ["check", "sent.nbr"]).output
    assert "made by" in said
    plain = invoke(group, ["unpack", "sent.nbr"])
    assert plain.exit_code == 0
    assert "--trust" in plain.output
    assert own(tmp_path / "sent" / "workflow" / "nb.nbreplay") == [False]
    trusted = invoke(group, ["unpack", "sent.nbr", "trusted", "--trust"])
    assert trusted.exit_code == 0, trusted.output
    assert trusted.output.index("made by") < trusted.output.index("system") < trusted.output.index("accepted")
    assert own(tmp_path / "trusted" / "workflow" / "nb.nbreplay")[0] is True
    again = invoke(group, ["unpack", "sent.nbr"])
    assert again.exit_code == 30
