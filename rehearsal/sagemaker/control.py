"""What a test or a demo may order, as AWS would not: interruptions, no capacity, refusals, duplicate events.

Orders belong to the running rehearsal and are forgotten when it stops.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import dataclass, field


@dataclass
class Order:
    """Something to happen to the next `times` things whose name matches `pattern` (as in the shell)."""

    pattern: str
    times: int
    after_checkpoint: bool = False
    error: str = ""
    message: str = ""


@dataclass
class Orders:
    """All orders of one rehearsal that are still open."""

    interruptions: list[Order] = field(default_factory=list)
    no_capacity: list[Order] = field(default_factory=list)
    refusals: list[Order] = field(default_factory=list)
    stuck_rollbacks: list[Order] = field(default_factory=list)
    duplicates: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, orders: list[Order], name: str) -> Order | None:
        """Use up one of the orders for `name`."""
        with self.lock:
            for order in orders:
                if order.times > 0 and fnmatch.fnmatchcase(name, order.pattern):
                    order.times -= 1
                    return order
        return None


_orders = Orders()


def orders() -> Orders:
    """Return the open orders."""
    return _orders


def reset() -> None:
    """Forget all orders."""
    global _orders
    _orders = Orders()


def interrupt_next(pattern: str = "*", times: int = 1, *, after_checkpoint: bool = False) -> None:
    """Take the spot capacity away from the next training jobs whose name matches `pattern`.

    A job with managed spot training is interrupted `times` times in all, each time during training, gets SIGTERM and
    starts again with what it had put into its checkpoint folder. Jobs on demand are never interrupted.

    Parameters
    ----------
    after_checkpoint
        Interrupt only when the job has written a checkpoint since it started; otherwise as soon as it trains.
    """
    _orders.interruptions.append(Order(pattern, times, after_checkpoint=after_checkpoint))


def fail_capacity_next(pattern: str = "*", times: int = 1) -> None:
    """Let the next jobs whose name matches fail with ``CapacityError``, and the next endpoints find no instances."""
    _orders.no_capacity.append(Order(pattern, times))


def refuse_next(operation: str, error: str, message: str = "Rate exceeded", times: int = 1) -> None:
    """Answer the next calls of an API operation (``"CreateTrainingJob"``) with an error (``"ThrottlingException"``)."""
    _orders.refusals.append(Order(operation, times, error=error, message=message))


def fail_rollback_next(pattern: str = "*", times: int = 1) -> None:
    """Let the next rollback of an endpoint whose name matches end in ``UpdateRollbackFailed``."""
    _orders.stuck_rollbacks.append(Order(pattern, times))


def duplicate_events(times: int = 2) -> None:
    """Send every SageMaker event `times` times from now on ("may send multiple events per state change", AWS)."""
    _orders.duplicates = times


def refuse_if_ordered(operation: str) -> None:
    """Raise the error that was ordered for `operation`, if any."""
    order = _orders.take(_orders.refusals, operation)
    if order is not None:
        from rehearsal.sagemaker.errors import Refused

        raise Refused(order.error, order.message)
