"""Stores that were altered by somebody who knows the format: nothing of it is loaded, and nothing hangs."""

import os
import pickle
import shutil
import struct
from pathlib import Path

import pytest

from nbreplay.digest import Fingerprint, digest_bytes
from nbreplay.errors import NbreplayError, StoreError, StoreForeign
from nbreplay.records import BlobRef, CellRun, TaskRun, Unit, ValueRef, Writes, from_bytes, to_bytes
from nbreplay.replay.reader import open_store
from nbreplay.serialize import codecs
from nbreplay.serialize.gate import Trust
from nbreplay.store import Store, frame
from nbreplay.store.journal import FILE_BYTES, new_name, pack_file_header
from nbreplay.store.mac import user_key
from nbreplay.store.record import HEADER_BYTES, RECORD, is_own, pack_keys, pack_record, parse_record, seed_of
from nbreplay.tasks import load

KEY = b"C" + bytes(16)


class Trap:
    """Leaves a mark where it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (Path(self.mark),)


@pytest.fixture(autouse=True)
def own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))


@pytest.fixture
def mark(tmp_path):
    return tmp_path / "loaded"


def cell(value, number=1):
    unit = Unit(uid=f"r:{number}/0", value=value, names=("x",))
    return CellRun(
        boundary=f"r:{number}", parent=None, run="r", number=number, code=Fingerprint("0" * 32), source="x",
        outcome="ok", position=number, writes=Writes(units=(unit,)),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A store with a cell and a task of one's own; the task's value is in a file, pickled."""
    with Store.open(tmp_path / "nb.nbreplay") as store:
        value = codecs.write(codecs.Dumped("pickle5", pickle.dumps({1, "x" * 200_000})), store.put)
        store.append("cell", to_bytes(cell(value)), [KEY])
        store.append("task", to_bytes(TaskRun(provenance=Fingerprint("1" * 32), result=value)), [b"task"])
    return tmp_path / "nb.nbreplay"


def found(folder, kind="cell"):
    """(own, body) of each record of *kind*; the index is made anew, as for a store that came from elsewhere."""
    shutil.rmtree(folder / "index", ignore_errors=True)
    with Store.open(folder) as store:
        return [(stored.own, bytes(stored.body)) for stored in store.scan(kind)]


def forged(folder, *records):
    """Write a journal of *records* (kind, body, sequence, code), each with a checksum that is right."""
    name = new_name(7)
    data = bytearray(pack_file_header(bytes(16)))
    for kind, body, sequence, code in records:
        signer = type("Signer", (), {"code": staticmethod(lambda *parts, code=code: code)})()
        data += pack_record(
            RECORD, kind, pack_keys([KEY]), body, sequence=sequence, seed=seed_of(name), offset=len(data), key=signer
        )
    (folder / "journals" / f"{name}.nbj").write_bytes(data)


def first_record(folder, kind):
    """The first record of *kind* as it is on disk, and its journal."""
    with Store.open(folder, read_only=True) as store:
        place = next(store.scan(kind)).place
    raw = (folder / "journals" / f"{place.journal}.nbj").read_bytes()[place.offset : place.offset + place.size_bytes]
    return parse_record(memoryview(raw), place.journal, seed_of(place.journal), place.offset)


def test_a_code_counts_only_for_the_kind_keys_sequence_and_body_that_it_was_made_for(folder):
    record = first_record(folder, "task")
    code, body, sequence = bytes(record.raw[32:64]), bytes(record.body), record.sequence
    forged(
        folder,
        (b"cell", body, sequence, code),  # another kind
        (b"task", body, sequence + 1, code),  # another order
        (b"task", body + b" ", sequence, code),  # another body
        (b"task", body, sequence, code),  # another key
        (b"task", body, sequence, bytes(32)),  # none
    )
    assert [own for own, _ in found(folder, "cell")] == [True, False]
    assert [own for own, _ in found(folder, "task")] == [True, False, False, False, False]


def test_kind_and_keys_cannot_be_shifted_into_each_other(folder):
    record = first_record(folder, "cell")
    raw = bytearray(record.raw)
    (kind_bytes,) = struct.unpack_from("<H", raw, 6)
    struct.pack_into("<H", raw, 6, kind_bytes - 1)
    assert not is_own(bytes(raw), user_key())
    assert raw[HEADER_BYTES : HEADER_BYTES + 4] == b"cell"


def test_a_forged_record_is_a_stranger_s_even_beside_one_s_own(folder, mark):
    stream = pickle.dumps(Trap(mark))
    with Store.open(folder) as store:
        ref = store.put(stream, strong=True)
    forged(folder, (b"cell", to_bytes(cell(ValueRef(codec="pickle5", stream=ref), 2)), 99, bytes(32)))
    assert [own for own, _ in found(folder)] == [True, False]
    with open_store(folder) as reader:
        assert not reader.lineage.trusted("r:2")
    assert not mark.exists()


