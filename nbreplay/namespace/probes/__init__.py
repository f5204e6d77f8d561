"""The registry of ambient state: one probe per piece, each a look and a way back.

``process`` has what every Python has, ``options`` and ``libraries`` those of libraries, ``accessors`` what cells
registered with them, ``generators`` the random ones.
"""

from __future__ import annotations

from pathlib import Path

from nbreplay.namespace import figures
from nbreplay.namespace.ambient import Probe
from nbreplay.namespace.probes import accessors, generators, libraries, options, process


def probes(root: Path) -> list[Probe]:
    """Return all probes, in the order in which they are put back; generators are last."""
    of_libraries = [*options.probes(), *libraries.probes(), *accessors.probes(), *figures.probes()]
    return [*process.probes(root), *of_libraries, *generators.probes()]
