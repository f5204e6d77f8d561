"""Every byte of a package and of a store, changed one after the other: it is noticed, or nothing comes of it.

The default is a sample; NBREPLAY_TEST_LONG takes every byte. Whoever alters a package puts its checksums right: that is
done here, too, so that what is noticed is noticed by digest, by signature or by code.
"""

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import zipfile

import pytest
from forge import write_package
from nbformat.v4 import new_code_cell, new_notebook

from nbreplay.errors import NbreplayError, PackDamaged, SignatureBad, StoreError
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import BufferRef, CellRun, TaskRun, Unit, ValueRef, Writes, blob_refs, from_bytes, to_bytes
from nbreplay.share import signatures
from nbreplay.share.archive import Archive
from nbreplay.share.layout import MANIFEST
from nbreplay.share.notebook import write_notebook
from nbreplay.share.pack import Order, pack
from nbreplay.store import Store

LONG = bool(os.environ.get("NBREPLAY_TEST_LONG"))
pytestmark = pytest.mark.timeout(3600 if LONG else 180)
FLIPS = (0x01,) if LONG else (0x41,)


def places(size, sample):
    """Every place, or about *sample* of them, the first and the last among them."""
    step = 1 if LONG else max(1, size // sample)
    return sorted({*range(0, size, step), size - 1})


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A small recorded notebook: a cell with a pickled value in a journal and a task with a buffer in a file."""
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))
    write_notebook(new_notebook(cells=[new_code_cell("x = 1")]), tmp_path / "nb.ipynb")
    with Store.open(tmp_path / "nb.nbreplay") as opened:
        unit = ValueRef(codec="pickle5", stream=opened.put(pickle.dumps({1, 2}), strong=True))
        run = CellRun(
            boundary="r:1", parent=None, run="r", number=1, code=cell_fingerprint("x = 1"), source="x = 1",
            outcome="ok", position=1, writes=Writes(units=(Unit(uid="r:1/0", value=unit, names=("x",)),)),
        )  # fmt: skip
        opened.append("cell", to_bytes(run), [b"cell"])
        large = opened.put(os.urandom(70_000))
        held = BufferRef(digest=large.digest, size_bytes=large.size_bytes, base=large)
        value = ValueRef(codec="plain", stream=opened.put(b"stream"), buffers=(held,))
        opened.append("task", to_bytes(TaskRun(provenance="1" * 32, result=value)), [b"task"])
    return tmp_path / "nb.nbreplay"


@pytest.fixture
def package(store, tmp_path):
    """It as a signed package: (path, entries)."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "ana"], check=True)
    pack(tmp_path / "nb.ipynb", store, tmp_path / "nb.nbr", Order(key=tmp_path / "ana"))
    with zipfile.ZipFile(tmp_path / "nb.nbr") as archive:
        return tmp_path / "nb.nbr", {name: archive.read(name) for name in archive.namelist()}


def written(path, entries):
    """Write *entries* with checksums of the archive's own that are right."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def test_a_changed_byte_of_any_file_in_a_package_is_noticed(package, tmp_path):
    _, entries = package
    for name, data in entries.items():
        if name.startswith(MANIFEST):
            continue
        for place in places(len(data), 12):
            for flip in FLIPS:
                changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
                with pytest.raises(PackDamaged, match="not what its manifest says"):
                    Archive(written(tmp_path / "bad.nbr", {**entries, name: changed}))


def test_a_changed_byte_of_the_manifest_or_its_signature_is_noticed(package, tmp_path):
    _, entries = package
    with Archive(written(tmp_path / "good.nbr", entries)) as archive:
        signatures.verify(archive.manifest_bytes, archive.signature)
    for name in (MANIFEST, f"{MANIFEST}.sig"):
        data = entries[name]
        for place in places(len(data), 40):
            for flip in FLIPS:
                changed = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
                if b"".join(changed.split()) == b"".join(data.split()) or is_same_signature(name, changed, data):
                    continue
                written(tmp_path / "bad.nbr", {**entries, name: changed})
                with pytest.raises(NbreplayError):
                    verified(tmp_path / "bad.nbr")


def verified(path):
    with Archive(path) as archive:
        return signatures.verify(archive.manifest_bytes, archive.signature)


def is_same_signature(name, changed, data):
    """Whether the armour differs, and what it holds does not."""

    def content(text):
        lines = text.decode("latin-1").splitlines()
        return [line for line in lines if line and not line.startswith("-----")]

    return name.endswith(".sig") and content(changed) == content(data)


def test_a_byte_of_the_archive_itself_is_noticed_or_changes_nothing(package, tmp_path):
    path, entries = package
    whole = path.read_bytes()
    good = {name: data for name, data in entries.items() if not name.startswith(MANIFEST)}
    for place in places(len(whole), 300):
        (tmp_path / "bad.nbr").write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        with contextlib.suppress(NbreplayError), Archive(tmp_path / "bad.nbr") as archive:
            assert archive.manifest_bytes == entries[MANIFEST]
            assert {name: archive.stream(name).read() for name in archive.manifest.files} == good
            with contextlib.suppress(SignatureBad):
                signatures.verify(archive.manifest_bytes, archive.signature or b"x")


def records_of(folder):
    """What a reader makes of a store that came from elsewhere: own records, and the bytes that they lead to."""
    shutil.rmtree(folder / "index", ignore_errors=True)
    found = set()
    with Store.open(folder, create=False) as opened:
        for kind, of in (("cell", CellRun), ("task", TaskRun)):
            for stored in opened.scan(kind):
                if stored.own:
                    refs = []
                    for ref in blob_refs(from_bytes(of, stored.body)):
                        with contextlib.suppress(StoreError):
                            refs.append(hashlib.sha256(opened.get(ref)).hexdigest())
                    found.add((kind, bytes(stored.body), *refs))
    return found


def test_a_changed_byte_of_a_journal_is_noticed(store):
    good = records_of(store)
    bodies = {record[:2] for record in good}
    contents = {digest for record in good for digest in record[2:]}
    assert len(good) == 2
    assert len(contents) == 3
    for path in sorted((store / "journals").iterdir()):
        data = path.read_bytes()
        for place in places(len(data), 100):
            for flip in FLIPS:
                path.write_bytes(data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :])
                for record in records_of(store):  # a record may be gone; none is another, and no byte is another
                    assert record[:2] in bodies, place
                    assert set(record[2:]) <= contents, place
        path.write_bytes(data)
    assert records_of(store) == good


def test_a_changed_byte_of_a_blob_is_noticed(store):
    (path,) = (path for path in (store / "blobs").rglob("*") if path.is_file())
    data = path.read_bytes()
    with Store.open(store, create=False) as opened:
        (task,) = (from_bytes(TaskRun, stored.body) for stored in opened.scan("task"))
        ref = task.result.buffers[0].base
        content = bytes(opened.get(ref))
        missed = []
        for place in places(len(data), 300):
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data[:place] + bytes([data[place] ^ FLIPS[0]]) + data[place + 1 :])
            with contextlib.suppress(StoreError):
                missed.append(place)
                assert bytes(opened.get(ref)) == content
                continue
            missed.pop()
        assert missed == []


def test_a_forged_package_needs_no_more_than_right_sizes_to_be_whole_and_stays_a_stranger_s(package, tmp_path):
    """That the checks above fail for the reason they name: altered and put right, the same files are taken as data."""
    _, entries = package
    plain = json.loads(entries[MANIFEST])
    files = {name: data for name, data in entries.items() if not name.startswith(MANIFEST)}
    files["workflow/nb.ipynb"] = files["workflow/nb.ipynb"].replace(b"x = 1", b"x = 2")
    write_package(tmp_path / "forged.nbr", files, plain)
    with Archive(tmp_path / "forged.nbr") as archive:
        assert archive.signature == b""
