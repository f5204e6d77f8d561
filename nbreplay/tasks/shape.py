"""What a graph node computes, as a small program over its inputs, without keys or tokens.

A node becomes *steps* in the order in which they run. A step has a digest of its code and literal arguments, and refers
to inputs by number: ``n >= 0`` is the n-th dependency of the node, ``~n`` is step *n*. A fused task is expanded into
the steps that it holds, so that fusion does not change what its parts are called: the fingerprint of a fused task is
that of the last task in it. Running the program on the fingerprints of the dependencies gives P, on the digests of
their values gives K (:func:`evaluate`). :mod:`~nbreplay.tasks.shaper` makes shapes of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import xxhash
from dask.typing import Key

VERSION = b"nbreplay task 1\n"
"""Of the algorithm: two versions never share a fingerprint."""

Step = tuple[bytes, tuple[int, ...] | None]
"""Digest of code and literal arguments, and what it refers to; or the leaf of data, and None."""

_digest = xxhash.xxh3_128_digest


class Coded(NamedTuple):
    """A callable's, or a value's, digest (16 bytes), and why it must not be cached."""

    digest: bytes
    refusals: tuple[str, ...] = ()
    components: tuple[tuple[str, str, str, str], ...] = ()
    by_reference: bool = False  # code of modules that every process imports for itself
    paths: bool = False  # holds paths below the folder


class Coder(Protocol):
    """Gives identities to callables and to values that are not plain literals."""

    def callable(self, func: Callable[..., Any]) -> Coded:
        """Return the transitive identity of *func*."""

    def value(self, value: object) -> Coded:
        """Return the identity of the content of *value*."""


@dataclass(slots=True)
class Shape:
    """The program of one node. *kind* is ``task``, ``alias`` (adds nothing) or ``data`` (computes nothing).

    *imported* are the digests of code that each process imports for itself. *role* is the node's part in a
    peer-to-peer shuffle, "" outside of one.
    """

    kind: str
    name: str
    deps: tuple[Key, ...] = ()
    steps: list[Step] = field(default_factory=list)
    refusals: tuple[str, ...] = ()
    paths: bool = False
    components: tuple[tuple[str, str, str, str], ...] = ()
    imported: tuple[bytes, ...] = ()
    role: str = ""

    @property
    def by_reference(self) -> bool:
        """Whether it runs code that each process imports for itself, of which another may hold an older version."""
        return bool(self.imported)

    @property
    def program(self) -> str:
        """Return what tells the steps apart that a fused task holds; "" for a task that is one step."""
        if sum(inputs is not None for _, inputs in self.steps) < 2:
            return ""
        return _digest(b"".join(local + repr(inputs).encode() for local, inputs in self.steps)).hex()

    def own(self) -> bytes:
        """Return the digest of the imported code: equal in two processes if they would run the same."""
        return _digest(b"".join(self.imported))


def data_leaf(digest: bytes) -> bytes:
    """Return the fingerprint of data whose content has *digest*."""
    return _digest(b"data:" + digest)


def evaluate(shape: Shape, leaves: Sequence[bytes]) -> bytes:
    """Run the program of *shape* on the 16-byte identities of its dependencies."""
    return leaves[0] if shape.kind == "alias" else stages(shape, leaves)[-1]


def stages(shape: Shape, leaves: Sequence[bytes]) -> list[bytes]:
    """As :func:`evaluate`, with the identity of every step."""
    done: list[bytes] = []
    for local, inputs in shape.steps:
        if inputs is None:  # data: its own identity, not that of a computation
            done.append(local)
            continue
        parts = [VERSION, local]
        parts += [leaves[n] if n >= 0 else done[~n] for n in inputs]
        done.append(_digest(b"".join(parts)))
    return done


__all__ = ["Coded", "Coder", "Key", "Shape", "Step", "data_leaf", "evaluate", "stages"]
