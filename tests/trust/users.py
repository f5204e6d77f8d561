"""Somebody with a home of their own, who runs the product in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HOOK = Path(__file__).parent / "hook"


@dataclass
class User:
    """Somebody with a home, who runs commands in *folder*, by an interpreter that has more folders on its path."""

    name: str
    folder: Path
    python: str = sys.executable
    path: tuple[str, ...] = ()

    def command(self, *arguments, code=0):
        """Run ``nbreplay`` with *arguments*; return (stdout, stderr). Its exit code is *code*; None: whichever."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("NBREPLAY", "JPY_", "PYTEST"))}
        environment |= {
            "NBREPLAY_TEST_PICKLES": str(self.pickles_log),
            "NBREPLAY_TEST_USER": self.name,
            "NBREPLAY_TEST_MARKS": str(self.folder),
            "IPYTHONDIR": str(self.folder / "ipython"),
            "HOME": str(self.folder),
            "XDG_DATA_HOME": str(self.folder / "share"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PYTHONPATH": os.pathsep.join([str(HOOK), *self.path]),
        }
        command = [self.python, "-m", "nbreplay", *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=180)
        assert done.returncode == code or (code is None and "Traceback" not in done.stderr), done.stderr + done.stdout
        return done.stdout, done.stderr

    def run(self, *arguments, code=0):
        """Run a notebook; return the cell objects."""
        return json.loads(self.command(*arguments, "--json", "-", code=code)[0])["cells"]

    @property
    def pickles_log(self):
        return self.folder / f"{self.name}.pickles"

    def pickles(self):
        """What the product unpickled since this was last asked, as ``file module.name``, and in how many processes."""
        lines = self.pickles_log.read_text().splitlines() if self.pickles_log.exists() else []
        self.pickles_log.unlink(missing_ok=True)
        rows = [line.split(" ", 1) for line in lines]
        return [what for _, what in rows], len({pid for pid, _ in rows})

    def marks(self):
        """Names of users whose objects were loaded since this was last asked."""
        found = list(self.folder.glob("*.loaded"))
        for mark in found:
            mark.unlink()
        return sorted(mark.stem for mark in found)
