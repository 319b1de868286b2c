"""Rehearsal time: runs like a wall clock while something really works, and fast (or in jumps) while all is waiting.

Three things make it run:

* *busy* units. While at least one is held, rehearsal time runs at `work_rate` (1: as fast as real time; 0: it stands
  still). So a task timeout never kills a Lambda function that is really working.
* *timers*, in one heap, fired by one thread.
* the *factor*: how fast time runs while no unit is held. ``math.inf`` means virtual mode: time jumps to the next timer.

Whoever wakes a sleeping thread gives it back its busy unit before it runs, so that there is no instant at which a
thread that is about to work counts as waiting. This is what makes virtual mode exact.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

FOREVER = math.inf


class ClockStopped(SystemExit):
    """Raised in a thread that waits, or begins to wait, when the rehearsal stops.

    A SystemExit, because that ends a thread in silence and passes through every ``except Exception`` of a library.
    """


class Timer:
    """A deadline in rehearsal time. Made by `Clock.call_later`."""

    def __init__(self, clock: Clock, deadline: float, fn: Callable[[], Any] | None, sleeper: _Sleeper | None) -> None:
        self.deadline = deadline
        self.done = False  # fired or cancelled
        self._clock, self._fn, self._sleeper = clock, fn, sleeper

    def cancel(self) -> bool:
        """Take the timer back; False when it had fired (or was cancelled) before."""
        with self._clock._lock:
            was, self.done = self.done, True
            return not was


class _Sleeper:
    """One thread that waits: for its timer, for an event, or for whichever comes first."""

    def __init__(self, busy: bool, plain: threading.Event | None) -> None:
        self.busy = busy  # it held a busy unit when it lay down, and gets one back when it is woken
        self.plain = plain  # an event that is not a ClockEvent
        self.done = self.woken = False
        self.timer: Timer | None = None
        self.signal = threading.Event()

    def wait(self) -> bool:
        """Block in real time; True when the plain event was set before anybody else woke this sleeper."""
        if self.plain is None:
            self.signal.wait()
            return False
        # An Event's own condition is the only thing that its set() notifies; the timer notifies it too (release()).
        condition: threading.Condition = self.plain._cond  # type: ignore[attr-defined]
        with condition:
            condition.wait_for(lambda: self.done or self.plain.is_set())  # type: ignore[union-attr]
        return not self.done

    def release(self) -> None:
        if self.plain is None:
            self.signal.set()
        else:
            with self.plain._cond:  # type: ignore[attr-defined]
                self.plain._cond.notify_all()  # type: ignore[attr-defined]


class ClockEvent(threading.Event):
    """A `threading.Event` whose waits are timed by the clock. Made by `Clock.event`.

    It can stand in for a plain Event: ``wait(timeout)`` takes seconds of rehearsal time.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._sleepers: list[_Sleeper] = []

    def set(self) -> None:
        """Wake all who wait; those who were busy when they lay down are busy again before this returns."""
        with self._clock._lock:
            super().set()
            sleepers, self._sleepers = self._sleepers, []
            for sleeper in sleepers:
                self._clock._wake(sleeper, woken=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until set, or for `timeout` seconds of rehearsal time; True when set."""
        return self._clock.sleep(FOREVER if timeout is None else timeout, self)


class Clock:
    """Rehearsal time.

    Parameters
    ----------
    factor
        Seconds of rehearsal time per real second while nothing works; ``math.inf`` for virtual mode.
    work_rate
        The same while something works. 1 in a rehearsal; 0 in the interpreter for tests, where work takes no time.
    start
        POSIX seconds at which rehearsal time begins; now if not given.
    settle
        Real seconds that all must have been waiting before time jumps (virtual mode and `advance` only). It covers
        work that the clock cannot see, such as another process between two requests.
    """

    def __init__(
        self, factor: float = 60.0, *, work_rate: float = 1.0, start: float | None = None, settle: float = 0.005
    ) -> None:
        if factor <= 0 or work_rate < 0 or settle < 0:
            raise ValueError(f"factor must be > 0, work_rate and settle >= 0: got {factor}, {work_rate}, {settle}")
        self.factor = factor
        self._work_rate = work_rate
        self._settle = settle
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._sequence = itertools.count()
        self._timers: list[tuple[float, int, Timer]] = []
        self._sleeping: set[_Sleeper] = set()
        self._busy = 0
        self._local = threading.local()
        self._skip_to = -math.inf
        self._base_real = self._idle_since = time.monotonic()
        self._base = time.time() if start is None else start
        self._rate = self._flow()
        self._ticker: threading.Thread | None = None
        self._closed = False

    # ---- reading the time

    def time(self) -> float:
        """Return rehearsal time as POSIX seconds."""
        with self._lock:
            return self._base + (time.monotonic() - self._base_real) * self._rate

    def now(self) -> datetime:
        """Return rehearsal time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.time(), UTC)

    # ---- working and waiting

    @property
    def working(self) -> bool:
        """Whether any busy unit is held."""
        return self._busy > 0

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Mark this thread as doing real work. Reentrant; counted over threads."""
        depth = self._depth()
        if depth == 0:
            self._count(+1)
        self._local.depth = depth + 1
        try:
            yield
        finally:
            self._local.depth = depth
            if depth == 0:
                self._count(-1)

    @contextlib.contextmanager
    def idle(self) -> Iterator[None]:
        """Inside `busy`: mark this thread as waiting for something else that is rehearsed."""
        depth = self._depth()
        self._local.depth = 0
        if depth:
            self._count(-1)
        try:
            yield
        finally:
            self._local.depth = depth
            if depth:
                self._count(+1)

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> bool:
        """Wait for `seconds` of rehearsal time, or until `wake` is set. A busy thread is not busy meanwhile.

        Parameters
        ----------
        seconds
            May be `FOREVER`; zero or less returns at once.
        wake
            Best made by `Clock.event`; a plain Event works, but in virtual mode time may jump once more before the
            woken thread counts as busy.

        Returns
        -------
        bool
            True when `wake` was set, False when the time was over.

        Raises
        ------
        ClockStopped
            When the rehearsal stops meanwhile, or has stopped.
        """
        own = isinstance(wake, ClockEvent)
        with self._lock:
            if wake is not None and wake.is_set():
                return True
            if self._closed:
                raise ClockStopped("the rehearsal has stopped")
            if seconds <= 0:
                return False
            sleeper = _Sleeper(self._depth() > 0, None if own else wake)
            if isinstance(wake, ClockEvent):
                wake._sleepers.append(sleeper)
            if seconds != FOREVER:
                sleeper.timer = self._push(Timer(self, self.time() + seconds, None, sleeper))
            self._sleeping.add(sleeper)
            if sleeper.busy:
                self._count(-1)
        if sleeper.wait():
            with self._lock:
                self._wake(sleeper, woken=True)
        if self._closed and not sleeper.woken:
            raise ClockStopped("the rehearsal has stopped")
        if isinstance(wake, ClockEvent) and not sleeper.woken:
            with self._lock, contextlib.suppress(ValueError):  # set() may have emptied the list since
                wake._sleepers.remove(sleeper)
        return sleeper.woken

    def sleep_until(self, when: float, wake: threading.Event | None = None) -> bool:
        """`sleep` until rehearsal time is `when` (POSIX seconds)."""
        return self.sleep(when - self.time(), wake)

    def wait_for(self, condition: Callable[[], bool], timeout: float, every: float = 1.0) -> bool:
        """Ask `condition` every `every` seconds of rehearsal time; False when `timeout` seconds pass without a yes."""
        deadline = self.time() + timeout
        while not condition():
            left = deadline - self.time()
            if left <= 0:
                return False
            self.sleep(min(every, left))
        return True

    def event(self) -> ClockEvent:
        """Return an Event whose waits are timed by this clock."""
        return ClockEvent(self)

    def call_later(self, seconds: float, fn: Callable[[], Any]) -> Timer:
        """Call `fn` in a thread of its own, which is busy while it runs, `seconds` of rehearsal time from now."""
        with self._lock:
            return self._push(Timer(self, self.time() + max(0.0, seconds), fn, None))

    def start_thread(self, fn: Callable[..., Any], *args: Any, name: str | None = None) -> threading.Thread:
        """Start a daemon thread that is busy from before this returns until `fn` ends."""
        thread = BusyThread(self, target=fn, args=args, name=name, daemon=True)
        thread.start()
        return thread

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass at once: each timer on the way fires when the work before it is done. Waits for that."""
        with self._lock:
            target = self.time() + seconds
            self._skip_to = max(self._skip_to, target)
            self._changed.notify_all()
        self.sleep_until(target)

    def close(self) -> None:
        """End the timer thread. Whoever sleeps gets ClockStopped; no callback is called any more."""
        with self._lock:
            self._closed = True
            self._timers.clear()
            for sleeper in list(self._sleeping):
                self._wake(sleeper, woken=False)
            self._changed.notify_all()
        if self._ticker is not None and self._ticker is not threading.current_thread():
            self._ticker.join()

    # ---- inside: all of these want the lock to be held, or take it

    def _depth(self) -> int:
        return getattr(self._local, "depth", 0)

    def _flow(self) -> float:
        """Rate at which time flows now; in virtual mode, what is not a jump flows at the rate of work."""
        return self._work_rate if self._busy or math.isinf(self.factor) else self.factor

    def _set_time(self, when: float) -> None:
        self._base, self._base_real = when, time.monotonic()

    def _count(self, change: int) -> None:
        with self._lock:
            now = self.time()
            self._busy += change
            if self._busy == 0 or self._busy == change:  # it has just become idle, or has just ceased to be
                self._set_time(now)
                self._rate = self._flow()
            if self._busy == 0:
                self._idle_since = self._base_real
                self._changed.notify_all()

    def _push(self, timer: Timer) -> Timer:
        if self._closed:
            raise ClockStopped("the rehearsal has stopped")
        heapq.heappush(self._timers, (timer.deadline, next(self._sequence), timer))
        if self._ticker is None:
            self._ticker = threading.Thread(target=self._tick, name="rehearsal-clock", daemon=True)
            self._ticker.start()
        elif self._timers[0][2] is timer:
            self._changed.notify_all()
        return timer

    def _wake(self, sleeper: _Sleeper, *, woken: bool) -> None:
        if sleeper.done:
            return
        sleeper.done, sleeper.woken = True, woken
        self._sleeping.discard(sleeper)
        if sleeper.timer is not None:
            sleeper.timer.done = True
        if sleeper.busy:
            self._count(+1)
        sleeper.release()

    def _tick(self) -> None:
        """Fire timers, one at a time: in virtual mode the next one only when all are waiting again."""
        while True:
            with self._lock:
                if self._closed:
                    return
                timer = self._due()
            if timer is not None and timer._fn is not None:
                # Outside the lock: a thread's start() waits for the new thread to run.
                try:
                    BusyThread(self, target=timer._fn, name="rehearsal-timer", daemon=True).start()
                finally:
                    self._count(-1)

    def _due(self) -> Timer | None:
        """Take one timer that is due and wake its sleeper, or wait for a change and return None."""
        while self._timers and self._timers[0][2].done:
            heapq.heappop(self._timers)
        if not self._timers:
            self._changed.wait()
            return None
        deadline, now = self._timers[0][0], self.time()
        held = self._busy > 0 and self._work_rate == 0  # work takes no time: let it end before anything else happens
        if deadline <= now and not held:
            timer = heapq.heappop(self._timers)[2]
            timer.done = True
            self._idle_since = time.monotonic()
            if timer._sleeper is not None:
                self._wake(timer._sleeper, woken=False)
            else:
                self._count(+1)  # handed over to the thread that _tick starts
            return timer
        limit = deadline if math.isinf(self.factor) else min(deadline, self._skip_to)
        if self._busy == 0 and limit > now:
            left = self._idle_since + self._settle - time.monotonic()
            if left > 0:
                self._changed.wait(left)
            else:
                self._set_time(limit)
            return None
        self._changed.wait(min((deadline - now) / self._rate, 3600.0) if self._rate and not held else None)
        return None


class BusyThread(threading.Thread):
    """A thread that is busy from ``start()`` on, except where it waits for the clock or inside `Clock.idle`."""

    def __init__(self, clock: Clock, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rehearsal_clock = clock

    def start(self) -> None:
        """Start the thread; its busy unit is counted from here on."""
        self._rehearsal_clock._count(+1)
        try:
            super().start()
        except BaseException:
            self._rehearsal_clock._count(-1)
            raise

    def run(self) -> None:
        """Run the target, then give the busy unit back."""
        clock = self._rehearsal_clock
        clock._local.depth = 1
        try:
            super().run()
        except ClockStopped:
            pass  # the way in which the rehearsal's threads end at stop()
        finally:
            clock._local.depth = 0
            clock._count(-1)
