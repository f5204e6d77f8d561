"""Runs cells against a tracker as an engine would, without a kernel. Not a test."""

from __future__ import annotations

import builtins
import sys
import types

from nbreplay.config import Settings
from nbreplay.fingerprint import Mode, walk
from nbreplay.namespace import Manifest, Tracker, cell_names


class Cells:
    """A namespace, its tracker, and the manifests of all boundaries so far."""

    def __init__(self, store, *, run="run", settings=None):
        module = types.ModuleType("__main__")
        module.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = module
        self.module = module
        self.ns = module.__dict__
        self.tracker = Tracker(self.ns, store, run=run, settings=settings or Settings())
        self.run_id = run
        self.manifests = [Manifest()]
        self.captures = []
        self.reads = []
        self.writes = []
        self.problems = []

    def run(self, source, *, fails=False):
        """Run one cell and keep its boundary; return its capture."""
        sys.modules["__main__"] = self.module
        names = cell_names(source, self.tracker.states)
        touched = self.tracker.touched(names)
        self.problems = self.tracker.bring(touched)
        self.reads.append(self.tracker.reads(touched, names))
        self.tracker.follow_modules(source, touched)
        try:
            exec(compile(source, f"<cell {len(self.captures)}>", "exec"), self.ns)
        except Exception:
            if not fails:
                raise
        return self.keep(touched)

    def keep(self, touched):
        capture = self.tracker.capture(touched, boundary=f"{self.run_id}:{len(self.manifests)}")
        writes = self.tracker.write(capture)
        self.tracker.accept(capture)
        self.captures.append(capture)
        self.writes.append(writes)
        self.manifests.append(self.manifests[-1].after(writes))
        return capture

    def names(self):
        """Return the user's names and values."""
        return {name: self.ns[name] for name in sorted(self.tracker.states) if name in self.ns}

    def state(self):
        """Return the digest of everything together: content, types, order, and what is one object."""
        return walk(tuple(self.names().items()), mode=Mode.NAMESPACE, home=self.ns).digest


def restored(store, manifest, *, run="restored"):
    """Return cells in a new namespace that is at *manifest*, all loaded."""
    cells = Cells(store, run=run)
    cells.tracker.restore(manifest)
    cells.problems = cells.tracker.load_all()
    return cells
