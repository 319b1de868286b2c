"""Tasks against services: shapes, error names, tokens, nested executions, jobs; and what happens when they are aborted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal
from rehearsal.stepfunctions import jobs, names, runtime

Machine = Callable[..., str]
BASE = "arn:aws-us-gov:states:::"


def task(resource: str, parameters: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A machine with one Task state."""
    state = {"Type": "Task", "Resource": BASE + resource, "Parameters": parameters, "End": True, **members}
    return {"StartAt": "T", "States": {"T": state}}


def run(rehearsal: Rehearsal, machine: Machine, definition: dict[str, Any], data: Any = None) -> dict[str, Any]:
    """Run to the end."""
    return rehearsal.wait_for(rehearsal.start_execution(machine(definition), data or {}))


# ---- shapes


def test_aws_sdk_results_are_json_with_iso_times(rehearsal: Rehearsal, machine: Machine) -> None:
    s3 = rehearsal.client("s3")
    s3.create_bucket(Bucket="shapes", CreateBucketConfiguration={"LocationConstraint": rehearsal.host.region})
    put = task("aws-sdk:s3:putObject", {"Bucket": "shapes", "Key": "k", "Body": {"a.$": "$.n"}})
    assert run(rehearsal, machine, put, {"n": 1})["output"]["ETag"]
    done = run(rehearsal, machine, task("aws-sdk:s3:getObject", {"Bucket": "shapes", "Key": "k"}))
    assert json.loads(done["output"]["Body"]) == {"a": 1}
    assert done["output"]["LastModified"].endswith("Z")
    listed = run(rehearsal, machine, task("aws-sdk:sfn:listStateMachines", {"MaxResults": 1}))
    assert set(listed["output"]["StateMachines"][0]) == {"CreationDate", "Name", "StateMachineArn", "Type"}


def test_optimized_integrations_turn_objects_into_text(rehearsal: Rehearsal, machine: Machine) -> None:
    url = rehearsal.client("sqs").create_queue(QueueName="objects")["QueueUrl"]
    done = run(rehearsal, machine, task("sqs:sendMessage", {"QueueUrl": url, "MessageBody": {"a.$": "$.n"}}), {"n": 1})
    assert done["output"]["MessageId"]
    [message] = rehearsal.client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == {"a": 1}


# ---- error names


def failed(rehearsal: Rehearsal, machine: Machine, definition: dict[str, Any]) -> tuple[str, str]:
    """Error and cause of a run that fails."""
    done = run(rehearsal, machine, definition)
    assert done["status"] == "FAILED"
    return done["error"], done["cause"]


def test_errors_have_the_names_that_step_functions_gives_them(rehearsal: Rehearsal, machine: Machine) -> None:
    table = {"TableName": "names", "Item": {"k": {"S": "x"}}, "ConditionExpression": "attribute_not_exists(k)"}
    rehearsal.client("dynamodb").create_table(
        TableName="names",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert run(rehearsal, machine, task("dynamodb:putItem", table))["status"] == "SUCCEEDED"
    error, cause = failed(rehearsal, machine, task("dynamodb:putItem", table))
    assert error == "DynamoDB.ConditionalCheckFailedException"
    assert "Service: AmazonDynamoDBv2; Status Code: 400; Error Code: ConditionalCheckFailedException" in cause
    error, _ = failed(rehearsal, machine, task("aws-sdk:dynamodb:putItem", table))
    assert error == "DynamoDb.ConditionalCheckFailedException"
    error, _ = failed(rehearsal, machine, task("aws-sdk:sfn:describeExecution", {"ExecutionArn": "nonsense"}))
    assert error == "Sfn.InvalidArnException"
    error, _ = failed(rehearsal, machine, task("lambda:invoke", {"FunctionName": "no-such-function", "Payload": {}}))
    assert error == "Lambda.ResourceNotFoundException"


@pytest.mark.parametrize(
    ("service", "api", "code", "name"),
    [
        ("sagemaker", "sagemaker", "ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("sagemaker", "sagemaker", "ValidationException", "SageMaker.AmazonSageMakerException"),
        ("sagemaker", "sagemaker", "ThrottlingException", "SageMaker.AmazonSageMakerException"),
        ("aws-sdk", "sagemaker", "ResourceNotFound", "SageMaker.ResourceNotFoundException"),
        ("aws-sdk", "sagemaker", "ValidationException", "SageMaker.SageMakerException"),
        ("aws-sdk", "cloudwatch", "ResourceNotFound", "CloudWatch.ResourceNotFoundException"),
        ("aws-sdk", "eventbridge", "ResourceNotFoundException", "EventBridge.ResourceNotFoundException"),
        ("lambda", "lambda", "TooManyRequestsException", "Lambda.TooManyRequestsException"),
        ("lambda", "lambda", "AccessDeniedException", "Lambda.AWSLambdaException"),
        ("states", "states", "ExecutionAlreadyExists", "StepFunctions.ExecutionAlreadyExistsException"),
        ("sns", "sns", "AuthorizationError", "SNS.AuthorizationErrorException"),
    ],
)
def test_names_of_errors(service: str, api: str, code: str, name: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "m"}}, "Operation")
    assert names.named(service, api, error)[0] == name


