"""Knows when each schedule is due, and fires it: a timer for the next time, planned anew after each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rehearsal.clock import Timer
from rehearsal.eventbridge.delivery import Deliveries
from rehearsal.host import Host
from rehearsal.scheduler.expressions import Expression, parse
from rehearsal.scheduler.targets import Targets

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Plan:
    """What is needed to find the next due time and to fire."""

    arn: str
    expression: Expression
    began: float
    ends: float | None
    fire: Callable[[float], None]
    over: Callable[[], None] = lambda: None


class Planner:
    """All schedules of one host."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.deliveries = Deliveries(host.clock)
        self.targets = Targets(host, self.deliveries)
        self._lock = threading.Lock()
        self._timers: dict[str, Timer] = {}
        self._closed = False

    def close(self) -> None:
        """Fire nothing any more."""
        with self._lock:
            self._closed = True
            for timer in self._timers.values():
                timer.cancel()
            self._timers.clear()
        self.deliveries.close()

    # ---- schedules of Scheduler

    def plan_schedule(self, schedule: Any, *, new: bool = False) -> None:
        """Plan a schedule from now on; one that is disabled is taken from the plan.

        A new rate without a StartDate is due at once ("Schedule types"); after a change it keeps its beat.
        """
        now = self.host.clock.time()
        began = max(schedule.creation_date, seconds(schedule.start_date) or 0.0)
        self._plan(
            _Plan(
                arn=schedule.arn,
                expression=parse(schedule.schedule_expression, schedule.schedule_expression_timezone),
                began=began,
                ends=seconds(schedule.end_date),
                fire=lambda due: self.targets.invoke(schedule, due),
                over=lambda: self._over(schedule),
            ),
            since=min(began, now) - 1e-6 if new else now,
            enabled=schedule.state == "ENABLED",
        )

    def _over(self, schedule: Any) -> None:
        """Delete a schedule that is not due again, if it says so (ActionAfterCompletion)."""
        if schedule.action_after_completion == "DELETE":
            from moto.scheduler.models import scheduler_backends

            region = schedule.arn.split(":")[3]
            group = scheduler_backends[self.host.account][region].schedule_groups.get(schedule.group_name)
            if group is not None:
                group.schedules.pop(schedule.name, None)

    # ---- schedules of rules

    def plan_rule(self, rule: Any) -> None:
        """Plan a rule that has a schedule; one that is disabled or has none is taken from the plan."""
        if not rule.scheduled_expression:
            self.forget(rule.arn)
            return
        now = self.host.clock.time()
        plan = _Plan(
            arn=rule.arn,
            expression=parse(rule.scheduled_expression, rule=True),
            began=now,
            ends=None,
            fire=lambda due: self._fire_rule(rule.arn, due),
        )
        self._plan(plan, since=now, enabled=rule.state != "DISABLED")

    def _fire_rule(self, arn: str, due: float) -> None:
        """Give the event of a schedule to a rule's targets (EventBridge User Guide, "rule that runs on a schedule")."""
        from rehearsal import eventbridge

        rule = self._rule(arn)
        if rule is None:
            return
        event = {
            "version": "0",
            "id": eventbridge.bus().new_id(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": self.host.account,
            "time": datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": arn.split(":")[3],
            "resources": [arn],
            "detail": {},
        }
        eventbridge.bus().deliver(rule, event)

    def _rule(self, arn: str) -> Any | None:
        """Return moto's present record of a rule: PutRule replaces it."""
        from moto.events.models import events_backends

        buses = events_backends[self.host.account][arn.split(":")[3]].event_buses
        return buses["default"].rules.get(arn.rsplit("/", 1)[1])

    # ---- the plan

    def forget(self, arn: str) -> None:
        """Take a schedule or rule from the plan."""
        with self._lock:
            timer = self._timers.pop(arn, None)
        if timer is not None:
            timer.cancel()

    def planned(self) -> dict[str, float]:
        """Return what is planned: ARN of a schedule or rule -> POSIX seconds of rehearsal time when it is due."""
        with self._lock:
            return {arn: timer.deadline for arn, timer in self._timers.items()}

    def _plan(self, plan: _Plan, since: float, *, enabled: bool = True) -> None:
        """Set the timer for the first due time after `since`."""
        self.forget(plan.arn)
        due = plan.expression.after(since, plan.began) if enabled else None
        if due is None or (plan.ends is not None and due > plan.ends):
            if enabled:
                plan.over()
            return

        def run() -> None:
            with self._lock:
                if self._closed or self._timers.get(plan.arn) is not timer:
                    return
            plan.fire(due)
            self._plan(plan, since=due)

        with self._lock:
            if not self._closed:
                timer = self._timers[plan.arn] = self.host.clock.call_later(due - self.host.clock.time(), run)

    def fire(self, name: str) -> None:
        """Fire a schedule or a rule by hand. See `rehearsal.scheduler.fire`."""
        from moto.events.models import events_backends
        from moto.scheduler.models import scheduler_backends

        host = self.host
        group, _, short = name.rpartition("/")
        groups = scheduler_backends[host.account][host.region].schedule_groups
        found = groups[group or "default"].schedules.get(short) if (group or "default") in groups else None
        if found is not None:
            self.targets.invoke(found, host.clock.time())
            return
        rule = events_backends[host.account][host.region].event_buses["default"].rules.get(name)
        if rule is None or not rule.scheduled_expression:
            raise LookupError(f"there is neither a schedule {name!r} nor a rule {name!r} with a schedule")
        self._fire_rule(rule.arn, host.clock.time())


def seconds(moment: Any) -> float | None:
    """Return a date of the API as POSIX seconds."""
    if moment in (None, ""):
        return None
    if isinstance(moment, int | float):
        return float(moment)
    if isinstance(moment, datetime):
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return datetime.fromisoformat(str(moment).replace("Z", "+00:00")).timestamp()
