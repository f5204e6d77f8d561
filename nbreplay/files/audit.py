"""Who is running where, and the audit hook that tells them what they open.

The hook runs inside every ``open`` of the process, on its thread, holding whatever the caller holds. So it is quick
when nobody listens, does not call itself, and never raises.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from _thread import get_ident
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nbreplay.files.paths import installed, whole
from nbreplay.files.scope import Scope

active: dict[int, Scope] = {}
"""Scope by thread."""

busy: set[int] = set()
"""Threads that are inside nbreplay: what they do is nobody's doing."""

_kin: weakref.WeakKeyDictionary[threading.Thread, weakref.ref[Scope] | None] = weakref.WeakKeyDictionary()
"""Threads that runs started. None: by a cell, and what they do belongs to the cell that runs now."""

_main: list[Scope] = []
failures = [0]

_FOREIGN_THREADS = ("IO loop", "IOPub", "Heartbeat", "Control", "Profile", "TCP-Executor", "Dask-Offload", "Worker-")
_OWN_PACKAGES = frozenset({"distributed", "tornado", "zmq", "ipykernel", "jupyter_client", "nbreplay"})
_CHANGES = os.O_WRONLY | os.O_RDWR
_PYC = f".{sys.implementation.cache_tag}"
_RUN = "use nbreplay.run(cmd, reads=..., writes=...)"


def current() -> Scope | None:
    """Return the scope that this thread's doings belong to."""
    ident = get_ident()
    if ident in busy:
        return None
    scope = active.get(ident)
    return scope if scope is not None else _inherited(ident)


def _inherited(ident: int) -> Scope | None:
    thread = threading._active.get(ident)  # type: ignore[attr-defined]  # current_thread() would make dummies
    if thread is None or thread not in _kin:
        return None
    given = _kin[thread]
    if given is None:
        return _main[-1] if _main else None
    scope = given()
    if scope is not None and not scope.closed:
        return scope
    for other in list(active.values()):  # an old task's thread may work for any of those that run now
        if other.strict:
            other.refuse("a thread that an earlier task started used files or the network meanwhile")
    return None


def enter(scope: Scope, *, main: bool) -> None:
    """Give this thread's events to *scope*."""
    ident = get_ident()
    scope.thread = ident
    scope.previous = active.get(ident)
    scope.outer = scope.previous or (None if main else _inherited(ident))
    active[ident] = scope
    if main:
        _main.append(scope)


def leave(scope: Scope) -> None:
    """End :func:`enter`; from whichever thread, since a host may finish elsewhere."""
    scope.closed = True
    if active.get(scope.thread) is scope:
        before = scope.previous
        while before is not None and before.closed:
            before = before.previous
        if before is not None:
            active[scope.thread] = before
        else:
            active.pop(scope.thread, None)
    if scope in _main:
        _main.remove(scope)


@contextmanager
def unseen() -> Iterator[None]:
    """What this thread does meanwhile is not the run's doing (our own reading and writing)."""
    ident = get_ident()
    if ident in busy:
        yield
        return
    busy.add(ident)
    try:
        yield
    finally:
        busy.discard(ident)


def forked() -> None:
    """A child that was forked off watches nothing: the run was refused when it forked."""
    active.clear()
    busy.clear()
    _main.clear()


def hook(event: str, args: tuple[Any, ...]) -> None:
    """The audit hook; called by the interpreter, on any thread."""
    if not active:
        return
    handler = HANDLERS.get(event)
    if handler is None:
        return
    tell(handler, args)


