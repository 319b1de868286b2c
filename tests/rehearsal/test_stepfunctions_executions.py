"""Executions as the Step Functions API shows them: names, ends, times, history, events; and what create refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal

Machine = Callable[..., str]
PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
WEEK = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 604800, "End": True}}}


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """Error code and message of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_output_and_times_are_as_aws_shows_them(rehearsal: Rehearsal, machine: Machine) -> None:
    # Given a machine whose output is a text, and that waits ten minutes
    definition = {
        "StartAt": "W",
        "States": {"W": {"Type": "Wait", "Seconds": 600, "OutputPath": "$.text", "End": True}},
    }
    # When it has run
    before = rehearsal.clock.now()
    arn = rehearsal.start_execution(machine(definition), {"text": "hello"})
    done = rehearsal.client("stepfunctions").describe_execution(executionArn=arn)
    assert done["status"] == "RUNNING"
    assert "stopDate" not in done
    rehearsal.clock.advance(600)
    done = rehearsal.wait_for(arn)
    # Then
    assert (done["status"], done["output"], json.loads(done["input"])) == ("SUCCEEDED", "hello", {"text": "hello"})
    assert 600 <= (done["stopDate"] - done["startDate"]).total_seconds() < 700
    assert done["startDate"].timestamp() >= before.timestamp() - 0.001
    assert done["redriveStatus"] == "NOT_REDRIVABLE"


def test_unnamed_executions_get_names_of_their_own(rehearsal: Rehearsal, machine: Machine) -> None:
    arn = machine(PASS)
    first, second = (rehearsal.start_execution(arn, {}) for _ in range(2))
    assert first != second
    assert len(first.rsplit(":", 1)[1]) == 36


def test_a_name_stands_for_one_execution(rehearsal: Rehearsal, machine: Machine) -> None:
    arn = machine(WEEK)
    first = rehearsal.start_execution(arn, {"a": 1}, "one")
    assert rehearsal.start_execution(arn, {"a": 1}, "one") == first  # the same name and input while it runs
    assert refused(lambda: rehearsal.start_execution(arn, {"a": 2}, "one"))[0] == "ExecutionAlreadyExists"
    rehearsal.client("stepfunctions").stop_execution(executionArn=first)
    assert refused(lambda: rehearsal.start_execution(arn, {"a": 1}, "one"))[0] == "ExecutionAlreadyExists"
    assert refused(lambda: rehearsal.start_execution(arn, {}, "a b"))[0] == "InvalidName"


def test_input_must_be_json(rehearsal: Rehearsal, machine: Machine) -> None:
    client, arn = rehearsal.client("stepfunctions"), machine(PASS)
    assert refused(lambda: client.start_execution(stateMachineArn=arn, input="{"))[0] == "InvalidExecutionInput"


def test_stop_aborts_at_once_with_error_and_cause(rehearsal: Rehearsal, machine: Machine) -> None:
    # Given an execution that waits in a branch of a Parallel
    definition = {
        "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "Branches": [{"StartAt": "Q", "States": {"Q": {"Type": "Succeed"}}}, WEEK], "Retry": [{"ErrorEquals": ["States.ALL"]}],
                         "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": True},
                   "C": {"Type": "Succeed"}},
    }  # fmt: skip
    client = rehearsal.client("stepfunctions")
    arn = rehearsal.start_execution(machine(definition), {})
    # When it is stopped
    client.stop_execution(executionArn=arn, error="Enough", cause="a person said so")
    # Then it is aborted, neither retried nor caught
    done = client.describe_execution(executionArn=arn)
    assert (done["status"], done["error"], done["cause"]) == ("ABORTED", "Enough", "a person said so")
    assert done["redriveStatus"] == "REDRIVABLE"
    history = client.get_execution_history(executionArn=arn)["events"]
    assert history[-1]["type"] == "ExecutionAborted"
    assert history[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "a person said so"}


def test_a_machine_that_times_out_says_so(rehearsal: Rehearsal, machine: Machine) -> None:
    # Source: DescribeExecution of a real execution, floci-io/floci #2733: no error and no cause
    arn = rehearsal.start_execution(machine({**WEEK, "TimeoutSeconds": 60}), {})
    rehearsal.clock.advance(60)
    done = rehearsal.wait_for(arn)
    assert done["status"] == "TIMED_OUT"
    assert not {"error", "cause"} & done.keys()
    assert 60 <= (done["stopDate"] - done["startDate"]).total_seconds() < 120
    last = rehearsal.client("stepfunctions").get_execution_history(executionArn=arn, reverseOrder=True)["events"][0]
    assert (last["type"], last["executionTimedOutEventDetails"]) == ("ExecutionTimedOut", {"error": "States.Timeout"})


