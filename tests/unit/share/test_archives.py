"""Packages made to do harm, one test for each way; and what must hold of every refusal."""

import hashlib
import json
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from nbreplay.errors import PackDamaged, StoreNewer
from nbreplay.share.archive import Archive, Limits
from nbreplay.share.layout import MANIFEST, allowed

pytestmark = pytest.mark.trust

NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
STORE = "workflow/nb.nbreplay"
GOOD = {
    "workflow/nb.ipynb": NOTEBOOK,
    "workflow/nb.nbreplay/store.json": b"{}",
    "workflow/nb.nbreplay/journals/a1.nbj": b"journal",
    "workflow/nb.nbreplay/blobs/ab/" + "ab" * 16: b"blob",
}
DIGEST = "cd" * 16
DEFAULT = Limits()


def manifest_of(there, **changes):
    return {
        "format": 1, "made_by": "ana", "made_with": "nbreplay 0.1.0", "python": "3.11.7",
        "made_at": "2026-01-01T00:00:00+00:00", "notebook": "workflow/nb.ipynb", "platform": "Linux",
        "packages": {"numpy": "2.0"}, "left_out": [], "first": 1,
        "files": [
            {"path": path, "size": len(data), "blake2b": hashlib.blake2b(data, digest_size=32).hexdigest()}
            for path, data in there.items()
        ],
        **changes,
    }  # fmt: skip


def bundle(path, files=GOOD, *, manifest=None, extra=(), modes=None, compression=zipfile.ZIP_STORED):
    """A zip with these files, a manifest that fits them unless another is given, and more entries behind."""
    with zipfile.ZipFile(path, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # duplicates are the point of one test
        for name, data in [*files.items(), *extra]:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = compression
            entry.external_attr = (modes or {}).get(name, stat.S_IFREG | 0o600) << 16
            archive.writestr(entry, data)
        if manifest is not False:
            archive.writestr(
                MANIFEST, json.dumps(manifest_of({**files, **dict(extra)}) if manifest is None else manifest)
            )
    return path


def refused(path, match, limits=DEFAULT):
    """The refusal's message, after a look that nothing else appeared beside the file."""
    before = sorted(Path(path).parent.rglob("*"))
    with pytest.raises(PackDamaged, match=match) as caught:
        Archive(path, limits)
    assert sorted(Path(path).parent.rglob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_good_archive_is_accepted_and_read_back(tmp_path):
    with Archive(bundle(tmp_path / "good.nbr")) as archive:
        assert archive.manifest.made_by == "ana"
        assert {path: archive.stream(path).read() for path in archive.manifest.files} == GOOD


@pytest.mark.parametrize(
    "name",
    [
        "/etc/cron.d/job", "../outside", "workflow/../../outside", "workflow/nb.nbreplay/blobs/../../../outside",
        "C:/windows/system.ini", "workflow\\..\\..\\outside", "workflow/nb.nbreplay/journals/..", "./nb2.ipynb",
        "evil.py",
        "jupyter_config.py", "workflow/nb.nbreplay/index/data.mdb", "workflow/jupyter_server_config.py",
        "workflow/nb.nbreplay/blobs/ab/short", "workflow/nb.nbreplay/blobs/AB/" + DIGEST, "workflow/sitecustomize.py",
        "workflow/nb.nbreplay/quarantine/x", "workflow/sub/dir/nb.ipynb", "conftest.py", "workflow/json.py",
        "workflow/nb.nbreplay/journals/a\x00b", "workflow/nb.nbreplay/store.json/more", "workflow/.ipynb",
        "workflow/a\nb.ipynb", "workflow/.ssh/authorized_keys", "workflow/numpy/__init__.py", "workflow/a/../b.csv",
        "workflow//x.csv", "workflow/x.csv/", "workflow/evil.pth", "workflow/ipython_config.py", "workflow/x. /y.csv",
        "software/evil.sh", "binder/postBuild", "binder/start", "data/x.csv", "compute/other.yml",
        "workflow/IPython.py", "workflow/msgspec.py", "workflow/yaml/__init__.py", "workflow/tornado.so",
        "workflow/lmdb.PY",
        "workflow/ipython_kernel_config.json", "workflow/jupyter_server_config.json", "workflow/sub/x.pth",
        "workflow/matplotlibrc", "workflow/SiteCustomize.py", "workflow/click.cpython-311-x86_64-linux-gnu.so",
    ],
)  # fmt: skip
def test_a_name_of_another_form_is_refused(tmp_path, name):
    refused(
        bundle(tmp_path / "bad.nbr", extra=[(name, b"x")]), "not allowed|no archive|twice|not in both|more than one"
    )
    assert not allowed(name)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("link", stat.S_IFLNK), ("device", stat.S_IFCHR), ("pipe", stat.S_IFIFO), ("folder", stat.S_IFDIR)],
)
def test_what_is_no_plain_file_is_refused(tmp_path, kind, mode):
    path = bundle(tmp_path / f"{kind}.nbr", modes={"workflow/nb.nbreplay/store.json": mode | 0o777})
    refused(path, "no plain file")


