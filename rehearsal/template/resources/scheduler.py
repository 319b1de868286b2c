"""AWS::Scheduler::Schedule and AWS::Scheduler::ScheduleGroup."""

from __future__ import annotations

from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_SAME = (
    "Description",
    "EndDate",
    "FlexibleTimeWindow",
    "GroupName",
    "KmsKeyArn",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "State",
    "Target",
)


def _create_schedule(work: Work) -> Made:
    name = work.name("Name", 64)
    arn = work.call("scheduler", "create_schedule", {"Name": name, **work.only(*_SAME)})["ScheduleArn"]
    return Made(name, {"Arn": arn})


def _update_schedule(work: Work, made: Made) -> Made:
    work.call("scheduler", "update_schedule", {"Name": made.physical_id, **work.only(*_SAME)})
    return made


def _create_group(work: Work) -> Made:
    name = work.name("Name", 64)
    params: dict[str, Any] = {"Name": name}
    if work.tags():
        params["Tags"] = work.tag_list()
    arn = work.call("scheduler", "create_schedule_group", params)["ScheduleGroupArn"]
    return Made(name, {"Arn": arn, "State": "ACTIVE"})


KINDS = [
    Kind(
        "AWS::Scheduler::Schedule",
        _create_schedule,
        f"Name {' '.join(_SAME)}",
        required="FlexibleTimeWindow ScheduleExpression Target",
        update=_update_schedule,
    ),
    Kind("AWS::Scheduler::ScheduleGroup", _create_group, "Name Tags"),
]
