"""CloudTrail: who called what, as LookupEvents tells it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, cloudtrail

GOV = "arn:aws-us-gov"
PASS = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})


class Trail:
    """A person with a role, a state machine, and look-ups."""

    def __init__(self, rehearsal: Rehearsal, role: Callable[..., str]) -> None:
        self.rehearsal = rehearsal
        self.name = f"ct-{uuid.uuid4().hex[:10]}"
        root = {"AWS": f"{GOV}:iam::123456789012:root"}
        trust = {"Effect": "Allow", "Principal": root, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
        iam = rehearsal.client("iam")
        iam.create_role(
            RoleName=self.name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["states:*", "sagemaker:*"], "Resource": "*"}],
        }
        iam.put_role_policy(RoleName=self.name, PolicyName="p", PolicyDocument=json.dumps(policy))
        self.states_role = role(f"{self.name}-sm", "states.amazonaws.com")

    def machine(self, definition: str = PASS, suffix: str = "") -> str:
        return str(
            self.rehearsal.client("stepfunctions").create_state_machine(
                name=f"{self.name}{suffix}", definition=definition, roleArn=self.states_role
            )["stateMachineArn"]
        )

    def person(self, name: str, service: str) -> Any:
        return self.rehearsal.client(service, self.rehearsal.person(name, self.name))

    def look_up(self, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.rehearsal.client("cloudtrail").lookup_events(**params)["Events"]
        return found


def by(key: str, value: str) -> dict[str, Any]:
    return {"LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}]}


@pytest.fixture
def trail(rehearsal: Rehearsal, role: Callable[..., str]) -> Iterator[Trail]:
    yield Trail(rehearsal, role)
    cloudtrail.set_delay(0)


def test_a_start_tells_who_and_which_execution(trail: Trail) -> None:
    # Given a person who starts an execution
    machine = trail.machine()
    arn = trail.person("ada", "stepfunctions").start_execution(stateMachineArn=machine, input='{"n": 1}')[
        "executionArn"
    ]
    # When the starts of that person are looked up
    (found,) = [e for e in trail.look_up(**by("EventName", "StartExecution")) if arn in e["CloudTrailEvent"]]
    record = json.loads(found["CloudTrailEvent"])
    # Then the record says all that CloudTrail says
    assert (found["EventName"], found["EventSource"]) == ("StartExecution", "states.amazonaws.com")
    assert (found["Username"], found["ReadOnly"], found["EventId"]) == ("ada", "false", record["eventID"])
    assert found["EventTime"].strftime("%Y-%m-%dT%H:%M:%SZ") <= record["eventTime"]
    identity = record["userIdentity"]
    role_arn = f"{GOV}:iam::123456789012:role/{trail.name}"
    assert identity["type"] == "AssumedRole"
    assert identity["arn"] == f"{GOV}:sts::123456789012:assumed-role/{trail.name}/ada"
    assert identity["principalId"].endswith(":ada")
    assert identity["accountId"] == "123456789012"
    assert identity["sessionContext"]["sessionIssuer"]["arn"] == role_arn
    assert identity["sessionContext"]["sourceIdentity"] == "ada"
    assert identity["sessionContext"]["attributes"]["mfaAuthenticated"] == "true"
    assert "invokedBy" not in identity
    assert record["requestParameters"] == {"stateMachineArn": machine, "input": '{"n": 1}'}
    assert record["responseElements"]["executionArn"] == arn
    assert record["responseElements"]["startDate"]
    assert (record["readOnly"], record["managementEvent"]) == (False, True)


def test_what_a_service_starts_is_invoked_by_it(trail: Trail) -> None:
    child = trail.machine()
    task = {
        "Type": "Task",
        "Resource": f"{GOV}:states:::states:startExecution",
        "Parameters": {"StateMachineArn": child},
        "End": True,
    }
    parent = trail.machine(json.dumps({"StartAt": "T", "States": {"T": task}}), "-parent")
    states = trail.rehearsal.client("stepfunctions")
    arn = trail.person("ada", "stepfunctions").start_execution(stateMachineArn=parent)["executionArn"]
    deadline = time.monotonic() + 10
    while states.describe_execution(executionArn=arn)["status"] == "RUNNING" and time.monotonic() < deadline:
        pass
    (started,) = states.list_executions(stateMachineArn=child)["executions"]
    (found,) = [
        json.loads(each["CloudTrailEvent"])
        for each in trail.look_up(**by("EventName", "StartExecution"))
        if started["executionArn"] in each["CloudTrailEvent"]
    ]
    assert found["userIdentity"]["invokedBy"] == "states.amazonaws.com"
    assert found["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] == trail.states_role
    assert found["sourceIPAddress"] == "states.amazonaws.com"


def test_an_approval_keeps_the_keys_of_maps(trail: Trail) -> None:
    sagemaker = trail.person("bob", "sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName=trail.name)
    with pytest.raises(ClientError):
        sagemaker.update_model_package(
            ModelPackageArn=f"{GOV}:sagemaker:us-gov-west-1:123456789012:model-package/{trail.name}/9",
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties={"EvidenceDigest": "sha256:1"},
        )
    calls = [e for e in trail.look_up(**by("Username", "bob")) if e["EventName"] == "UpdateModelPackage"]
    (found,) = [e for e in calls if trail.name in e["CloudTrailEvent"]]  # other tests have a bob too
    record = json.loads(found["CloudTrailEvent"])
    assert record["requestParameters"]["modelApprovalStatus"] == "Approved"
    assert record["requestParameters"]["customerMetadataProperties"] == {"EvidenceDigest": "sha256:1"}
    assert record["responseElements"] is None
    assert record["errorCode"]


def test_a_refusal_is_recorded_with_its_code(trail: Trail) -> None:
    with pytest.raises(ClientError):
        trail.person("eve", "kms").create_key()
    (found,) = [e for e in trail.look_up(**by("Username", "eve")) if e["EventName"] == "CreateKey"]
    record = json.loads(found["CloudTrailEvent"])
    assert record["errorCode"] == "AccessDeniedException"
    assert "kms:CreateKey" in record["errorMessage"]
    assert record["responseElements"] is None


def test_data_events_and_the_rehearsal_itself_are_not_in_the_history(trail: Trail) -> None:
    before = len(cloudtrail.history()._events)
    trail.rehearsal.client("stepfunctions").list_state_machines()
    with pytest.raises(ClientError):
        trail.person("eve", "dynamodb").get_item(TableName="t-1", Key={"a": {"S": "1"}})
    assert len(cloudtrail.history()._events) == before


def test_look_ups_by_time_page_and_attribute(trail: Trail) -> None:
    # Given five calls of one person
    name = f"p{uuid.uuid4().hex[:8]}"
    states = trail.person(name, "stepfunctions")
    for _ in range(5):
        states.list_state_machines()
    # When they are read two at a time while more calls arrive
    client = trail.rehearsal.client("cloudtrail")
    seen, token = [], None
    while True:
        page = client.lookup_events(MaxResults=2, **by("Username", name), **({"NextToken": token} if token else {}))
        seen += [event["EventId"] for event in page["Events"]]
        token = page.get("NextToken")
        if len(seen) == 2:
            states.list_state_machines()
        if token is None:
            break
    # Then each of the five is there once, newest first
    newest_first = [each["EventId"] for each in trail.look_up(**by("Username", name))]
    assert seen == newest_first[1:]
    assert len(seen) == 5
    now = datetime.fromtimestamp(trail.rehearsal.clock.time(), UTC)
    assert len(trail.look_up(StartTime=now - timedelta(hours=1), **by("Username", name))) in range(7)
    assert trail.look_up(StartTime=now + timedelta(hours=1), **by("Username", name)) == []
    assert trail.look_up(EndTime=now - timedelta(days=400), **by("Username", name)) == []
    (one,) = trail.look_up(**by("EventId", seen[0]))
    assert one["EventId"] == seen[0]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"LookupAttributes": [by("EventName", "A")["LookupAttributes"][0]] * 2}, "InvalidLookupAttributesException"),
        (by("ResourceName", "x"), "RehearsalGap"),
        ({"NextToken": "none"}, "InvalidNextTokenException"),
        (
            {"StartTime": datetime(2026, 2, 1, tzinfo=UTC), "EndTime": datetime(2026, 1, 1, tzinfo=UTC)},
            "InvalidTimeRangeException",
        ),
        ({"EventCategory": "insight"}, "RehearsalGap"),
    ],
)
def test_what_a_look_up_refuses(trail: Trail, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        trail.look_up(**params)
    assert caught.value.response["Error"]["Code"] == code


def test_events_come_late_when_they_are_told_to(trail: Trail) -> None:
    name = f"p{uuid.uuid4().hex[:8]}"
    cloudtrail.set_delay(100_000)
    trail.person(name, "stepfunctions").list_state_machines()
    assert trail.look_up(**by("Username", name)) == []
    trail.rehearsal.clock.advance(100_001)
    assert len(trail.look_up(**by("Username", name))) == 1


def test_moto_still_lacks_look_ups() -> None:
    from rehearsal import patching

    assert patching.replaced()["moto.cloudtrail.responses.CloudTrailResponse.lookup_events"] is None
