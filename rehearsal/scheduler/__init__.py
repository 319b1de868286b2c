"""EventBridge Scheduler's schedules, and the schedules of EventBridge's rules, fired by rehearsal time.

moto keeps both and fires neither. In virtual time a schedule that recurs is a deadline like any other: time jumps to it
when all is waiting.
"""

from __future__ import annotations

from rehearsal import host as hosts
from rehearsal.eventbridge.delivery import Delivery
from rehearsal.host import Host
from rehearsal.scheduler.planner import Planner

__all__ = ["deliveries", "fire", "install", "planner", "settled"]

_planner: Planner | None = None


def install(host: Host) -> None:
    """Make schedules fire. Called once by the server when it starts, after EventBridge."""
    global _planner
    from rehearsal.scheduler import patches

    _planner = Planner(host)
    host.on_stop.append(_planner.close)
    patches.install(planner)


def planner() -> Planner:
    """Return the planner of the rehearsal that runs.

    Raises
    ------
    RuntimeError
        When no rehearsal runs, or one without Scheduler.
    """
    if _planner is None or _planner.host is not hosts.current():
        raise RuntimeError("the rehearsal that runs has no Scheduler: install rehearsal.scheduler first")
    return _planner


def fire(name: str) -> None:
    """Fire a schedule, or the schedule of a rule, now and by hand, even when it is disabled.

    Parameters
    ----------
    name
        Its name, or ``group/name`` for a schedule in another group than the default one.

    Raises
    ------
    LookupError
        When there is neither a schedule nor a rule with a schedule of this name.
    """
    planner().fire(name)


def settled(timeout: float = 10.0) -> bool:
    """Wait until nothing that was fired is on its way to a target; False after `timeout` real seconds."""
    from rehearsal import eventbridge

    return planner().deliveries.settled(timeout) and eventbridge.settled(timeout)


def deliveries() -> list[Delivery]:
    """Return every invocation of a target by a schedule so far (those of rules are EventBridge's)."""
    return planner().deliveries.all()
