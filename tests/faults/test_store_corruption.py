"""Flip, cut, blank or swap regions of every file: a miss or a message, never a wrong value, never another exception."""

import os
import random
import shutil

import pytest
from store_workload import Seen, read_all, workload

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store, closed properly, and the key it was written with."""
    home = tmp_path_factory.mktemp("sound")
    before = os.environ.get("NBREPLAY_KEY_FILE")
    os.environ["NBREPLAY_KEY_FILE"] = str(home / "key")
    workload(home / "nb", Seen())
    if before is None:
        del os.environ["NBREPLAY_KEY_FILE"]
    else:
        os.environ["NBREPLAY_KEY_FILE"] = before
    return home


def flip(path, start, stop):
    data = bytearray(path.read_bytes())
    for position in range(start, stop, max(1, (stop - start) // 7)):
        data[position] ^= 0x55
    path.write_bytes(data)


def blank(path, start, stop):
    data = bytearray(path.read_bytes())
    data[start:stop] = bytes(stop - start)
    path.write_bytes(data)


def cut(path, start, stop):
    os.truncate(path, start)


def cut_out(path, start, stop):
    data = path.read_bytes()
    path.write_bytes(data[:start] + data[stop:])


def double(path, start, stop):
    data = path.read_bytes()
    path.write_bytes(data[:stop] + data[start:])


def noise(path, start, stop):
    data = bytearray(path.read_bytes())
    data[start:stop] = random.Random(start).randbytes(stop - start)
    path.write_bytes(data)


def regions(size, *, finely):
    """Headers finely, if asked, and the whole in quarters."""
    fine = [(start, min(start + 8, size)) for start in range(0, min(size, 160), 8)] if finely else []
    step = size // 4 + 1
    return fine + [(start, min(start + step, size)) for start in range(0, size, step)]


@pytest.mark.parametrize("damage", [flip, blank, cut, cut_out, double, noise])
@pytest.mark.parametrize("part", ["journals", "blobs", "index", "store.json"])
def test_damage_is_noticed(sound, tmp_path, monkeypatch, part, damage):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(sound / "key"))
    files = [
        path for path in (sound / "nb").rglob("*") if path.is_file() and path.relative_to(sound / "nb").parts[0] == part
    ]
    assert files
    for number, file in enumerate(files):
        size = file.stat().st_size
        for start, stop in regions(size, finely=damage is flip and part != "index"):
            copy = tmp_path / f"{number}-{start}-{stop}"
            shutil.copytree(sound / "nb", copy)
            damage(copy / file.relative_to(sound / "nb"), start, stop)
            read_all(copy)
            shutil.rmtree(copy)


def test_any_file_may_be_gone_or_empty(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(sound / "key"))
    files = [path.relative_to(sound / "nb") for path in (sound / "nb").rglob("*") if path.is_file()]
    for name in files:
        for how in ("gone", "empty"):
            copy = tmp_path / "copy"
            shutil.copytree(sound / "nb", copy)
            (copy / name).unlink() if how == "gone" else os.truncate(copy / name, 0)
            read_all(copy)
            shutil.rmtree(copy)


def test_files_that_change_places_are_noticed(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("NBREPLAY_KEY_FILE", str(sound / "key"))
    files = [path.relative_to(sound / "nb") for path in (sound / "nb").rglob("*") if path.is_file()]
    for one in files:
        for two in files:
            if one < two:
                copy = tmp_path / "copy"
                shutil.copytree(sound / "nb", copy)
                (copy / one).rename(copy / "aside")
                (copy / two).rename(copy / one)
                (copy / "aside").rename(copy / two)
                read_all(copy)
                shutil.rmtree(copy)
