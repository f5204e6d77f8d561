"""Accepting what others recorded: by package or by signer, and how that ends."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from nbreplay.digest import Digest
from nbreplay.errors import StoreUnwritable, UsageError
from nbreplay.records import CellRun, FileState, TaskRun, from_bytes, to_bytes
from nbreplay.share import signatures
from nbreplay.share.archive import Manifest
from nbreplay.share.signatures import Signed
from nbreplay.store import Store, accept_subject, accepted_subjects, withdraw_subjects

SIGNER, PACKAGE = "signer:", "package:"
NOT_KEPT = FileState(digest=Digest("0" * 32))
"""A file that is never as it was, and cannot be put back."""
SHORT = 16
"""Characters of a package's digest that name it."""


def subject_of(manifest_bytes: bytes, manifest: Manifest, signed: Signed | None) -> tuple[str, str]:
    """Return because of what a package is accepted, and what that is called: its signer if accepted, else itself."""
    if signed is not None and signed.signer:
        return SIGNER + signed.fingerprint, signed.signer
    digest = hashlib.blake2b(manifest_bytes, digest_size=32).hexdigest()
    return PACKAGE + digest, f"{manifest.notebook.rpartition('/')[2]} of {manifest.made_by}, {manifest.made_at}"


def accept_records(store: Path, subject: str, label: str) -> int:
    """Take the records of *store* as one's own for as long as *subject* is accepted; return how many were taken.

    Raises
    ------
    StoreUnwritable
        The list of what is accepted cannot be written, or the store.
    """
    try:
        key = accept_subject(subject, label)
    except OSError as e:
        raise StoreUnwritable(f"what you accept cannot be noted ({e}); check your data folder") from e
    with Store.open(store, create=False) as opened:
        return opened.admit(key, kept_inside)


def kept_inside(kind: str, body: bytes) -> bytes:
    """Return the record *body* without what it would put anywhere else than below the notebook's folder.

    Whoever accepts values does not mean files in their home folder. A file outside counts as not kept: where it is not
    as it was recorded, the cell or the task that writes it runs, and is seen to.
    """
    of: type[CellRun] | type[TaskRun] | None = {"cell": CellRun, "task": TaskRun}.get(kind)
    if of is None:
        return body
    try:
        run = from_bytes(of, body)
    except ValueError:
        return body  # nobody reads it
    outside = {path: NOT_KEPT for path in run.files_written if not _is_inside(path)}
    if not outside:
        return body
    return to_bytes(dataclasses.replace(run, files_written={**run.files_written, **outside}))


def _is_inside(path: str) -> bool:
    return path.startswith("./") and ".." not in path.split("/")


def accepted_rows() -> list[tuple[str, str, str]]:
    """Return (what, name, key or digest) of everything that is accepted."""
    rows = [("signer", signer.name, f"{signer.kind} ...{signer.key[-12:]}") for signer in signatures.accepted()]
    for subject, label in accepted_subjects().items():
        if subject.startswith(PACKAGE):
            rows.append(("package", label, subject.removeprefix(PACKAGE)[:SHORT]))
    return rows


def withdraw_accepted(name: str) -> str:
    """Accept *name*, a signer or the start of a package's digest, no more; return what that was.

    Raises
    ------
    UsageError
        Nothing of this name is accepted.
    """
    subjects = accepted_subjects()
    packages = [s for s in subjects if len(name) >= 6 and s.startswith(PACKAGE + name)]
    if packages:
        withdraw_subjects(packages)
        return ", ".join(subjects[subject] for subject in packages)
    theirs = [s for s, label in subjects.items() if s.startswith(SIGNER) and label == name]
    withdraw_subjects(theirs)
    try:
        count = signatures.withdraw(name)
    except UsageError:
        if not theirs:
            raise
        count = 0
    return f"{name}, {count} keys"
