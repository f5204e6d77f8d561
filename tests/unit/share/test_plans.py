"""What a check says that a repeat will do, told from records alone."""

import pytest

from nbreplay.digest import Digest
from nbreplay.fingerprint import cell_fingerprint
from nbreplay.records import CellRun, Hole, NameState, Reads, Unit, ValueRef, Writes, to_bytes
from nbreplay.replay.match import PYTHON
from nbreplay.replay.reader import open_store
from nbreplay.replay.start import FileCell
from nbreplay.share.check import strange_addresses
from nbreplay.share.plan import plan
from nbreplay.store import Store

DIGEST = Digest("1" * 32)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A store; call it with (source, names read, names written, names that are not kept) of each cell."""
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(tmp_path / "key"))

    def record(*cells, python=PYTHON, loop=False):
        with Store.open(tmp_path / "nb.nbreplay") as store:
            ref = store.put(b"x", strong=True)
            for number, (source, reads, writes, lost) in enumerate(cells, 1):
                unit = Unit(uid=f"r:{number}/0", value=ValueRef(codec="unit", stream=ref), names=tuple(writes))
                hole = Hole(type_name="generator", reason="a generator cannot be kept", touched_by=(f"r:{number}",))
                names = {name: NameState(unit=unit.uid, digest=DIGEST, type_name="int") for name in writes}
                names |= {n: NameState(unit=None, digest=DIGEST, type_name="generator", hole=hole) for n in lost}
                before = number - 1 or (len(cells) if loop else 0)
                run = CellRun(
                    boundary=f"r:{number}", parent=f"r:{before}" if before else None, run="r", number=number,
                    code=cell_fingerprint(source), source=source, outcome="ok", position=number,
                    run_s=float(number), python=python,
                    reads=Reads(names=dict.fromkeys(reads, DIGEST)), writes=Writes(names=names, units=(unit,)),
                )  # fmt: skip
                store.append("cell", to_bytes(run), [b"C" + bytes.fromhex(run.code)])
        return [FileCell(number, None, source) for number, (source, *_) in enumerate(cells, 1)]

    return record


def planned(tmp_path, cells):
    with open_store(tmp_path / "nb.nbreplay") as reader:
        return plan(reader, cells, tmp_path)


def test_a_cell_that_reads_what_could_not_be_kept_runs(recorded, tmp_path):
    cells = recorded(
        ("g = (n for n in range(3))", (), (), ("g",)), ("x = 1", (), ("x",), ()), ("y = next(g)", ("g",), ("y",), ()),
        ("z = y + x", ("x", "y"), ("z",), ()), ("print(x)", ("x",), (), ()),
    )  # fmt: skip
    found = planned(tmp_path, cells)
    assert [cell.fate for cell in found.cells] == ["restored", "restored", "runs", "may run", "restored"]
    assert found.cells[2].reason == "it reads g, which is not kept: a generator cannot be kept"
    assert (found.seconds, found.seconds_at_most) == (3 + 1, 3 + 4 + 1)  # cell 1 is run once more, out of sight


def test_a_name_that_is_bound_anew_is_no_hole_any_more(recorded, tmp_path):
    cells = recorded(("g = (n for n in ())", (), (), ("g",)), ("g = 1", (), ("g",), ()), ("print(g)", ("g",), (), ()))
    assert [cell.fate for cell in planned(tmp_path, cells).cells] == ["restored"] * 3


def test_what_another_python_recorded_is_said_to_be_that(recorded, tmp_path):
    cells = recorded(("x = 1", (), ("x",), ()), python="2.7")
    (cell,) = planned(tmp_path, cells).cells
    assert (cell.fate, cell.reason) == ("runs", f"recorded with Python 2.7, here is {PYTHON}")


@pytest.mark.timeout(30)
def test_records_that_lead_round_in_a_circle_hang_nobody(recorded, tmp_path):
    cells = recorded(("x = 1", (), ("x",), ()), ("print(x)", ("x",), (), ()), loop=True)
    with open_store(tmp_path / "nb.nbreplay") as reader:
        assert not reader.lineage.trusted("r:1")
        with pytest.raises(LookupError):
            reader.lineage.chain("r:2")
    planned(tmp_path, cells)


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("Client('tcp://10.1.2.3:8786')", "tcp://10.1.2.3:8786"), ("c = Client(address='head:8786')", "head:8786"),
        ("from dask.distributed import Client as C\nC('tls://x:1')", "tls://x:1"),
        ("ADDRESS = 'ucx://10.0.0.1:1'", "ucx://10.0.0.1:1"), ("client.connect('10.0.0.1:99')", "10.0.0.1:99"),
    ],
)  # fmt: skip
def test_an_address_in_a_stranger_s_cell_is_pointed_out(source, address):
    (finding,) = strange_addresses([FileCell(1, None, "x = 1"), FileCell(2, None, source)])
    assert (finding.where, finding.found) == ("cell 2", address)


@pytest.mark.parametrize(
    "source", ["Client(LocalCluster())", "Client(n_workers=2)", "x = '12:30'", "y = 'a:b'", "1 +", ""]
)
def test_what_is_no_address_is_not(source):
    assert list(strange_addresses([FileCell(1, None, source)])) == []