def test_the_role_of_the_machine_makes_the_calls(
    rehearsal: Rehearsal, machine: Machine, role: Callable[..., str]
) -> None:
    poor = role("only-reads", "states.amazonaws.com", "sqs:GetQueueUrl")
    definition = task("aws-sdk:sqs:listQueues", {})
    done = rehearsal.wait_for(rehearsal.start_execution(machine(definition, poor), {}))
    assert done["error"].startswith("Sqs.")
    assert "assumed-role/only-reads/" in done["cause"]
    assert "is not authorized to perform: sqs:listqueues" in done["cause"].lower()


def test_parameters_of_the_wrong_type_fail_as_states_runtime(rehearsal: Rehearsal, machine: Machine) -> None:
    error, cause = failed(
        rehearsal, machine, task("sqs:sendMessage", {"QueueUrl": "u", "MessageBody": "m", "DelaySeconds": "soon"})
    )
    assert error == "States.Runtime"
    assert "could not be used to start the Task" in cause


# ---- tokens


@pytest.fixture
def asking(rehearsal: Rehearsal, machine: Machine, request: Any) -> Callable[..., tuple[str, str, str]]:
    """Return a function that starts a machine that waits for a token: execution ARN, token, queue URL."""
    sqs = rehearsal.client("sqs")
    url = sqs.create_queue(QueueName=request.node.name[:80])["QueueUrl"]

    def start(**members: Any) -> tuple[str, str, str]:
        body = {"QueueUrl": url, "MessageBody.$": "$$.Task.Token"}
        arn = rehearsal.start_execution(machine(task("sqs:sendMessage.waitForTaskToken", body, **members)), {})
        return arn, receive(rehearsal, url), url

    return start


def receive(rehearsal: Rehearsal, url: str) -> str:
    """The next message of a queue."""
    sqs = rehearsal.client("sqs")
    for _ in range(500):
        for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return str(message["Body"])
        time.sleep(0.01)
    raise AssertionError("no message came")


def code_of(call: Callable[[], Any]) -> str:
    """Error code of a call that must fail."""
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_a_token_is_answered_once(rehearsal: Rehearsal, asking: Callable[..., tuple[str, str, str]]) -> None:
    client = rehearsal.client("stepfunctions")
    arn, token, _ = asking()
    assert code_of(lambda: client.send_task_success(taskToken=token, output="{")) == "InvalidOutput"
    client.send_task_success(taskToken=token, output='{"a": 1}')
    assert rehearsal.wait_for(arn)["output"] == {"a": 1}
    assert code_of(lambda: client.send_task_success(taskToken=token, output="{}")) == "TaskTimedOut"
    assert code_of(lambda: client.send_task_failure(taskToken=token, error="E")) == "TaskTimedOut"
    assert code_of(lambda: client.send_task_heartbeat(taskToken=token)) == "TaskTimedOut"
    assert code_of(lambda: client.send_task_success(taskToken="made up", output="{}")) == "InvalidToken"


def test_a_failure_brings_error_and_cause(rehearsal: Rehearsal, asking: Callable[..., tuple[str, str, str]]) -> None:
    arn, token, _ = asking()
    rehearsal.client("stepfunctions").send_task_failure(taskToken=token, error="Rejected", cause="because")
    done = rehearsal.wait_for(arn)
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "Rejected", "because")


