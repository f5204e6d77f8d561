"""Large buffers, one file each, named by their digest: what a worker needs, without journal, index or key.

``blobs/ab/abcd...`` holds one frame (:mod:`nbreplay.store.frame`). Files are written once: a temporary file in the same
folder, fsync, rename. What turns out damaged is moved to ``quarantine/``, so that the next write heals it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import mmap
import os
import stat
import threading
import time
from pathlib import Path

from nbreplay.digest import Buffer, Digest, digest_bytes, flat, strong_digest
from nbreplay.errors import BlobDamaged, BlobMissing, StoreUnwritable
from nbreplay.records import BlobRef
from nbreplay.store import frame
from nbreplay.store.disk import Disk, read_all, temporary_name
from nbreplay.store.failpoints import reach
from nbreplay.store.filesystem import is_network
from nbreplay.store.source import Source, Whole

logger = logging.getLogger(__name__)

MAPPED_BYTES = 256 * 1024
"""Raw content from this size on is mapped; reading less is cheaper than a map."""
FULL = "full"
"""File beside the folders that says, while it is there, why no results are to be kept."""
RETRY_S = 0.05
"""On a network file system a blob that is not there is looked for once more: names arrive late."""
FRESH_S = 1800.0
"""A blob that is asked to be kept again, or promised to somebody, is touched if it is older: prune's grace time, which
is longer, starts anew."""


def digest_is_plain(digest: str) -> bool:
    """Return whether *digest* is 32 lower-case hex digits: others, from hostile records, could name paths."""
    return len(digest) == 32 and not digest.strip("0123456789abcdef")


class BlobFolder:
    """Write-once files, addressed by content.

    Parameters
    ----------
    store_dir : Path
        Folder of the store; it is not created.
    disk : Disk
        What writes.
    ratio : float
        Compression has to shrink a sample by more than this factor to be used.
    writable : bool
        Whether a damaged blob may be moved away.
    """

    def __init__(self, store_dir: Path, *, disk: Disk | None = None, ratio: float = 1.5, writable: bool = True) -> None:
        self.store_dir = Path(store_dir)
        self.blobs_dir = self.store_dir / "blobs"
        self.quarantine_dir = self.store_dir / "quarantine"
        self.network = is_network(self.store_dir)
        self.writable = writable
        self.written_bytes = 0
        """Bytes that this process has added; concurrent writers may miss one another's."""
        self._disk = disk or Disk()
        self._ratio = ratio
        self._unsynced: set[Path] = set()
        self._unsynced_lock = threading.Lock()

    def __reduce__(self) -> tuple[type[BlobFolder], tuple[Path]]:
        return BlobFolder, (self.store_dir,)

    def path(self, digest: str) -> Path:
        """Return where the blob *digest* is, or would be."""
        return self.blobs_dir / digest[:2] / digest

    def has(self, digest: Digest) -> bool:
        """Return whether a blob is kept under *digest*; its content is looked at when it is read."""
        return digest_is_plain(digest) and self.path(digest).is_file()

    def promise(self, digest: Digest) -> bool:
        """Return whether a blob is there, and keep it from being pruned for a while: somebody is going to read it."""
        try:
            state = self.path(digest).stat()
        except OSError:
            return False
        if self.writable and abs(time.time() - state.st_mtime) > FRESH_S:
            with contextlib.suppress(OSError):
                os.utime(self.path(digest))
        return True

    def put(self, data: Buffer | Source, *, digest: Digest | None = None, strong: bool = False) -> BlobRef:
        """Keep *data*; keeping it twice costs one look at the file.

        Parameters
        ----------
        data : bytes-like or Source
            Anything contiguous, or what gives it piece by piece; then its digest has to be given.
        digest : Digest, optional
            The digest of *data*, if it is known.
        strong : bool
            Also name it by blake2b-256: what is going to be unpickled needs that.

        Raises
        ------
        StoreUnwritable
            The disk is full, the folder is not there, or not ours to write.
        """
        if not isinstance(data, Buffer) and isinstance(data, Source):  # the quick look first
            if digest is None or strong:
                raise ValueError("what comes in pieces is named by a digest that is known")
            source = data
            ref = BlobRef(digest=digest, size_bytes=len(source))
        else:
            source = Whole(flat(data))
            digest = digest or digest_bytes(data)
            ref = BlobRef(digest=digest, size_bytes=len(source), strong=strong_digest(data) if strong else b"")
        path = self.path(digest)
        try:
            if not self._is_kept(path, len(source)):
                self._write(path, source, digest)
        except OSError as e:
            raise StoreUnwritable(f"{self.store_dir} cannot be written: {e}") from e
        return ref

    def get(self, ref: BlobRef | Digest) -> memoryview:
        """Return the content of a blob, checked and writable; writing to it does not change the blob.

        Raises
        ------
        BlobMissing
            Nothing is kept under this digest.
        BlobDamaged
            The file is not what its name says; it was moved to quarantine.
        """
        digest, size_bytes, strong = (
            (ref, -1, b"") if isinstance(ref, str) else (ref.digest, ref.size_bytes, ref.strong)
        )
        if not digest_is_plain(digest):
            raise BlobMissing(digest, str(self.store_dir))
        path = self.path(digest)
        fd = self._open(path, digest)
        try:
            content = checked(self._stored(fd), digest, size_bytes, strong)
        except ValueError as e:
            self._quarantine(path, digest)
            raise BlobDamaged(digest, str(self.store_dir), str(e)) from e
        except OSError as e:
            raise BlobDamaged(digest, str(self.store_dir), f"cannot be read: {e}") from e
        finally:
            os.close(fd)
        return content

    def full(self) -> str:
        """Return why nothing more is to be kept here, as whoever keeps the records has said; "" if that is not so."""
        try:
            return (self.store_dir / FULL).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def say_full(self, reason: str) -> None:
        """Tell all who keep blobs here, in whatever process, that there is no room ("": there is again)."""
        with contextlib.suppress(OSError):
            if reason:
                self._disk.write_whole(self.store_dir / FULL, reason.encode(), durable=False)
            else:
                self._disk.remove(self.store_dir / FULL)

    def sync(self) -> None:
        """Make the names of what was put durable; its content already is."""
        with self._unsynced_lock:
            folders, self._unsynced = self._unsynced, set()
        for folder in folders:
            with contextlib.suppress(FileNotFoundError):
                self._disk.sync_folder(folder)

    # ------------------------------------------------------------ writing

    def _is_kept(self, path: Path, size_bytes: int) -> bool:
        try:
            state = path.stat()
        except FileNotFoundError:
            return False
        if state.st_size != frame.HEADER_BYTES + size_bytes:  # compressed, or cut off
            with path.open("rb") as file:
                try:
                    header = frame.unpack_header(file.read(frame.HEADER_BYTES))
                except ValueError:
                    return False
            if (header.size_bytes, header.stored_bytes + frame.HEADER_BYTES) != (size_bytes, state.st_size):
                return False
        if abs(time.time() - state.st_mtime) > FRESH_S:
            with contextlib.suppress(OSError):
                os.utime(path)
        return True

    def _write(self, path: Path, source: Source, digest: Digest) -> None:
        temporary = path.with_name(temporary_name())
        try:
            fd = self._create(temporary)
            try:
                reach("blob.created")
                self._fill(fd, source, digest)
                reach("blob.written")
                self._disk.sync(fd)
            finally:
                os.close(fd)
            reach("blob.synced")
            self._disk.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        reach("blob.renamed")
        with self._unsynced_lock:
            self._unsynced.add(path.parent)

    def _create(self, temporary: Path) -> int:
        try:
            return self._disk.create(temporary)
        except FileNotFoundError:
            # Only inside a store: on a host that does not see the shared folder nothing must grow in its place.
            if not (self.store_dir / "store.json").exists():
                raise FileNotFoundError(errno.ENOENT, "there is no store here", str(self.store_dir)) from None
            self._disk.make_folder(self.blobs_dir)
            self._disk.make_folder(temporary.parent)
            return self._disk.create(temporary)

    def _fill(self, fd: int, source: Source, digest: Digest) -> None:
        """Write the frame; its header comes last, so that a half-written file is not a frame."""
        size, stored_bytes = len(source), 0
        codec = frame.ZSTD if frame.pays(size, source.sample, self._ratio) else frame.RAW
        for part in frame.compressed(size, source.pieces()) if codec == frame.ZSTD else source.pieces():
            self._disk.write(fd, part, frame.HEADER_BYTES + stored_bytes)
            stored_bytes += len(part)
        self._disk.write(fd, frame.pack_header(frame.Header(codec, size, stored_bytes, digest)), 0)
        self.written_bytes += frame.HEADER_BYTES + stored_bytes

    # ------------------------------------------------------------ reading

    def _open(self, path: Path, digest: Digest) -> int:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        for attempt in range(2 if self.network else 1):
            if attempt:
                time.sleep(RETRY_S)
                with contextlib.suppress(OSError):
                    os.listdir(path.parent)  # makes NFS ask its server again
            try:
                return os.open(path, flags)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as e:
                raise BlobDamaged(digest, str(self.store_dir), f"cannot be opened: {e}") from e
        raise BlobMissing(digest, str(self.store_dir))

    def _stored(self, fd: int) -> memoryview:
        """Return the bytes of a file: a private map if nobody else can change it under us, else a copy."""
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("not a file")
        private = state.st_uid == os.geteuid() and not state.st_mode & 0o022 and not self.network
        if private and state.st_size >= MAPPED_BYTES:
            return memoryview(mmap.mmap(fd, state.st_size, access=mmap.ACCESS_COPY))
        return read_all(fd, 0, state.st_size)

    def _quarantine(self, path: Path, digest: Digest) -> None:
        logger.warning("blob %s is damaged and will be made again; see `nbreplay verify`", digest[:12])
        if not self.writable:
            return
        with contextlib.suppress(OSError):
            self._disk.make_folder(self.quarantine_dir)
            self._disk.rename(path, self.quarantine_dir / f"{digest}.{os.urandom(4).hex()}")


def checked(stored: memoryview, digest: str, size_bytes: int = -1, strong: bytes = b"") -> memoryview:
    """Return the plain content of the frame *stored* if it is what it should be.

    Raises
    ------
    ValueError
        It is not; the message says in what.
    """
    header = frame.unpack_header(stored)
    if header.digest != digest or size_bytes not in (-1, header.size_bytes):
        raise ValueError("its header names other content")
    content = frame.plain(header, stored[frame.HEADER_BYTES :])
    if digest_bytes(content) != digest:
        raise ValueError("its content has another digest")
    if strong and strong_digest(content) != strong:
        raise ValueError("its content has another strong digest")
    return content
