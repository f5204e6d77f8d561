"""Journals: records come back, damage is stepped over, a torn tail is left alone."""

import os

import pytest

from nbreplay.store.disk import Disk
from nbreplay.store.journal import FILE_BYTES, Journal
from nbreplay.store.mac import UserKey
from nbreplay.store.record import RECORD, pack_keys, pack_record, unpack_keys
from nbreplay.store.scan import Scan

KEY = UserKey(b"k" * 32)


class Written:
    """A journal with records, and where each starts."""

    def __init__(self, folder, bodies):
        self.journal = Journal(folder, 1, b"i" * 16, Disk())
        self.starts = []
        for number, body in enumerate(bodies):
            self.starts.append(self.journal.end)
            self.append(number, body)
        self.bodies = bodies
        self.path = self.journal.path

    def append(self, number, body):
        where = {"seed": self.journal.seed, "offset": self.journal.end}
        keys = pack_keys([b"key%d" % number, b""])
        self.journal.append(pack_record(RECORD, b"cell", keys, body, sequence=number, key=KEY, **where))

    def scan(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            scan = Scan(fd, self.journal.name)
            records = list(scan.records())
            visited = []
            other = Scan(fd, self.journal.name)
            other.each(lambda form, kind, keys, sequence, offset, size, body: visited.append(bytes(body)))
        finally:
            os.close(fd)
        assert visited == [bytes(record.body) for record in records]
        assert (other.position, other.lost) == (scan.position, scan.lost)
        return records, scan


@pytest.fixture
def written(tmp_path):
    made = Written(tmp_path, [b"one", b"two" * 100, b"", b"four" * 1000])
    yield made
    made.journal.close()


def test_records_come_back_in_order(written):
    records, scan = written.scan()
    assert [bytes(record.body) for record in records] == written.bodies
    assert [record.sequence for record in records] == [0, 1, 2, 3]
    assert records[1].keys == (b"key1", b"")
    assert all(record.is_own(KEY) for record in records)
    assert not scan.lost
    assert scan.position == written.path.stat().st_size


def test_a_strangers_record_is_not_own(written):
    assert not written.scan()[0][0].is_own(UserKey(b"x" * 32))


def test_every_cut_leaves_the_records_before_it(written):
    size = written.path.stat().st_size
    ends = [*written.starts[1:], size]
    for length in range(size, FILE_BYTES - 1, -1):
        os.truncate(written.path, length)
        records, scan = written.scan()
        assert len(records) == sum(end <= length for end in ends)
        assert not scan.lost


def test_every_flipped_byte_costs_one_record_and_is_reported(written):
    whole = written.path.read_bytes()
    ends = [*written.starts[1:], len(whole)]
    for position in [*range(FILE_BYTES, FILE_BYTES + 800), *range(FILE_BYTES + 800, len(whole), 97)]:
        broken = bytearray(whole)
        broken[position] ^= 0x80
        written.path.write_bytes(broken)
        hit = sum(end <= position for end in ends)
        records, scan = written.scan()
        assert [bytes(r.body) for r in records] == [b for n, b in enumerate(written.bodies) if n != hit]
        if hit < 3:  # damage in the last record cannot be told from one that is being written
            assert scan.lost == [(written.starts[hit], ends[hit])]


def test_garbage_in_the_middle_is_stepped_over(written):
    whole = written.path.read_bytes()
    start, stop = written.starts[1], written.starts[3]
    written.path.write_bytes(whole[:start] + os.urandom(stop - start) + whole[stop:])
    records, scan = written.scan()
    assert [bytes(r.body) for r in records] == [b"one", b"four" * 1000]
    assert scan.lost == [(start, stop)]


def test_a_journal_kept_as_a_value_is_not_taken_for_records(tmp_path):
    inner = Written(tmp_path, [b"inner"])
    outer = Written(tmp_path, [b"first", inner.path.read_bytes(), b"last"])
    broken = bytearray(outer.path.read_bytes())
    broken[outer.starts[1] + 20] ^= 1
    outer.path.write_bytes(broken)
    assert [bytes(r.body) for r in outer.scan()[0]] == [b"first", b"last"]


def test_a_record_longer_than_a_window_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("nbreplay.store.scan.WINDOW_BYTES", 256)
    bodies = [b"a", os.urandom(5000), b"b" * 300, b"c"]
    written = Written(tmp_path, bodies)
    assert [bytes(r.body) for r in written.scan()[0]] == bodies


def test_garbage_longer_than_a_window_is_stepped_over(tmp_path, monkeypatch):
    monkeypatch.setattr("nbreplay.store.scan.WINDOW_BYTES", 256)
    written = Written(tmp_path, [b"a", os.urandom(5000), b"b"])
    broken = bytearray(written.path.read_bytes())
    broken[written.starts[1] : written.starts[1] + 64] = os.urandom(64)
    written.path.write_bytes(broken)
    assert [bytes(r.body) for r in written.scan()[0]] == [b"a", b"b"]


def test_a_damaged_file_header_does_not_cost_the_records(written):
    broken = bytearray(written.path.read_bytes())
    broken[:FILE_BYTES] = os.urandom(FILE_BYTES)
    written.path.write_bytes(broken)
    assert [bytes(r.body) for r in written.scan()[0]] == written.bodies


@pytest.mark.parametrize("keys", [(), (b"",), (b"a", b"", b"c" * 70)])
def test_keys_come_back(keys):
    assert unpack_keys(memoryview(pack_keys(keys))) == keys


def test_keys_that_are_cut_off_are_refused():
    with pytest.raises(ValueError, match="cut off"):
        unpack_keys(memoryview(pack_keys([b"abc"])[:-1]))
