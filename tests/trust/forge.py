"""Packages altered by somebody who knows the format: records as the sender likes them, sizes and digests right."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pickle
import struct
import tempfile
import zipfile
from pathlib import Path

import msgspec

from nbreplay.records import BufferRef, CellRun, TaskRun, ValueRef, blob_refs, from_bytes, to_bytes
from nbreplay.share.archive import Manifest
from nbreplay.share.layout import MANIFEST, SIGNATURE
from nbreplay.store import Store

TRAP = "nbreplay_trap"
"""A module that nobody has but the package: whatever asks for it did what the sender wanted."""


def trap_pickle(protocol=5):
    """A pickle that imports the trap, and calls it; made by hand, since the module is not here."""
    if protocol == 0:
        return f"c{TRAP}\nfire\n(tR.".encode()
    name = TRAP.encode()
    return b"\x80\x05\x8c" + bytes([len(name)]) + name + b"\x8c\x04fire\x93)R."


def trap_value(put, codec):
    """A value whose bytes, if anybody unpickles them, fire the trap; what *codec* says is another matter."""
    stream = trap_pickle()
    if codec == "unit":
        head = msgspec.msgpack.encode({"pieces": 0, "memories": [], "others": 0})
        stream = b"NBU1" + struct.pack("<I", len(head)) + head + stream
    elif codec == "unit in pieces":
        piece = put(stream, strong=True)
        head = msgspec.msgpack.encode({"pieces": 1, "memories": [], "others": 0})
        ref = put(b"NBU1" + struct.pack("<I", len(head)) + head, strong=True)
        held = BufferRef(digest=piece.digest, size_bytes=piece.size_bytes, base=piece)
        return ValueRef(codec="unit", stream=ref, buffers=(held,))
    return ValueRef(codec=codec, stream=put(stream, strong=True))


def forged(package, target, *, cell=lambda run, put: run, task=lambda run, put: run, files=None, manifest=None):
    """Write to *target* the package with its records changed by *cell* and *task*, and with more *files*."""
    with tempfile.TemporaryDirectory() as name, zipfile.ZipFile(package) as good:
        old, new = Path(name) / "old", Path(name) / "new"
        entries = {entry.filename: good.read(entry) for entry in good.infolist()}
        plain = json.loads(entries.pop(MANIFEST))
        entries.pop(SIGNATURE, None)
        folder = plain["notebook"].removesuffix(".ipynb") + ".nbreplay/"
        for path in [path for path in entries if path.startswith(folder)]:
            (old / path.removeprefix(folder)).parent.mkdir(parents=True, exist_ok=True)
            (old / path.removeprefix(folder)).write_bytes(entries.pop(path))
        with Store.open(old, create=False, read_only=True) as source, Store.open(new) as store:
            for record in sorted(source.records(), key=lambda record: record.sequence):
                body = bytes(record.body)
                if record.kind in ("cell", "task"):
                    run = from_bytes(CellRun if record.kind == "cell" else TaskRun, body)
                    for ref in blob_refs(run):
                        store.put(source.get(ref), digest=ref.digest)
                    body = to_bytes((cell if record.kind == "cell" else task)(run, store.put))
                store.append(record.kind, body, record.keys)
        for path in sorted(new.rglob("*")):
            if path.is_file() and path.relative_to(new).parts[0] in ("journals", "blobs", "store.json"):
                entries[folder + path.relative_to(new).as_posix()] = path.read_bytes()
        entries |= files or {}
        write_package(target, entries, {**plain, **(manifest or {})})
    return target


def write_package(target, entries, manifest):
    """Write a zip of *entries* whose manifest names them all, rightly."""
    digests = {path: (len(data), hashlib.blake2b(data, digest_size=32).hexdigest()) for path, data in entries.items()}
    made = dataclasses.replace(Manifest.from_json(manifest), files=digests)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path, data in [*entries.items(), (MANIFEST, made.as_bytes())]:
            archive.writestr(zipfile.ZipInfo(path), data)


def check_trap():
    """The trap's pickle is one: unpickled, it asks for the module."""
    try:
        pickle.loads(trap_pickle())
    except ModuleNotFoundError as e:
        return TRAP in str(e)
    return False
