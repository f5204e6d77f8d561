"""Names that cells made: which a cell touches, which changed, how they are kept and brought back."""

from __future__ import annotations

from nbreplay.namespace.capture import Capture, Stopped
from nbreplay.namespace.manifest import Manifest, is_name
from nbreplay.namespace.touched import CellNames, Touched, cell_names
from nbreplay.namespace.tracker import Tracker, VariableRow

__all__ = [
    "Capture",
    "CellNames",
    "Manifest",
    "Stopped",
    "Touched",
    "Tracker",
    "VariableRow",
    "cell_names",
    "is_name",
]
