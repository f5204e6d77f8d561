"""What runs read and write on disk: seen while they run, compared by digest, put back from the store.

::

    watch.py      the one watch of a process       runs.py      which run each thread works for
    audit.py      events of the interpreter        wrappers.py, native.py, handles_open.py   calls that raise none
    callers.py    who acts                         imports.py   modules that a run imported
    scope.py, noted.py   what one run does         settle.py    and what it did, when it is over
    digests.py    content of files and folders
    trace.py      comparing, keeping, putting back external.py  programs whose files are declared
    paths.py      portable paths, and which ones count
"""

from nbreplay.files.digests import FileDigests
from nbreplay.files.paths import locate, portable
from nbreplay.files.runs import unseen
from nbreplay.files.scope import Scope
from nbreplay.files.settle import Seen
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
