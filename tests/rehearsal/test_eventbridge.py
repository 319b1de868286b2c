"""EventBridge: what reaches which target, with what, as whom, how often, and what happens when it cannot."""

from __future__ import annotations

import itertools
import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, eventbridge
from rehearsal.eventbridge.delivery import Failure
from rehearsal.eventbridge.inputs import input_for
from rehearsal.eventbridge.targets import Targets

GOV = "arn:aws-us-gov"
HERE = "us-gov-west-1:123456789012"
SERVICE = "events.amazonaws.com"


class Box:
    """A queue that collects what rules send, and the rules that a test makes."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.events = rehearsal.client("events")
        self.source = f"test.{uuid.uuid4().hex[:10]}"

    def queue(self, *, open_to: str | None = SERVICE, source_arn: str | None = None, **attributes: str) -> str:
        """Make a queue whose policy lets a service send, and return its ARN."""
        sqs, name = self.rehearsal.client("sqs"), f"eb-{uuid.uuid4().hex[:10]}"
        arn = f"{GOV}:sqs:{HERE}:{name}"
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": open_to},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            **({"Condition": {"ArnEquals": {"aws:SourceArn": source_arn}}} if source_arn else {}),
        }
        policy = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})} if open_to else {}
        sqs.create_queue(QueueName=name, Attributes={**policy, **attributes})
        return arn

    def rule(self, *targets: dict[str, Any], pattern: Any = None, bus: str = "default", **more: Any) -> str:
        """Make a rule for this test's source and return its ARN."""
        name = f"eb-{uuid.uuid4().hex[:10]}"
        text = json.dumps(pattern or {"source": [self.source]})
        arn = self.events.put_rule(Name=name, EventPattern=text, EventBusName=bus, **more)["RuleArn"]
        if targets:
            numbered = [{"Id": str(n), **target} for n, target in enumerate(targets)]
            self.events.put_targets(Rule=name, EventBusName=bus, Targets=numbered)
        return str(arn)

    def put(self, detail: Any = None, client: Any = None, **more: Any) -> dict[str, Any]:
        """Put one event and return what PutEvents answers for it."""
        entry = {"Source": self.source, "DetailType": "Thing", "Detail": json.dumps(detail or {}), **more}
        answer: dict[str, Any] = (client or self.events).put_events(Entries=[entry])["Entries"][0]
        return answer

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """Wait until nothing is on its way, and take all messages of a queue."""
        assert eventbridge.settled(10)
        sqs, url = self.rehearsal.client("sqs"), f"{self.rehearsal.endpoint}/123456789012/{queue.rsplit(':', 1)[1]}"
        found: list[dict[str, Any]] = []
        while True:
            page = sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=3600
            ).get("Messages", [])  # fmt: skip
            if not page:
                return found
            found += page

    def bodies(self, queue: str) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.taken(queue)]


@pytest.fixture
def box(rehearsal: Rehearsal) -> Box:
    return Box(rehearsal)


# ---- events


