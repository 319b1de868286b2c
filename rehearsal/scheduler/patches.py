"""Tells the planner of every change of a schedule or of a rule with one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rehearsal.iam.errors import AccessDenied
from rehearsal.patching import original, replace
from rehearsal.scheduler.expressions import InvalidExpression, parse
from rehearsal.scheduler.planner import Planner
from rehearsal.scheduler.targets import is_known

_MADE = (
    "self description end_date flexible_time_window group_name kms_key_arn name schedule_expression "
    "schedule_expression_timezone start_date state target"
)


def install(planner: Callable[[], Planner]) -> None:
    """Replace what moto does; harmless when it has been done before."""
    _install_schedules(planner)
    _install_rules(planner)


def _install_schedules(planner: Callable[[], Planner]) -> None:
    from moto.scheduler.exceptions import ValidationException
    from moto.scheduler.models import EventBridgeSchedulerBackend as Backend

    create, update = original(Backend, "create_schedule"), original(Backend, "update_schedule")
    delete, drop = original(Backend, "delete_schedule"), original(Backend, "delete_schedule_group")

    def check(self: Any, given: dict[str, Any]) -> None:
        """Refuse what Scheduler refuses when a schedule is made or changed, and what the rehearsal cannot fire."""
        target, group = given["target"], given["group_name"] or "default"
        try:
            parse(given["schedule_expression"], given["schedule_expression_timezone"] or "UTC")
        except InvalidExpression as error:
            raise ValidationException(str(error)) from error
        if not is_known(target["Arn"]):
            raise ValidationException(
                f"the rehearsal cannot invoke {target['Arn']}: see rehearsal/scheduler/targets.py"
            )
        host = planner().host
        try:
            arn = host.arn("scheduler", f"schedule/{group}/{given['name']}", region=self.region_name)
            planner().targets.check(arn, target["RoleArn"])
        except AccessDenied as error:
            raise ValidationException(
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
            ) from error

    def _create_schedule(self: Any, **given: Any) -> Any:
        check(self, given)
        schedule = create(self, **given)
        schedule.creation_date = schedule.last_modified_date = planner().host.clock.time()
        planner().plan_schedule(schedule, new=True)
        return schedule

    def _update_schedule(self: Any, **given: Any) -> Any:
        check(self, given)
        given["state"] = given.get("state") or "ENABLED"  # an update that does not say is enabled again, as in AWS
        schedule = update(self, **given)
        schedule.last_modified_date = planner().host.clock.time()
        planner().plan_schedule(schedule)
        return schedule

    def _delete_schedule(self: Any, group_name: str | None, name: str) -> None:
        arn = self.get_schedule(group_name, name).arn
        delete(self, group_name, name)
        planner().forget(arn)

    def _delete_schedule_group(self: Any, name: str | None) -> None:
        for schedule in self.get_schedule_group(name).schedules.values():
            planner().forget(schedule.arn)
        drop(self, name)

    replace(Backend, "create_schedule", _create_schedule, (*_MADE.split(), "action_after_completion"))
    replace(Backend, "update_schedule", _update_schedule, tuple(_MADE.split()))
    replace(Backend, "delete_schedule", _delete_schedule, ("self", "group_name", "name"))
    replace(Backend, "delete_schedule_group", _delete_schedule_group, ("self", "name"))


def _install_rules(planner: Callable[[], Planner]) -> None:
    from moto.events.exceptions import ValidationException
    from moto.events.models import EventsBackend

    put, delete = original(EventsBackend, "put_rule"), original(EventsBackend, "delete_rule")

    def _put_rule(self: Any, name: str, *args: Any, **given: Any) -> Any:
        text = given.get("scheduled_expression")
        if text:
            try:
                parse(text, rule=True)
            except InvalidExpression as error:
                raise ValidationException("Parameter ScheduleExpression is not valid.") from error
        rule = put(self, name, *args, **given)
        planner().plan_rule(rule)
        return rule

    def _delete_rule(self: Any, name: str, event_bus_arn: str | None) -> None:
        rule = self.event_buses[self._normalize_event_bus_arn(event_bus_arn)].rules.get(name)
        delete(self, name, event_bus_arn)
        if rule is not None:
            planner().forget(rule.arn)

    rule = "self name description event_bus_arn event_pattern role_arn scheduled_expression state managed_by tags"
    replace(EventsBackend, "put_rule", _put_rule, tuple(rule.split()))
    replace(EventsBackend, "delete_rule", _delete_rule, ("self", "name", "event_bus_arn"))
    for switch in ("enable_rule", "disable_rule"):
        new = _planning(original(EventsBackend, switch), planner)
        replace(EventsBackend, switch, new, ("self", "name", "event_bus_arn"))


def _planning(switch: Callable[..., bool], planner: Callable[[], Planner]) -> Callable[..., bool]:
    """Return moto's EnableRule or DisableRule with the plan brought up to date after it."""

    def switched(self: Any, name: str, event_bus_arn: str | None) -> bool:
        done = switch(self, name, event_bus_arn)
        rule = self.event_buses[self._normalize_event_bus_arn(event_bus_arn)].rules.get(name)
        if rule is not None:
            planner().plan_rule(rule)
        return done

    return switched
