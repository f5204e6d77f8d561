"""Random generators that libraries share with everybody. They are put back last: all else might move them."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection
from typing import Any

from nbreplay.namespace.ambient import RNG, Probe


def probes() -> list[Probe]:
    """Return the probes."""
    return [
        Probe(key=RNG + "random", raw=random.getstate, apply=_put_random),
        Probe(
            key=RNG + "numpy.random",
            module="numpy.random",
            raw=_numpy_random,
            apply=_put_numpy_random,
            untouched=_numpy_untouched,
        ),
        # torch begins with the same seed in every process: as long as nobody drew, it is as a new generator is.
        Probe(
            key=RNG + "torch",
            module="torch",
            raw=lambda: _bytes_of(sys.modules["torch"].default_generator),
            apply=_put_torch,
            default=lambda: _bytes_of(sys.modules["torch"].Generator()),
        ),
    ]


def _put_random(value: Any, _: Any) -> None:
    version, internal, gauss = value
    random.setstate((version, tuple(internal), gauss))


def _numpy_random() -> tuple[Any, ...]:
    name, key, position, has_gauss, gauss = sys.modules["numpy.random"].get_state()
    return (str(name), key.tobytes(), int(position), int(has_gauss), float(gauss))


def _put_numpy_random(value: Any, _: Any) -> None:
    numpy = sys.modules["numpy"]
    name, key, position, has_gauss, gauss = value
    numpy.random.set_state((name, numpy.frombuffer(key, numpy.uint32), position, has_gauss, gauss))


def _bytes_of(generator: Any) -> bytes:
    state: bytes = generator.get_state().numpy().tobytes()
    return state


def _put_torch(value: bytes, _: Any) -> None:
    torch = sys.modules["torch"]
    torch.default_generator.set_state(torch.frombuffer(bytearray(value), dtype=torch.uint8))


def _numpy_untouched(raw: Any, words: Collection[str]) -> bool:
    """Whether the generator is as its import left it: freshly seeded, and no word of a seed in the cell."""
    return raw[2] >= 623 and not raw[3] and not {"seed", "set_state"} & set(words)