def test_an_event_arrives_complete(rehearsal: Rehearsal, box: Box) -> None:
    queue = box.queue()
    box.rule({"Arn": queue})
    answer = box.put({"n": 1}, Resources=["arn:x"])
    (event,) = box.bodies(queue)
    assert event == {
        "version": "0",
        "id": answer["EventId"],
        "detail-type": "Thing",
        "source": box.source,
        "account": "123456789012",
        "time": event["time"],
        "region": "us-gov-west-1",
        "resources": ["arn:x"],
        "detail": {"n": 1},
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", event["time"])


def test_every_event_has_an_id_of_its_own_and_may_name_its_time(box: Box) -> None:
    queue = box.queue()
    box.rule({"Arn": queue})
    box.put(Time="2026-01-02T03:04:05Z")
    box.put()
    first, second = sorted(box.bodies(queue), key=lambda event: event["time"])
    assert first["time"] == "2026-01-02T03:04:05Z"
    assert first["id"] != second["id"]


def test_entries_are_refused_one_by_one(box: Box) -> None:
    assert box.put(Detail="[1]")["ErrorCode"] == "MalformedDetail"
    assert box.put(Detail="no json")["ErrorCode"] == "MalformedDetail"
    assert box.put(DetailType="")["ErrorCode"] == "InvalidArgument"


def test_only_services_may_use_sources_of_aws(rehearsal: Rehearsal, box: Box, role: Callable[..., str]) -> None:
    # Given a rule on an event of a service, and a role that may put events
    queue, marker = box.queue(), uuid.uuid4().hex
    box.rule({"Arn": queue}, pattern={"source": ["aws.states"], "detail": {"marker": [marker]}})
    arn = role(f"eb-{marker[:10]}", "lambda.amazonaws.com", "events:PutEvents")
    client = rehearsal.client("events", rehearsal.host.iam.assume(arn, "lambda.amazonaws.com", "fn"))
    # When the role and a service publish it
    refused = box.put({"marker": marker}, client, Source="aws.states")
    event_id = eventbridge.publish("aws.states", "Changed", {"marker": marker}, ["arn:x"])
    # Then only the service's arrives
    assert refused == {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    assert [event["id"] for event in box.bodies(queue)] == [event_id]


def test_a_bucket_sends_events(rehearsal: Rehearsal, box: Box) -> None:
    name, queue = f"eb-{uuid.uuid4().hex[:10]}", box.queue()
    s3 = rehearsal.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": rehearsal.host.region})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )  # fmt: skip
    pattern = {"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {"bucket": {"name": [name]}}}
    box.rule({"Arn": queue}, pattern=pattern)
    versions = [s3.put_object(Bucket=name, Key=key, Body=b"12345")["VersionId"] for key in ("a", "b")]
    events = sorted(box.bodies(queue), key=lambda event: event["detail"]["object"]["key"])
    assert [event["detail"]["object"]["version-id"] for event in events] == versions
    assert events[0]["detail"]["object"]["size"] == 5
    assert events[0]["detail"]["reason"] == "PutObject"
    assert events[0]["resources"] == [f"{GOV}:s3:::{name}"]
    assert events[0]["id"] != events[1]["id"]


# ---- rules


@pytest.mark.parametrize(
    ("wanted", "given", "matches"),
    [
        ({"a": ["x"]}, {"a": "x"}, True),
        ({"a": ["x"]}, {"a": "y"}, False),
        ({"a": [{"prefix": "mus"}]}, {"a": "muster"}, True),
        ({"a": [{"suffix": "ter"}]}, {"a": "muster"}, True),
        ({"a": [{"wildcard": "m*t*r"}]}, {"a": "muster"}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "y"}, True),
        ({"a": [{"anything-but": ["x"]}]}, {"a": "x"}, False),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 5}, True),
        ({"a": [{"numeric": [">", 0, "<=", 5]}]}, {"a": 6}, False),
        ({"a": [{"exists": False}]}, {"b": 1}, True),
        ({"a": [{"exists": True}]}, {"b": 1}, False),
        ({"a": [{"equals-ignore-case": "approved"}]}, {"a": "Approved"}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["x"]}]}, {"b": "x"}, True),
        ({"a": {"b": ["x"]}}, {"a": {"b": "x"}}, True),
        ({"a": {"b": ["x"]}}, {"a": "x"}, False),
        ({"a": ["x"]}, {"a": ["w", "x"]}, True),
        ({"a": [{"prefix": "x"}]}, {"a": ["w", "xy"]}, True),
        ({"a": [1]}, {"a": True}, False),
        ({"a": [None]}, {"a": None}, True),
        ({"a": [None]}, {}, False),
        ({"a": [{"exists": True}]}, {"a": None}, True),
        ({"a": [{"exists": True}]}, {"a": {"b": 1}}, False),
        ({"m": {"k": ["a"], "v": [2]}}, {"m": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]}, False),
        ({"m": {"k": ["a"], "v": [1]}}, {"m": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]}, True),
        ({"m": {"k": [{"exists": False}]}}, {"m": []}, True),
    ],
)
def test_patterns(box: Box, wanted: Any, given: Any, matches: bool) -> None:
    before = len(eventbridge.deliveries())
    box.rule({"Arn": box.queue()}, pattern={"source": [box.source], "detail": wanted})
    box.put(given)
    assert len(eventbridge.deliveries()) - before == int(matches)


def test_a_filter_that_eventbridge_does_not_know_is_refused(box: Box) -> None:
    with pytest.raises(ClientError, match="Unrecognized match type sufix"):
        box.rule(pattern={"source": [box.source], "$or": [{"detail": {"a": [{"sufix": "x"}]}}]})


