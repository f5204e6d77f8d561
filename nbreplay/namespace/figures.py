"""matplotlib: what pyplot knows of figures is ambient state; what the library made for itself links no names."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from typing import Any

from nbreplay.fingerprint.arrays import span
from nbreplay.fingerprint.atoms import register_atom
from nbreplay.namespace.ambient import Probe
from nbreplay.serialize.of_matplotlib import open_figures, order, put_in_order


def probes() -> list[Probe]:
    """Return the probes of pyplot's figures and of colour maps that cells registered."""
    return [
        Probe(
            key="pyplot figures",
            module="matplotlib._pylab_helpers",
            raw=lambda: list(open_figures()),
            apply=_put_figures,
            default=list,
        ),
        Probe(
            key="matplotlib colormaps",
            module="matplotlib",
            raw=_colormaps,
            apply=_put_colormaps,
            default=dict,
        ),
    ]


def _put_figures(value: list[int], _: Any) -> None:
    order[:] = value
    put_in_order()


def _colormaps() -> dict[str, Any]:
    registry = sys.modules["matplotlib"].colormaps
    return {name: each for name, each in registry._cmaps.items() if name not in registry._builtin_cmaps}


def _put_colormaps(value: dict[str, Any], _: Any) -> None:
    registry = sys.modules["matplotlib"].colormaps
    for name in _colormaps().keys() - value.keys():
        registry.unregister(name)
    for name, each in value.items():
        registry.register(each, name=name, force=True)


def unheld(held: set[int]) -> list[int]:
    """Return the numbers of pyplot's figures that none of the objects *held*, by id, is."""
    return [number for number, figure in open_figures().items() if id(figure) not in held]


Span = tuple[int, int]


def figure_of(value: Any) -> Any:
    """Return the figure that *value* is or is drawn in, None if it is no artist of one."""
    found = value
    for _ in range(_DEEPEST):
        kind: Any = type(found)
        if not _is_artist(kind):
            return None
        above = getattr(found, "figure", None)
        if above is None or above is found:
            break
        found = above
    return found if any(base.__qualname__ == "Figure" for base in type(found).__mro__) else None


_DEEPEST = 20
"""Figures in figures."""


@cache
def _is_artist(kind: Any) -> bool:
    return any((base.__module__, base.__qualname__) == ("matplotlib.artist", "Artist") for base in kind.__mro__)


def of_library() -> tuple[frozenset[int] | set[int], frozenset[Span]]:
    """Return ids and memory of what matplotlib itself puts into every figure: markers' paths, lists of parameters.

    Else all figures would be one covariable.
    """
    loaded = _loaded(len(sys.modules)) if "matplotlib" in sys.modules else 0
    if not loaded:
        return frozenset(), frozenset()
    ids, spans = _paths(loaded)
    return ids | _lists(), spans


@lru_cache(maxsize=2)
def _loaded(_: int) -> int:
    """Return how many modules of matplotlib are loaded; asked again when there are more modules in all."""
    return sum(name.startswith("matplotlib.") for name in list(sys.modules))


def _lists() -> set[int]:
    """Return the ids of the lists among the parameters: what is made with them holds them, not copies."""
    return {id(each) for each in dict.values(sys.modules["matplotlib"].rcParams) if isinstance(each, list)}


@cache
def _paths(_: int) -> tuple[frozenset[int], frozenset[Span]]:
    path_type = getattr(sys.modules.get("matplotlib.path"), "Path", None)
    if path_type is None:
        return frozenset(), frozenset()
    ids: set[int] = set()
    spans = set()
    for name in [name for name in list(sys.modules) if name.startswith("matplotlib.")]:
        constants = list(vars(sys.modules[name]).values())
        constants += [each for cls in constants if isinstance(cls, type) for each in list(vars(cls).values())]
        for path in [each for each in constants if isinstance(each, path_type)]:
            ids |= {id(path), id(vars(path))}
            for array in (path.vertices, path.codes):
                if array is not None:
                    ids.add(id(array))
                    spans.add(span(array))
    return frozenset(ids), frozenset(spans)


def _type_name(value: Any) -> bytes:
    return type(value).__qualname__.encode()


_AROUND_FIGURES = (
    "matplotlib.backend_bases:FigureCanvasBase",
    "matplotlib.backend_bases:FigureManagerBase",
    "matplotlib.backend_bases:RendererBase",
    "matplotlib.backends._backend_agg:RendererAgg",
)
for _name in _AROUND_FIGURES:
    register_atom(_name, _type_name)