def test_the_same_name_twice_is_refused(tmp_path):
    refused(bundle(tmp_path / "twice.nbr", extra=[("workflow/nb.nbreplay/store.json", b"other")]), "twice")


def test_names_that_differ_only_in_case_are_refused(tmp_path):
    extra = [("workflow/nb.nbreplay/journals/A1.nbj", b"journal")]
    refused(bundle(tmp_path / "case.nbr", extra=extra), "twice")


def test_names_that_differ_only_in_unicode_form_are_refused(tmp_path):
    files = {**GOOD, "workflow/caf\u00e9.ipynb": NOTEBOOK, "workflow/cafe\u0301.ipynb": NOTEBOOK}
    refused(bundle(tmp_path / "form.nbr", files), "not allowed|twice")


def test_a_second_notebook_is_refused(tmp_path):
    refused(bundle(tmp_path / "two.nbr", {**GOOD, "workflow/other.ipynb": NOTEBOOK}), "more than one notebook")


def test_a_file_in_a_folder_that_is_a_file_is_refused(tmp_path):
    files = {**GOOD, "workflow/in": b"x", "workflow/in/data.csv": b"x"}
    refused(bundle(tmp_path / "clash.nbr", files), "folder that is a file")


def test_the_store_of_another_notebook_is_refused(tmp_path):
    files = {**GOOD, "workflow/other.nbreplay/store.json": b"{}"}
    refused(bundle(tmp_path / "foreign.nbr", files), "no store of its notebook")


def test_compressed_entries_are_refused(tmp_path):
    files = {**GOOD, "workflow/nb.nbreplay/blobs/cd/" + DIGEST: bytes(1 << 20)}
    refused(bundle(tmp_path / "bomb.nbr", files, compression=zipfile.ZIP_DEFLATED), "compressed|larger than itself")


def test_entries_that_share_bytes_are_refused(tmp_path):
    path = bundle(
        tmp_path / "overlap.nbr", {**GOOD, **{f"{STORE}/blobs/{n:02x}/{n:032x}": b"x" * 5000 for n in range(9)}}
    )
    with zipfile.ZipFile(path) as archive:
        offsets = [entry.header_offset for entry in archive.infolist()]
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\x05\x06")
    at = int.from_bytes(data[central + 16 : central + 20], "little")
    number = 0
    while data[at : at + 4] == b"PK\x01\x02":
        if number > 5:
            data[at + 42 : at + 46] = offsets[5].to_bytes(4, "little")
        at += 46 + sum(int.from_bytes(data[at + k : at + k + 2], "little") for k in (28, 30, 32))
        number += 1
    path.write_bytes(data)
    refused(path, "cannot be unpacked")


def test_modules_and_data_of_the_notebook_s_own_are_allowed():
    for name in ("workflow/helper.py", "workflow/my_tools/__init__.py", "workflow/tests/test_x.py",
                 "workflow/numpy.csv", "workflow/config.json", "workflow/data/click.parquet"):  # fmt: skip
        assert allowed(name), name


