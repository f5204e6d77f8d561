"""What kind of file system a folder is on: indexes and maps belong on local ones only."""

from __future__ import annotations

import ctypes
import sys
from functools import lru_cache
from pathlib import Path

NETWORK_TYPES = frozenset(
    {
        0x6969,  # NFS
        0x517B,  # SMB
        0xFF534D42,  # CIFS
        0xFE534D42,  # SMB2
        0x0BD00BD0,  # Lustre
        0x47504653,  # GPFS
        0x00C36400,  # Ceph
        0x5346414F,  # AFS
        0x6B414653,  # kAFS
        0x01021997,  # 9P
        0x65735546,  # FUSE: sshfs, s3fs, gcsfuse ... or something local, which loses little
        0x19830326,  # BeeGFS
        0xAAD7AAEA,  # PanFS
        0x7461636F,  # OCFS2
        0x01161970,  # GFS2
        0x73757245,  # Coda
        0x564C,  # NCP
    }
)
"""``f_type`` of file systems whose files other hosts may change (statfs(2), linux/magic.h)."""


def is_network(path: Path) -> bool:
    """Return whether *path*, or the nearest folder above it that exists, is on a network file system."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return _type_of(path) in NETWORK_TYPES


def _type_of(path: Path) -> int:
    """Return ``f_type`` of Linux' statfs(2); 0 where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return 0
    answer = (ctypes.c_long * 32)()  # struct statfs is 120 bytes; f_type comes first
    if _libc().statfs(bytes(path), ctypes.byref(answer)) != 0:
        return 0
    return answer[0] & 0xFFFFFFFF


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
