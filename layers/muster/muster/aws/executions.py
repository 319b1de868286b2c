"""Step Functions: the answers to task tokens, and what became of an execution."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import ClientError

from muster.aws.clients import Call, Client, client, code_of
from muster.operations import Running

# The waiting task has ended: timed out, answered, or its execution is over. Asking again changes nothing.
_TASK_IS_OVER = frozenset({"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"})
_GONE = frozenset({"ExecutionDoesNotExist", "InvalidArn"})

Answered = Literal["answered", "over"]


@dataclass(frozen=True)
class ExecutionState:
    """An execution: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED`` or ``PENDING_REDRIVE``.

    ``outcome`` is the verdict in the output of one that succeeded; None where the output has no such member.
    """

    arn: str
    status: str
    error: str | None = None
    cause: str | None = None
    outcome: str | None = None

    @property
    def running(self) -> bool:
        """Tell whether it may still do something by itself."""
        return self.status in ("RUNNING", "PENDING_REDRIVE")


class Executions:
    """The executions of this installation's workflows."""

    def __init__(self, stepfunctions: Client = None) -> None:
        self._stepfunctions = stepfunctions or client("stepfunctions")

    def succeed(self, token: str, output: Mapping[str, Any]) -> Answered:
        """Let a waiting task succeed; ``over`` when it no longer waits."""
        return self._answer(self._stepfunctions.send_task_success, taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: str, cause: str) -> Answered:
        """Let a waiting task fail; ``over`` when it no longer waits."""
        return self._answer(self._stepfunctions.send_task_failure, taskToken=token, error=error, cause=cause)

    def describe(self, arn: str) -> ExecutionState | None:
        """Return the state of an execution, or None when Step Functions no longer (or never) knew it."""
        try:
            answer = self._stepfunctions.describe_execution(executionArn=arn)
        except ClientError as error:
            if code_of(error) in _GONE:
                return None
            raise
        return ExecutionState(
            arn, answer["status"], answer.get("error"), answer.get("cause"), _outcome(answer.get("output"))
        )

    def running(self, workflow: str, state_machine_arn: str) -> Iterator[Running]:
        """Yield the executions of a workflow that run now."""
        pages = self._stepfunctions.get_paginator("list_executions").paginate(
            stateMachineArn=state_machine_arn, statusFilter="RUNNING"
        )
        for page in pages:
            for each in page["executions"]:
                yield Running(each["executionArn"], workflow, each.get("redriveDate", each["startDate"]))

    @staticmethod
    def _answer(call: Call, **arguments: str) -> Answered:
        try:
            call(**arguments)
        except ClientError as error:
            if code_of(error) in _TASK_IS_OVER:
                return "over"
            raise
        return "answered"


def _outcome(output: str | None) -> str | None:
    found = json.loads(output) if output else None
    outcome = found.get("outcome") if isinstance(found, dict) else None
    return str(outcome) if outcome else None