def test_a_pattern_can_be_tried_without_a_rule(box: Box) -> None:
    common = {"id": "1", "account": "1", "source": "s", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": []}
    event = json.dumps({**common, "detail-type": "d", "detail": {"a": [{"b": 1}]}})
    for wanted, result in ((1, True), (2, False)):
        pattern = json.dumps({"detail": {"a": {"b": [wanted]}}})
        assert box.events.test_event_pattern(EventPattern=pattern, Event=event)["Result"] is result


def test_a_rule_with_only_a_schedule_or_disabled_matches_nothing(box: Box) -> None:
    queue = box.queue()
    name = f"eb-{uuid.uuid4().hex[:10]}"
    box.events.put_rule(Name=name, ScheduleExpression="cron(0 0 1 1 ? 2190)")
    box.events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": queue}])
    box.rule({"Arn": queue}, State="DISABLED")
    box.put()
    assert box.taken(queue) == []


def test_another_bus_has_rules_of_its_own_and_can_be_a_target(
    rehearsal: Rehearsal, box: Box, role: Callable[..., str]
) -> None:
    bus = f"eb-{uuid.uuid4().hex[:10]}"
    bus_arn = box.events.create_event_bus(Name=bus)["EventBusArn"]
    there, here = box.queue(), box.queue()
    box.rule({"Arn": there}, bus=bus)
    box.rule({"Arn": here}, {"Arn": bus_arn, "RoleArn": role(f"{bus}-role", SERVICE, "events:PutEvents")})
    only_there = box.put(EventBusName=bus)["EventId"]
    both = box.put()["EventId"]
    assert [event["id"] for event in box.bodies(here)] == [both]
    assert {event["id"] for event in box.bodies(there)} == {only_there, both}


def test_targets_that_cannot_work_are_refused_when_they_are_put(box: Box) -> None:
    for target, said in (
        ({"Arn": f"{GOV}:states:{HERE}:stateMachine:m"}, "RoleArn is required"),
        ({"Arn": f"{GOV}:kinesis:{HERE}:stream/s"}, "cannot deliver"),
        ({"Arn": box.queue(), "Input": "{}", "InputPath": "$.detail"}, "Only one of"),
    ):
        with pytest.raises(ClientError, match=said):
            box.rule(target)


# ---- inputs

EVENT = {
    "id": "i",
    "detail-type": "Drift",
    "source": "muster",
    "time": "2026-01-01T00:00:00Z",
    "resources": ["arn:1"],
    "detail": {"model": "cancer", "score": 0.5, "list": [1, "b"], "quote": 'a "b"', "none": None},
}
RULE = f"{GOV}:events:{HERE}:rule/own/r"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"Input": '{"fixed": 1}'}, '{"fixed": 1}'),
        ({"InputPath": "$.detail.model"}, '"cancer"'),
        ({"InputPath": "$.detail-type"}, '"Drift"'),
        ({"InputPath": "$.resources[0]"}, '"arn:1"'),
        ({}, json.dumps(EVENT)),
    ],
)
def test_inputs(target: dict[str, Any], expected: str) -> None:
    assert input_for(target, EVENT, RULE, "now") == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"m": <m>, "s": <s>, "l": <l>}', '{"m": "cancer", "s": 0.5, "l": [1, "b"]}'),
        ('{"text": "model <m> at <s>"}', '{"text": "model cancer at 0.5"}'),
        ('{"text": "said <q>"}', '{"text": "said a \\"b\\""}'),
        ('"<m> drifts: <missing>."', '"cancer drifts: ."'),
        ('{"missing": <missing>}', '{"missing": ""}'),
        ("plain <m>", "plain cancer"),
        ('{"rule": "<aws.events.rule-name>", "at": "<aws.events.event.ingestion-time>"}', '{"rule": "r", "at": "now"}'),
        ('{"all": <aws.events.event.json>}', json.dumps({"all": EVENT})),
    ],
)
def test_input_templates(template: str, expected: str) -> None:
    paths = {"m": "$.detail.model", "s": "$.detail.score", "l": "$.detail.list", "q": "$.detail.quote"}
    transformer = {"InputPathsMap": {**paths, "missing": "$.detail.absent"}, "InputTemplate": template}
    assert input_for({"InputTransformer": transformer}, EVENT, RULE, "now") == expected


# ---- permissions


def test_a_queue_gets_events_only_as_its_policy_says(box: Box) -> None:
    closed, dead = box.queue(open_to=None), box.queue()
    rule = box.rule({"Arn": closed, "DeadLetterConfig": {"Arn": dead}})
    event_id = box.put({"n": 1})["EventId"]
    # Then what may not be delivered is not tried again, and becomes a dead letter that says why
    (letter,) = box.taken(dead)
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": closed,
        "ERROR_CODE": "NO_PERMISSIONS",
        "ERROR_MESSAGE": f"User: {SERVICE} is not authorized to perform: sqs:SendMessage on resource: {closed} "
        "because no resource-based policy allows the sqs:SendMessage action",
        "RETRY_ATTEMPTS": "0",
    }
    assert json.loads(letter["Body"])["id"] == event_id
    assert box.taken(closed) == []
    refused = [call for call in box.rehearsal.host.iam.denied() if call.resource == closed]
    assert [(call.principal, call.action) for call in refused] == [(SERVICE, "sqs:SendMessage")]


