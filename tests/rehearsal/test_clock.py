"""The clock: what time does while something works, while all waits, and when it is told to jump."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

import pytest

from rehearsal.clock import FOREVER, Clock, ClockStopped


@pytest.fixture
def virtual() -> Iterator[Clock]:
    """Virtual mode with work that takes no time, from second 0."""
    clock = Clock(math.inf, work_rate=0, settle=0, start=0)
    yield clock
    clock.close()


def test_while_nothing_works_time_runs_at_the_factor() -> None:
    clock = Clock(factor=10_000, start=0)
    began = time.monotonic()
    assert clock.sleep(100) is False
    real = time.monotonic() - began
    assert clock.time() >= 100
    assert 0.01 <= real < 5
    clock.close()


def test_while_something_works_time_runs_as_on_the_wall() -> None:
    clock = Clock(factor=1_000_000, start=0)
    with clock.busy(), clock.busy():  # reentrant
        assert clock.working
        before, began = clock.time(), time.monotonic()
        time.sleep(0.01)
        after, ended = clock.time(), time.monotonic()
    assert not clock.working
    assert 0.01 <= after - before <= (ended - began) + 0.001
    clock.close()


def test_a_busy_thread_that_sleeps_does_not_hold_time_back() -> None:
    clock = Clock(factor=100_000, start=0)
    with clock.busy():
        clock.sleep(1000)
        assert clock.working  # and it is busy again when it wakes
    assert clock.time() >= 1000
    clock.close()


def test_idle_inside_busy_lets_time_run() -> None:
    clock = Clock(factor=100_000, start=0)
    with clock.busy():
        with clock.idle():
            assert not clock.working
            clock.sleep(1000)
        assert clock.working
    clock.close()


def test_virtual_time_jumps_from_timer_to_timer_in_order(virtual: Clock) -> None:
    log: list[tuple[str, float]] = []

    def sleep(name: str, seconds: float) -> None:
        for _ in range(2):
            virtual.sleep(seconds)
            log.append((name, virtual.time()))

    with virtual.busy():  # so that time stands until all three have begun
        threads = [virtual.start_thread(sleep, n, s) for n, s in (("minute", 60), ("week", 604800), ("hour", 3600))]
    for thread in threads:
        thread.join(5)
    assert log == [
        ("minute", 60), ("minute", 120), ("hour", 3600), ("hour", 7200), ("week", 604800), ("week", 1209600),
    ]  # fmt: skip


def test_whoever_is_woken_by_an_event_is_busy_before_the_waker_rests(virtual: Clock) -> None:
    # Given a thread that waits for an event and then works, and a timer far away
    event, seen = virtual.event(), []

    def worker() -> None:
        assert event.wait(timeout=1000)
        seen.append(virtual.time())

    with virtual.busy():
        thread = virtual.start_thread(worker)
        # When a timer sets the event and rests at once
        virtual.call_later(5, event.set)
        virtual.call_later(500, lambda: seen.append("later"))
    thread.join(5)
    # Then time has not jumped in between
    assert seen[0] == 5


def test_sleep_ends_early_when_woken(virtual: Clock) -> None:
    wake = virtual.event()
    with virtual.busy():
        virtual.call_later(10, wake.set)
        assert virtual.sleep(1000, wake) is True
    assert virtual.time() == 10
    assert virtual.sleep(1000, wake) is True  # set already
    wake.clear()
    assert virtual.sleep(1000, wake) is False
    assert virtual.time() == 1010


def test_a_plain_event_wakes_too() -> None:
    clock, wake = Clock(factor=1000, start=0), threading.Event()
    clock.call_later(10, wake.set)
    assert clock.sleep(1_000_000, wake) is True
    assert 10 <= clock.time() < 1_000_000
    wake.clear()
    assert clock.sleep(10, wake) is False
    clock.close()


def test_an_event_wait_without_timeout_waits_for_its_event(virtual: Clock) -> None:
    event = virtual.event()
    virtual.call_later(1_000_000, event.set)
    assert event.wait() is True
    assert virtual.time() == 1_000_000


def test_a_cancelled_timer_does_not_fire(virtual: Clock) -> None:
    fired: list[str] = []
    with virtual.busy():
        timer = virtual.call_later(10, lambda: fired.append("cancelled"))
        virtual.call_later(20, lambda: fired.append("kept"))
        assert timer.cancel() is True
        assert timer.cancel() is False
    virtual.sleep(30)
    assert fired == ["kept"]


def test_callbacks_of_one_moment_run_one_after_the_other(virtual: Clock) -> None:
    order: list[int] = []
    with virtual.busy():
        for number in range(20):
            virtual.call_later(10, lambda number=number: order.append(number))
    virtual.sleep(11)
    assert order == list(range(20))


def test_advance_fires_what_lies_on_the_way_and_returns_when_it_is_there() -> None:
    clock = Clock(factor=1, start=0, settle=0.001)
    seen: list[float] = []

    def every_day() -> None:
        seen.append(round(clock.time() / 86400))
        clock.call_later(86400, every_day)

    clock.call_later(86400, every_day)
    began = time.monotonic()
    clock.advance(3.5 * 86400)
    assert time.monotonic() - began < 5
    assert seen == [1, 2, 3]
    assert 3.5 * 86400 <= clock.time() < 3.5 * 86400 + 10  # and then it runs at its factor again
    clock.close()


def test_wait_for_asks_until_the_answer_is_yes(virtual: Clock) -> None:
    answers = iter([False, False, True])
    assert virtual.wait_for(lambda: next(answers), timeout=100, every=7)
    assert virtual.time() == 14
    assert not virtual.wait_for(lambda: False, timeout=100, every=7)
    assert virtual.time() == 114


def test_close_ends_all_waits_and_silently_their_threads() -> None:
    clock = Clock(factor=1)
    ended: list[type[BaseException]] = []

    def wait(seconds: float) -> None:
        try:
            clock.sleep(seconds, clock.event())
        except BaseException as error:
            ended.append(type(error))
            raise

    threads = [clock.start_thread(wait, seconds) for seconds in (1000, FOREVER)]
    while len(clock._sleeping) < 2:
        time.sleep(0.001)
    clock.close()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert ended == [ClockStopped, ClockStopped]
    with pytest.raises(ClockStopped):
        clock.sleep(1)


def test_now_is_utc() -> None:
    assert Clock(math.inf, work_rate=0, start=0).now().isoformat() == "1970-01-01T00:00:00+00:00"


@pytest.mark.parametrize("wrong", [{"factor": 0}, {"work_rate": -1}, {"settle": -1}])
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="factor"):
        Clock(**wrong)
