"""Deliveries with retries: each in a thread of its own, waiting in rehearsal time, ending in a dead-letter queue.

Shared by EventBridge's rules and by Scheduler. After "How EventBridge retries delivering events" in its User Guide:
what cannot succeed (no permission, no such target) is not tried again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.clock import Clock

logger = logging.getLogger(__name__)

_FIRST_WAIT = 1.0  # seconds; doubled after each attempt. AWS documents "exponential backoff", no figures.
_LONGEST_WAIT = 600.0

ATTEMPTS, AGE = "MaximumRetryAttempts", "MaximumEventAgeInSeconds"


class Failure(Exception):
    """An attempt failed.

    Attributes
    ----------
    code
        As in the ERROR_CODE attribute of a dead letter.
    retry
        Whether another attempt could succeed.
    """

    def __init__(self, code: str, message: str, *, retry: bool) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry


@dataclass
class Delivery:
    """Something on its way to one target.

    Attributes
    ----------
    origin, target
        ARN of the rule or schedule, and of the target.
    event
        What is delivered.
    send
        Makes one attempt; raises Failure.
    bury
        Sends it to the dead-letter queue; raises Failure when that is not possible either. None without a queue.
    retries, age
        Limits of the retry policy: attempts after the first, and seconds since `born`.
    state
        ``pending``, ``delivered``, ``buried`` (in the dead-letter queue) or ``dropped``.
    """

    origin: str
    target: str
    event: Any
    send: Callable[[], None] = field(repr=False)
    bury: Callable[[Delivery], None] | None = field(repr=False)
    retries: int = 185
    age: float = 86400.0
    born: float = 0.0
    attempts: int = 0
    state: str = "pending"
    failure: Failure | None = None
    exhausted: str | None = None


class Deliveries:
    """All deliveries of one service of one host."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._all: list[Delivery] = []
        self._pending = 0
        self._closed = False

    def begin(self, delivery: Delivery) -> None:
        """Start a delivery; returns at once."""
        delivery.born = self._clock.time()
        with self._changed:
            if self._closed:
                return
            self._all.append(delivery)
            self._pending += 1
        self._clock.start_thread(self._attempt, delivery, name=f"deliver-{delivery.target.rsplit(':', 1)[-1]}")

    def all(self) -> list[Delivery]:
        """Return all deliveries so far."""
        with self._changed:
            return list(self._all)

    def settled(self, timeout: float) -> bool:
        """Wait until none is pending; False after `timeout` real seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0, timeout)

    def close(self) -> None:
        """Start no more attempts."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _attempt(self, delivery: Delivery) -> None:
        if self._closed:
            return
        try:
            delivery.attempts += 1
            delivery.send()
        except Failure as failure:
            delivery.failure = failure
            self._failed(delivery, failure)
        except Exception as error:
            logger.exception("the rehearsal could not deliver from %s to %s", delivery.origin, delivery.target)
            delivery.failure = Failure("INTERNAL_ERROR", str(error), retry=False)
            self._end(delivery, "dropped")
        else:
            self._end(delivery, "delivered")

    def _failed(self, delivery: Delivery, failure: Failure) -> None:
        wait = min(_FIRST_WAIT * 2 ** (delivery.attempts - 1), _LONGEST_WAIT)
        if failure.retry:
            if delivery.attempts > delivery.retries:
                delivery.exhausted = ATTEMPTS
            elif self._clock.time() + wait > delivery.born + delivery.age:
                delivery.exhausted = AGE
            else:
                self._clock.call_later(wait, lambda: self._attempt(delivery))
                return
        self._give_up(delivery, failure)

    def _give_up(self, delivery: Delivery, failure: Failure) -> None:
        if delivery.bury is None:
            logger.warning("%s: dropped for %s: %s", delivery.origin, delivery.target, failure)
            self._end(delivery, "dropped")
            return
        try:
            delivery.bury(delivery)
        except Failure as second:
            logger.warning("%s: dropped, its dead-letter queue cannot be used: %s", delivery.origin, second)
            self._end(delivery, "dropped")
        else:
            self._end(delivery, "buried")

    def _end(self, delivery: Delivery, state: str) -> None:
        with self._changed:
            delivery.state = state
            self._pending -= 1
            self._changed.notify_all()