@pytest.mark.parametrize(
    "body", [b"\xdf\xff\xff\xff\xff", b"\x91" * 100_000, b"\xc6\xff\xff\xff\xff", b"\x81\xa1x\x81" * 50]
)
def test_a_body_that_announces_more_than_there_is_is_left_out(folder, body):
    forged(folder, (b"cell", body, 99, bytes(32)))
    with open_store(folder) as reader:
        assert [run.number for run in reader.runs()] == [1]


def test_lengths_beyond_the_file_hide_nothing_and_take_no_memory(folder):
    journal = next((folder / "journals").iterdir())
    data = bytearray(journal.read_bytes())
    struct.pack_into("<II", data, FILE_BYTES + 24, 0xFFFFFFFF, 0xFFFFFFFF)
    journal.write_bytes(data)
    assert [own for own, _ in found(folder, "task")] == [True]


def replaced(folder, ref, content, *, name=None):
    """Put *content* where the blob of *ref* is, in a frame that is right but for the digest, or even says that one."""
    path = folder / "blobs" / ref.digest[:2] / ref.digest
    path.write_bytes(frame.pack(content, name or digest_bytes(content), 1.5))


@pytest.mark.parametrize("lying", [False, True])
def test_a_replaced_blob_is_not_unpickled_by_workers_nor_by_the_kernel(folder, mark, lying):
    ((_, body),) = found(folder, "task")
    value = from_bytes(TaskRun, body).result
    trap = pickle.dumps([Trap(mark), "x" * (value.stream.size_bytes - 200)])
    replaced(folder, value.stream, trap, name=value.stream.digest if lying else None)
    with pytest.raises(StoreError):
        load.load_value(value, {}, str(folder))
    replaced(folder, value.stream, trap, name=value.stream.digest if lying else None)
    with Store.open(folder) as store, pytest.raises(StoreError):
        codecs.load(value, store.get, trust=Trust.OWN)
    assert not mark.exists()


def test_content_with_the_same_weak_digest_is_refused_for_its_strong_one(folder, mark, monkeypatch):
    """As if somebody had found other content with an equal xxh3: here both ask a digest that knows no difference."""
    ((_, body),) = found(folder, "task")
    value = from_bytes(TaskRun, body).result
    trap = pickle.dumps(Trap(mark)).ljust(value.stream.size_bytes, b".")
    replaced(folder, value.stream, trap, name=value.stream.digest)
    monkeypatch.setattr("nbreplay.store.blobs.digest_bytes", lambda content: value.stream.digest)
    with pytest.raises(StoreError, match="strong"):
        load.load_value(value, {}, str(folder))
    assert not mark.exists()


def test_a_pickle_without_a_strong_digest_is_not_loaded_even_from_an_own_record(folder, mark):
    stream = pickle.dumps(Trap(mark))
    with Store.open(folder) as store:
        value = ValueRef(codec="pickle5", stream=store.put(stream))
        with pytest.raises(StoreError):
            codecs.load(value, store.get, trust=Trust.OWN)
    assert not mark.exists()


@pytest.mark.parametrize("digest", ["../../../../etc/passwd", "/etc/passwd", "", "a" * 31 + "/", "A" * 32])
def test_a_digest_is_no_path(folder, digest):
    with Store.open(folder) as store:
        for get in (store.get, store.blobs().get):
            with pytest.raises(StoreError):
                get(BlobRef(digest=digest, size_bytes=-1))


def test_a_blob_that_is_a_link_a_folder_or_a_pipe_is_no_blob(folder, tmp_path):
    ((_, body),) = found(folder, "task")
    ref = from_bytes(TaskRun, body).result.stream
    path = folder / "blobs" / ref.digest[:2] / ref.digest
    (tmp_path / "secret").write_text("mine")
    for make in (lambda: path.symlink_to(tmp_path / "secret"), path.mkdir, lambda: os.mkfifo(path)):
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        make()
        with Store.open(folder) as store, pytest.raises(StoreError):
            store.get(ref)
    assert (tmp_path / "secret").read_text() == "mine"


def test_an_index_that_is_a_link_does_not_lead_to_the_deletion_of_another(folder, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.mdb").write_text("somebody's environment")
    shutil.rmtree(folder / "index")
    (folder / "index").symlink_to(tmp_path / "other")
    with pytest.raises(StoreForeign, match="is a link"):
        Store.open(folder)
    assert (tmp_path / "other" / "data.mdb").read_text() == "somebody's environment"
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["data.mdb"]


def test_an_index_that_came_with_the_store_is_not_opened(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "somebody-else.key"))
    assert (folder / "index" / "clean").exists()
    (folder / "index" / "data.mdb").write_bytes(b"\xde\xad" * 50_000)  # would kill the process, or worse
    with Store.open(folder) as store:
        assert [stored.own for stored in store.scan("cell")] == [False]


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"[" * 100_000, b'{"format": 1, "id": "../x"}', b'{"format": "x", "id": "00"}']
)
def test_a_description_that_is_none_is_an_error_of_ours_or_made_anew(folder, content):
    (folder / "store.json").write_bytes(content)
    try:
        with Store.open(folder) as store:
            assert len(list(store.scan("cell"))) == 1
    except NbreplayError:
        pass
