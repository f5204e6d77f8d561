"""Keeps one warning of distributed's away from users: that the tasks which we exchanged are not what was submitted."""

from __future__ import annotations

import logging

from nbreplay.tasks.shape import Key

LOGGER = "distributed.scheduler"
START = "Detected different `run_spec` for key "


class Quiet(logging.Filter):
    """Drops *Detected different run_spec* for keys that we have exchanged, and for no others."""

    def __init__(self) -> None:
        super().__init__()
        self.swapped: set[str] = set()

    def install(self) -> None:
        """Start filtering."""
        logging.getLogger(LOGGER).addFilter(self)

    def remove(self) -> None:
        """Stop filtering."""
        logging.getLogger(LOGGER).removeFilter(self)

    def add(self, key: Key) -> None:
        """*key* was exchanged."""
        self.swapped.add(repr(key))

    def forget(self, key: Key) -> None:
        """*key* is gone."""
        self.swapped.discard(repr(key))

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be seen."""
        if not isinstance(record.msg, str) or not record.msg.startswith(START):
            return True
        rest = record.msg[len(START) :]
        return not any(rest.startswith(key + " ") for key in self.swapped)
