"""Records and blobs of one folder, seen from one process."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec

from nbreplay.config import Settings
from nbreplay.digest import Buffer, Digest, digest_bytes, flat, strong_digest
from nbreplay.errors import BlobDamaged, BlobMissing, StoreForeign, StoreUnwritable
from nbreplay.records import BlobRef
from nbreplay.store.appender import Appender
from nbreplay.store.blobs import BlobFolder, digest_is_plain
from nbreplay.store.catalogue import Catalogue, Stored
from nbreplay.store.disk import Disk
from nbreplay.store.holders import Holder
from nbreplay.store.identity import make_store, read_identity
from nbreplay.store.index import Index
from nbreplay.store.mac import UserKey, user_key
from nbreplay.store.mark import index_folder
from nbreplay.store.prune import GRACE_S, Pruned, prune_store, remove_file
from nbreplay.store.reader import Journals
from nbreplay.store.record import FORGET, RECORD, Place, Record
from nbreplay.store.registry import Registry
from nbreplay.store.small_blobs import SmallBlobs
from nbreplay.store.source import Source
from nbreplay.store.verify import Problem, verify_store

logger = logging.getLogger(__name__)

_registry = Registry()


class Store:
    """What one process sees of a store folder: the union of all journals, and the blobs.

    Thread-safe. Use :meth:`open`, which gives the same object for the same folder; close it as often as it was opened.

    Attributes
    ----------
    path : Path
        The folder.
    writable : bool
        Whether anything can be kept.
    degraded : list of str
        What works less well than it should, in words for the user.
    restarts : int
        How often the folder vanished and was made anew: what was kept before is gone then.
    """

    def __init__(self, path: Path, identity: str, *, writable: bool, settings: Settings, disk: Disk) -> None:
        self.path = path
        self.writable = writable
        self.restarts = 0
        key = user_key()
        self.degraded: list[str] = [key.problem] if key.problem else []
        self._settings = settings
        self._disk = disk
        self._pid = os.getpid()
        self._holder = Holder(path) if writable else None
        self._folder = BlobFolder(path, disk=disk, ratio=settings.compress_ratio, writable=writable)
        self._damaged_files = 0
        index = Index.open(
            index_folder(path, identity, self._folder.network) if writable else None, key, self._make_durable
        )
        self._catalogue = Catalogue(Journals(path / "journals"), index, key)
        self._appender = Appender(path, identity, self._catalogue, key, disk, self._remake)
        self._small = SmallBlobs(path, self._catalogue, self._appender, settings.compress_ratio)
        self._catalogue.refresh()

    # ------------------------------------------------------------ opening and closing

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        read_only: bool = False,
        settings: Settings = Settings(),  # noqa: B008 - frozen
        disk: Disk | None = None,
    ) -> Store:
        """Open the store in the folder *path*.

        Parameters
        ----------
        path : Path
            The folder.
        create : bool
            Make a store if there is none.
        read_only : bool
            Write nothing into it. A folder that cannot be written is opened like that by itself, and says so.
        settings : Settings
            Those of the first who opens it count.
        disk : Disk, optional
            What writes; for tests.

        Raises
        ------
        StoreForeign
            The folder is not a store, or there is none.
        StoreNewer
            A newer nbreplay made it.
        StoreUnwritable
            There is none, and none can be made.
        """
        path = Path(path).absolute()

        def make() -> Store:
            return cls._open(path, create=create, read_only=read_only, settings=settings, disk=disk or Disk())

        return cast(Store, _registry.open((path.resolve(), read_only), make))

    @classmethod
    def _open(cls, path: Path, *, create: bool, read_only: bool, settings: Settings, disk: Disk) -> Store:
        identity = read_identity(path)
        if identity is None:
            if read_only or not create:
                raise StoreForeign(f"there is no store in {path}")
            identity = make_store(path, disk)
        writable = not read_only and os.access(path / "journals", os.W_OK | os.X_OK)
        store = cls(path, identity, writable=writable, settings=settings, disk=disk)
        if not writable and not read_only:
            store.degraded.append(f"{path} cannot be written: nothing new is kept")
            logger.warning("%s", store.degraded[-1])
        return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Make everything durable and let go of it, once as many closed it as opened it."""
        _registry.close(self)

    def _end(self) -> None:
        if os.getpid() == self._pid:
            self._catalogue.close()
            self._appender.close()
            if self._holder is not None:
                self._holder.close()

    def _after_fork(self) -> None:
        """In a forked child: read from memory and files, never write, and do not keep the parent's locks alive."""
        self._catalogue.abandon()
        self._appender.abandon()
        if self._holder is not None:
            self._holder.close()

    def blobs(self) -> BlobFolder:
        """Return the folder of large blobs, which workers use without the rest."""
        return self._folder

    @property
    def written_bytes(self) -> int:
        """Bytes that this process has added to the folder."""
        return self._appender.written_bytes + self._folder.written_bytes

    def sync(self) -> None:
        """Return when everything that was put and appended would survive a loss of power."""
        self._catalogue.index.write()

    # ------------------------------------------------------------ blobs

    def put(self, data: Buffer | Source, *, digest: Digest | None = None, strong: bool = False) -> BlobRef:
        """Keep *data* under its digest: small in this process's journal, else in a file of its own.

        Parameters
        ----------
        data : bytes-like or Source
            Anything contiguous, or what gives it piece by piece.
        digest : Digest, optional
            The digest of *data*, if it is known.
        strong : bool
            Also name it by blake2b-256: what is going to be unpickled needs that.

        Raises
        ------
        StoreUnwritable
            It cannot be kept; the store is as it was.
        """
        self._check_writable()
        if not isinstance(data, Buffer) and isinstance(data, Source):  # the quick look first
            if len(data) > self._settings.small_blob_bytes:
                return self._folder.put(data, digest=digest, strong=strong)
            data = b"".join(data.pieces())
        view = flat(data)
        if len(view) > self._settings.small_blob_bytes:
            return self._folder.put(view, digest=digest, strong=strong)
        digest = digest or digest_bytes(view)
        ref = BlobRef(digest=digest, size_bytes=len(view), strong=strong_digest(view) if strong else b"")
        self._small.put(view, digest)
        return ref

    def get(self, ref: BlobRef | Digest) -> memoryview:
        """Return the content of a blob, checked and writable (which does not change what is kept).

        Raises
        ------
        BlobMissing
            Nothing is kept under this digest.
        BlobDamaged
            It is not what its name says; it is not found any more, so that the next `put` heals it.
        """
        wanted = BlobRef(digest=ref, size_bytes=-1) if isinstance(ref, str) else ref
        if not digest_is_plain(wanted.digest):
            raise BlobMissing(wanted.digest, str(self.path))
        if wanted.size_bytes > self._settings.small_blob_bytes:  # a file, unless another setting wrote it
            with contextlib.suppress(BlobMissing):
                return self._get_file(ref)
        content = self._small.get(wanted)
        if content is not None:
            return content
        try:
            return self._get_file(ref)
        except BlobMissing:
            self.refresh()  # another process may have kept it since
            content = self._small.get(wanted)
            if content is None:
                raise
            return content

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept under *digest*; its content is looked at when it is read."""
        return digest_is_plain(digest) and (self._small.has(digest) or self._folder.has(digest))

    def _get_file(self, ref: BlobRef | Digest) -> memoryview:
        try:
            return self._folder.get(ref)
        except BlobDamaged:
            self._damaged_files += 1
            raise

    # ------------------------------------------------------------ records

    def append(self, kind: str, body: bytes, keys: Iterable[bytes] = ()) -> Place:
        """Append a record: the commit. What was put before is on disk before it, and no kill loses it afterwards.

        Parameters
        ----------
        kind : str
            What it is, ``"cell"`` or ``"task"`` for instance.
        body : bytes
            Its content.
        keys : iterable of bytes
            What :meth:`find` finds it by; not empty ones.

        Raises
        ------
        StoreUnwritable
            It was not appended.
        """
        self._check_writable()
        return self._appender.append(RECORD, kind, [(body, keys)])[0]

    def append_many(self, kind: str, items: Iterable[tuple[bytes, Iterable[bytes]]]) -> None:
        """Append a record for each (body, keys) of *items*, by one write."""
        self._check_writable()
        self._appender.append(RECORD, kind, items)

    def find(self, kind: str, key: bytes) -> list[Stored]:
        """Return the records of *kind* that have *key*, oldest first."""
        return self._catalogue.find_many(kind, [key])[0]

    def find_many(self, kind: str, keys: Sequence[bytes]) -> list[list[Stored]]:
        """As :meth:`find`, for each of *keys*; what is not there costs about a microsecond."""
        return self._catalogue.find_many(kind, keys)

    def scan(self, kind: str) -> Iterator[Stored]:
        """Yield all records of *kind*, journal by journal, each one's in their order."""
        return self._catalogue.scan(kind)

    def records(self) -> Iterator[Record]:
        """Yield all records of all kinds with their keys, from the journals themselves: to copy a store, or a part."""
        return self._catalogue.records()

    def forget(self, places: Iterable[Place]) -> None:
        """Let the records at *places* not be found any more, here and by everybody else."""
        self._check_writable()
        rows = [tuple(place) for place in places]
        if rows:
            self._appender.append(FORGET, "forget", [(msgspec.msgpack.encode(rows), ())])

    def admit(self, key: UserKey | None = None, change: Callable[[str, bytes], bytes] = lambda _, body: body) -> int:
        """Take every record as one's own: the user decided to trust this store. Return how many were taken.

        With *key*, derived for whoever made them, they are one's own for as long as that is accepted. What is taken is
        what *change* makes of each kind and body.
        """
        self._check_writable()
        self.refresh()
        strangers = [record for record in self._catalogue.records() if not self._catalogue.is_own(record)]
        strangers.sort(key=lambda record: record.sequence)
        for kind, records in itertools.groupby(strangers, key=lambda record: record.kind):
            self._appender.append(
                RECORD, kind, [(change(kind, bytes(record.body)), record.keys) for record in records], key
            )
        self.forget(record.place for record in strangers)
        return len(strangers)

    def refresh(self) -> None:
        """See what other processes' journals gained: one stat each, and the new bytes."""
        self._catalogue.refresh(own=self._appender.name)

    # ------------------------------------------------------------ the whole

    @property
    def identity(self) -> str:
        """32 hex digits that stay with the store when it is moved or copied."""
        return self._appender.identity

    @property
    def damaged(self) -> int:
        """Records and blobs that were found damaged, and treated as missing."""
        return self._catalogue.damaged + self._damaged_files

    @property
    def lost(self) -> list[tuple[str, int, int]]:
        """Regions of journals (name, start, stop) that hold something else than records."""
        return sorted(self._catalogue.journals.lost)

    def size_bytes(self) -> int:
        """Return what journals and blobs take on disk."""
        return sum(
            entry.lstat().st_size
            for folder in (self.path / "journals", self.path / "blobs")
            for entry in folder.rglob("*")
            if entry.is_file()
        )

    def verify(self) -> list[Problem]:
        """Read every byte and return what is wrong; an empty list if nothing is."""
        return verify_store(self.path)

    def alone(self) -> contextlib.AbstractContextManager[bool]:
        """Return a context whose value says that no other process can write to the store while it lasts."""
        return self._holder.alone() if self._holder is not None else contextlib.nullcontext(False)

    def prune(self, keep: Collection[str], *, grace_s: float = GRACE_S) -> Pruned:
        """Remove every blob that is not in *keep*, what was forgotten, and leftovers of writes that were cut off.

        Parameters
        ----------
        keep : collection of str
            Digests of all blobs that some record needs.
        grace_s : float
            Files younger than this stay: a process may be about to append the record that needs them.

        Raises
        ------
        StoreUnwritable
            It could not be done, or not all of it; nothing that is needed is gone.
        """
        self._check_writable()
        self.refresh()
        with self._appender.lock:
            self._appender.close()
            try:
                return prune_store(
                    self.path,
                    self._catalogue,
                    keep,
                    self._disk,
                    grace_s,
                    identity=self.identity,
                    network=self._folder.network,
                )
            except OSError as e:
                raise StoreUnwritable(f"{self.path} cannot be pruned: {e}") from e
            finally:
                self._catalogue.rebuild()

    def remove_blobs(self, digests: Iterable[str], *, grace_s: float = GRACE_S) -> int:
        """Remove the files of large blobs that no record needs any more; return the bytes. Younger ones stay."""
        self._check_writable()
        paths = (self._folder.path(digest) for digest in digests if digest_is_plain(digest))
        return sum(max(0, remove_file(path, self._disk, grace_s)) for path in paths)

    # ------------------------------------------------------------ parts

    def _make_durable(self) -> None:
        """Blobs, then the journal: called before the index is written, on its thread."""
        try:
            self._folder.sync()
            self._appender.sync()
        except OSError as e:
            logger.warning("%s may not survive a loss of power: %s", self.path, e)

    def _check_writable(self) -> None:
        if not self.writable:
            raise StoreUnwritable(f"{self.path} is open for reading only")
        if os.getpid() != self._pid:
            raise StoreUnwritable(f"{self.path} belongs to the process that this one was forked from")

    def _remake(self) -> str:
        self.restarts += 1
        identity = read_identity(self.path) or make_store(self.path, self._disk)
        if self._holder is not None:
            self._holder.close()
        self._holder = Holder(self.path)
        return identity
