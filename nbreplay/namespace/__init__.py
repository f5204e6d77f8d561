"""Names that cells made: which a cell touches, which changed, how they are kept and brought back.

``tracker`` is the face: one kernel's namespace, followed from boundary to boundary. Below it, as a cell meets them:

* What a cell touches: ``touched``, by ``reader`` (its code), ``bindings`` (its scopes), ``dynamic`` (what names do
  not tell) and ``libraries`` (what it need not name).
* What is live: ``live``, with ``results`` (``Out[n]``) and ``variables`` (rows to look at). ``looking`` sees what a
  value is, as ``known``; ``quick`` that it did not change; ``hidden`` what no walk shows.
* What changed: ``checkpoint`` leads. ``changes`` finds it, ``covariable`` and ``sharing`` say what belongs together,
  ``dumping`` pickles it, ``definitions`` lets go of old classes; that is a ``capture``, and ``writing`` stores it.
* The way back: ``manifest`` is the whole state at a boundary, ``restore`` goes to one lazily, ``loader`` loads.
* What no name holds: ``ambient``, its ``probes``, and ``patches`` to modules. ``handles`` stand for what is elsewhere.
"""

from __future__ import annotations

from nbreplay.namespace.capture import Capture, Stopped
from nbreplay.namespace.manifest import Manifest, is_name
from nbreplay.namespace.touched import CellNames, Touched, cell_names
from nbreplay.namespace.tracker import Tracker
from nbreplay.namespace.variables import VariableRow

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
