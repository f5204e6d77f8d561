"""Values to bytes and back. One module here unpickles: :mod:`nbreplay.serialize.gate`."""
