"""Bytes on disk: blobs and journals are the truth, the index is disposable. Knows bytes, never notebooks.

::

    store.py        what one process sees of a folder: put, get, append, find
    blobs.py        large buffers, a file each; all that a worker needs        small_blobs.py  in journals
    journal.py      append-only files        record.py  what is in them        scan.py  reading on over damage
    reader.py       all journals, for reading        appender.py  the one that this process writes
    catalogue.py    what all journals together hold        prune.py  giving room back
    index.py        hash of a key to places        entries.py  as bytes        environment.py  in LMDB
    mark.py         deleted unread in any doubt        source.py  content, whole or in pieces
    frame.py        self-describing bytes: header, raw or compressed
    identity.py     store.json        mac.py  the user's key        verify.py  every byte
    disk.py         all writes        failpoints.py  named places at which tests break things

Order of writing: blob, then journal, then index. The append of a record is the commit.
"""

from nbreplay.store.blobs import BlobFolder
from nbreplay.store.catalogue import Stored
from nbreplay.store.identity import read_identity
from nbreplay.store.mac import accept_subject, accepted_subjects, withdraw_subjects
from nbreplay.store.prune import Pruned
from nbreplay.store.record import Place
from nbreplay.store.store import Store
from nbreplay.store.verify import Problem

__all__ = [
    "BlobFolder",
    "Place",
    "Problem",
    "Pruned",
    "Store",
    "Stored",
    "accept_subject",
    "accepted_subjects",
    "read_identity",
    "withdraw_subjects",
]
