"""EventBridge: events reach the targets of the rules that they match, with retries and dead-letter queues.

moto keeps buses, rules and targets, and matches patterns; it delivers to few kinds of targets, in the sender's own
request, and lets a rule that has only a schedule match every event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rehearsal import host as hosts
from rehearsal.eventbridge.bus import Bus
from rehearsal.eventbridge.delivery import Delivery
from rehearsal.host import Host

__all__ = ["bus", "deliveries", "install", "publish", "settled"]

_bus: Bus | None = None


def install(host: Host) -> None:
    """Make moto's EventBridge deliver through the rehearsal. Called once by the server when it starts."""
    global _bus
    from rehearsal.eventbridge import patches

    _bus = Bus(host)
    host.on_stop.append(_bus.close)
    patches.install(bus)


def bus() -> Bus:
    """Return the event buses of the rehearsal that runs.

    Raises
    ------
    RuntimeError
        When no rehearsal runs, or one without EventBridge.
    """
    if _bus is None or _bus.host is not hosts.current():
        raise RuntimeError("the rehearsal that runs has no EventBridge: install rehearsal.eventbridge first")
    return _bus


def publish(
    source: str,
    detail_type: str,
    detail: dict[str, Any],
    resources: Sequence[str] = (),
    *,
    region: str | None = None,
) -> str:
    """Put an event of an AWS service on the default bus, and return its id.

    Parameters
    ----------
    source
        Such as ``aws.states``; nobody but services may use names that begin with ``aws.``.
    resources
        ARNs of what the event is about.
    """
    return bus().publish(source, detail_type, detail, resources, region=region)


def settled(timeout: float = 10.0) -> bool:
    """Wait until no event is on its way to a target, a pending retry included; False after `timeout` real seconds.

    A function that was invoked may still run: Lambda has taken its event over.
    """
    return bus().deliveries.settled(timeout)


def deliveries() -> list[Delivery]:
    """Return every delivery of an event to a target so far, the ones on their way included."""
    return bus().deliveries.all()
