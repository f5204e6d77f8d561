"""Figures of matplotlib with all their artists as one, with what pyplot knows of them and the callbacks of the user's.

What belongs to a window or a running event loop (canvas, manager, widgets, animations) is not kept; a restored
figure has a canvas of its backend.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

from nbreplay.serialize.functions import Reduced

order: list[int] = []
"""Numbers of the figures that pyplot is to have, the current one last; set when a boundary is restored."""


def open_figures() -> dict[int, Any]:
    """Return the figures that pyplot knows, by number, the current one last."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return {} if helpers is None else {number: each.canvas.figure for number, each in helpers.Gcf.figs.items()}


def _figure(_: Any, figure: Any) -> Reduced:
    state = figure.__getstate__()
    state.pop("_restore_to_pylab", None)
    number = next((number for number, each in open_figures().items() if each is figure), None)
    return new_figure, (type(figure),), (state, number), None, None, fill_figure


def _callbacks(_: Any, registry: Any) -> Any:
    kept = getattr(registry, "_pickled_cids", ())
    found = []
    of_canvas = "draw_event" in (getattr(registry, "_signals", None) or ())
    for signal, callbacks in registry.callbacks.items():
        for number, reference in callbacks.items():
            function = reference()
            if number not in kept and function is not None and _is_kept(function, of_canvas):
                found.append((number, signal, function))
    return new_registry, (type(registry),), (_state(registry), sorted(found, key=_number)), None, None, connect


def _state(registry: Any) -> Any:
    """Return what pickle would keep of a registry; to ask it takes a number from its counter, here from a copy."""
    own = getattr(registry, "_cid_gen", None)
    if type(own) is not itertools.count:
        return registry.__getstate__()
    registry._cid_gen = itertools.count(int(repr(own).removeprefix("count(").removesuffix(")")))
    try:
        return registry.__getstate__()
    finally:
        registry._cid_gen = own


def _number(each: tuple[int, str, Any]) -> int:
    return each[0]


def _is_kept(function: Any, of_canvas: bool) -> bool:
    """Whether a callback is the user's, or of artists among each other: a colour bar follows its image by one."""
    owner = type(getattr(function, "__self__", function))
    module = owner.__module__ if owner.__module__ not in ("builtins", "functools") else function.__module__
    top = str(module).partition(".")[0]
    among_artists = not of_canvas and getattr(function, "__name__", "") in _AMONG_ARTISTS
    return among_artists or top not in ("matplotlib", "mpl_toolkits")


_AMONG_ARTISTS = frozenset({"changed", "update_normal"})
"""Methods by which norms, images and colour bars follow each other; what canvases connect, they connect again."""


def _canvas(_: Any, canvas: Any) -> Reduced:
    return canvas_of, (canvas.figure,)


def _manager(_: Any, manager: Any) -> Reduced:
    return manager_of, (manager.canvas.figure,)


def _alive(_: Any, value: Any) -> Any:
    raise TypeError(f"a matplotlib {type(value).__name__}: it lives with its canvas")


BY_NAME = {
    "matplotlib.figure:Figure": _figure,
    "matplotlib.cbook:CallbackRegistry": _callbacks,
    "matplotlib.backend_bases:FigureCanvasBase": _canvas,
    "matplotlib.backend_bases:FigureManagerBase": _manager,
    "matplotlib.widgets:Widget": _alive,
    "matplotlib.animation:Animation": _alive,
}


# ---------------------------------------------------------------- named in streams


def new_figure(kind: Any) -> Any:
    return kind.__new__(kind)


def fill_figure(figure: Any, state: tuple[dict[str, Any], int | None]) -> None:
    own, number = state
    figure.__setstate__(own)
    if number is None:
        return
    import matplotlib.pyplot as plt
    from matplotlib._pylab_helpers import Gcf

    stale = Gcf.figs.get(number)
    if stale is not None and stale.canvas.figure is not figure:
        Gcf.figs.pop(number)
    manager = plt._get_backend_mod().new_figure_manager_given_figure(number, figure)
    if figure.get_label():
        manager.set_window_title(figure.get_label())
    Gcf._set_new_active_manager(manager)
    put_in_order()


def put_in_order() -> None:
    """Let pyplot's figures be in the order that was recorded; those that it does not name are more current."""
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    if helpers is not None:
        places = {number: place for place, number in enumerate(order)}
        for number in sorted(helpers.Gcf.figs, key=lambda each: places.get(each, len(order))):
            helpers.Gcf.figs.move_to_end(number)


def new_registry(kind: Any) -> Any:
    return kind.__new__(kind)


def connect(registry: Any, state: tuple[dict[str, Any], list[tuple[int, str, Any]]]) -> None:
    own, callbacks = state
    registry.__setstate__(own)
    after = registry._cid_gen
    for number, signal, function in callbacks:
        registry._cid_gen = itertools.count(number)
        registry.connect(signal, function)
    registry._cid_gen = after


def canvas_of(figure: Any) -> Any:
    return figure.canvas


def manager_of(figure: Any) -> Any:
    return figure.canvas.manager
