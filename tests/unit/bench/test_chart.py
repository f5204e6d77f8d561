"""The chart: drawn, and no label on another."""

import itertools

import pytest

from nbreplay.bench.measure import Sample
from nbreplay.bench.results import Results

pytest.importorskip("matplotlib")


def made(names, rounds=3):
    samples = []
    for n, name in enumerate(names):
        for number in range(rounds):
            for condition, change, wall in (
                ("plain", "", 10.0 + n), ("audit", "", 10.4 + n), ("repeat", "", 0.08 * (n + 1)),
                ("plain", "long-name", 9.0), ("repeat", "long-name", 0.3 * 3**n), ("ideal", "long-name", 0.25 * 3**n),
            ):  # fmt: skip
                times = dict.fromkeys(("wall", "kernel", "settle", "cluster", "touch"), wall * (1 + 0.1 * number))
                samples.append(
                    Sample(workload=name, round=number, condition=condition, change=change, times=times, clusters=1,
                           ran=[], cells=9, tasks={}, needed=0, peak_bytes=0, store_bytes=0, restored_ms=[],
                           problems=[])
                )  # fmt: skip
    machine = {"date": "2026-01-01", "cores": 2, "processor": "a processor", "memory_bytes": 8e9, "disk": "ext4",
               "python": "3.11.9", "versions": {"nbreplay": "0.1.0"}}  # fmt: skip
    return Results(machine=machine, size="medium", seed=1, titles={n: n.upper() for n in names},
                   measured=dict.fromkeys(names, "long-name"), samples=samples)  # fmt: skip


@pytest.mark.parametrize("count", [1, 5])
def test_it_is_written_as_svg_and_png_and_no_label_covers_another(tmp_path, count):
    from nbreplay.bench.chart import draw, write_chart

    results = made([f"workload{n}" for n in range(count)])
    written = write_chart(results, tmp_path / "bench")
    assert [path.suffix for path in written] == [".svg", ".png"]
    assert all(path.stat().st_size > 10_000 for path in written)
    figure = draw(results)
    figure.canvas.draw()
    (axes,) = figure.axes
    texts = [*axes.texts, *axes.get_xticklabels(), axes.title, *axes.get_legend().get_texts(), *figure.texts]
    boxes = [text.get_window_extent() for text in texts if text.get_text()]
    for one, two in itertools.combinations(boxes, 2):
        assert not one.overlaps(two)
