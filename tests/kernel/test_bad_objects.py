"""Objects that hang, sleep or recurse in code of their own cost themselves, and an interrupt ends the wait for them."""

from __future__ import annotations

import time

import pytest

CLASSES = """
import time
class Endless:
    def __reduce__(self):
        while True: pass
class Sleeper:
    def __reduce__(self):
        time.sleep(3600)
class Stubborn:
    def __getstate__(self):
        while True:
            try: time.sleep(0.01)
            except Exception: pass
class Hostile:
    def __eq__(self, other): raise RuntimeError('eq')
    def __hash__(self): raise RuntimeError('hash')
    def __repr__(self): raise RuntimeError('repr')
    def __getattr__(self, name): return getattr(self, name + '_')
    def __getstate__(self): raise RuntimeError('getstate')
class Recursing:
    def __reduce__(self): return (Recursing, (Recursing(),))
class SlowToLoad:
    def __reduce__(self): return (time.sleep, (3600,))
def nested(depth):
    value = []
    for _ in range(depth): value = [value]
    return value
"""


@pytest.fixture(scope="module")
def kernel(launched, tmp_path_factory):
    kernel = launched("nbreplay-audit", tmp_path_factory.mktemp("bad"))
    kernel.run(CLASSES)
    yield kernel
    kernel.stop()


def holes(kernel):
    shown = kernel.run("%nbreplay vars").outputs[-1]["data"]["text/plain"]
    return {line.split()[0] for line in shown.splitlines() if " hole " in line}


def test_what_hangs_in_its_own_code_is_a_hole_by_name_and_the_rest_is_kept(kernel):
    answer = kernel.run(
        "endless = [Endless()]; sleeper = {'s': Sleeper()}; stubborn = Stubborn(); hostile = Hostile()\n"
        "recursing = Recursing(); deep = nested(3000); good = {'n': [1, 2]}; circle = []; circle.append(circle)"
    )
    assert answer.ok
    assert answer.cell["saved"] is True
    assert holes(kernel) >= {"endless", "sleeper", "stubborn", "recursing"}
    assert holes(kernel).isdisjoint({"good", "deep", "circle"})
    began = time.perf_counter()
    again = kernel.run("other = [Endless(), 1]; good['n'].append(3)")  # it is known by now
    print(f"{time.perf_counter() - began:.2f} s")
    assert again.cell["saved"] is True
    assert "other" in holes(kernel)


@pytest.mark.parametrize("kind", ["Napper", "Looper", "Deep"])
def test_an_interrupt_ends_the_capture_of_what_takes_long(kernel, kind):
    kernel.run(
        "class Napper:\n    def __reduce__(self): time.sleep(1.5); return (Napper, ())\n"
        "class Looper:\n    def __reduce__(self):\n        t = time.monotonic() + 1.5\n"
        "        while time.monotonic() < t: pass\n        return (Looper, ())\n"
        "class Deep(Napper): pass"
    )
    made = f"nested(2) + [{kind}() for _ in range(40)]" if kind == "Deep" else f"[{kind}() for _ in range(40)]"
    message = kernel.send(f"slow = {made}\nprint('made', flush=True)")
    while kernel.client.get_iopub_msg(timeout=30)["content"].get("text") != "made\n":
        pass
    time.sleep(0.5)  # the cell is over, its capture under way; an interrupt a little earlier or later is as good
    began = time.perf_counter()
    kernel.interrupt()
    reply = kernel.client.get_shell_msg(timeout=30)
    print(f"replied after {time.perf_counter() - began:.3f} s")
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["status"] == "ok"
    assert reply["metadata"]["nbreplay"]["saved_reason"] == "interrupted while it was saved"
    answer = kernel.run("del slow; fine = 1")
    assert answer.cell["saved"] is True


def test_an_interrupt_ends_the_loading_of_what_takes_long(kernel, launched, tmp_path_factory):
    folder = tmp_path_factory.mktemp("load")
    first = launched("nbreplay-audit", folder)
    first.run("import time\nclass Slow:\n    def __setstate__(self, state): time.sleep(1.5)\n    x = 0")
    assert first.run("s = [Slow() for _ in range(30)]\nfor n, each in enumerate(s): each.n = n").cell["saved"] is True
    first.run("y = 2")
    first.stop()
    second = launched("nbreplay-repeat", folder)
    second.run("%nbreplay restore 3")
    message = second.send("print(len(s))")
    time.sleep(1.5)
    began = time.perf_counter()
    second.interrupt()
    answer = second.answer(message)
    print(f"replied after {time.perf_counter() - began:.3f} s")
    assert answer.content["ename"] == "KeyboardInterrupt", answer.content["evalue"]
    assert second.run("print(y)").text() == "2\n"
    second.stop()