def tell(handler: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Call ``handler(scope, *args)`` for the scope of this thread and those around it. Never raises."""
    ident = get_ident()
    if ident in busy:
        return
    scope = active.get(ident)
    if scope is None and (not _kin or (scope := _inherited(ident)) is None):
        return
    busy.add(ident)
    try:
        while scope is not None:
            try:
                if not scope.closed:
                    handler(scope, *args)
            except Exception as e:  # noqa: BLE001  # it must not break the user's open(); but then nothing is sure
                failures[0] += 1
                scope.refuse(f"a file access could not be followed ({type(e).__name__}: {e})")
            scope = scope.outer
    finally:
        busy.discard(ident)


# ---------------------------------------------------------------- who asks


def _frames() -> Iterator[FrameType]:
    """Yield the frames that led to the event, innermost first, ours left out."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith("nbreplay.files"):
            yield frame
        frame = frame.f_back


def by_import_of_installed() -> bool:
    """Say whether an installed package is being imported and acts on its own (reads its settings, finds libraries)."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib"):
            return True
        if not (name.startswith(installed()) or name.startswith("<frozen") or name == "<string>"):
            return False
    return False


def by_installed() -> bool:
    """Say whether an installed package acts, which the user's code has called."""
    for frame in _frames():
        name = frame.f_code.co_filename
        if not name.startswith("<frozen") and frame.f_globals.get("__name__", "").partition(".")[0] not in (
            sys.stdlib_module_names
        ):
            return name.startswith(installed())
    return False


def by_own_packages(others: frozenset[str] = frozenset()) -> bool:
    """Say whether Dask's or Jupyter's own machinery acts, not the user's code."""
    for frame in _frames():
        if frame.f_code.co_filename.startswith("<frozen"):
            continue
        top = frame.f_globals.get("__name__", "").partition(".")[0]
        if top not in sys.stdlib_module_names:
            return top in _OWN_PACKAGES or top in others
    return False


# ---------------------------------------------------------------- events


def path_of(name: Any) -> str | None:
    """Return the absolute path that a call names, None for descriptors and what is no path."""
    if isinstance(name, int):
        return None
    path = os.fspath(name) if name is not None else "."
    return whole(os.fsdecode(path)) if path else None


def in_folder(name: Any, folder: Any) -> str | None:
    """As :func:`path_of`, for calls with a ``dir_fd``."""
    if isinstance(folder, int) and folder >= 0 and not os.path.isabs(os.fspath(name)):
        return whole(os.fsdecode(name), os.readlink(f"/proc/self/fd/{folder}"))
    return path_of(name)


def _outside(scope: Scope, path: str) -> bool:
    """Say whether *path* does not count because a package reads its own things while it is imported."""
    return not scope.counted.inside(path) and by_import_of_installed()


def _open(scope: Scope, name: Any, mode: Any, flags: Any) -> None:
    key = (name, flags) if type(name) is str else None
    if key is not None and key in scope.memo:
        return
    if mode is None and _caller_file().endswith("shutil.py"):
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
    if _outside(scope, path):
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


def _caller_file() -> str:
    frame = next(_frames(), None)
    return frame.f_code.co_filename if frame is not None else ""


_SEARCHES_THE_PATH = ("importlib/metadata/__init__.py", "importlib_metadata/__init__.py", "pkgutil.py")
"""Ends of the files that list every folder of ``sys.path``, the notebook's among them, to find installed packages."""


def _list(scope: Scope, name: Any = None) -> None:
    key = (name, "list") if type(name) is str else None
    if key is not None and key in scope.memo:
        return
    caller = _caller_file()
    if caller.startswith("<frozen importlib") or caller.endswith(("shutil.py", *_SEARCHES_THE_PATH)):
        return  # the import system lists sys.path; what it finds is seen when it is opened
    path = os.readlink(f"/proc/self/fd/{name}") if isinstance(name, int) else path_of(name)
    if path is not None and not _outside(scope, path):
        scope.read(path)
        if key is not None:
            scope.memo.add(key)


def _remove(scope: Scope, name: Any, folder: Any = -1) -> None:
    path = in_folder(name, folder)
    if path is not None and not _caller_file().endswith("shutil.py"):
        scope.remove(path)


def _rename(scope: Scope, source: Any, target: Any, source_dir: Any = -1, target_dir: Any = -1) -> None:
    from_path, to_path = in_folder(source, source_dir), in_folder(target, target_dir)
    if from_path is not None and to_path is not None:
        scope.move(from_path, to_path)


def _mkdir(scope: Scope, name: Any, mode: Any = 0, folder: Any = -1) -> None:
    path = in_folder(name, folder)
    if path is not None and not _outside(scope, path):
        scope.read(path, "exists", weak=_may_exist())
        scope.write(path)


def _may_exist() -> bool:
    """Say whether ``os.makedirs`` or ``Path.mkdir`` was told not to mind a folder that is there."""
    for frame in _frames():
        if frame.f_code.co_name in ("makedirs", "mkdir"):
            if frame.f_locals.get("exist_ok"):
                return True
        else:
            return False
    return False


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


def adopt(scope: Scope, thread: threading.Thread) -> None:
    """A run starts *thread*: what that does is the run's doing, unless it is Dask's or Jupyter's own."""
    if not thread.name.startswith(_FOREIGN_THREADS) and not by_own_packages():
        _kin[thread] = weakref.ref(scope) if scope.strict else None


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
