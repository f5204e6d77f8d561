"""An interrupt ends what runs, soon, and the kernel answers again."""

from __future__ import annotations

import time

import pytest

SOON_S = 10  # generous: the stock kernel needs for ever where ours needs 0.2 s


def interrupted(kernel, code, after_s=0.7):
    message_id = kernel.send(code)
    time.sleep(after_s)
    kernel.interrupt()
    return kernel.answer(message_id, timeout=SOON_S)


def still_answers(kernel):
    answer = kernel.run("'alive'", timeout=SOON_S)
    assert answer.result == "'alive'"
    assert answer.state == "executed"


def test_a_cell_that_computes(audit):
    answer = interrupted(audit, "while True: pass")
    assert answer.content["ename"] == "KeyboardInterrupt"
    assert answer.state == "failed"
    still_answers(audit)


def test_a_cell_that_sleeps(audit):
    assert interrupted(audit, "import time\ntime.sleep(60)").content["ename"] == "KeyboardInterrupt"
    still_answers(audit)


def test_a_cell_that_is_idle_in_an_await(audit):
    answer = interrupted(audit, "import asyncio\nawait asyncio.sleep(60)")
    assert answer.content["ename"] == "CancelledError"
    assert answer.state == "failed"
    still_answers(audit)


def test_a_cell_that_catches_the_interrupt_has_not_failed(audit):
    answer = interrupted(audit, "import time\ntry:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('caught')")
    assert answer.ok
    assert answer.text() == "caught\n"
    still_answers(audit)


SLOW = """
import time
class Slow:
    def __init__(self): self.n = 0
    def __reduce__(self):
        self.n += 1
        time.sleep(0.05)
        return (Slow, ())
"""


def test_a_capture(audit):
    audit.run(SLOW)
    answer = interrupted(audit, "slow = [Slow() for _ in range(100)]")
    assert answer.ok
    assert answer.cell["saved"] is False
    assert "interrupt" in answer.cell["saved_reason"]
    assert answer.outputs == []
    audit.run("del slow", timeout=SOON_S * 2)
    still_answers(audit)


def test_between_cells_nothing_happens(audit):
    audit.interrupt()
    time.sleep(0.1)
    still_answers(audit)


def test_many_in_a_row_leave_a_kernel_that_answers(audit):
    message_id = audit.send("import time\nfor _ in range(100): time.sleep(0.02)")
    for _ in range(8):
        time.sleep(0.03)
        audit.interrupt()
    answer = audit.answer(message_id, timeout=SOON_S)
    assert answer.content["status"] == "error"
    still_answers(audit)


@pytest.mark.parametrize("delay_ms", [0, 2, 4, 6, 8, 10, 15, 20])
def test_at_any_moment_around_the_reply_the_client_gets_one(audit, delay_ms):
    message_id = audit.send("y = 1")
    time.sleep(delay_ms / 1000)
    audit.interrupt()
    assert audit.answer(message_id, timeout=SOON_S).content["status"] in ("ok", "error")
    still_answers(audit)
