"""``states:startExecution``, ``.sync`` and ``.sync:2``: wait for the child without polling, stop it with its parent.

moto polls DescribeExecution, and its result holds times that are not JSON. AWS: the result is DescribeExecution's, with
Input and Output as JSON text for ``.sync`` and as JSON for ``.sync:2``; a child that does not succeed fails the task with
States.TaskFailed and that in Cause (https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html).
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from rehearsal.clock import ClockEvent
from rehearsal.stepfunctions.jobs import task_failed
from rehearsal.stepfunctions.runtime import current
from rehearsal.stepfunctions.shapes import jsonable

RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"


@lru_cache(maxsize=1)
def task_class() -> type:
    """Return the class of nested executions' tasks."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
        StateTaskServiceSfn,
    )

    class NestedTask(StateTaskServiceSfn):
        """A Task state with an ``arn:<partition>:states:::states:startExecution`` resource."""

        def rehearsal_job(self, env: Any, place: Any, _: Any, credentials: Any, submitted: Any) -> Any:
            client = current().client("stepfunctions", place.region, credentials.role_arn)
            return ChildExecution(self, env, submitted["ExecutionArn"], client)

    return NestedTask


class ChildExecution:
    """An execution that a ``.sync`` task waits for."""

    def __init__(self, task: Any, env: Any, arn: str, client: Any) -> None:
        from rehearsal.stepfunctions.executions import find

        self._task, self._env, self._arn, self._client = task, env, arn, client
        self._execution = find(arn)
        self.ended: ClockEvent | None = current().clock.event()
        self._execution.rehearsal_watch(self.ended.set)

    def over(self) -> bool:
        """Whether the child has a final status."""
        return bool(self._execution.rehearsal_over)

    def result(self) -> dict[str, Any]:
        """Return the child's description; any other end than success fails the task."""
        answer = self._client.describe_execution(executionArn=self._arn)
        answer.pop("ResponseMetadata", None)
        if self._task.resource.condition == "sync:2":
            for member in ("input", "output"):
                if isinstance(answer.get(member), str):
                    answer[member] = json.loads(answer[member])
        description = {
            name[0].upper() + name[1:]: _pascal(value) if name.endswith("Details") else value
            for name, value in jsonable(answer, milliseconds=True).items()
        }
        if description["Status"] == "SUCCEEDED":
            return description
        raise task_failed(self._task, self._env, description)

    def cancel(self) -> None:
        """Stop the child, as the parent's role."""
        self._client.stop_execution(executionArn=self._arn)


def _pascal(value: dict[str, Any]) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: item for name, item in value.items()}
