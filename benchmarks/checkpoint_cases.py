"""The notebooks that ``checkpoints.py`` runs, and what is wished for of each: limits on what was measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ARRAY_MB = 200
MEMORY_BYTES = 256 << 20
FLAT_MS = 2
"""What the last tenth of a long notebook may take more than the first, in milliseconds: less is noise."""

Figures = dict[str, Any]
"""What was measured of one case under one kernel; see ``checkpoints.figures``."""


@dataclass(frozen=True)
class Limit:
    """One figure of a case: *measure* takes it from what was measured of plain and of another kernel."""

    what: str
    unit: str
    most: float | Callable[[Figures], float]
    measure: Callable[[Figures, Figures], float]

    def most_of(self, plain: Figures) -> float:
        return self.most(plain) if callable(self.most) else self.most


@dataclass(frozen=True)
class Case:
    """Cells, each with a label that its times are shown under, and limits."""

    cells: list[tuple[str, str]]
    limits: list[Limit] = field(default_factory=list)


def on_top(label: str, most_ms: float) -> Limit:
    return Limit(
        f"{label}: on top of plain", "ms", most_ms, lambda plain, it: it["cells_ms"][label] - plain["cells_ms"][label]
    )


def written(label: str, most_mb: float) -> Limit:
    return Limit(f"{label}: written", "MB", most_mb, lambda _, it: it["written_bytes"][label] / 1e6)


MEMORY = Limit(
    "memory on top of plain",
    "MiB",
    MEMORY_BYTES >> 20,
    lambda plain, it: (it["peak_bytes"] - plain["peak_bytes"]) / 2**20,
)


def array_case(scale: float) -> Case:
    count = int(ARRAY_MB * scale) * 125_000
    array_mb = count * 8 / 1e6
    return Case(
        [
            ("make", f"import numpy as np\na = np.random.default_rng(0).random({count})"),
            ("read", "s = float(a.sum())"),
            ("edit", "a[0] = -1.0"),
            ("read", "m = float(a.max())"),
            ("alias", "d = {'a': a, 'n': 1}"),
            ("other", "x = 1"),
            ("edit", f"a[{count // 2}] = -2.0"),
            ("read", "h = float(d['a'][:1000].mean())"),
            ("other", "y = x + 1"),
            ("read", "print(a.shape, s, m, h)"),
        ],
        [
            Limit("whole notebook", "s", lambda plain: 1.5 * plain["notebook_s"] + 0.3, lambda _, it: it["notebook_s"]),
            Limit("store", "MB", 1.1 * array_mb + 2, lambda _, it: it["store_bytes"] / 1e6),
            on_top("read", 50),
            on_top("edit", 150),
            MEMORY,
        ],
    )


def five_case(scale: float) -> Case:
    count = int(100 * scale) * 125_000
    names = ["a", "b", "c", "d", "e"]
    make = [("make", f"{name} = np.random.default_rng({n}).random({count})") for n, name in enumerate(names)]
    return Case(
        [("import", "import numpy as np"), *make, ("edit", "c[7] = -1.0"), ("other", "x = 1")],
        [written("edit", 1.1), MEMORY],  # a chunk is 1.05 MB; the record comes on top
    )


def objects_case(scale: float) -> Case:
    count = int(200_000 * scale)
    return Case(
        [
            ("make", f"o = {{i: [i, str(i)] for i in range({count})}}"),
            ("edit", f"o[{count // 2}].append(1)"),
            ("read", f"n = len(o[{count // 3}])"),
            ("other", "x = 1"),
        ],
        [on_top("edit", 2000), written("edit", 1), MEMORY],
    )


def trivial_case(scale: float) -> Case:
    count = max(int(1000 * scale), 40)
    tenth = count // 10

    def label(i: int) -> str:
        return "first tenth" if i < tenth else "last tenth" if i >= count - tenth else "rest"

    def growth(plain: Figures, it: Figures) -> float:
        now, before = (it["cells_ms"][each] - plain["cells_ms"][each] for each in ("last tenth", "first tenth"))
        return float(now - before)

    return Case(
        [("first", "x = 0"), *((label(i), f"x_{i} = {i}") for i in range(count))],
        [
            on_top("rest", 10),
            on_top("last tenth", 10),
            Limit("last tenth - first tenth", "ms", FLAT_MS, growth),
            MEMORY,
        ],
    )


CASES: dict[str, Callable[[float], Case]] = {
    "array": array_case,
    "five": five_case,
    "objects": objects_case,
    "trivial": trivial_case,
}

MADE = """class Made:
    def __init__(self, n):
        self.n = n
        self.parts = [n, str(n)]
"""

INTERRUPTED = {
    "200,000 small objects": "o = {{i: [i, str(i)] for i in range({count})}}",
    "100,000 instances": MADE + "p = [Made(i) for i in range({count} // 2)]",
    "a reducer that takes 20 s": "import time\nclass Slow:\n    def __reduce__(self):\n        time.sleep(20)\n"
    "        return (Slow, ())\ns = [Slow() for _ in range(3)]",
    "400 MB of arrays": "import numpy as np\na = [np.random.default_rng(n).random({count} * 25) for n in range(10)]",
}
"""Cells whose checkpoint takes a while; *count* is 200,000."""
