"""What runs read and write on disk: seen while they run, compared by digest, put back from the store."""

from nbreplay.files.audit import unseen
from nbreplay.files.digests import FileDigests
from nbreplay.files.paths import locate, portable
from nbreplay.files.scope import Scope, Seen
from nbreplay.files.trace import holds_now, keep, merge, put_back
from nbreplay.files.watch import Watch, declare, shared_watch

__all__ = [
    "FileDigests",
    "Scope",
    "Seen",
    "Watch",
    "declare",
    "holds_now",
    "keep",
    "locate",
    "merge",
    "portable",
    "put_back",
    "shared_watch",
    "unseen",
]
