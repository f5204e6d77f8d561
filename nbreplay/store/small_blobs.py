"""Blobs that are too small for a file of their own: kept in journals, beside the records."""

from __future__ import annotations

import logging
from pathlib import Path

from nbreplay.digest import Digest, strong_digest
from nbreplay.errors import BlobDamaged
from nbreplay.records import BlobRef
from nbreplay.store import frame
from nbreplay.store.appender import Appender
from nbreplay.store.blobs import checked
from nbreplay.store.catalogue import BLOB_KIND, Catalogue
from nbreplay.store.record import BLOB

logger = logging.getLogger(__name__)


class SmallBlobs:
    """Blobs in journals: read from all, put into the one that this process writes.

    Parameters
    ----------
    path : Path
        The store's folder, for messages.
    ratio : float
        A blob is compressed if that leaves at most this share of it.
    """

    def __init__(self, path: Path, catalogue: Catalogue, appender: Appender, ratio: float) -> None:
        self._path = path
        self._catalogue = catalogue
        self._appender = appender
        self._ratio = ratio

    def put(self, view: memoryview, digest: Digest) -> None:
        """Append the blob, unless it is there."""
        with self._appender.lock:  # two threads with equal content: the second finds the first one's
            if not self.has(digest):
                body = frame.pack(view, digest, self._ratio)
                self._appender.append(BLOB, BLOB_KIND, [(body, (bytes.fromhex(digest),))])

    def get(self, wanted: BlobRef) -> memoryview | None:
        """Return the blob if some journal has it whole, None if no journal has it.

        Raises
        ------
        BlobDamaged
            Only damaged ones are there; they are not found any more.
        """
        reason = ""
        for place, record in self._catalogue.blob_records(bytes.fromhex(wanted.digest)):
            try:
                if record is None:
                    raise ValueError("its record cannot be read")
                if wanted.size_bytes not in (-1, frame.unpack_header(record.body).size_bytes):
                    reason = "other content has its digest"  # and nothing is made room for
                    continue
                content = checked(record.body, wanted.digest)
            except ValueError as e:
                reason = str(e)
                self._catalogue.drop(place)
                continue
            if wanted.strong not in (b"", strong_digest(content)):
                reason = "other content has its digest"
                continue
            return memoryview(bytearray(content)) if content.readonly else content
        if not reason:
            return None
        logger.warning("blob %s is damaged and will be made again; see `nbreplay verify`", wanted.digest[:12])
        raise BlobDamaged(wanted.digest, str(self._path), reason)

    def has(self, digest: Digest) -> bool:
        """Return whether some journal has the blob, damaged or not."""
        name = bytes.fromhex(digest)
        catalogue = self._catalogue
        return catalogue.has(BLOB_KIND, name) and any(record for _, record in catalogue.blob_records(name))
