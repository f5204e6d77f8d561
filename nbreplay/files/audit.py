"""The audit hook, and what it makes of each event.

The hook runs inside every ``open`` of the process, on its thread, holding whatever the caller holds. So it is quick
when nobody listens, does not call itself, and never raises.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from nbreplay.files.callers import by_import_of_installed, by_own_packages, caller_file, may_exist
from nbreplay.files.paths import in_folder, path_of, whole
from nbreplay.files.runs import active, tell
from nbreplay.files.scope import Scope

_CHANGES = os.O_WRONLY | os.O_RDWR
_PYC = f".{sys.implementation.cache_tag}"
_RUN = "use nbreplay.run(cmd, reads=..., writes=...)"

_SEARCHES_THE_PATH = ("importlib/metadata/__init__.py", "importlib_metadata/__init__.py", "pkgutil.py")
"""Ends of the files that list every folder of ``sys.path``, the notebook's among them, to find installed packages."""


def hook(event: str, args: tuple[Any, ...]) -> None:
    """The audit hook; called by the interpreter, on any thread."""
    if not active:
        return
    handler = HANDLERS.get(event)
    if handler is None:
        return
    tell(handler, args)


def outside(scope: Scope, path: str) -> bool:
    """Say whether *path* does not count because a package reads its own things while it is imported."""
    return not scope.counted.inside(path) and by_import_of_installed()


def _open(scope: Scope, name: Any, mode: Any, flags: Any) -> None:
    key = (name, flags) if type(name) is str else None
    if key is not None and key in scope.memo:
        return
    if mode is None and caller_file().endswith("shutil.py"):
        return  # rmtree walks by descriptors; its own event told us
    path = path_of(name)
    if path is None:
        return
    head, tail = os.path.split(path)
    if os.path.basename(head) == "__pycache__":
        # The bytecode stands for the source beside its folder.
        path = os.path.join(os.path.dirname(head), tail.partition(_PYC)[0] + ".py")
        if flags & _CHANGES:
            return
    if not scope.counted(path):
        if key is not None:
            scope.memo.add(key)
        return
    if outside(scope, path):
        return
    if not flags & _CHANGES:
        scope.read(path, folders=False)
    elif flags & os.O_EXCL:
        scope.read(path, "exists")
        scope.write(path)
    else:
        scope.write(path, blind=bool(flags & os.O_TRUNC))
    if key is not None:
        scope.memo.add(key)


def _list(scope: Scope, name: Any = None) -> None:
    key = (name, "list") if type(name) is str else None
    if key is not None and key in scope.memo:
        return
    caller = caller_file()
    if caller.startswith("<frozen importlib") or caller.endswith(("shutil.py", *_SEARCHES_THE_PATH)):
        return  # the import system lists sys.path; what it finds is seen when it is opened
    path = os.readlink(f"/proc/self/fd/{name}") if isinstance(name, int) else path_of(name)
    if path is not None and not outside(scope, path):
        scope.read(path)
        if key is not None:
            scope.memo.add(key)


def _remove(scope: Scope, name: Any, folder: Any = -1) -> None:
    path = in_folder(name, folder)
    if path is not None and not caller_file().endswith("shutil.py"):
        scope.remove(path)


def _rename(scope: Scope, source: Any, target: Any, source_dir: Any = -1, target_dir: Any = -1) -> None:
    from_path, to_path = in_folder(source, source_dir), in_folder(target, target_dir)
    if from_path is not None and to_path is not None:
        scope.move(from_path, to_path)


def _mkdir(scope: Scope, name: Any, mode: Any = 0, folder: Any = -1) -> None:
    path = in_folder(name, folder)
    if path is not None and not outside(scope, path):
        scope.read(path, "exists", weak=may_exist())
        scope.write(path)


def _link(scope: Scope, source: Any, target: Any, *folders: Any) -> None:
    to_path = in_folder(target, folders[-1] if folders else -1)
    if to_path is not None:
        from_path = whole(os.fsdecode(source), os.path.dirname(to_path))
        scope.read_tree(from_path)
        scope.write(to_path)


def _truncate(scope: Scope, name: Any, length: Any = 0) -> None:
    path = path_of(name)
    if path is not None:
        scope.write(path, blind=False)


def _rmtree(scope: Scope, name: Any, folder: Any = None) -> None:
    path = in_folder(name, folder)
    if path is not None:
        scope.remove_tree(path)


def _sqlite(scope: Scope, database: Any) -> None:
    name = os.fsdecode(database) if isinstance(database, bytes) else os.fspath(database)
    if name.startswith("file:"):
        if "mode=memory" in name or ":memory:" in name:
            return
        name = name[5:].partition("?")[0]
        name = "/" + name.lstrip("/") if name.startswith("//") else name
    if name in ("", ":memory:"):
        return
    path = whole(name)
    if scope.counted(path) and not by_own_packages():
        for part in (path, path + "-wal"):
            scope.write(part, blind=False)
        for part in ("-journal", "-shm"):
            scope.write(path + part)


def _process(scope: Scope, what: Any = "", *rest: Any) -> None:
    if by_own_packages() or by_import_of_installed():
        return
    name = what[0] if isinstance(what, (list, tuple)) and what else what
    name = os.path.basename(os.fsdecode(name)) if isinstance(name, (str, bytes, os.PathLike)) else ""
    scope.refuse(f"it started a process{f' ({name.split()[0]})' if name.strip() else ''}; {_RUN}")


def multiprocessing_starts(scope: Scope) -> None:
    """A process of ``multiprocessing`` starts; those of Dask's own scheduler tell of their files themselves."""
    if not by_own_packages(frozenset({"dask"})) and not by_import_of_installed():
        scope.refuse(f"it started a process (multiprocessing); {_RUN}")


def _network(scope: Scope, *args: Any) -> None:
    if "network" in scope.memo:
        return
    if not (by_own_packages() or by_import_of_installed()):
        scope.memo.add("network")
        scope.remote("it used the network", "fetch to a file first, in a task or cell of its own")


def _raw_thread(scope: Scope, function: Any, *rest: Any) -> None:
    if not isinstance(getattr(function, "__self__", None), threading.Thread) and not by_own_packages():
        scope.refuse("it started a thread below Python's threading module")


def _chdir(scope: Scope, path: Any) -> None:
    for other in list(active.values()):
        other.memo.clear()


HANDLERS: dict[str, Callable[..., None]] = {
    "open": _open,
    "os.listdir": _list,
    "os.scandir": _list,
    "os.remove": _remove,
    "os.rmdir": _remove,
    "os.rename": _rename,
    "os.mkdir": _mkdir,
    "os.link": _link,
    "os.symlink": _link,
    "os.truncate": _truncate,
    "os.chdir": _chdir,
    "os.fchdir": _chdir,
    "shutil.rmtree": _rmtree,
    "sqlite3.connect": _sqlite,
    "_thread.start_new_thread": _raw_thread,  # raised from 3.12 on
    "_thread.start_joinable_thread": _raw_thread,
    **dict.fromkeys(
        (
            "subprocess.Popen",
            "os.system",
            "os.posix_spawn",
            "os.exec",
            "os.fork",
            "os.forkpty",
            "os.spawn",
            "os.startfile",
            "pty.spawn",
        ),
        _process,
    ),
    **dict.fromkeys(
        (
            "socket.connect",
            "socket.getaddrinfo",
            "socket.gethostbyname",
            "socket.sendto",
            "urllib.Request",
            "http.client.connect",
            "ftplib.connect",
            "smtplib.connect",
            "imaplib.open",
            "poplib.connect",
        ),
        _network,
    ),
}