def test_a_policy_may_name_the_rule(box: Box) -> None:
    other = box.queue(source_arn=f"{GOV}:events:{HERE}:rule/other")
    box.rule({"Arn": other})
    box.put()
    assert box.taken(other) == []
    assert eventbridge.deliveries()[-1].state == "dropped"


def test_an_encrypted_queue_needs_its_key_for_eventbridge(rehearsal: Rehearsal, box: Box) -> None:
    kms = rehearsal.client("kms")
    root = {
        "Effect": "Allow",
        "Principal": {"AWS": f"{GOV}:iam::123456789012:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    service = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "kms:*", "Resource": "*"}
    arrived = []
    for statements in ([root], [root, service]):
        key = kms.create_key(Policy=json.dumps({"Statement": statements}))["KeyMetadata"]["Arn"]
        queue = box.queue(KmsMasterKeyId=key)
        rule = box.rule({"Arn": queue})
        box.put()
        arrived.append(len(box.taken(queue)))
        name = rule.rsplit("/", 1)[1]
        box.events.remove_targets(Rule=name, Ids=["0"])
    assert arrived == [0, 1]


def test_a_topic_gets_the_input(rehearsal: Rehearsal, box: Box) -> None:
    sns, queue = rehearsal.client("sns"), box.queue(open_to="sns.amazonaws.com")
    topic = sns.create_topic(Name=f"eb-{uuid.uuid4().hex[:10]}")["TopicArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": SERVICE}, "Action": "sns:Publish", "Resource": topic}
    sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps({"Statement": [statement]})
    )  # fmt: skip
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
    box.rule({"Arn": topic, "InputPath": "$.detail"})
    box.put({"n": 7})
    assert box.bodies(queue) == [{"n": 7}]


