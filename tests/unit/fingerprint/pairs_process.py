"""One process of the pairs test: makes values from cells or takes copies, and says their fingerprints.

Usage: ``pairs_process.py MAKE|COPY INPUT OUTPUT TAG``, with a hash seed of its own; TAG goes into cells' file names.
"""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path


def made(cells, tag, number):
    """Run cells as a kernel would, in a namespace that calls itself __main__, and return what they call f."""
    module = types.ModuleType("__main__")
    for index, cell in enumerate(cells):
        name = f"/tmp/ipykernel_{tag}/{hash((tag, number, index)) & 0xFFFFFF}.py"
        exec(compile("\n" * (len(tag) % 5) + cell, name, "exec"), module.__dict__)
    return module.__dict__


def look(value):
    from nbreplay.fingerprint import Mode, walk

    found = walk(value, mode=Mode.TASK)
    return found.digest, [str(refusal) for refusal in found.refusals]


def main(what, source, target, tag):
    import cloudpickle

    answers = {}
    for number, entry in pickle.loads(Path(source).read_bytes()).items():
        cells, travels, copy = entry
        namespace = {}
        try:
            if what == "COPY":
                value = pickle.loads(copy)
            else:
                namespace = made(cells, tag, number)
                value = namespace["f"]
            seen = look(value)
            sent = cloudpickle.dumps(value) if travels else None
        except Exception as error:  # noqa: BLE001  # it is the answer of this entry, the others go on
            seen, sent = (f"{type(error).__name__}: {error}", ["failed"]), None
        finally:
            namespace.get("__undo__", lambda: None)()
        answers[number] = (seen, sent)
    Path(target).write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
