"""What can go wrong, as one tree.

::

    NbreplayError                 exit code 1
      UsageError                  2   the request cannot be understood
        NotebookError             3   missing, not JSON, no code cells, another language
        CellUnknown               4   no such cell
      StoreError                  10
        BlobMissing               11
        BlobDamaged               12
        StoreNewer                13  made by a newer nbreplay
        StoreUnwritable           14  read-only, full, no permission
        StoreForeign              15  not a store, or another notebook's
        Untrusted                 16  made by somebody whom this user has not accepted
      Uncacheable                 20  no fingerprint can be given, with the reason
      PackDamaged                 30  a package that is truncated or altered
        SecretsFound              31  something in what would be packed looks like a credential
        SignatureBad              32  a signature that does not fit, or cannot be made
      NoRecord                    40  nothing recorded matches the request
      TasksDiffer                 45  tasks that were run again gave other results
      RunFailed                   50  a notebook raised, timed out, or its kernel died
      ClusterUnfit                60  a plugin cannot be installed, a scheduler cannot be reached

Every message says what is wrong and where and, if the user can do something, ends with it. Arguments are handed on as
they are, so that an error survives pickling to another process.
"""

from __future__ import annotations

from typing import ClassVar


class NbreplayError(Exception):
    """Base of everything that nbreplay raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(NbreplayError):
    """The request cannot be understood."""

    exit_code = 2


class NotebookError(UsageError):
    """A notebook that cannot be used: missing, not JSON, without code cells, in another language."""

    exit_code = 3


class CellUnknown(UsageError):
    """No cell has this number."""

    exit_code = 4


class StoreError(NbreplayError):
    """A store that cannot be used as it is."""

    exit_code = 10


class BlobMissing(StoreError, KeyError):
    """No blob has this digest in this store."""

    exit_code = 11

    def __init__(self, digest: str, where: str) -> None:
        super().__init__(digest, where)
        self.digest = digest
        self.where = where

    def __str__(self) -> str:
        return f"no blob {self.digest[:12]} in {self.where}"


class BlobDamaged(StoreError):
    """A blob that is there and is not what its name says."""

    exit_code = 12

    def __init__(self, digest: str, where: str, reason: str) -> None:
        super().__init__(digest, where, reason)
        self.digest = digest
        self.where = where
        self.reason = reason

    def __str__(self) -> str:
        return f"blob {self.digest[:12]} in {self.where} is damaged ({self.reason}); see `nbreplay verify`"


class StoreNewer(StoreError):
    """A store whose format this version does not know."""

    exit_code = 13

    def __init__(self, where: str, version: int, known: int) -> None:
        super().__init__(where, version, known)
        self.where = where
        self.version = version
        self.known = known

    def __str__(self) -> str:
        return f"{self.where} has format {self.version}, this nbreplay knows {self.known}; upgrade nbreplay"


class StoreUnwritable(StoreError):
    """A store that cannot be written: read-only, full, no permission."""

    exit_code = 14


class StoreForeign(StoreError):
    """A folder that is not a store, or the store of another notebook."""

    exit_code = 15


class Untrusted(StoreError):
    """Something that would have to be unpickled, from somebody whom this user has not accepted."""

    exit_code = 16


class Uncacheable(NbreplayError):
    """No fingerprint can be given; the message is the reason, in words for the user."""

    exit_code = 20


class PackDamaged(NbreplayError):
    """A package that is truncated, altered, or not one of ours."""

    exit_code = 30


class SecretsFound(PackDamaged):
    """Something in what would be packed looks like a credential; *findings* has a line for each."""

    exit_code = 31

    def __init__(self, message: str, findings: tuple[str, ...] = ()) -> None:
        super().__init__(message, findings)
        self.message = message
        self.findings = findings

    def __str__(self) -> str:
        return self.message


class SignatureBad(PackDamaged):
    """A signature that is not of this package, or one that cannot be made."""

    exit_code = 32


class NoRecord(NbreplayError):
    """Nothing recorded matches the request."""

    exit_code = 40


class TasksDiffer(NbreplayError):
    """Tasks that were run again on the same inputs gave other results than they are recorded with."""

    exit_code = 45


class RunFailed(NbreplayError):
    """A headless run that did not end well: a cell raised, time ran out, the kernel died."""

    exit_code = 50


class ClusterUnfit(NbreplayError):
    """A cluster that cannot take part in caching; the notebook runs on without."""

    exit_code = 60
