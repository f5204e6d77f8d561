"""What fingerprints cost: new functions, functions seen before, values large and small.

Each figure is the median, with the fastest and slowest in brackets, of the rounds given, in processor time: machines
are shared. An empty loop is timed first, to compare machines by. Run: ``python benchmarks/fingerprint.py``.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import statistics
import sys
import time
import types
from pathlib import Path

import numpy as np
import pandas as pd

from nbreplay.fingerprint import Mode, walk
from nbreplay.fingerprint.code import analyse

SMALL = "def f(x, y=2):\n    total = np.sin(x) + y * K\n    return helper(total)\n"
MIDDLE = """
def f(frame, limit):
    kept = []
    for name, part in frame.groupby("a"):
        if part["b"].mean() > limit and name not in SKIPPED:
            try:
                kept.append(helper(part["b"].to_numpy()) / len(part))
            except ZeroDivisionError:
                continue
    return pd.DataFrame({"kept": kept}).sort_values("kept").reset_index(drop=True)
"""
AROUND = "K = 3\nSKIPPED = {'x', 'y'}\ndef helper(x):\n    return np.round(x * K, 3)\n"


def namespace(source):
    module = types.ModuleType("__main__")
    module.__dict__.update(np=np, pd=pd)
    exec(compile(AROUND + source, "<cell>", "exec"), module.__dict__)
    return module.__dict__


def timed(work, rounds, inner=1):
    """Return microseconds per call: median, fastest, slowest."""
    seconds = []
    gc.collect()
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(inner):
            work()
        seconds.append((time.process_time() - start) / inner * 1e6)
    return statistics.median(seconds), min(seconds), max(seconds)


def empty():
    """Take a million turns of an empty loop: microseconds for all are picoseconds for one."""
    for _ in range(10**6):
        pass


ROWS = []


def show(what, figures, per=1, unit="us"):
    median, low, high = (figure / per for figure in figures)
    ROWS.append({"what": what, "unit": unit, "median": median, "low": low, "high": high})
    print(f"{what:<58} {median:10.2f} {unit} [{low:.2f} .. {high:.2f}]")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="code only, three rounds: to see that it works")
    parser.add_argument("--json", metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    measure(rounds, values=not options.quick)
    if options.json:
        Path(options.json).write_text(json.dumps({"python": platform.python_version(), "rows": ROWS}, indent=1))


def measure(rounds, *, values):
    print(f"Python {platform.python_version()}, {platform.machine()}, numpy {np.__version__}, pandas {pd.__version__}")
    show("a turn of an empty loop", timed(empty, rounds), 1000, "ns")
    small, middle = namespace(SMALL)["f"], namespace(MIDDLE)["f"]
    task = {"mode": Mode.TASK}
    show("3-line function, its code new", timed(lambda: analyse(small.__code__), rounds, 200))
    show("10-line function, its code new", timed(lambda: analyse(middle.__code__), rounds, 100))
    show("3-line function with helper, code seen before", timed(lambda: walk(small, **task), rounds, 300))
    show("10-line function with helper, code seen before", timed(lambda: walk(middle, **task), rounds, 200))
    for what, function in (("3", small), ("10", middle)):
        # A task whose function is new to this process: its code is analysed and all that it reads is looked up.
        again = types.CodeType.replace

        def new(function=function, again=again):
            code = again(function.__code__, co_name=f"f{len(ROWS)}")
            analyse(code)
            walk(function, **task)

        show(f"{what}-line function, planned with new code", timed(new, rounds, 100))
    show("a library's function", timed(lambda: walk(np.sum, **task), rounds, 500))
    show("a small tuple of arguments", timed(lambda: walk((1, "a", 2.5), **task), rounds, 500))
    if not values:
        return

    class Thing:
        def __init__(self, number):
            self.number, self.name, self.parts = number, "thing", [number]

    count = 50_000
    things = [Thing(i) for i in range(count)]
    lists = {i: [i, i + 1] for i in range(count)}
    for mode in (Mode.VALUE, Mode.NAMESPACE):
        label = mode.value
        show(
            f"{label}: instance with three attributes, each", timed(lambda m=mode: walk(things, mode=m), rounds), count
        )
        show(f"{label}: list of two in a dict, each", timed(lambda m=mode: walk(lists, mode=m), rounds), count)
        ints, texts = list(range(10**6)), [str(i) for i in range(10**6)]
        show(f"{label}: a million ints", timed(lambda m=mode, v=ints: walk(v, mode=m), rounds), 1000, "ms")
        show(f"{label}: a million texts", timed(lambda m=mode, v=texts: walk(v, mode=m), rounds), 1000, "ms")
        array = np.random.default_rng(0).random(25_000_000)
        show(f"{label}: array of 200 MB", timed(lambda m=mode, v=array: walk(v, mode=m), rounds), 1000, "ms")
        frame = pd.DataFrame({f"c{i}": array[i::10] for i in range(10)})
        show(
            f"{label}: frame of 200 MB, ten columns", timed(lambda m=mode, v=frame: walk(v, mode=m), rounds), 1000, "ms"
        )
        across = pd.DataFrame(array.reshape(-1, 10))
        show(
            f"{label}: the same, made of one array", timed(lambda m=mode, v=across: walk(v, mode=m), rounds), 1000, "ms"
        )
        words = pd.DataFrame({"a": [f"word {i}" for i in range(10**6)]})
        show(f"{label}: frame of a million texts", timed(lambda m=mode, v=words: walk(v, mode=m), rounds), 1000, "ms")


if __name__ == "__main__":
    sys.exit(main())
