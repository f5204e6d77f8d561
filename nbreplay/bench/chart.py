"""One chart: time per notebook and condition, with ranges, on a logarithmic axis, the ideal marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbreplay.bench.figures import Spread
from nbreplay.bench.machine import one_line
from nbreplay.bench.results import Results

# Okabe and Ito's palette: told apart with any colour vision, and by lightness in print.
PLAIN, AUDIT, REPEAT, CHANGED, INK = "#999999", "#56B4E9", "#009E73", "#E69F00", "#222222"
BARS = (
    ("plain", PLAIN, ""),
    ("NBReplay: first run, recording", AUDIT, ""),
    ("NBReplay: again, nothing changed", REPEAT, ""),
    ("plain, after an edit", PLAIN, "////"),
    ("NBReplay: after an edit", CHANGED, "////"),
)
WIDTH = 0.16
"""Of a bar, in units of the distance between two notebooks."""


def write_chart(results: Results, path: Path) -> list[Path]:
    """Write the chart as SVG and PNG; *path* gives folder and stem. Needs matplotlib."""
    figure = draw(results)
    written = [path.with_suffix(".svg"), path.with_suffix(".png")]
    for place in written:
        place.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(place, dpi=160, metadata={"Date": None} if place.suffix == ".svg" else None)
    return written


def draw(results: Results) -> Any:
    """Return the chart as a figure of matplotlib, which belongs to no window."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in results.titles if results.figures(name).of("plain")]
    style: Any = {"font.size": 11, "font.family": "DejaVu Sans", "svg.fonttype": "path", "hatch.linewidth": 0.6}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(max(9.0, 2.1 * len(names) + 1.5), 6.2))
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _bars(axes, results, names)
        _labels(axes, results, names)
        figure.text(0.01, 0.01, one_line(results.machine), fontsize=8, color="#555555")
        figure.tight_layout(rect=(0, 0.03, 1, 1))
    return figure


def _times(results: Results, name: str) -> list[Spread | None]:
    figures, change = results.figures(name), results.measured.get(name, "")
    edited = [figures.time("plain", change), figures.time("repeat", change)] if change else [None, None]
    return [figures.time("plain"), figures.time("audit"), figures.time("repeat"), *edited]


def _bars(axes: Any, results: Results, names: list[str]) -> None:
    marked = False
    for n, name in enumerate(names):
        change = results.measured.get(name, "")
        ideal = results.figures(name).time("ideal", change) if change else None
        for k, (time, (_, color, hatch)) in enumerate(zip(_times(results, name), BARS, strict=True)):
            if time is None:
                continue
            x = n + (k - 2) * WIDTH
            axes.bar(x, time.median, WIDTH * 0.92, color=color, hatch=hatch, edgecolor=INK, linewidth=0.6, zorder=2)
            if time.count > 1:
                bounds = [[time.median - time.least], [time.most - time.median]]
                axes.errorbar(x, time.median, yerr=bounds, color=INK, capsize=2, linewidth=1, zorder=3)
            if k in (2, 4):
                figures = results.figures(name)
                ratio = figures.repeated() if k == 2 else figures.changed(change)
                top = max(time.most, ideal.median if k == 4 and ideal is not None else 0.0)
                if ratio is not None:
                    shown = f"{ratio.median:.0f}x" if ratio.median >= 10 else f"{ratio.median:.1f}x"
                    axes.annotate(
                        shown, (x, top), (0, 5), textcoords="offset points", ha="center", va="bottom",
                        fontsize=8.5, fontweight="bold", color=INK, zorder=5,
                        bbox={"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none"},
                    )  # fmt: skip
        if ideal is not None:
            x = n + 2 * WIDTH
            label = "" if marked else "ideal: only what must run, without NBReplay"
            ends = [x - WIDTH * 0.5, x + WIDTH * 0.5]
            axes.plot(ends, [ideal.median] * 2, color="#000000", lw=2.6, solid_capstyle="butt", label=label, zorder=4)
            marked = True


def _labels(axes: Any, results: Results, names: list[str]) -> None:
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.6, high * 1.8)
    axes.set_xticks(range(len(names)))
    texts = []
    for name in names:
        change = results.measured.get(name, "")
        texts.append(f"{results.titles[name]}\nedit: {change}" if change else results.titles[name])
    axes.set_xticklabels(texts)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.yaxis.set_major_locator(LogLocator(base=10))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _shown(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel("first request to last reply, cluster included")
    axes.set_title(f"Running a notebook again (size {results.size}; median, minimum and maximum)", loc="left", pad=12)
    axes.grid(axis="y", color="#dddddd", zorder=0)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    handles = [Patch(facecolor=color, hatch=hatch, edgecolor=INK, label=text) for text, color, hatch in BARS]
    handles += [line for line in axes.get_lines() if line.get_label() and not line.get_label().startswith("_")]
    axes.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, frameon=False, fontsize=9.5)


def _shown(value: float) -> str:
    if value < 1:
        return f"{value * 1000:g} ms"
    return f"{value:g} s"