def test_bytes_before_and_behind_the_archive_bring_nothing_in(tmp_path):
    whole = bundle(tmp_path / "whole.nbr").read_bytes()
    other = bundle(tmp_path / "other.nbr", {"workflow/nb.ipynb": b"{}"}).read_bytes()
    for name, data in (("before", other + whole), ("behind", whole + other), ("script", b"#!/bin/sh\nevil\n" + whole)):
        (tmp_path / f"{name}.nbr").write_bytes(data)
        try:
            with Archive(tmp_path / f"{name}.nbr") as archive:
                held = {path: archive.stream(path).read() for path in archive.manifest.files}
                assert held in (GOOD, {"workflow/nb.ipynb": b"{}"})
        except PackDamaged:
            continue


def test_a_local_name_that_differs_from_the_listed_one_is_refused(tmp_path):
    path = bundle(tmp_path / "two-names.nbr")
    data = path.read_bytes()
    at = data.index(b"workflow/nb.nbreplay/journals/a1.nbj")
    path.write_bytes(data[:at] + b"workflow/../../../../../../evil.sh.." + data[at + 36 :])
    refused(path, "cannot be unpacked")


def test_too_many_files_are_refused(tmp_path):
    refused(bundle(tmp_path / "many.nbr"), "more than 3", Limits(files=3))


def test_too_many_bytes_are_refused(tmp_path):
    refused(bundle(tmp_path / "large.nbr"), "more than 10", Limits(total_bytes=10))


def test_a_file_that_the_manifest_does_not_name_is_refused(tmp_path):
    path = bundle(tmp_path / "more.nbr", extra=[(f"{STORE}/journals/b2.nbj", b"x")], manifest=manifest_of(GOOD))
    refused(path, "not in both")


def test_a_file_that_only_the_manifest_names_is_refused(tmp_path):
    manifest = manifest_of({**GOOD, "workflow/nb.nbreplay/journals/b2.nbj": b"x"})
    refused(bundle(tmp_path / "less.nbr", manifest=manifest), "not in both")


def test_content_that_the_manifest_does_not_know_is_refused(tmp_path):
    manifest = manifest_of({**GOOD, "workflow/nb.nbreplay/journals/a1.nbj": b"another"})
    refused(bundle(tmp_path / "other.nbr", manifest=manifest), "not what its manifest says")


@pytest.mark.parametrize(
    "manifest",
    [
        False, [], 1, {"format": "x"}, manifest_of(GOOD, notebook="../nb.ipynb"),
        manifest_of(GOOD, notebook="workflow/x.ipynb"),
        manifest_of(GOOD, files=[{"path": "workflow/nb.ipynb"}]), manifest_of(GOOD, packages=[1]),
        manifest_of(GOOD, left_out=[1]), manifest_of(GOOD, first="x"), manifest_of(GOOD, files=7),
        manifest_of(GOOD, format=None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_refused(tmp_path, manifest):
    refused(bundle(tmp_path / "odd.nbr", manifest=manifest), "manifest|not in both")


def test_a_package_of_a_later_version_says_so(tmp_path):
    with pytest.raises(StoreNewer, match="upgrade"):
        Archive(bundle(tmp_path / "new.nbr", manifest=manifest_of(GOOD, format=99)))


def test_every_truncation_is_refused(tmp_path):
    whole = bundle(tmp_path / "whole.nbr").read_bytes()
    for size in range(0, len(whole), 7):
        path = tmp_path / "cut.nbr"
        path.write_bytes(whole[:size])
        refused(path, "cannot be unpacked")


def test_a_flipped_byte_is_refused_or_changes_nothing(tmp_path):
    whole = bundle(tmp_path / "whole.nbr").read_bytes()
    path = tmp_path / "flipped.nbr"
    for place in range(0, len(whole), 3):
        data = bytearray(whole)
        data[place] ^= 0x41
        path.write_bytes(data)
        try:
            with Archive(path) as archive:
                # Times, versions and the author's name are claims that nothing checks; files never are.
                assert {name: archive.stream(name).read() for name in archive.manifest.files} == GOOD
        except (PackDamaged, StoreNewer):
            continue


def test_a_missing_file_and_a_file_of_another_kind_are_refused(tmp_path):
    refused(tmp_path / "nowhere.nbr", "cannot be read")
    (tmp_path / "text.nbr").write_text("hello")
    refused(tmp_path / "text.nbr", "no archive")
    (tmp_path / "empty.nbr").write_bytes(b"")
    refused(tmp_path / "empty.nbr", "no archive")
