"""Schedules: when they are due, and what they do when they are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, scheduler
from rehearsal.scheduler.expressions import InvalidExpression, parse

GOV = "arn:aws-us-gov"
HERE = "us-gov-west-1:123456789012"
SERVICE = "scheduler.amazonaws.com"

# ---- expressions


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def due(expression: str, after: str, timezone: str = "UTC") -> str | None:
    found = parse(expression, timezone).after(at(after), at(after))
    return None if found is None else datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 12 * * ? *)", "2026-03-01 11:59", "2026-03-01 12:00"),
        ("cron(0 12 * * ? *)", "2026-03-01 12:00", "2026-03-02 12:00"),
        ("cron(0/15 * * * ? *)", "2026-03-01 11:59", "2026-03-01 12:00"),
        ("cron(5,35 14 * * ? *)", "2026-03-01 14:10", "2026-03-01 14:35"),
        ("cron(15 10 ? * MON-FRI *)", "2026-03-06 10:15", "2026-03-09 10:15"),  # Friday, then Monday
        ("cron(0 8 1 * ? *)", "2026-12-02 00:00", "2027-01-01 08:00"),
        ("cron(0 8 L * ? *)", "2028-02-01 00:00", "2028-02-29 08:00"),
        ("cron(0 8 15W * ? *)", "2026-08-01 00:00", "2026-08-14 08:00"),  # the 15th is a Saturday
        ("cron(0 8 LW * ? *)", "2026-05-01 00:00", "2026-05-29 08:00"),  # the 31st is a Sunday
        ("cron(0 8 ? * 6L *)", "2026-03-01 00:00", "2026-03-27 08:00"),  # last Friday
        ("cron(0 8 ? * 3#2 *)", "2026-03-01 00:00", "2026-03-10 08:00"),  # second Tuesday
        ("cron(0 8 ? * FRI-MON *)", "2026-03-03 00:00", "2026-03-06 08:00"),
        ("cron(0 8 1 JAN ? 2030)", "2026-03-01 00:00", "2030-01-01 08:00"),
        ("cron(0 8 1 JAN ? 2020)", "2026-03-01 00:00", None),
        ("at(2026-03-01T12:00:00)", "2026-03-01 11:00", "2026-03-01 12:00"),
        ("at(2026-03-01T12:00:00)", "2026-03-01 13:00", None),
        ("rate(5 minutes)", "2026-03-01 12:00", "2026-03-01 12:05"),
    ],
)
def test_when_an_expression_is_due(expression: str, after: str, expected: str | None) -> None:
    assert due(expression, after) == expected


def test_time_zones_and_the_hour_that_summer_time_skips() -> None:
    assert due("cron(30 2 * * ? *)", "2026-03-07 12:00", "America/New_York") == "2026-03-09 06:30"  # not on the 8th
    assert due("cron(0 9 * * ? *)", "2026-01-01 00:00", "America/New_York") == "2026-01-01 14:00"
    assert due("at(2026-07-01T12:00:00)", "2026-01-01 00:00", "America/New_York") == "2026-07-01 16:00"


def test_a_rate_keeps_its_beat() -> None:
    expression, began = parse("rate(2 hours)"), at("2026-03-01 00:30")
    assert expression.after(at("2026-03-01 05:00"), began) == at("2026-03-01 06:30")
    assert expression.after(began - 1, began) == began  # Scheduler begins at once
    assert parse("rate(2 hours)", rule=True).after(began, began) == at("2026-03-01 02:30")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("rate(0 minutes)", False),
        ("rate(5)", False),
        ("rate(1 minutes)", True),
        ("rate(5 minute)", True),
        ("rate(5 weeks)", False),
        ("cron(0 12 * * *)", False),
        ("cron(0 12 * * * *)", False),
        ("cron(0 12 ? * ? *)", False),
        ("cron(60 12 * * ? *)", False),
        ("cron(0 12 32 * ? *)", False),
        ("cron(0 12 ? * XYZ *)", False),
        ("at(tomorrow)", False),
        ("at(2026-03-01T12:00:00)", True),
        ("every day", False),
    ],
)
def test_what_is_no_expression(text: str, rule: bool) -> None:
    with pytest.raises(InvalidExpression, match="Invalid Schedule Expression"):
        parse(text, rule=rule)


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(InvalidExpression, match="Mars/Base"):
        parse("cron(0 12 * * ? *)", "Mars/Base")


# ---- schedules


class Desk:
    """Makes queues, roles and schedules for a test."""

    def __init__(self, rehearsal: Rehearsal, role: Callable[..., str]) -> None:
        self.rehearsal, self.role = rehearsal, role
        self.client = rehearsal.client("scheduler")
        self.name = f"sch-{uuid.uuid4().hex[:10]}"

    def queue(self, service: str | None = None) -> str:
        name = f"sch-{uuid.uuid4().hex[:10]}"
        arn = f"{GOV}:sqs:{HERE}:{name}"
        statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:*", "Resource": arn}
        policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})} if service else {}
        self.rehearsal.client("sqs").create_queue(QueueName=name, Attributes=policy)
        return arn

    def schedule(self, target: str, *actions: str, expression: str = "rate(1 day)", **more: Any) -> str:
        given = {"RoleArn": self.role(f"{self.name}-role", SERVICE, *(actions or ["sqs:SendMessage"]))}
        given |= more.pop("Target", {})
        return str(
            self.client.create_schedule(
                Name=self.name,
                ScheduleExpression=expression,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": target, **given},
                **more,
            )["ScheduleArn"]
        )

    def taken(self, queue: str) -> list[dict[str, Any]]:
        assert scheduler.settled(10)
        url = f"{self.rehearsal.endpoint}/123456789012/{queue.rsplit(':', 1)[1]}"
        found: list[dict[str, Any]] = []
        sqs = self.rehearsal.client("sqs")
        while page := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=3600
        ).get("Messages"):
            found += page
        return found


@pytest.fixture
def desk(rehearsal: Rehearsal, role: Callable[..., str]) -> Iterator[Desk]:
    made = Desk(rehearsal, role)
    yield made
    for each in made.client.list_schedules(NamePrefix=made.name)["Schedules"]:
        made.client.delete_schedule(Name=each["Name"], GroupName=each["GroupName"])


def test_a_new_rate_is_due_at_once_and_then_at_its_beat(rehearsal: Rehearsal, desk: Desk) -> None:
    # Given a schedule of once a day
    queue = desk.queue()
    arn = desk.schedule(queue, Target={"Input": '{"at": "<aws.scheduler.scheduled-time>"}'})
    assert len(desk.taken(queue)) <= 1
    # When a day passes
    rehearsal.clock.advance(86_500)
    # Then it has been fired twice, and is planned again
    messages = desk.taken(queue)
    sent = [each for each in scheduler.deliveries() if each.origin == arn]
    assert [each.state for each in sent] == ["delivered", "delivered"]
    assert all(datetime.fromisoformat(json.loads(each["Body"])["at"]) for each in messages)
    assert 0 < scheduler.planner().planned()[arn] - rehearsal.clock.time() <= 86_400


def test_a_target_gets_its_input_with_context_attributes_or_a_default_event(desk: Desk) -> None:
    queue = desk.queue()
    text = '{"schedule": "<aws.scheduler.schedule-arn>", "try": <aws.scheduler.attempt-number>}'
    arn = desk.schedule(queue, State="DISABLED", Target={"Input": text})
    scheduler.fire(desk.name)
    (message,) = desk.taken(queue)
    assert json.loads(message["Body"]) == {"schedule": arn, "try": 1}
    desk.client.update_schedule(
        Name=desk.name,
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State="DISABLED",
        Target={"Arn": queue, "RoleArn": desk.client.get_schedule(Name=desk.name)["Target"]["RoleArn"]},
    )
    scheduler.fire(desk.name)
    (message,) = desk.taken(queue)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"], event["resources"]) == ("aws.scheduler", "Scheduled Event", [arn])


def test_a_disabled_or_deleted_schedule_is_not_planned(desk: Desk) -> None:
    queue = desk.queue()
    arn = desk.schedule(queue, State="DISABLED")
    assert arn not in scheduler.planner().planned()
    target = desk.client.get_schedule(Name=desk.name)["Target"]
    given = {"Name": desk.name, "ScheduleExpression": "rate(1 day)", "FlexibleTimeWindow": {"Mode": "OFF"}}
    desk.client.update_schedule(**given, State="ENABLED", Target=target)
    assert arn in scheduler.planner().planned()
    desk.client.delete_schedule(Name=desk.name)
    assert arn not in scheduler.planner().planned()
    assert desk.taken(queue) == []
    with pytest.raises(LookupError, match=desk.name):
        scheduler.fire(desk.name)


def test_a_schedule_keeps_to_its_start_and_end_and_may_delete_itself(rehearsal: Rehearsal, desk: Desk) -> None:
    queue, now = desk.queue(), rehearsal.clock.time()
    dates = {
        "StartDate": datetime.fromtimestamp(now + 3600, UTC),
        "EndDate": datetime.fromtimestamp(now + 3 * 3600, UTC),
    }
    desk.schedule(queue, expression="rate(2 hours)", ActionAfterCompletion="DELETE", **dates)
    assert desk.taken(queue) == []
    rehearsal.clock.advance(4 * 3600)
    assert len(desk.taken(queue)) in (1, 2)  # at 1 h, and at 3 h if that is not after the end by a rounding
    with pytest.raises(ClientError, match="does not exist"):
        desk.client.get_schedule(Name=desk.name)


def test_a_state_machine_is_started_with_the_role(rehearsal: Rehearsal, desk: Desk, role: Callable[..., str]) -> None:
    states = rehearsal.client("stepfunctions")
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(
        name=desk.name, definition=definition, roleArn=role(f"{desk.name}-sm", "states.amazonaws.com")
    )["stateMachineArn"]
    desk.schedule(machine, "states:StartExecution", State="DISABLED", Target={"Input": '{"sweep": true}'})
    scheduler.fire(f"default/{desk.name}")
    assert scheduler.settled(10)
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert states.describe_execution(executionArn=execution["executionArn"])["input"] == '{"sweep": true}'


def test_what_cannot_be_delivered_becomes_a_dead_letter_sent_with_the_role(desk: Desk) -> None:
    # Given a role that may send to the dead-letter queue, and not to the target
    queue, dead = desk.queue(), desk.queue()
    arn = desk.schedule(queue, "sns:Publish", State="DISABLED", Target={"DeadLetterConfig": {"Arn": dead}})
    iam = desk.rehearsal.client("iam")
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": dead}
    iam.put_role_policy(
        RoleName=f"{desk.name}-role",
        PolicyName="dead",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
    )
    # When it fires
    scheduler.fire(desk.name)
    # Then the letter says why
    (letter,) = desk.taken(dead)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes.pop("EXECUTION_ID")
    assert attributes.pop("SCHEDULED_TIME").endswith("Z")
    assert "sqs:sendmessage" in attributes.pop("ERROR_MESSAGE")
    assert attributes == {
        "ERROR_CODE": "NO_PERMISSIONS",
        "IS_PAYLOAD_TRUNCATED": "false",
        "RETRY_ATTEMPTS": "0",
        "SCHEDULE_ARN": arn,
        "TARGET_ARN": queue,
    }
    assert desk.taken(queue) == []


def test_what_scheduler_refuses_when_a_schedule_is_made(desk: Desk, role: Callable[..., str]) -> None:
    wrong = role(f"{desk.name}-wrong", "events.amazonaws.com")
    queue = desk.queue()
    for given, said in (
        ({"expression": "rate(5 weeks)"}, "Invalid Schedule Expression rate\\(5 weeks\\)"),
        ({"Target": {"RoleArn": wrong}}, "must allow AWS EventBridge Scheduler to assume the role"),
        ({"Target": {"Arn": f"{GOV}:kinesis:{HERE}:stream/s"}}, "cannot invoke"),
    ):
        desk.name = f"sch-{uuid.uuid4().hex[:10]}"
        with pytest.raises(ClientError, match=said):
            desk.schedule(queue, **given)


def test_a_trust_policy_may_name_the_group_of_the_schedule(rehearsal: Rehearsal, desk: Desk) -> None:
    iam, names = rehearsal.client("iam"), {"default": True, "other": False}
    for group, works in names.items():
        condition = {"ArnEquals": {"aws:SourceArn": f"{GOV}:scheduler:{HERE}:schedule-group/{group}"}}
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": SERVICE},
                    "Action": "sts:AssumeRole",
                    "Condition": condition,
                }
            ],
        }
        desk.name = f"sch-{uuid.uuid4().hex[:10]}"
        arn = iam.create_role(RoleName=desk.name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        if works:
            desk.schedule(desk.queue(), State="DISABLED", Target={"RoleArn": arn})
        else:
            with pytest.raises(ClientError, match="assume the role"):
                desk.schedule(desk.queue(), Target={"RoleArn": arn})


# ---- rules


def test_a_rule_with_a_schedule_fires(rehearsal: Rehearsal, desk: Desk) -> None:
    events, queue = rehearsal.client("events"), desk.queue("events.amazonaws.com")
    arn = events.put_rule(Name=desk.name, ScheduleExpression="rate(1 hour)")["RuleArn"]
    events.put_targets(Rule=desk.name, Targets=[{"Id": "1", "Arn": queue}])
    assert 0 < scheduler.planner().planned()[arn] - rehearsal.clock.time() <= 3600
    rehearsal.clock.advance(3700)
    (message,) = desk.taken(queue)
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert (event["resources"], event["detail"]) == ([arn], {})
    events.disable_rule(Name=desk.name)
    assert arn not in scheduler.planner().planned()
    scheduler.fire(desk.name)
    assert len(desk.taken(queue)) == 1
    events.enable_rule(Name=desk.name)
    assert arn in scheduler.planner().planned()
    events.remove_targets(Rule=desk.name, Ids=["1"])
    events.delete_rule(Name=desk.name)
    assert arn not in scheduler.planner().planned()


def test_a_rule_refuses_a_wrong_schedule(rehearsal: Rehearsal, desk: Desk) -> None:
    with pytest.raises(ClientError, match="ScheduleExpression is not valid"):
        rehearsal.client("events").put_rule(Name=desk.name, ScheduleExpression="rate(1 hours)")
