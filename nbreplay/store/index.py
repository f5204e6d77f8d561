"""Hash of a key to places of records: local, disposable, rebuilt from the journals whenever in doubt.

Layout of ``index/``: ``owner`` is locked (flock) by the one process that uses the folder; ``data.mdb`` is an LMDB
environment; ``clean`` says that it was closed properly, with which size and digest, under the user's code. LMDB maps
its file: opened when cut off it kills the process (SIGBUS), opened when hostile it may do worse. So without that mark,
or if anything differs from it, the file is deleted unread. The mark is taken away while the environment is open.

Entries are (16 bytes of hash) to many of (sequence, journal number, offset, length), big-endian, so that LMDB keeps
them in the order of their sequence. What was added and is not written yet is in memory, and found there.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nbreplay.store.entries import Overlay, batches, split
from nbreplay.store.environment import VERSIONS, Environment, Failed
from nbreplay.store.failpoints import reach
from nbreplay.store.mac import UserKey
from nbreplay.store.mark import Mark

logger = logging.getLogger(__name__)

VERSION = 1
BATCH_S = 0.3
"""What is added is collected for this long before it is written."""

_PARENTS: list[Environment] = []
"""Environments of the process that this one was forked from: kept, so that nothing closes them here."""


class Index:
    """The places of records, by hash; thread-safe.

    Attributes
    ----------
    journals : list of str
        Names of journals by number.
    positions : dict of str to int
        How far each journal was read: everything before is in the index.
    forgotten : set of (str, int)
        Journal and offset of records that are not to be found any more.
    sequence : int
        The largest sequence of a record that was seen: the next one's is larger.
    is_lost : bool
        What was written cannot be read any more: the owner clears the index, which goes on in memory, and refills it.
    """

    def __init__(self, env: Environment | None, mark: Mark | None, before_write: Callable[[], None]) -> None:
        self.journals: list[str] = []
        self.numbers: dict[str, int] = {}
        self.positions: dict[str, int] = {}
        self.forgotten: set[tuple[str, int]] = set()
        self.lock = threading.RLock()
        self.sequence = 0
        self.is_lost = False
        self._env = env
        self._mark = mark
        self._before_write = before_write
        self._pid = os.getpid()
        self._fresh: Overlay = {}
        self._writing: Overlay = {}
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        if env is not None:
            self._load_facts(env.facts())

    @classmethod
    def open(cls, folder: Path | None, key: UserKey, before_write: Callable[[], None]) -> Index:
        """Open the index in *folder*; a private one if *folder* is None or another process has it."""
        mark = Mark.take(folder, key, (VERSION, *VERSIONS)) if folder else None
        if mark is None:
            return cls(Environment.private(), None, before_write)
        env = None
        try:
            env = Environment.open(mark.folder)
            return cls(env, mark, before_write)
        except Failed as e:
            logger.info("the index in %s is made again: %s", mark.folder, e)
            if env is not None:
                env.close()
            mark.clear()
            return cls(Environment.open(mark.folder), mark, before_write)

    # ------------------------------------------------------------ looking up

    def find(self, hashes: Sequence[bytes]) -> dict[bytes, list[bytes]]:
        """Return the packed entries of those *hashes* that have any, in the order of their sequence."""
        found: dict[bytes, list[bytes]] = {}
        fresh, writing = self._fresh, self._writing  # before LMDB: a batch that is written meanwhile is found twice
        if fresh or writing:
            with self.lock:
                fresh, writing = self._fresh, self._writing
                for overlay in (fresh, writing):
                    if overlay:
                        for hash_ in hashes:
                            if hash_ in overlay:
                                found.setdefault(hash_, []).extend(split(overlay[hash_]))
        for hash_, entry in self._find_written(hashes):
            found.setdefault(hash_, []).append(entry)
        for hash_, entries in found.items():
            if len(entries) > 1:
                found[hash_] = sorted(set(entries))
        return found

    def _find_written(self, hashes: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
        if self._env is None or os.getpid() != self._pid:  # LMDB does not survive a fork
            return ()
        with self._read_lock:
            if self._env is None:
                return ()
            try:
                return self._env.find(hashes)
            except Failed as e:
                self._give_up(e)
                return ()

    # ------------------------------------------------------------ adding

    def number(self, journal: str) -> int:
        """Return the number of *journal*, given on first use."""
        number = self.numbers.get(journal)
        if number is None:
            with self.lock:
                number = self.numbers.setdefault(journal, len(self.journals))
                if number == len(self.journals):
                    self.journals.append(journal)
        return number

    def add(self, hashes: Iterable[bytes], entry: bytes) -> None:
        """Add *entry* under each of *hashes*; the caller holds :attr:`lock` and then moves the position on."""
        fresh = self._fresh
        for hash_ in hashes:
            if hash_ not in fresh:
                fresh[hash_] = entry
            else:
                known = fresh[hash_]
                if type(known) is bytes:
                    known = fresh[hash_] = bytearray(known)
                known += entry

    @property
    def fresh(self) -> Overlay:
        """What was added and is not being written yet; for as long as the caller holds :attr:`lock`."""
        return self._fresh

    def changed(self) -> None:
        """Say that there is something to write; starts the thread that writes."""
        if self._env is None or self._wake.is_set():
            return
        if self._thread is None and os.getpid() == self._pid and not self._stop.is_set():
            with self.lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="nbreplay-index", daemon=True)
                    self._thread.start()
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(BATCH_S)
            self._wake.clear()
            try:
                self.write()
            except Exception:  # a thread of ours: it must not end in silence, and the store works without it
                logger.warning("the index cannot be written", exc_info=True)

    def write(self) -> None:
        """Write what was added. Order: journals are made durable before, by *before_write*."""
        with self._write_lock:
            self._before_write()
            if self._env is None:
                return
            with self.lock:
                if not self._writing:  # else a batch that failed is tried again, with what came since
                    self._writing, self._fresh = self._fresh, {}
                facts = None if self._fresh else self._pack_facts()
            reach("index.before")
            try:
                self._env.add(batches(self._writing), facts)
            except (Failed, OSError) as e:
                self._give_up(e)
                return
            reach("index.written")
            with self.lock:
                self._writing = {}

    def _give_up(self, error: Exception) -> None:
        """Stop using the environment: full map, full disk, damaged page."""
        logger.warning("the index is not used any more: %s", error)
        self.is_lost = True

    # ------------------------------------------------------------ facts

    def _pack_facts(self) -> bytes:
        facts = {
            "version": VERSION,
            "sequence": self.sequence,
            "journals": [[name, self.positions.get(name, 0)] for name in self.journals],
            "forgotten": sorted(self.forgotten),
        }
        return json.dumps(facts).encode()

    def _load_facts(self, packed: bytes | None) -> None:
        if packed is None:
            return
        try:
            facts = json.loads(packed)
            if facts["version"] != VERSION:
                raise ValueError(f"version {facts['version']}")
            self.sequence = int(facts["sequence"])
            for name, position in facts["journals"]:
                self.positions[name] = position
                self.number(name)
            self.forgotten = {(name, offset) for name, offset in facts["forgotten"]}
        except (ValueError, KeyError, TypeError) as e:
            raise Failed(str(e)) from e

    def clear(self) -> None:
        """Forget everything: the journals are going to be read again from their start."""
        with self._write_lock, self.lock:
            self._fresh, self._writing = {}, {}
            self.journals, self.numbers, self.positions, self.forgotten = [], {}, {}, set()
            if self._env is None:
                return
            if self.is_lost:
                with self._read_lock:
                    self._env.close()
                    self._env = None
                    self.is_lost = False
                return
            self._env.clear()

    # ------------------------------------------------------------ end

    def close(self) -> None:
        """Write what is left, close, and leave the mark that says so."""
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread and thread is not threading.current_thread():
            thread.join()
        clean = False
        try:
            self.write()
            clean = self._env is not None and not self.is_lost
            if clean and self._mark and self._env is not None:
                self._env.sync()
        except (Failed, OSError) as e:
            logger.info("the index was not closed properly: %s", e)
            clean = False
        with self._read_lock:
            env, self._env = self._env, None
            if env is not None:
                env.close()
        if self._mark:
            reach("index.synced")
            self._mark.release(clean=clean)
            reach("index.marked")

    def abandon(self) -> None:
        """Forget the environment and the lock without touching them: for a forked child, whose parent goes on."""
        if self._env is not None:
            _PARENTS.append(self._env)
        self._env = None
        self._thread = None
        self.lock = threading.RLock()
        self._read_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._stop.set()
        if self._mark:
            self._mark.drop_lock()
            self._mark = None