def test_an_expired_token_is_closed_and_the_retry_has_another(
    rehearsal: Rehearsal, asking: Callable[..., tuple[str, str, str]]
) -> None:
    client = rehearsal.client("stepfunctions")
    with rehearsal.clock.busy():  # so that only `advance` makes time run
        arn, token, url = asking(TimeoutSeconds=600, Retry=[{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 1}])
        rehearsal.clock.advance(605)
        second = receive(rehearsal, url)
        assert code_of(lambda: client.send_task_success(taskToken=token, output="{}")) == "TaskTimedOut"
        client.send_task_success(taskToken=second, output='"second"')
    assert rehearsal.wait_for(arn)["output"] == "second"


def test_a_stopped_execution_closes_its_token(
    rehearsal: Rehearsal, asking: Callable[..., tuple[str, str, str]]
) -> None:
    client = rehearsal.client("stepfunctions")
    arn, token, _ = asking()
    client.stop_execution(executionArn=arn)
    assert client.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert code_of(lambda: client.send_task_success(taskToken=token, output="{}")) == "TaskTimedOut"


def test_heartbeats_over_the_api(rehearsal: Rehearsal, asking: Callable[..., tuple[str, str, str]]) -> None:
    with rehearsal.clock.busy():
        arn, token, _ = asking(TimeoutSeconds=100_000, HeartbeatSeconds=600)
        rehearsal.clock.advance(400)
        beaten = rehearsal.clock.time()
        rehearsal.client("stepfunctions").send_task_heartbeat(taskToken=token)
        rehearsal.clock.advance(400)
        assert rehearsal.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING"
        rehearsal.clock.advance(300)
    done = rehearsal.wait_for(arn)
    assert done["error"] == "States.Timeout"
    assert done["stopDate"].timestamp() - beaten >= 600


# ---- nested executions


def nested(child: str, pattern: str = ".sync:2", **members: Any) -> dict[str, Any]:
    """A machine that runs another one."""
    return task(f"states:startExecution{pattern}", {"StateMachineArn": child, "Input.$": "$"}, **members)


CHILD = {"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"got.$": "$.a"}, "End": True}}}
BROKEN = {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken", "Cause": '{"why": 1}'}}}
WEEK = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 604800, "End": True}}}


def test_a_child_gives_its_output_as_json_or_as_text(rehearsal: Rehearsal, machine: Machine) -> None:
    child = machine(CHILD)
    output = run(rehearsal, machine, nested(child), {"a": 1})["output"]
    assert (output["Output"], output["Input"], output["Status"]) == ({"got": 1}, {"a": 1}, "SUCCEEDED")
    assert output["StateMachineArn"] == child
    assert output["StopDate"] >= output["StartDate"] > 1_700_000_000_000
    assert output["OutputDetails"] == {"Included": True}
    output = run(rehearsal, machine, nested(child, ".sync"), {"a": 1})["output"]
    assert json.loads(output["Output"]) == {"got": 1}
    output = run(rehearsal, machine, nested(child, ""), {"a": 1})["output"]
    assert set(output) == {"ExecutionArn", "StartDate"}


def test_a_child_that_fails_fails_its_parent_with_all_it_knows(rehearsal: Rehearsal, machine: Machine) -> None:
    done = run(rehearsal, machine, nested(machine(BROKEN)))
    assert (done["status"], done["error"]) == ("FAILED", "States.TaskFailed")
    cause = json.loads(done["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("FAILED", "Broken", '{"why": 1}')


def test_a_parent_that_is_stopped_stops_its_child(rehearsal: Rehearsal, machine: Machine) -> None:
    client = rehearsal.client("stepfunctions")
    child = machine(WEEK)
    parent = rehearsal.start_execution(machine(nested(child)), {})
    while not (running := client.list_executions(stateMachineArn=child)["executions"]):
        time.sleep(0.01)
    client.stop_execution(executionArn=parent, cause="enough")
    assert rehearsal.wait_for(running[0]["executionArn"], 10)["status"] == "ABORTED"


def test_a_failing_branch_stops_the_child_of_the_other(rehearsal: Rehearsal, machine: Machine) -> None:
    client, child = rehearsal.client("stepfunctions"), machine(WEEK)
    definition = {
        "StartAt": "P",
        "States": {"P": {"Type": "Parallel", "End": True, "Branches": [
            nested(child),
            {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 60, "Next": "F"},
                                        "F": {"Type": "Fail", "Error": "Branch"}}},
        ]}},
    }  # fmt: skip
    assert run(rehearsal, machine, definition)["error"] == "Branch"
    [execution] = client.list_executions(stateMachineArn=child)["executions"]
    assert rehearsal.wait_for(execution["executionArn"], 10)["status"] == "ABORTED"


