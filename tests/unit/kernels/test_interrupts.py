"""Signals at a boundary, and while a cell awaits."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time

import pytest

from nbreplay.kernels import interrupts


@pytest.fixture(autouse=True)
def default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_until_the_reply_an_interrupt_is_a_flag():
    stop = interrupts.until_reply()
    assert not stop()
    signal.raise_signal(signal.SIGINT)
    assert stop()


def test_an_interrupt_that_was_held_back_comes_at_the_end():
    done = []

    def work():
        with interrupts.held() as stop:
            signal.raise_signal(signal.SIGINT)
            done.append(stop())

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [True]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_comes_at_once():
    done = []

    def work():
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            done.append("not reached")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == []


def test_an_interrupt_that_came_too_late_can_be_dropped():
    with interrupts.held() as stop:
        signal.raise_signal(signal.SIGINT)
        stop.raised = False


def test_an_error_under_a_held_interrupt_is_the_error():
    def work():
        with interrupts.held():
            signal.raise_signal(signal.SIGINT)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        work()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_ignored_interrupt_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with interrupts.held():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_an_idle_loop_is_woken_after_a_signal():
    async def idle():
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(asyncio.sleep(30))
        # As ipykernel's handler: it schedules without waking the selector.
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon(waiting.cancel))
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        began = time.monotonic()
        with interrupts.ticking(), pytest.raises(asyncio.CancelledError):
            await waiting
        return time.monotonic() - began

    assert asyncio.run(idle()) < 20


def test_without_a_loop_nothing_ticks():
    with interrupts.ticking():
        pass
