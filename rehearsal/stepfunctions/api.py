"""Step Functions' HTTP operations where moto's answers differ from the service's.

DescribeExecution and ListExecutions lose the stop date of a timed out execution and print a text output without its
quotes; GetExecutionHistory knows neither order nor pages; StopExecution loses error and cause, and
ValidateStateMachineDefinition is missing.
"""

from __future__ import annotations

import json
from typing import Any

from rehearsal.patching import add, replace
from rehearsal.stepfunctions import validation
from rehearsal.stepfunctions.events import redrive_status


def install() -> None:
    """Replace the operations."""
    from moto.stepfunctions.responses import StepFunctionResponse as Response

    replace(Response, "describe_execution", _describe_execution, ("self",))
    replace(Response, "list_executions", _list_executions, ("self",))
    replace(Response, "get_execution_history", _get_execution_history, ("self",))
    replace(Response, "stop_execution", _stop_execution, ("self",))
    add(Response, "validate_state_machine_definition", _validate_state_machine_definition)


def _describe_execution(self: Any) -> Any:
    from moto.core.responses import ActionResult

    execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
    status = execution.status
    result = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": status,
        "startDate": execution.start_date,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "redriveCount": 0,
        "redriveStatus": redrive_status(status),
    }
    if execution.stop_date is not None:
        result["stopDate"] = execution.stop_date
    if status == "SUCCEEDED":
        result["output"] = json.dumps(execution.output, separators=(",", ":"))
        result["outputDetails"] = {"included": True}
    for member in ("error", "cause"):
        if getattr(execution, member) is not None:
            result[member] = getattr(execution, member)
    return ActionResult(result)


def _list_executions(self: Any) -> Any:
    from moto.core.responses import ActionResult

    arn = self._get_param("stateMachineArn")
    found, token = self.stepfunction_backend.list_executions(
        arn,
        status_filter=self._get_param("statusFilter"),
        max_results=self._get_int_param("maxResults"),
        next_token=self._get_param("nextToken"),
    )
    executions = []
    for execution in found:
        entry = {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.start_date,
            "redriveCount": 0,
        }
        if execution.stop_date is not None:
            entry["stopDate"] = execution.stop_date
        executions.append(entry)
    return ActionResult({"executions": executions, "nextToken": token})


def _get_execution_history(self: Any) -> Any:
    """Order and pages; the token is the number of events that have been given out."""
    from moto.core.responses import ActionResult

    history = self.stepfunction_backend.get_execution_history(self._get_param("executionArn"))["events"]
    if self._get_param("reverseOrder"):
        history = history[::-1]
    first = int(self._get_param("nextToken") or 0)
    size = int(self._get_param("maxResults") or 100)  # 100 is the service's default
    if self._get_param("includeExecutionData") is False:
        history = [_without_data(event) for event in history]
    result: dict[str, Any] = {"events": history[first : first + size]}
    if first + size < len(history):
        result["nextToken"] = str(first + size)
    return ActionResult(result)


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: item for key, item in value.items() if key not in ("input", "output", "parameters")}
        if name.endswith("EventDetails")
        else value
        for name, value in event.items()
    }


def _stop_execution(self: Any) -> Any:
    from moto.core.responses import ActionResult

    arn = self._get_param("executionArn")
    backend = self.stepfunction_backend
    backend.describe_execution(arn)  # raises ExecutionDoesNotExist
    machine = backend._get_state_machine_for_execution(arn)
    execution = machine.stop_execution(arn, error=self._get_param("error"), cause=self._get_param("cause"))
    return ActionResult({"stopDate": execution.stop_date})


def _validate_state_machine_definition(self: Any) -> Any:
    from moto.core.responses import ActionResult

    found = validation.problems(self._get_param("definition"))
    return ActionResult(
        {
            "result": "FAIL" if found else "OK",
            "diagnostics": [
                {"severity": "ERROR", "code": each.code, "message": each.message, "location": each.location}
                for each in found
            ],
            "truncated": False,
        }
    )
