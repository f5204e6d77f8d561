"""The registry of ambient state: one probe per piece, each a look and a way back.

``process`` has what every Python has, ``options`` those of libraries, ``generators`` the random ones.
"""

from __future__ import annotations

from pathlib import Path

from nbreplay.namespace.ambient import Probe
from nbreplay.namespace.probes import generators, options, process


def probes(root: Path) -> list[Probe]:
    """Return all probes, in the order in which they are put back; generators are last."""
    return [*process.probes(root), *options.probes(), *generators.probes()]
