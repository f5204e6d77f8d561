"""Records and blobs of one folder, seen from one process."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import xxhash

from nbreplay.config import Settings
from nbreplay.digest import Buffer, Digest, digest_bytes, flat, strong_digest
from nbreplay.errors import BlobDamaged, BlobMissing, StoreForeign, StoreUnwritable
from nbreplay.records import BlobRef
from nbreplay.store import frame
from nbreplay.store.blobs import BlobFolder, checked, digest_is_plain
from nbreplay.store.disk import Disk
from nbreplay.store.identity import make_store, read_identity
from nbreplay.store.index import ENTRY, Index
from nbreplay.store.journal import (
    BLOB,
    FORGET,
    RECORD,
    Journal,
    Place,
    Record,
    Visit,
    pack_keys,
    pack_record,
    unpack_keys,
)
from nbreplay.store.mac import UserKey, user_key
from nbreplay.store.reader import Journals
from nbreplay.store.verify import Problem, verify_store

logger = logging.getLogger(__name__)

BLOB_KIND = "blob"
EVERY = b""
"""Key under which all records of a kind are found."""


class Stored(NamedTuple):
    """A record as found. *own*: this user wrote it, or took it as theirs."""

    body: memoryview | bytes
    own: bool
    place: Place


class Store:
    """What one process sees of a store folder: the union of all journals, and the blobs.

    Thread-safe. Use :meth:`open`, which gives the same object for the same folder; close it as often as it was opened.

    Attributes
    ----------
    path : Path
        The folder.
    identity : str
        32 hex digits that stay with the store when it is moved or copied.
    writable : bool
        Whether anything can be kept.
    degraded : list of str
        What works less well than it should, in words for the user.
    damaged : int
        Records and blobs that were found damaged, and treated as missing.
    lost : list of (str, int, int)
        Regions of journals (name, start, stop) that hold something else than records.
    restarts : int
        How often the folder vanished and was made anew: what was kept before is gone then.
    """

    def __init__(self, path: Path, identity: str, *, writable: bool, settings: Settings, disk: Disk) -> None:
        self.path = path
        self.identity = identity
        self.writable = writable
        self.degraded: list[str] = []
        self.damaged = 0
        self.restarts = 0
        self._appended_bytes = 0
        self._settings = settings
        self._disk = disk
        self._key = user_key()
        if self._key.problem:
            self.degraded.append(self._key.problem)
        self._folder = BlobFolder(path, disk=disk, ratio=settings.compress_ratio, writable=writable)
        self._lock = threading.RLock()
        self._journal: Journal | None = None
        self._journals = Journals(path / "journals")
        self._sequence = 0
        self._seeds: dict[bytes, int] = {}
        self._pid = os.getpid()
        self._users = 1
        self._index = Index.open(self._index_dir(), self._key, self._make_durable)
        self.refresh()

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
        with _registry_lock:
            known = _registry.get((path.resolve(), read_only))
            if known:
                known._users += 1
                return known
            disk = disk or Disk()
            identity = read_identity(path)
            writable = not read_only
            problem = ""
            if identity is None:
                if read_only or not create:
                    raise StoreForeign(f"there is no store in {path}")
                identity = _make(path, disk)
            elif writable and not os.access(path / "journals", os.W_OK | os.X_OK):
                writable, problem = False, f"{path} cannot be written: nothing new is kept"
            store = cls(path, identity, writable=writable, settings=settings, disk=disk)
            if problem:
                store.degraded.append(problem)
                logger.warning("%s", problem)
            _registry[path.resolve(), read_only] = store
            return store

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Make everything durable and let go of it, once as many closed it as opened it."""
        with _registry_lock:
            self._users -= 1
            if self._users:
                return
            for name in [name for name, store in _registry.items() if store is self]:
                del _registry[name]
        if os.getpid() != self._pid:
            return
        self._index.close()
        with self._lock:
            journal, self._journal = self._journal, None
            if journal:
                journal.close()
            self._journals.close()

    def blobs(self) -> BlobFolder:
        """Return the folder of large blobs, which workers use without the rest."""
        return self._folder

    @property
    def written_bytes(self) -> int:
        """Bytes that this process has added to the folder."""
        return self._appended_bytes + self._folder.written_bytes

    def sync(self) -> None:
        """Return when everything that was put and appended would survive a loss of power."""
        self._index.write()

    # ------------------------------------------------------------ blobs

    def put(self, data: Buffer, *, digest: Digest | None = None, strong: bool = False) -> BlobRef:
        """Keep *data* under its digest: small in this process's journal, else in a file of its own.

        Raises
        ------
        StoreUnwritable
            It cannot be kept; the store is as it was.
        """
        self._check_writable()
        view = flat(data)
        if len(view) > self._settings.small_blob_bytes:
            return self._folder.put(view, digest=digest, strong=strong)
        digest = digest or digest_bytes(view)
        ref = BlobRef(digest=digest, size_bytes=len(view), strong=strong_digest(view) if strong else b"")
        name = bytes.fromhex(digest)
        if not self._index.find([self._hash(BLOB_KIND, name)]):
            self._append(BLOB, BLOB_KIND, [(frame.pack(view, digest, self._settings.compress_ratio), (name,))])
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
        digest, size_bytes, strong = (
            (ref, -1, b"") if isinstance(ref, str) else (ref.digest, ref.size_bytes, ref.strong)
        )
        if not digest_is_plain(digest):
            raise BlobMissing(digest, str(self.path))
        if size_bytes > self._settings.small_blob_bytes:  # most likely a file: its absence costs least to find out
            with contextlib.suppress(BlobMissing):
                return self._get_file(ref)
        content = self._get_journalled(digest, size_bytes, strong)
        if content is not None:
            return content
        try:
            return self._get_file(ref)
        except BlobMissing:
            self.refresh()  # another process may have kept it since
            content = self._get_journalled(digest, size_bytes, strong)
            if content is None:
                raise
            return content

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept under *digest*; its content is looked at when it is read."""
        if not digest_is_plain(digest):
            return False
        return bool(self._index.find([self._hash(BLOB_KIND, bytes.fromhex(digest))])) or self._folder.has(digest)

    def _get_file(self, ref: BlobRef | Digest) -> memoryview:
        try:
            return self._folder.get(ref)
        except BlobDamaged:
            self.damaged += 1
            raise

    def _get_journalled(self, digest: Digest, size_bytes: int, strong: bytes) -> memoryview | None:
        """Return the blob if some journal has it whole; BlobDamaged if one has it and it is not."""
        name = bytes.fromhex(digest)
        hash_ = self._hash(BLOB_KIND, name)
        reason = ""
        for entry in self._index.find([hash_]).get(hash_, ()):
            place = self._place(entry)
            record = self._journals.read(place)
            if record is None or record.form != BLOB or name not in record.keys:
                reason = "its record cannot be read"
                self._drop(place)
                continue
            try:
                return checked(record.body, digest, size_bytes, strong)
            except ValueError as e:
                reason = str(e)
                if "strong" not in reason and "names other" not in reason:
                    self._drop(place)
        if reason:
            self.damaged += 1
            logger.warning("blob %s is damaged and will be made again; see `nbreplay verify`", digest[:12])
            raise BlobDamaged(digest, str(self.path), reason)
        return None

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
            What :meth:`find` finds it by.

        Raises
        ------
        StoreUnwritable
            It was not appended.
        """
        return self._append(RECORD, kind, [(body, keys)])[0]

    def append_many(self, kind: str, items: Iterable[tuple[bytes, Iterable[bytes]]]) -> None:
        """Append a record for each (body, keys) of *items*, by one write."""
        self._append(RECORD, kind, items)

    def find(self, kind: str, key: bytes) -> list[Stored]:
        """Return the records of *kind* that have *key*, oldest first."""
        return self.find_many(kind, [key])[0]

    def find_many(self, kind: str, keys: Sequence[bytes]) -> list[list[Stored]]:
        """As :meth:`find`, for each of *keys*; what is not there costs about a microsecond."""
        if self._index.is_lost:
            self._rebuild()
        seed = self._seed(kind.encode())
        hashes = [xxhash.xxh3_128_digest(key, seed) for key in keys]
        found = self._index.find(hashes)
        if not found:
            return [[] for _ in hashes]
        return [
            self._read(kind, key, found[hash_]) if hash_ in found else []
            for key, hash_ in zip(keys, hashes, strict=True)
        ]

    def scan(self, kind: str) -> Iterator[Stored]:
        """Yield the records of *kind* from all journals, each journal's in their order."""
        for record in self._journals.records():
            if record.form == RECORD and record.kind == kind and record.place[:2] not in self._index.forgotten:
                yield self._stored(record)

    def forget(self, places: Iterable[Place]) -> None:
        """Let the records at *places* not be found any more, here and by everybody else."""
        rows = [tuple(place) for place in places]
        if rows:
            self._append(FORGET, "forget", [(msgspec.msgpack.encode(rows), ())])

    def admit(self) -> int:
        """Take every record as one's own: the user decided to trust this store. Return how many were taken."""
        self.refresh()
        strangers = [
            record
            for record in self._journals.records()
            if record.form == RECORD and record.place[:2] not in self._index.forgotten and not record.is_own(self._key)
        ]
        strangers.sort(key=lambda record: record.sequence)
        for record in strangers:
            self._append(RECORD, record.kind, [(bytes(record.body), record.keys)])
        self.forget(record.place for record in strangers)
        return len(strangers)

    def refresh(self) -> None:
        """See what other processes' journals gained: one stat each, and the new bytes."""
        if os.getpid() != self._pid:
            return
        if self._index.is_lost:
            self._rebuild()
            return
        index = self._index
        with self._lock:
            complete = self._journals.look()
            if not complete or any(self._journals.has_shrunk(*item) for item in index.positions.items()):
                self._journals.reset()
                index.clear()  # not under the index's lock: its thread takes the two the other way round
            grown = self._journals.grown(index.positions)
            own = self._journal.name if self._journal and self._journal.name in index.positions else None
            gained = False
            for name in grown:
                if name != own:
                    gained = True
                    with index.lock:
                        position = index.positions.get(name, 0)
                        index.positions[name] = self._journals.each(name, position, self._visitor(name))
        if gained:
            index.changed()

    # ------------------------------------------------------------ the whole

    def size_bytes(self) -> int:
        """Return what journals and blobs take on disk."""
        return sum(
            entry.stat().st_size
            for folder in (self._journals.folder, self._folder.blobs_dir)
            for entry in folder.rglob("*")
            if entry.is_file()
        )

    def verify(self) -> list[Problem]:
        """Read every byte and return what is wrong; an empty list if nothing is."""
        return verify_store(self.path)

    @property
    def lost(self) -> list[tuple[str, int, int]]:
        """Regions of journals that hold something else than records."""
        return list(self._journals.lost)

    # ------------------------------------------------------------ appending

    def _append(self, form: int, kind: str, items: Iterable[tuple[bytes, Iterable[bytes]]]) -> list[Place]:
        self._check_writable()
        kind_bytes = kind.encode()
        packed = [(body, tuple(keys)) for body, keys in items]
        with self._lock:
            try:
                journal = self._own_journal()
                data, places, sequences = self._pack(journal, form, kind_bytes, packed)
                journal.append(data)
                self._appended_bytes += len(data)
            except OSError as e:
                raise StoreUnwritable(f"{self.path} cannot be written: {e}") from e
            with self._index.lock:
                number = self._index.number(journal.name)
                for place, sequence, (body, keys) in zip(places, sequences, packed, strict=True):
                    entry = ENTRY.pack(sequence, number, place.offset, place.size_bytes)
                    self._visit(form, kind_bytes, keys, entry, body)
                self._index.positions[journal.name] = journal.end
        self._index.changed()
        return places

    def _pack(
        self, journal: Journal, form: int, kind: bytes, items: list[tuple[bytes, tuple[bytes, ...]]]
    ) -> tuple[bytes, list[Place], list[int]]:
        offset = journal.end
        parts, places, sequences = [], [], []
        key = None if form == BLOB else self._key
        for body, keys in items:
            self._sequence += 1
            raw = pack_record(
                form, kind, pack_keys(keys), body, sequence=self._sequence, seed=journal.seed, offset=offset, key=key
            )
            parts.append(raw)
            places.append(Place(journal.name, offset, len(raw)))
            sequences.append(self._sequence)
            offset += len(raw)
        return b"".join(parts), places, sequences

    def _own_journal(self) -> Journal:
        """Return the journal of this process, made on first use, and made anew when somebody deleted the folder."""
        if self._journal and not self._journal.is_in_place():
            self._restart()
            raise FileNotFoundError(2, "the store was deleted or moved; a new one is started", str(self.path))
        if self._journal is None:
            number = 1 + max((int(name.partition("-")[0]) for name in self._journals.names()), default=0)
            self._journal = Journal(self._journals.folder, number, bytes.fromhex(self.identity), self._disk)
        return self._journal

    def _restart(self) -> None:
        """Begin a new store in a folder that vanished."""
        journal, self._journal = self._journal, None
        if journal:
            journal.close()
        self._journals.reset()
        self._index.clear()
        self.restarts += 1
        self.identity = read_identity(self.path) or _make(self.path, self._disk)

    def _make_durable(self) -> None:
        """Blobs, then the journal; the index comes after."""
        with contextlib.suppress(OSError):
            self._folder.sync()
            journal = self._journal
            if journal:
                journal.sync()

    def _check_writable(self) -> None:
        if not self.writable:
            raise StoreUnwritable(f"{self.path} is open for reading only")
        if os.getpid() != self._pid:
            raise StoreUnwritable(f"{self.path} belongs to the process that this one was forked from")

    # ------------------------------------------------------------ the index

    def _index_dir(self) -> Path | None:
        """Return where the index belongs: None for one that goes with the process."""
        if not self.writable:
            return None
        if not self._folder.network:
            return self.path / "index"
        import platformdirs

        name = xxhash.xxh3_64_hexdigest(f"{self.identity}:{self.path}".encode())
        return platformdirs.user_cache_path("nbreplay") / "index" / name

    def _rebuild(self) -> None:
        with self._lock:
            self._journals.reset()
            self._index.clear()
            self.refresh()

    def _visitor(self, name: str) -> Visit:
        number = self._index.number(name)
        pack, visit = ENTRY.pack, self._visit

        def seen(
            form: int, kind: bytes, keys: memoryview, sequence: int, offset: int, size: int, body: memoryview
        ) -> None:
            if sequence > self._sequence:
                self._sequence = sequence
            with contextlib.suppress(ValueError):
                visit(form, kind, unpack_keys(keys), pack(sequence, number, offset, size), body)

        return seen

    def _visit(self, form: int, kind: bytes, keys: Iterable[bytes], entry: bytes, body: bytes | memoryview) -> None:
        """Put one record into the index."""
        if form == FORGET:
            with contextlib.suppress(msgspec.DecodeError):
                rows = msgspec.msgpack.decode(body, type=list[tuple[str, int, int]])
                self._index.forgotten.update((journal, offset) for journal, offset, _ in rows)
            return
        seed = self._seed(kind)
        self._index.add([xxhash.xxh3_128_digest(key, seed) for key in keys], entry)

    def _seed(self, kind: bytes) -> int:
        seed = self._seeds.get(kind)
        if seed is None:
            seed = self._seeds[kind] = xxhash.xxh3_64_intdigest(kind)
        return seed

    def _hash(self, kind: str, key: bytes) -> bytes:
        return xxhash.xxh3_128_digest(key, self._seed(kind.encode()))

    def _place(self, entry: bytes) -> Place:
        _, number, offset, size_bytes = ENTRY.unpack(entry)
        names = self._index.journals
        return Place(names[number] if number < len(names) else "", offset, size_bytes)

    def _drop(self, place: Place) -> None:
        """Do not find the record at *place* again in this process; a rebuild would find it, and drop it again."""
        self._index.forgotten.add((place.journal, place.offset))

    # ------------------------------------------------------------ reading

    def _read(self, kind: str, key: bytes, entries: list[bytes]) -> list[Stored]:
        """Return the records at *entries*; what is not what the index says it is, is left out."""
        out = []
        for entry in entries:
            place = self._place(entry)
            if (place.journal, place.offset) in self._index.forgotten:
                continue
            record = self._journals.read(place)
            if record is None:
                self.damaged += 1
                self._drop(place)
                logger.warning("a record in journal %s is damaged; see `nbreplay verify`", place.journal)
            elif record.form == RECORD and record.kind == kind and key in record.keys:
                out.append(self._stored(record))
        return out

    def _stored(self, record: Record) -> Stored:
        return Stored(record.body, record.is_own(self._key), record.place)

    # ------------------------------------------------------------ fork

    def _after_fork(self) -> None:
        """In a forked child: read from memory and files, never write, and do not keep the parent's locks alive."""
        self._lock = threading.RLock()
        self._index.abandon()
        self._journals.abandon()
        journal, self._journal = self._journal, None
        if journal:
            with contextlib.suppress(OSError):
                journal.close()


_registry: dict[tuple[Path, bool], Store] = {}
_registry_lock = threading.RLock()


def _make(path: Path, disk: Disk) -> str:
    from nbreplay import __version__

    try:
        return make_store(path, disk, f"nbreplay {__version__}")
    except OSError as e:
        raise StoreUnwritable(f"no store can be made in {path}: {e}") from e


def _forked() -> None:
    global _registry_lock
    _registry_lock = threading.RLock()
    stores, _ = list(_registry.values()), _registry.clear()
    for store in stores:
        store._after_fork()


def _at_exit() -> None:
    """Close what nobody closed, so that the next start finds a clean index."""
    for store in list(_registry.values()):
        store._users = 1
        with contextlib.suppress(Exception):  # the interpreter is ending: nobody is there to be told
            store.close()


os.register_at_fork(after_in_child=_forked)
atexit.register(_at_exit)
