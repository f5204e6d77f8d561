"""Notes which tasks really ran, from inside of them, and unseen by whoever fingerprints or watches them.

Imported by name in every process of a cluster: :data:`note` is pickled as a reference to this module.
"""

from __future__ import annotations

import os
import threading


class Note:
    """Called by each task with its salt."""

    def __init__(self):
        self.fd = -1

    def __call__(self, salt):
        os.write(self.fd, b"%d\n" % salt)

    def __reduce__(self):
        return "note"


note = Note()


def start(path):
    """Note to the end of the file *path* from now on. No task does this, so no task is seen to open it."""
    from nbreplay.fingerprint.atoms import register_atom

    if note.fd >= 0:
        os.close(note.fd)
    note.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    register_atom(Note, lambda one: b"note")


class Gate:
    """Holds tasks of this process until the test lets them go; as unseen as a note."""

    def __init__(self):
        self.open = threading.Event()
        self.reached = threading.Event()

    def __call__(self):
        self.reached.set()
        assert self.open.wait(30)

    def __reduce__(self):
        return "gate"


gate = Gate()


def close_gate():
    """Let tasks wait from now on."""
    from nbreplay.fingerprint.atoms import register_atom

    register_atom(Gate, lambda one: b"gate")
    gate.open.clear()
    gate.reached.clear()
