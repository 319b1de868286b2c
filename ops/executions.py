"""`muster start` and `muster status`: executions of the workflows, followed while they run and told in plain words."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from muster.errors import NotFound, Refused
from ops.installation import Installation


@dataclass(frozen=True)
class Ended:
    """How an execution stands: Step Functions' status, the outcome of its output, or error and cause."""

    arn: str
    status: str
    output: dict[str, Any]
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"

    @property
    def outcome(self) -> str:
        """The verdict in the output, else the status in lower case."""
        return str(self.output.get("outcome") or self.output.get("decision") or self.status.lower())


def start(installation: Installation, workflow: str, request: dict[str, Any], name: str | None = None) -> str:
    """Start a workflow and return the execution's ARN.

    Raises
    ------
    Refused
        When Step Functions does not take it, in its words.
    """
    arguments: dict[str, Any] = {"stateMachineArn": installation.state_machines[workflow], "input": json.dumps(request)}
    if name:
        arguments["name"] = name
    try:
        return str(installation.client("stepfunctions").start_execution(**arguments)["executionArn"])
    except ClientError as error:
        raise Refused(f"start of {workflow}: {error}") from error


def describe(installation: Installation, execution_arn: str) -> Ended:
    """Describe an execution.

    Raises
    ------
    NotFound
        When there is no such execution.
    """
    try:
        found = installation.client("stepfunctions").describe_execution(executionArn=execution_arn)
    except ClientError as error:
        raise NotFound(f"execution {execution_arn}: {error}") from error
    output = json.loads(found["output"]) if found.get("output") else {}
    return Ended(execution_arn, found["status"], output, found.get("error", ""), found.get("cause", ""))


def states(installation: Installation, execution_arn: str, after: int = 0) -> Iterator[tuple[int, str]]:
    """Yield the states that an execution has entered after an event id, as (event id, state)."""
    pages = installation.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False):
        for event in page["events"]:
            details = event.get("stateEnteredEventDetails")
            if details and event["id"] > after:
                yield event["id"], details["name"]


@dataclass(frozen=True)
class Counts:
    """What an execution costs: state transitions are what Standard workflows are billed by."""

    transitions: int
    lambda_calls: int


def counted(installation: Installation, execution_arn: str) -> Counts:
    """Count an execution's transitions and Lambda calls from its history.

    A transition is a state that is entered, a retry included (Step Functions pricing); a Lambda call is one that was scheduled.
    """
    transitions = calls = 0
    pages = installation.client("stepfunctions").get_paginator("get_execution_history")
    for page in pages.paginate(executionArn=execution_arn, includeExecutionData=False):
        for event in page["events"]:
            transitions += event["type"].endswith("StateEntered")
            task = event.get("taskScheduledEventDetails") or {}
            calls += event["type"] == "LambdaFunctionScheduled" or task.get("resourceType") == "lambda"
    return Counts(transitions, calls)


def follow(installation: Installation, execution_arn: str, pause: float = 1.0) -> Iterator[str | Ended]:
    """Yield the states of an execution as it enters them, and at last how it ended."""
    seen = 0
    while True:
        now = describe(installation, execution_arn)
        for event, state in list(states(installation, execution_arn, seen)):
            seen = event
            yield state
        if not now.running:
            yield now
            return
        time.sleep(pause)


def recent(installation: Installation, workflow: str, count: int = 10) -> list[dict[str, Any]]:
    """Return the latest executions of a workflow, newest first."""
    answer = installation.client("stepfunctions").list_executions(
        stateMachineArn=installation.state_machines[workflow], maxResults=count
    )
    return list(answer["executions"])