def test_history_has_order_and_pages(rehearsal: Rehearsal, machine: Machine) -> None:
    client = rehearsal.client("stepfunctions")
    arn = rehearsal.start_execution(machine(PASS), {"a": 1})
    rehearsal.wait_for(arn)
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, PaginationConfig={"PageSize": 2})
    events = [event for page in pages for event in page["events"]]
    assert [event["type"] for event in events] == [
        "ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded",
    ]  # fmt: skip
    assert [event["id"] for event in events] == [1, 2, 3, 4]
    assert events[0]["timestamp"].timestamp() >= rehearsal.clock.time() - 3600
    listed = client.list_executions(stateMachineArn=arn.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0])
    assert [(each["executionArn"], each["status"]) for each in listed["executions"]] == [(arn, "SUCCEEDED")]
    assert "stopDate" in listed["executions"][0]


def test_transitions_are_states_and_retries(rehearsal: Rehearsal, machine: Machine) -> None:
    definition = {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Task", "Resource": "arn:aws-us-gov:states:::aws-sdk:s3:getObject",
                  "Parameters": {"Bucket": "no-such-bucket-here", "Key": "k"},
                  "Retry": [{"ErrorEquals": ["S3.NoSuchBucketException"], "MaxAttempts": 2}],
                  "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": True},
            "C": {"Type": "Succeed"},
        },
    }  # fmt: skip
    arn = rehearsal.start_execution(machine(definition), {})
    assert rehearsal.wait_for(arn)["status"] == "SUCCEEDED"
    assert rehearsal.transitions(arn) == 5


def test_every_status_change_is_an_event_on_the_default_bus(rehearsal: Rehearsal, machine: Machine) -> None:
    # Given a rule that sends them to a queue
    arn = machine(WEEK)
    sqs, events = rehearsal.client("sqs"), rehearsal.client("events")
    url = sqs.create_queue(QueueName="status-changes")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
                 "Resource": queue}  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [arn]}}
    events.put_rule(Name="status-changes", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="status-changes", Targets=[{"Id": "q", "Arn": queue}])
    # When an execution starts and is stopped
    execution = rehearsal.start_execution(arn, {"a": 1}, "watched")
    rehearsal.client("stepfunctions").stop_execution(executionArn=execution, error="E", cause="C")
    # Then there are two events
    got: dict[str, Any] = {}
    while len(got) < 2:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            event = json.loads(message["Body"])
            got[event["detail"]["status"]] = event
    running, aborted = got["RUNNING"], got["ABORTED"]
    assert running["detail-type"] == "Step Functions Execution Status Change"
    assert running["resources"] == [execution]
    assert running["detail"]["stopDate"] is None
    assert json.loads(running["detail"]["input"]) == {"a": 1}
    assert (aborted["detail"]["error"], aborted["detail"]["cause"], aborted["detail"]["name"]) == ("E", "C", "watched")
    assert aborted["detail"]["stopDate"] >= aborted["detail"]["startDate"] > 1_700_000_000_000


def test_create_refuses_what_aws_refuses(rehearsal: Rehearsal, machine: Machine) -> None:
    dangling = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "Q"}}}
    code, message = refused(lambda: machine(dangling))
    assert code == "InvalidDefinition"
    assert "MISSING_TRANSITION_TARGET: Missing 'Next' target: Q at /States/P/Next" in message
    client = rehearsal.client("stepfunctions")
    answer = client.validate_state_machine_definition(definition=json.dumps(dangling))
    assert (answer["result"], answer["diagnostics"][0]["code"]) == ("FAIL", "MISSING_TRANSITION_TARGET")
    assert client.validate_state_machine_definition(definition=json.dumps(PASS))["result"] == "OK"


def test_create_needs_a_role_that_step_functions_may_assume(
    rehearsal: Rehearsal, machine: Machine, role: Callable[..., str]
) -> None:
    wrong = role("for-lambda", "lambda.amazonaws.com")
    code, message = refused(lambda: machine(PASS, wrong))
    assert code == "AccessDeniedException"
    assert message.startswith("Neither the global service principal states.amazonaws.com")


def test_a_sync_task_needs_the_right_to_make_its_rule(machine: Machine, role: Callable[..., str]) -> None:
    poor = role("without-rules", "states.amazonaws.com", "states:*")
    nested = {
        "StartAt": "N",
        "States": {"N": {"Type": "Task", "Resource": "arn:aws-us-gov:states:::states:startExecution.sync:2",
                         "Parameters": {"StateMachineArn": "x", "Input.$": "$"}, "End": True}},
    }  # fmt: skip
    code, message = refused(lambda: machine(nested, poor))
    assert code == "AccessDeniedException"
    assert "is not authorized to create managed-rule" in message