def test_a_state_machine_is_started_with_the_role_of_the_target(
    rehearsal: Rehearsal, box: Box, role: Callable[..., str]
) -> None:
    # Given a state machine, a role that may start it and one that may not
    name = f"eb-{uuid.uuid4().hex[:10]}"
    definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
    states = rehearsal.client("stepfunctions")
    machine = states.create_state_machine(
        name=name, definition=definition, roleArn=role(f"{name}-sm", "states.amazonaws.com")
    )["stateMachineArn"]
    starter, other = (
        role(f"{name}-ok", SERVICE, "states:StartExecution"),
        role(f"{name}-no", SERVICE, "sqs:SendMessage"),
    )
    dead = box.queue()
    # When the rule has both as targets
    box.rule(
        {"Arn": machine, "RoleArn": starter, "InputPath": "$.detail"},
        {"Arn": machine, "RoleArn": other, "DeadLetterConfig": {"Arn": dead}},
    )
    event_id = box.put({"n": 3})["EventId"]
    (letter,) = box.taken(dead)
    # Then one execution runs, named after the event, and the other target's event is a dead letter
    (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"].startswith(f"{event_id}_")
    assert states.describe_execution(executionArn=execution["executionArn"])["input"] == '{"n": 3}'
    assert "states:StartExecution" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    calls = [c for c in rehearsal.host.iam.calls() if c.action == "states:StartExecution" and c.resource == machine]
    assert {(c.principal, c.allowed) for c in calls} == {(starter, True), (other, False)}


def test_a_role_that_does_not_trust_events_is_no_role_for_a_target(
    rehearsal: Rehearsal, box: Box, role: Callable[..., str]
) -> None:
    dead = box.queue()
    wrong = role(f"eb-{uuid.uuid4().hex[:10]}", "lambda.amazonaws.com", "states:StartExecution")
    box.rule(
        {"Arn": f"{GOV}:states:{HERE}:stateMachine:m", "RoleArn": wrong, "DeadLetterConfig": {"Arn": dead}}
    )  # fmt: skip
    box.put()
    (letter,) = box.taken(dead)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert "sts:AssumeRole" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_a_function_is_invoked_asynchronously_as_its_policy_says(
    rehearsal: Rehearsal, box: Box, role: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import zipfile

    from moto.awslambda.models import LambdaFunction

    seen: list[tuple[Any, Any]] = []
    monkeypatch.setattr(
        LambdaFunction, "invoke", lambda self, body, headers, _: seen.append((json.loads(body), headers)) or ""
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("app.py", "def handler(event, context): return event")
    name, dead = f"eb-{uuid.uuid4().hex[:10]}", box.queue()
    functions = rehearsal.client("lambda")
    arn = functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role(f"{name}-fn", "lambda.amazonaws.com"),
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    rule = box.rule({"Arn": arn, "DeadLetterConfig": {"Arn": dead}})
    box.put({"n": 1})
    (letter,) = box.taken(dead)
    assert "lambda:InvokeFunction" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal=SERVICE, SourceArn=rule
    )
    box.put({"n": 2})
    assert box.taken(dead) == []
    ((event, headers),) = seen
    assert (event["detail"], headers) == ({"n": 2}, {"X-Amz-Invocation-Type": "Event"})
    functions.delete_function(FunctionName=name)
    box.put({"n": 3})
    assert box.taken(dead)[0]["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_a_log_group_keeps_events_even_when_rehearsal_time_is_far_ahead(rehearsal: Rehearsal, box: Box) -> None:
    logs, group = rehearsal.client("logs"), f"/aws/events/{uuid.uuid4().hex[:10]}"
    arn = f"{GOV}:logs:{HERE}:log-group:{group}"
    logs.create_log_group(logGroupName=group)
    box.rule({"Arn": arn})
    box.put({"n": 1})  # the group has no policy yet
    assert eventbridge.settled(10)
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": [SERVICE, "delivery.logs.amazonaws.com"]},
        "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"{arn}:*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    logs.put_resource_policy(policyName=group.rsplit("/", 1)[1], policyDocument=policy)
    rehearsal.clock.advance(3 * 3600)  # moto drops what is two hours ahead of its clock
    box.put({"n": 2})
    assert eventbridge.settled(10)
    found = logs.filter_log_events(logGroupName=group)["events"]
    assert [json.loads(event["message"])["detail"] for event in found] == [{"n": 2}]


# ---- retries


def failing(monkeypatch: pytest.MonkeyPatch, times: int) -> list[float]:
    """Let the first `times` attempts fail as if the target were throttled; return when attempts were made."""
    moments: list[float] = []
    plain = Targets.send

    def send(self: Targets, *args: Any) -> None:
        moments.append(self._host.clock.time())
        if len(moments) <= times:
            raise Failure("THROTTLING", "Rate exceeded", retry=True)
        plain(self, *args)

    monkeypatch.setattr(Targets, "send", send)
    return moments


def test_what_fails_for_now_is_tried_again_with_growing_pauses(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    moments, queue = failing(monkeypatch, 3), box.queue()
    box.rule({"Arn": queue})
    box.put({"n": 1})
    assert [event["detail"] for event in box.bodies(queue)] == [{"n": 1}]
    pauses = [later - sooner for sooner, later in itertools.pairwise(moments)]
    assert len(pauses) == 3
    assert all(pause >= wanted for pause, wanted in zip(pauses, (1, 2, 4), strict=True))


@pytest.mark.parametrize(
    ("policy", "attempts", "condition"),
    [
        ({"MaximumRetryAttempts": 2}, 3, "MaximumRetryAttempts"),
        ({"MaximumRetryAttempts": 0}, 1, "MaximumRetryAttempts"),
        ({"MaximumEventAgeInSeconds": 60}, 6, "MaximumEventAgeInSeconds"),
    ],
)
def test_retries_end_as_the_policy_says(
    box: Box, monkeypatch: pytest.MonkeyPatch, policy: dict[str, int], attempts: int, condition: str
) -> None:
    moments, dead = failing(monkeypatch, 1000), box.queue()
    box.rule({"Arn": box.queue(), "RetryPolicy": policy, "DeadLetterConfig": {"Arn": dead}})
    box.put()
    (letter,) = box.taken(dead)
    assert len(moments) <= attempts
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["EXHAUSTED_RETRY_CONDITION"] == condition
    assert attributes["RETRY_ATTEMPTS"] == str(len(moments) - 1)
    assert (attributes["ERROR_CODE"], attributes["ERROR_MESSAGE"]) == ("THROTTLING", "Rate exceeded")


def test_a_dead_letter_queue_must_be_open_too(box: Box) -> None:
    box.rule({"Arn": box.queue(open_to=None), "DeadLetterConfig": {"Arn": box.queue(open_to=None)}})
    box.put()
    assert eventbridge.settled(10)
    assert eventbridge.deliveries()[-1].state == "dropped"


def test_settled_says_no_while_something_waits_for_its_next_attempt(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 8)
    box.rule({"Arn": box.queue(), "RetryPolicy": {"MaximumRetryAttempts": 8}})
    box.put()
    assert not eventbridge.settled(0.0)
    box.rehearsal.clock.advance(600)
    assert eventbridge.settled(10)
