"""dill, for the units that pickle cannot do."""

from __future__ import annotations

import io
from typing import Any

import dill

from nbreplay.serialize.pickler import Reducers
from nbreplay.serialize.session import Session


class DillPickler(Reducers, dill.Pickler):  # type: ignore[misc]  # dill has no types
    """dill with our reducers first: definitions, arrays and the namespace are never written its way."""

    def __init__(self, file: io.BytesIO, others: list[Any], session: Session, *args: Any) -> None:
        Reducers.__init__(self, session, *args)
        dill.Pickler.__init__(self, file, protocol=5, buffer_callback=others.append, recurse=True)

    def reducer_override(self, obj: Any) -> Any:
        return self.reduce(obj)
