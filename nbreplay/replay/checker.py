"""A process that loads again what was kept, and compares; and the handle of whoever asks it.

Messages are msgpack with 4 bytes of length before them: a list of parts to be compared, and for each what differs.
"""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from nbreplay.namespace.reload import Part, differing
from nbreplay.store import Store

MEMORY_BYTES = 512 << 20
"""What the process may take while it serves a kernel; larger values cannot be compared then."""


class Question(msgspec.Struct):
    """Parts to be compared, with where modules are found in the process that made them."""

    parts: list[Part]
    path: list[str]


class Checker:
    """The process, started when it is first asked. It is below everything else in priority, and in nobody's way.

    Parameters
    ----------
    store_dir : Path
        The store.
    memory_bytes : int or None
        How much it may take.
    """

    def __init__(self, store_dir: Path, memory_bytes: int | None = MEMORY_BYTES) -> None:
        self._store_dir = store_dir
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def differing(self, parts: Sequence[Part], path: Sequence[str]) -> list[dict[str, str]] | None:
        """Return, for each of *parts*, the names that are not what they were, and why; None: the process ended."""
        try:
            process = self._start()
            assert process.stdin is not None  # pipes
            assert process.stdout is not None
            _send(process.stdin, msgspec.msgpack.encode(Question(list(parts), list(path))))
            answer = _receive(process.stdout)
        except OSError:
            answer = None
        if answer is None:
            self.close()
            return None
        return msgspec.msgpack.decode(answer, type=list[dict[str, str]])

    def close(self) -> None:
        """End the process, whatever it is doing."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(OSError):
                process.kill()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError, AttributeError):
                    pipe.close()  # type: ignore[union-attr]
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            limit = str(self._memory_bytes or 0)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "nbreplay.replay.checker", str(self._store_dir), limit],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # interrupts go to the kernel's group
            )
        return self._process


def serve(store_dir: Path, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer questions until there are no more."""
    with Store.open(store_dir, create=False, read_only=True) as store:
        while (data := _receive(requests)) is not None:
            question = msgspec.msgpack.decode(data, type=Question)
            sys.path[:] = question.path
            store.refresh()
            _send(answers, msgspec.msgpack.encode([_differing(part, store) for part in question.parts]))


def _differing(part: Part, store: Store) -> dict[str, str]:
    try:
        return differing(part, store.get)
    except Exception:  # values' own code runs here, and memory is bounded: nothing is known then  # noqa: BLE001
        return {}


def _send(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(struct.pack("<I", len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    head = pipe.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("<I", head)
    data = pipe.read(size)
    return data if len(data) == size else None


def main() -> None:
    """Serve the process that started this one; what values' own code prints goes nowhere."""
    answers = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    with contextlib.suppress(OSError):
        os.nice(19)
    limit = int(sys.argv[2])
    if limit:
        import resource

        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    serve(Path(sys.argv[1]), requests, answers)


if __name__ == "__main__":
    main()
