"""The user's key, and the codes that tell one's own records from a stranger's.

What a user accepts of others carries a code of a key derived for whoever made it (a signer, or one package): to
withdraw them is to strike them off a list beside the user's key, and what was accepted is a stranger's again.

The key is 32 random bytes in the user's data folder (mode 0600). Where home folders do not last, ``NBREPLAY_KEY_FILE``
names another place. Where there is none at all, a key is made for this process only, and the store says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from nbreplay.digest import Buffer

logger = logging.getLogger(__name__)

KEY_BYTES = 32
MAC_BYTES = 32


class UserKey:
    """Makes and checks keyed blake2b codes.

    Attributes
    ----------
    problem : str
        Why the key does not outlast this process; empty if it does.
    """

    def __init__(self, key: bytes, problem: str = "", accepted: Iterable[str] = ()) -> None:
        self.problem = problem
        self._key = key
        self._fresh = hashlib.blake2b(key=key, digest_size=MAC_BYTES, person=b"nbreplay-record")
        self._accepted = [self.derived(subject) for subject in accepted]

    def derived(self, subject: str) -> UserKey:
        """Return the key for what is accepted because of *subject*."""
        key = hashlib.blake2b(subject.encode(), key=self._key, digest_size=KEY_BYTES, person=b"nbreplay-accept")
        return UserKey(key.digest())

    def code(self, *parts: Buffer) -> bytes:
        """Return the code of *parts*, taken as one sequence of bytes."""
        hasher = self._fresh.copy()
        for part in parts:
            hasher.update(part)
        return hasher.digest()

    def holds(self, code: bytes, *parts: Buffer) -> bool:
        """Return whether *code* is this user's code of *parts*, or that of somebody whom this user accepts."""
        if hmac.compare_digest(code, self.code(*parts)):
            return True
        return any(key.holds(code, *parts) for key in self._accepted)


def key_path() -> Path:
    """Return where the user's key is, or would be."""
    named = os.environ.get("NBREPLAY_KEY_FILE")
    if named:
        return Path(named).expanduser()
    import platformdirs

    return platformdirs.user_data_path("nbreplay") / "key"


_keys: dict[Path, UserKey] = {}


def user_key(path: Path | None = None) -> UserKey:
    """Return the user's key, made on first use; the same object for the same *path*."""
    path = path or key_path()
    if path not in _keys:
        try:
            _keys[path] = UserKey(_read_or_make(path), accepted=accepted_subjects(path))
        except (OSError, ValueError) as e:
            problem = f"no key of yours in {path} ({e}): what is recorded now is trusted by this process only"
            logger.warning("%s; NBREPLAY_KEY_FILE can name another place", problem)
            _keys[path] = UserKey(os.urandom(KEY_BYTES), problem)
    return _keys[path]


def accepted_path(path: Path | None = None) -> Path:
    """Return the list of whom this user accepts: a subject in each line, then a blank and what it was called."""
    path = path or key_path()
    return path.with_name(f"{path.name}.accepted")


def accepted_subjects(path: Path | None = None) -> dict[str, str]:
    """Return whom the user of the key in *path* accepts, with what they were called."""
    try:
        lines = accepted_path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {subject: label for subject, _, label in (line.partition(" ") for line in lines) if subject}


def accept_subject(subject: str, label: str) -> UserKey:
    """Put *subject* on the list; return the key for what is accepted because of it.

    Raises
    ------
    OSError
        The list cannot be written.
    """
    subjects = accepted_subjects() | {subject: " ".join(label.split())}
    _write_list(subjects)
    return user_key().derived(subject)


def withdraw_subjects(withdrawn: Collection[str]) -> None:
    """Strike *withdrawn* off the list; processes that are already open go on until they end.

    Raises
    ------
    OSError
        The list cannot be written.
    """
    _write_list({subject: label for subject, label in accepted_subjects().items() if subject not in withdrawn})


def _write_list(subjects: dict[str, str]) -> None:
    user_key()  # makes the folder
    path = accepted_path()
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    temporary.write_text("".join(f"{subject} {label}\n" for subject, label in subjects.items()), encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(path)
    _keys.pop(key_path(), None)


def _read_or_make(path: Path) -> bytes:
    with contextlib.suppress(FileNotFoundError):
        return _read(path)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}-{os.getpid()}-{os.urandom(4).hex()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, os.urandom(KEY_BYTES))
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        try:
            os.link(temporary, path)
        except FileExistsError:  # two processes at once: the first one's key is the key
            pass
        except OSError:  # no hard links here
            if not path.exists():
                temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return _read(path)


def _read(path: Path) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        state = os.fstat(fd)
        if state.st_mode & 0o077 and state.st_uid == os.getuid():
            logger.warning("%s could be read by others; it is private now", path)
            os.fchmod(fd, 0o600)
        key = os.read(fd, KEY_BYTES + 1)
    finally:
        os.close(fd)
    if len(key) != KEY_BYTES:
        raise ValueError(f"{len(key)} bytes instead of {KEY_BYTES}")
    return key
