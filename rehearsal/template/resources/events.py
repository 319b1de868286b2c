"""AWS::Events::Rule, AWS::Events::EventBus and AWS::Events::EventBusPolicy."""

from __future__ import annotations

import json
from typing import Any

from ..kinds import Kind, Made
from ..work import Work


def _put_rule(work: Work) -> Made:
    name = work.name("Name", 64)
    bus = work.get("EventBusName")
    pattern = work.get("EventPattern")
    params: dict[str, Any] = {"Name": name, **work.only("Description", "ScheduleExpression", "State", "RoleArn")}
    if bus is not None:
        params["EventBusName"] = bus
    if pattern is not None:
        params["EventPattern"] = pattern if isinstance(pattern, str) else json.dumps(pattern)
    if work.tags():
        params["Tags"] = work.tag_list()
    arn = work.call("events", "put_rule", params)["RuleArn"]
    targets = work.get("Targets") or []
    if targets:
        where = {"Rule": name} if bus is None else {"Rule": name, "EventBusName": bus}
        made = work.call("events", "put_targets", {**where, "Targets": targets})
        for entry in made.get("FailedEntries", []):
            raise work.error(f"target {entry.get('TargetId')} is refused: {entry.get('ErrorMessage')}", "Targets")
    return Made(name if bus in (None, "default") else f"{bus}|{name}", {"Arn": arn})


def _update_rule(work: Work, _: Made) -> Made:
    """Put the rule again and take away the targets that it no longer has."""
    made = _put_rule(work)
    where = {
        "Rule": work.name("Name", 64),
        **({"EventBusName": work.get("EventBusName")} if work.get("EventBusName") else {}),
    }
    client = work.host.client("events")
    wanted = {target["Id"] for target in work.get("Targets") or []}
    stale = [target["Id"] for target in client.list_targets_by_rule(**where)["Targets"] if target["Id"] not in wanted]
    if stale:
        client.remove_targets(Ids=stale, **where)
    return made


def _create_bus(work: Work) -> Made:
    params: dict[str, Any] = work.only("Name", "Description", "KmsKeyIdentifier", "DeadLetterConfig")
    if work.tags():
        params["Tags"] = work.tag_list()
    arn = work.call("events", "create_event_bus", params)["EventBusArn"]
    return Made(work.get("Name"), {"Arn": arn, "Name": work.get("Name")})


def _put_bus_policy(work: Work) -> Made:
    params: dict[str, Any] = {"EventBusName": work.get("EventBusName", "default")}
    if work.get("Statement") is not None:
        # Action and principal stand in the statement; PutPermission takes a whole policy only as JSON text.
        statement = {"Sid": work.get("StatementId"), **work.get("Statement")}
        params["Policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    else:
        params |= work.only("StatementId", "Action", "Principal", "Condition")
    work.call("events", "put_permission", params)
    return Made(work.get("StatementId"))


KINDS = [
    Kind(
        "AWS::Events::Rule",
        _put_rule,
        "Description EventBusName EventPattern Name RoleArn ScheduleExpression State Tags Targets",
        update=_update_rule,
    ),
    Kind(
        "AWS::Events::EventBus", _create_bus, "DeadLetterConfig Description KmsKeyIdentifier Name Tags", required="Name"
    ),
    Kind(
        "AWS::Events::EventBusPolicy",
        _put_bus_policy,
        "Action Condition EventBusName Principal Statement StatementId",
        required="StatementId",
    ),
]
