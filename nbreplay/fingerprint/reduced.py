"""Objects by what they give to pickle, so that a copy made by pickling is equal."""

from __future__ import annotations

import copyreg
from collections.abc import Iterator
from typing import Any

from nbreplay.fingerprint import packages
from nbreplay.fingerprint.classes import write_type_of
from nbreplay.fingerprint.leaves import length
from nbreplay.fingerprint.mappings import mapping
from nbreplay.fingerprint.openers import Parts
from nbreplay.fingerprint.state import Shape, write_state
from nbreplay.fingerprint.walker import Walker


def by_reduce(w: Walker, obj: Any, shape: Shape) -> Parts:
    """Write an object by what it gives to pickle."""
    seen = w.memo.get(id(obj))
    if seen is not None:
        w.out += b"@" + length(seen)
        return None
    w.check_stop()  # the user's own code may be slow: an interrupt should not wait for many of them
    reducer = copyreg.dispatch_table.get(type(obj))
    try:
        reduced = reducer(obj) if reducer is not None else obj.__reduce_ex__(4)
    except (KeyboardInterrupt, SystemExit):
        raise
    except Exception as e:  # noqa: BLE001  # the user's own code, or a type that refuses to be pickled
        if shape.hidden or not w.exact:
            w.unseen(obj, f"cannot be pickled ({type(e).__name__})")
            return None
        reduced = None
    w.number(obj)
    w.link(obj)
    w.out += b"R"
    if reduced is None:
        return write_state(w, obj, shape, write_type_of(w, type(obj)))
    w.hold(reduced)
    if isinstance(reduced, str):
        return _named(w, obj, shape, reduced)
    return _reduced(w, obj, shape, reduced)


def _named(w: Walker, obj: Any, shape: Shape, name: str) -> Parts:
    """Write an object that pickle knows by name: an installed one so, another by its state."""
    module = getattr(obj, "__module__", None) or type(obj).__module__
    where = packages.installed(module)
    if where is not None and packages.find(module, name) is obj:
        w.out += packages.name_bytes(where, module, name)
        return None
    if shape.hidden:
        w.unseen(obj, "is known to pickle by name only")
        return None
    return write_state(w, obj, shape, write_type_of(w, type(obj)))


def _reduced(w: Walker, obj: Any, shape: Shape, reduced: tuple[Any, ...]) -> Iterator[Any]:
    make, arguments, state, items, pairs = (*reduced, None, None, None, None)[:5]
    yield from write_type_of(w, type(obj))
    yield make
    # Arguments are a tuple made for this call: never shared.
    w.out += length(len(arguments or ()))
    yield from arguments or ()
    if shape.dropped and type(state) is dict:
        state = w.hold({key: value for key, value in state.items() if key not in shape.dropped})
    if type(state) is dict:
        w.out += b"s"
        yield from mapping(w, state) or ()
    else:
        yield state
    for part in (items, pairs):
        if part is None:
            w.out += b"0"
        else:
            listed = w.hold(list(part))
            w.out += length(len(listed))
            yield from listed