# ---- SageMaker jobs


class FakeSageMaker:
    """A SageMaker with one job that ends when the test says so."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.status = "InProgress"
        self.calls: list[str] = []
        self._host = rehearsal.host

    def end(self, status: str) -> None:
        self.status = status
        self._host.emit("job", job="training", name="job-1", status=status)

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        self.calls.append("create")
        return {"TrainingJobArn": "arn:job-1", "ResponseMetadata": {}}

    def describe_training_job(self, TrainingJobName: str) -> dict[str, Any]:
        self.calls.append("describe")
        now = self._host.clock.now()
        return {"TrainingJobName": TrainingJobName, "TrainingJobStatus": self.status, "CreationTime": now}

    def stop_training_job(self, TrainingJobName: str) -> None:
        self.calls.append("stop")
        self.end("Stopped")


@pytest.fixture
def sagemaker(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> FakeSageMaker:
    """Put the fake in the place of the client and of the store."""
    fake = FakeSageMaker(rehearsal)
    client = runtime.HostRuntime.client

    def pick(self: Any, service: str, region: str, role: str | None) -> Any:
        return fake if service == "sagemaker" else client(self, service, region, role)

    monkeypatch.setattr(runtime.HostRuntime, "client", pick)
    monkeypatch.setattr(jobs, "job_status", lambda kind, name: fake.status)
    return fake


TRAIN = task(
    "sagemaker:createTrainingJob.sync",
    {"TrainingJobName": "job-1", "RoleArn": "role", "OutputDataConfig": {"S3OutputPath": "s3://b/k"}},
)


def started(rehearsal: Rehearsal, machine: Machine, fake: FakeSageMaker, definition: dict[str, Any] = TRAIN) -> str:
    """Start a job and wait until it has been created."""
    arn = rehearsal.start_execution(machine(definition), {})
    while "create" not in fake.calls:
        time.sleep(0.001)
    return arn


def test_a_job_that_completes_gives_its_description(
    rehearsal: Rehearsal, machine: Machine, sagemaker: FakeSageMaker
) -> None:
    arn = started(rehearsal, machine, sagemaker)
    assert rehearsal.client("stepfunctions").describe_execution(executionArn=arn)["status"] == "RUNNING"
    sagemaker.end("Completed")
    output = rehearsal.wait_for(arn, 10)["output"]
    assert output["TrainingJobStatus"] == "Completed"
    assert output["CreationTime"] > 1_700_000_000_000
    assert sagemaker.calls == ["create", "describe"]


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_job_that_ends_otherwise_fails_the_task(
    rehearsal: Rehearsal, machine: Machine, sagemaker: FakeSageMaker, status: str
) -> None:
    arn = started(rehearsal, machine, sagemaker)
    sagemaker.end(status)
    done = rehearsal.wait_for(arn, 10)
    assert done["error"] == "States.TaskFailed"
    assert json.loads(done["cause"])["TrainingJobStatus"] == status


def test_a_stopped_execution_stops_its_job_but_a_timeout_does_not(
    rehearsal: Rehearsal, machine: Machine, sagemaker: FakeSageMaker
) -> None:
    arn = started(rehearsal, machine, sagemaker)
    rehearsal.client("stepfunctions").stop_execution(executionArn=arn)
    while "stop" not in sagemaker.calls:
        time.sleep(0.001)
    # And one that its own TimeoutSeconds ends
    sagemaker.status, sagemaker.calls = "InProgress", []
    state = {**TRAIN["States"]["T"], "TimeoutSeconds": 60}
    arn = started(rehearsal, machine, sagemaker, {"StartAt": "T", "States": {"T": state}})
    rehearsal.clock.advance(60)
    assert rehearsal.wait_for(arn)["error"] == "States.Timeout"
    assert sagemaker.calls == ["create"]
    sagemaker.end("Stopped")
